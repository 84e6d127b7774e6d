"""A model's problems, collected so that one error can list them all."""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError
from onnx.version_converter import ConvertError

from ...isa.errors import FrontendError, SpccError, UnsupportedError

_SHOWN = 50  # problems listed; a broken model may have thousands


@dataclass
class Problems:
    """What is wrong with a model so far.

    Args:
        source: Where the model came from: its file name, or a word for it.
    """

    source: str
    found: list[SpccError] = field(default_factory=list[SpccError])
    warnings: list[str] = field(default_factory=list[str])

    def add(self, where: str, message: str, hint: str = "") -> None:
        """Note that the model is invalid."""
        self.found.append(FrontendError(message, where, hint))

    def unsupported(self, where: str, message: str, hint: str = "") -> None:
        """Note that the model is valid but cannot be taken."""
        self.found.append(UnsupportedError(message, where, hint))

    def warn(self, message: str) -> None:
        """Note something that the user should know and that is not wrong."""
        self.warnings.append(message)

    def raise_any(self) -> None:
        """Raise one error that lists every problem noted.

        Raises:
            FrontendError: Some problem makes the model invalid.
            UnsupportedError: The model is valid, but cannot be taken.
        """
        if not self.found:
            return
        is_valid = all(isinstance(e, UnsupportedError) for e in self.found)
        kind = UnsupportedError if is_valid else FrontendError
        if len(self.found) == 1:
            (only,) = self.found
            where = f"{self.source}:{only.where}" if only.where else self.source
            raise kind(only.message, where, only.hint)
        lines = [f"{e.where}: {e.message}" if e.where else e.message for e in self.found[:_SHOWN]]
        if len(self.found) > _SHOWN:
            lines.append(f"... and {len(self.found) - _SHOWN} more")
        hints = dict.fromkeys(e.hint for e in self.found if e.hint)
        body = "\n  ".join([f"{len(self.found)} problems:", *lines])
        raise kind(body, self.source, "\n  hint: ".join(hints))


# What the onnx library's checker, shape inference, converter and reference kernels raise.
FOREIGN_ERRORS = (
    ValidationError,
    InferenceError,
    ConvertError,
    DecodeError,
    RuntimeError,  # and NotImplementedError, RecursionError
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
)


def first_line(error: BaseException, limit: int = 300) -> str:
    """The first telling line of a foreign error's text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= limit else text[:limit] + "..."
