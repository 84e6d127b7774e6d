"""Reading a model file: size limits, protobuf errors, and weights taken out on the way.

protobuf would hold the weights twice (the file's bytes and the parsed message), and every library
call on the message would copy them again. So the file is walked as protobuf wire format: the data
of large initializers goes straight into arrays, and only what is left, a few kilobytes, is
parsed.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError, Message
from onnx import GraphProto, ModelProto, TensorProto

from ...isa.errors import FrontendError

MAX_FILE_BYTES = (1 << 31) - 1  # what protobuf can hold; larger models keep their weights outside
_BLOB_BYTES = 4096  # data of fewer bytes stays in the message, where shape inference sees it

# Field numbers of onnx.proto: where the walk descends, and the data fields of a TensorProto whose
# packed bytes are those of the array (raw_data, float_data, double_data).
_NESTED = {"model": (7, "graph"), "graph": (5, "tensor")}
RAW_DATA, FLOAT_DATA, DOUBLE_DATA = 9, 4, 10
_DATA_FIELDS = {"raw_data": RAW_DATA, "float_data": FLOAT_DATA, "double_data": DOUBLE_DATA}


@dataclass(frozen=True)
class Blob:
    """The data of one initializer, taken out of its message.

    Args:
        data: The bytes, uint8.
        field: The TensorProto field they were in.
    """

    data: npt.NDArray[np.uint8]
    field: int


@dataclass(frozen=True)
class RawModel:
    """A model as read.

    Args:
        model: The message without the data of large initializers.
        blobs: That data, by index in `graph.initializer`.
        folder: Where external data may lie; None when the model did not come from a file.
        source: The file's name, or a word for it, for errors.
    """

    model: ModelProto
    blobs: dict[int, Blob]
    folder: Path | None
    source: str


def read_model(source: Path | bytes | ModelProto) -> RawModel:
    """Read a model from a file, from bytes or from a message (which is not changed).

    Raises:
        FrontendError: Not a readable file, too large, or not protobuf.
    """
    match source:
        case ModelProto():
            blobs: dict[int, Blob] = {}
            return RawModel(_light_copy(source, blobs), blobs, None, source.graph.name or "model")
        case bytes():
            return _read(io.BytesIO(source), len(source), None, "model")
        case Path():
            return _read_file(source)


def _read_file(path: Path) -> RawModel:
    try:
        # Not blocking: a pipe must be refused, not waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FrontendError("a model must be a regular file", str(path))
            return _read(file, status.st_size, path.parent, str(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FrontendError(f"the model cannot be read: {reason}", str(path)) from error


def _read(file: BinaryIO, file_bytes: int, folder: Path | None, source: str) -> RawModel:
    if file_bytes > MAX_FILE_BYTES:
        raise FrontendError(
            f"the file has {file_bytes} bytes, more than the {MAX_FILE_BYTES} of a protobuf file",
            source,
            "save it with external data: onnx.save(model, path, save_as_external_data=True)",
        )
    walker = _Walker(file, source)
    light = walker.walk("model", file_bytes)
    try:
        model = ModelProto.FromString(light)
    except DecodeError as error:
        raise FrontendError(f"not an ONNX model: {error}", source) from error
    return RawModel(model, walker.blobs, folder, source)


@dataclass
class _Walker:
    """Walks a file as protobuf wire format."""

    file: BinaryIO
    source: str
    position: int = 0
    tensor_count: int = 0
    blobs: dict[int, Blob] = field(default_factory=dict[int, Blob])

    def walk(self, kind: str, end: int) -> bytes:
        """Copy the message that ends at `end`, without the data of large initializers."""
        out = bytearray()
        while self.position < end:
            tag = self.varint(end)
            number, wire = tag >> 3, tag & 7
            out += _varint(tag)
            match wire:
                case 0:
                    out += _varint(self.varint(end))
                case 1 | 5:
                    out += self.take(8 if wire == 1 else 4, end)
                case 2:
                    self.field(kind, number, end, out)
                case _:
                    self.fail(f"field {number} has wire type {wire}")
        return bytes(out)

    def field(self, kind: str, number: int, end: int, out: bytearray) -> None:
        """Copy one length-delimited field, whose tag is already in `out`."""
        length = self.varint(end)
        if length > end - self.position:
            self.fail(f"field {number} has {length} bytes, but {end - self.position} are left")
        nested, nested_kind = _NESTED.get(kind, (0, ""))
        if kind == "tensor" and number in _DATA_FIELDS.values() and length >= _BLOB_BYTES:
            if self.tensor_count in self.blobs:
                self.fail("an initializer has its data in pieces")
            del out[-1:]  # the tag, one byte
            self.blobs[self.tensor_count] = Blob(self.array(length), number)
        elif number == nested:
            inner = self.walk(nested_kind, self.position + length)
            self.tensor_count += nested_kind == "tensor"
            out += _varint(len(inner)) + inner
        else:
            out += _varint(length) + self.take(length, end)

    def varint(self, end: int) -> int:
        """Read a variable-length integer."""
        value = 0
        for shift in range(0, 64, 7):
            (byte,) = self.take(1, end)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
        return self.fail("an integer has more than 64 bits")

    def take(self, count: int, end: int) -> bytes:
        """Read bytes that must lie before `end`."""
        data = self.file.read(count) if count <= end - self.position else b""
        if len(data) != count:
            self.fail(f"{count} bytes are missing")
        self.position += count
        return data

    def array(self, count: int) -> npt.NDArray[np.uint8]:
        """Read bytes straight into an array."""
        data = np.empty(count, np.uint8)
        if cast(Any, self.file).readinto(data) != count:
            self.fail(f"{count} bytes are missing")
        self.position += count
        return data

    def fail(self, reason: str) -> Any:
        """Refuse the file."""
        where = f"{self.source}:byte {self.position}"
        raise FrontendError(f"not an ONNX model, or a damaged one: {reason}", where)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _light_copy(model: ModelProto, blobs: dict[int, Blob]) -> ModelProto:
    """A copy of a message without the data of its large initializers, which goes into `blobs`."""
    light = ModelProto()
    _copy_fields(model, light, skip="graph")
    if not model.HasField("graph"):
        return light
    light.graph.SetInParent()
    _copy_fields(model.graph, light.graph, skip="initializer")
    for index, tensor in enumerate(model.graph.initializer):
        _light_tensor(tensor, light.graph, index, blobs)
    return light


def _light_tensor(
    tensor: TensorProto, graph: GraphProto, index: int, blobs: dict[int, Blob]
) -> None:
    for name, number in _DATA_FIELDS.items():
        value = getattr(tensor, name)
        if len(value) * (1 if number == RAW_DATA else 4) < _BLOB_BYTES:
            continue
        dtype = {RAW_DATA: np.uint8, FLOAT_DATA: np.float32, DOUBLE_DATA: np.float64}[number]
        data = np.frombuffer(value, np.uint8) if number == RAW_DATA else np.array(value, dtype)
        blobs[index] = Blob(data.view(np.uint8), number)
        # Field by field: listing all fields would copy the data once more.
        graph.initializer.add(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
        return
    graph.initializer.append(tensor)


def _copy_fields(source: Message, target: Message, skip: str) -> None:
    for descriptor, value in cast("Iterable[tuple[Any, Any]]", source.ListFields()):
        if descriptor.name == skip:
            continue
        if descriptor.is_repeated:
            getattr(target, descriptor.name).MergeFrom(value)
        elif descriptor.message_type is not None:
            getattr(target, descriptor.name).CopyFrom(value)
        else:
            setattr(target, descriptor.name, value)
