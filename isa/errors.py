"""The errors a user can cause: one family, each a sentence with a place and a hint."""

from dataclasses import dataclass


@dataclass(eq=False)
class SpccError(Exception):
    """Something a user, a file or a model caused.

    Args:
        message: What is wrong, a full sentence with the offending value and the limit.
        where: The place: file, node, line and column, byte offset, or pc and cycle.
        hint: What to do about it.
    """

    message: str
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.message}{hint}"


class UsageError(SpccError):
    """The command line or the configuration is wrong (exit code 2)."""


class FrontendError(SpccError):
    """The model file is not a valid ONNX network (exit code 1)."""


class UnsupportedError(SpccError):
    """The model is valid, but this target or tool cannot take it (exit code 3)."""


class PassError(SpccError):
    """An IR pass was given IR or options that it cannot work on (exit code 1)."""


class EncodingError(SpccError):
    """A value does not fit its field, or bits do not decode (exit code 1)."""


class ProgramError(SpccError):
    """A program file or an assembly text is malformed (exit code 1)."""


class TrapError(SpccError):
    """The machine stopped a program: illegal access, hazard or deadlock (exit code 1)."""


class MismatchError(SpccError):
    """The machine's outputs differ from the reference (exit code 4)."""
