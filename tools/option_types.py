"""Types of command-line values: what they refuse, argparse turns into a usage error."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from pathlib import Path

_NUMBER = re.compile(r"[0-9]{1,18}")


def path(text: str) -> Path:
    """A path; an empty one, such as an unset variable of the shell leaves, is none.

    Raises:
        ArgumentTypeError: It is empty or holds a zero byte.
    """
    if not text or "\0" in text:
        raise ArgumentTypeError("the path is empty" if not text else "a path has no zero bytes")
    return Path(text)


def count(text: str) -> int:
    """A number from 1 on.

    Raises:
        ArgumentTypeError: It is not one.
    """
    if (value := _number(text)) < 1:
        raise ArgumentTypeError(f"'{text}' is not positive")
    return value


def seed(text: str) -> int:
    """A number from 0 on.

    Raises:
        ArgumentTypeError: It is not one.
    """
    return _number(text)


def dimensions(text: str) -> tuple[int, ...]:
    """Positive numbers joined by x, such as 1x3x224x224.

    Raises:
        ArgumentTypeError: Something else.
    """
    return tuple(count(part) for part in text.split("x"))


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ArgumentTypeError(f"'{text[:40]}' is not a number from 0 on, of 18 digits at most")
    return int(text)
