"""What a measured value says about a published one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .figures import Figure, Number

NEAR = 0.10
"""Share by which a ratio or a measurement may differ and still be said to agree."""
ABOUT = 0.05
"""Share by which arithmetic may differ from a number that is printed as "about"."""
ABOUT_ZERO = 1.0
"""What counts as about zero, in the figure's unit."""

Word = Literal[
    "exact", "known", "WRONG", "agrees", "differs", "no target", "not modelled", "not run", "failed"
]
"""exact: binding, and the same. known: binding, the printed number is not what its shapes give, and
ours is that. WRONG: binding, and another. agrees, differs: not binding. no target: it waits for a
target. not modelled: nothing of ours gives it. not run, failed: there is no value this time."""


@dataclass(frozen=True)
class Measured:
    """Ours.

    Args:
        values: One, or one per network where each must hold.
        detail: What stands behind it, in words.
    """

    values: tuple[Number, ...]
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """A figure beside ours.

    Args:
        figure: The published one.
        word: What became of it.
        measured: Ours, if there is a value.
        reason: Why there is none.
    """

    figure: Figure
    word: Word
    measured: Measured | None = None
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the published one; None where either is no single number, or zero."""
        value, measured = self.figure.value, self.measured
        if measured is None or len(measured.values) != 1 or isinstance(value, tuple) or not value:
            return None
        return measured.values[0] / value


def judge(figure: Figure, measured: Measured) -> Verdict:
    """Hold a measured value against a published one."""
    if figure.is_binding:
        wanted = figure.value if figure.expected is None else figure.expected
        holds = all(_meets(figure, value, wanted) for value in _each(figure, measured))
        word: Word = "WRONG" if not holds else "exact" if figure.expected is None else "known"
    else:
        holds = all(_agrees(figure, value) for value in _each(figure, measured))
        word = "agrees" if holds else "differs"
    return Verdict(figure, word, measured)


def _each(figure: Figure, measured: Measured) -> Sequence[Number | tuple[Number, ...]]:
    """The values that are held against the figure, one by one."""
    return [measured.values] if isinstance(figure.value, tuple) else list(measured.values)


def _meets(
    figure: Figure, value: Number | tuple[Number, ...], wanted: Number | tuple[Number, ...]
) -> bool:
    if isinstance(value, tuple) or isinstance(wanted, tuple):
        return value == wanted
    if figure.op == "~":
        return abs(value - wanted) <= ABOUT * abs(wanted)
    return round(value, decimals(wanted)) == wanted if figure.op == "=" else _bounded(figure, value)


def _agrees(figure: Figure, value: Number | tuple[Number, ...]) -> bool:
    if isinstance(value, tuple) or isinstance(figure.value, tuple):
        return value == figure.value
    if figure.op not in ("=", "~"):
        return _bounded(figure, value)
    if figure.value == 0:
        return abs(value) <= ABOUT_ZERO
    high = figure.value if figure.value_hi is None else figure.value_hi
    return figure.value * (1 - NEAR) <= value <= high * (1 + NEAR)


def _bounded(figure: Figure, value: Number) -> bool:
    """Whether an inequality holds; those with ~ are about the bound."""
    assert not isinstance(figure.value, tuple)
    bound, slack = figure.value, NEAR * abs(figure.value)
    match figure.op:
        case "<":
            return value < bound
        case "<=":
            return value <= bound
        case ">":
            return value > bound
        case ">=":
            return value >= bound
        case ">=~":
            return value >= bound - slack
        case "<=~":
            return value <= bound + slack
        case _:  # "<~": a little below
            return bound - 2 * slack <= value <= bound


def decimals(printed: Number) -> int:
    """Digits that a number is printed with behind its point."""
    text = repr(printed)
    return len(text.partition(".")[2]) if "." in text and "e" not in text else 0
