"""The calls into the onnx library's C++ code, and a process of their own to run them in.

Run as a script, this answers requests on stdin until it ends; `guard.py` is the other side. It
imports nothing of this package, so that it starts fast.
"""

import os
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec
import onnx.defs
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    helper,
    inliner,
    shape_inference,
    version_converter,
)

MEMORY_BYTES = 8 << 30  # address space of the process


def infer_node(
    node: bytes,
    types: dict[str, bytes],
    values: dict[str, bytes],
    versions: dict[str, int],
    ir_version: int,
) -> dict[str, bytes]:
    """Infer the types of a node's outputs.

    Args:
        node: The NodeProto.
        types: The TypeProto of every input.
        values: The TensorProto of every input that is a small constant.
        versions: Opset version by domain.
        ir_version: The model's.

    Returns:
        A TypeProto by output name.
    """
    proto = NodeProto.FromString(node)
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    outputs = shape_inference.infer_node_outputs(
        onnx.defs.get_schema(proto.op_type, versions.get(domain, 1), domain),
        proto,
        {name: TypeProto.FromString(data) for name, data in types.items()},
        {name: TensorProto.FromString(data) for name, data in values.items()},
        opset_imports=[helper.make_opsetid(d, v) for d, v in versions.items()],
        ir_version=ir_version,
    )
    return {name: kind.SerializeToString() for name, kind in outputs.items()}


def convert(model: bytes, version: int) -> bytes:
    """Convert a ModelProto to an opset; shapes are inferred first: some adapters need ranks."""
    proto = shape_inference.infer_shapes(ModelProto.FromString(model))
    return version_converter.convert_version(proto, version).SerializeToString()


def inline(model: bytes) -> bytes:
    """Inline the local functions of a ModelProto."""
    return inliner.inline_local_functions(ModelProto.FromString(model)).SerializeToString()


CALLS: dict[str, Callable[..., Any]] = {
    "infer_node": infer_node,
    "convert": convert,
    "inline": inline,
}


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message."""
    data = msgspec.msgpack.encode(message)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message.

    Raises:
        EOFError: The other side is gone.
    """
    header = stream.read(8)
    data = stream.read(struct.unpack("<Q", header)[0]) if len(header) == 8 else b""
    if not data:
        raise EOFError
    return msgspec.msgpack.decode(data)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    _limit_memory()
    while True:
        try:
            name, arguments = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            send(answers, (True, CALLS[name](*arguments)))
        except Exception as error:  # whatever the library raises is the answer
            send(answers, (False, str(error) or type(error).__name__))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return  # not on this system
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _serve()
