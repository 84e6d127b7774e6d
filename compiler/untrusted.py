"""IR that came from a file: what passes stumble over there is the file's fault, not a bug."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import msgspec
from google.protobuf.message import Error as ProtobufError
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException, ParseError, VerifyException

from ..isa.errors import PassError
from .dialects.onnx import InitializerOp
from .dialects.sparse_tensor import WeightOp, shape_of
from .weights import WeightStore

MAX_ELEMENTS = 1 << 31
"""In one tensor, as in a model."""

_HINT = "the file was changed, or a pass is missing before; start from what --dump-ir wrote"
_STUMBLES = (
    AssertionError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,  # and NotImplementedError
    ProtobufError,
    msgspec.MsgspecError,
)


@contextmanager
def blaming(where: str) -> Generator[None]:
    """Turn what the body stumbles over into an error of the input.

    Raises:
        PassError: The body raised what wrong IR makes passes, parsers and printers raise.
    """
    try:
        yield
    except ParseError as error:
        raise _unparsed(error, where) from error
    except (VerifyException, DiagnosticException) as error:
        raise PassError(f"does not verify: {str(error).strip()}", where, _HINT) from error
    except RecursionError as error:
        raise PassError("is nested too deeply", where, _HINT) from error
    except _STUMBLES as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
        raise PassError(f"this IR makes no sense here ({what})", where, _HINT) from error


def read_text(path: Path) -> str:
    """The text of an IR file.

    Raises:
        PassError: It cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PassError(f"cannot be read: {error.strerror}", str(path)) from error
    except UnicodeDecodeError as error:
        raise PassError("is not a text file", f"{path}: byte {error.start}", _HINT) from error


def check_values(module: ModuleOp, store: WeightStore, where: str) -> None:
    """Check what passes take for granted: sizes of tensors, and the weights that ops name.

    Raises:
        PassError: A tensor is too large or has no static shape, or a weight is missing or is of
            another shape than the op says.
    """
    for op in module.walk():
        for shape in _shapes(op):
            if min(shape, default=0) < 0 or prod(shape) > MAX_ELEMENTS:
                text = "x".join(str(d) if d >= 0 else "?" for d in shape)
                hint = f"shapes are static, with {MAX_ELEMENTS} elements at most"
                raise PassError(f"{op.name}: a tensor has shape {text}", where, hint)
        if isinstance(op, WeightOp | InitializerOp):
            _check_weight(op, store, where)


def _check_weight(op: WeightOp | InitializerOp, store: WeightStore, where: str) -> None:
    key = op.key.data
    if key not in store:
        hint = "the .npz that --dump-ir wrote must lie beside the .mlir"
        raise PassError(f"weight '{key}' is not in the weight file", where, hint)
    shape = shape_of(op.result)
    if store[key].shape != shape:
        raise PassError(f"weight '{key}' has shape {store[key].shape}, not {shape}", where, _HINT)


def _shapes(op: Operation) -> Iterator[tuple[int, ...]]:
    arguments = [a for region in op.regions for block in region.blocks for a in block.args]
    for value in (*op.results, *arguments):
        if isinstance(value.type, TensorType):
            yield shape_of(value)


def _unparsed(error: ParseError, where: str) -> PassError:
    """A parse error in one line, with line and column."""
    content = error.span.input.content
    whole = content if isinstance(content, str) else content.decode(errors="replace")
    before = whole[: error.span.start]
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    return PassError(f"does not parse: {error.msg.strip()}", f"{where}:{line}:{column}", _HINT)
