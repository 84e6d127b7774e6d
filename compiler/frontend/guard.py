"""A guard around the onnx library: C++ that may crash on hostile input runs in a child process.

Shape inference and the version converter abort or read wild memory on some operators (onnx 1.23:
GatherND with batch_dims = -3, Split with num_outputs = 1). Operators of most networks are checked
in Python first and were fuzzed long enough to run in this process; every other one is sent to a
child, which starts when it is first needed and costs about 0.3 s. A child that dies is an error of
its node.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from threading import Lock, Timer
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from onnx import NodeProto

from . import worker
from .structure import is_default

TIMEOUT_SECONDS = 60.0  # for one call

# Operators that run in this process: their attributes are checked before (checks.py, windows.py).
_TRUSTED = """
Abs Add And AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
ConvTranspose Cos DepthToSpace DequantizeLinear Div Dropout Elu Equal Erf Exp Expand Flatten Floor
Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish
Identity InstanceNormalization LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
MatMul Max MaxPool Mean Min Mish Mul Neg Not Or PRelu Pad Pow QuantizeLinear Range Reciprocal
ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Resize Selu Shape Sigmoid Sin Size Slice
Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze
Upsample Where Xor
"""
TRUSTED = frozenset(_TRUSTED.split())


class CrashError(RuntimeError):
    """The child process died or took too long."""


def is_trusted(nodes: Iterable[NodeProto]) -> bool:
    """Whether the library may see these nodes in this process."""
    return all(
        is_default(node.domain)
        and node.op_type in TRUSTED
        and not any(a.name == "num_outputs" and a.i < 2 for a in node.attribute)  # Split
        for node in nodes
    )


class Guard:
    """Makes the calls of `worker.CALLS`, here or in a child process; close it when done."""

    def __init__(self, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.timeout_seconds = timeout_seconds
        self.child: subprocess.Popen[bytes] | None = None
        self.owner = os.getpid()
        self.lock = Lock()

    def call(self, is_safe: bool, name: str, *arguments: Any) -> Any:
        """Make one call.

        Args:
            is_safe: Whether it may run in this process.
            name: A key of `worker.CALLS`.
            arguments: Its arguments: bytes, numbers, strings, and dicts of these.

        Raises:
            CrashError: The child process died or took too long.
            RuntimeError: What the library raised in the child, in words. (In this process, the
                library's own exception passes through: see `problems.FOREIGN_ERRORS`.)
        """
        if is_safe:
            return worker.CALLS[name](*arguments)
        with self.lock:
            return self._call_child(name, arguments)

    def _call_child(self, name: str, arguments: tuple[Any, ...]) -> Any:
        child = self._start()
        timer = Timer(self.timeout_seconds, child.kill)
        timer.start()
        try:
            worker.send(cast(BinaryIO, child.stdin), (name, arguments))
            is_done, answer = worker.receive(cast(BinaryIO, child.stdout))
        except (EOFError, OSError):
            is_late = not timer.is_alive()
            self.close()
            raise CrashError(self._epitaph(child.returncode, is_late)) from None
        except BaseException:
            self.close()  # interrupted: an answer that is still to come must not meet the next call
            raise
        finally:
            timer.cancel()
        if not is_done:
            raise RuntimeError(answer)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        if self.child is None or self.owner != os.getpid():  # a fork must not share the pipes
            self.owner = os.getpid()
            self.child = subprocess.Popen(
                [sys.executable, "-P", worker.__file__],  # -P: our onnx.py is not their onnx
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self.child

    def _epitaph(self, code: int, is_late: bool) -> str:
        if is_late:
            return f"the onnx library took more than {self.timeout_seconds:g} s"
        return f"the onnx library crashed ({f'signal {-code}' if code < 0 else f'exit {code}'})"

    def close(self) -> None:
        """End the child process, if there is one."""
        child, self.child = self.child, None
        if child is None:
            return
        for stream in (child.stdin, child.stdout):
            with suppress(BrokenPipeError):  # it died while we wrote
                cast(BinaryIO, stream).close()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@cache
def shared_guard() -> Guard:
    """The guard of this process; its child, once started, serves every import until the end."""
    guard = Guard()
    atexit.register(guard.close)
    return guard
