"""The published figures as read from figures.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec

from ...isa.errors import UsageError

Number = int | float
Op = Literal["=", "~", "<", "<=", "<~", "<=~", ">", ">=", ">=~"]
Use = Literal["static", "config", "workload", "absolute", "relative", "trend", "context"]
BINDING: tuple[Use, ...] = ("static", "config")
"""Arithmetic on shapes, formats and parameters: ours must be the same."""
SHIPPED = Path(__file__).with_name("figures.toml")


class Figure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number of a publication, and how ours is found.

    Args:
        id: Unique key.
        source: The publication.
        where: Slide, table or section.
        system: Target that the figure is about; empty: it is about a network alone.
        baseline: Target that it is compared with.
        machine: Label of the machine to run if it is not the system as it is (see `lab.MACHINES`).
        base: The same of the baseline.
        networks: Names of the zoo, NETWORK or NETWORK.SET.
        aggregate: How several networks make one value: their mean, or each must hold.
        layer: A node of the network.
        layers: Which layers of a run count: convolutions or all.
        batch: Images of a run.
        metric: What it is, in words.
        measure: What finds ours (see `measures.MEASURES`); empty: we do not model it.
        of: What the measure is told: parameters to multiply, or an entry's name.
        per: Parameters to divide by.
        scale: Factor on ours.
        op: How the figure binds; `~` is "about".
        value: As printed.
        value_hi: Upper end, if a range is printed.
        expected: What ours must be where the printed number is not what its own shapes give.
        unit: Of all values.
        use: What it is good for; static and config bind.
        config: What the publication assumes.
        note: How we read it.
        why: Why ours differs, where it does.
    """

    id: str
    source: str
    where: str
    system: str = ""
    baseline: str = ""
    machine: str = ""
    base: str = ""
    networks: tuple[str, ...] = ()
    aggregate: Literal["mean", "each"] = "each"
    layer: str = ""
    layers: Literal["conv", "all"] = "all"
    batch: int = 1
    metric: str
    measure: str = ""
    of: tuple[str, ...] = ()
    per: tuple[str, ...] = ()
    scale: Number = 1
    op: Op = "="
    value: Number | tuple[Number, ...]
    value_hi: Number | None = None
    expected: Number | None = None
    unit: str = ""
    use: Use
    config: str = ""
    note: str = ""
    why: str = ""

    @property
    def is_binding(self) -> bool:
        """Whether a difference is an error of ours."""
        return self.use in BINDING

    @property
    def ours(self) -> str:
        """Label of the machine that runs."""
        return self.machine or self.system

    @property
    def theirs(self) -> str:
        """Label of the machine that it is compared with."""
        return self.base or self.baseline


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    figure: tuple[Figure, ...]


def read_figures(path: Path = SHIPPED) -> tuple[Figure, ...]:
    """Read a file of figures.

    Raises:
        UsageError: It cannot be read, a field is unknown or of a wrong type, an id is there twice.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        figures = msgspec.convert(tables, _File, strict=False).figure
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"is not TOML: {error}", str(path)) from error
    except msgspec.ValidationError as error:
        hint = "a figure has the fields of those that ship with spcc"
        raise UsageError(f"is not a list of figures: {error}", str(path), hint) from error
    ids = [figure.id for figure in figures]
    if twice := next((key for key in ids if ids.count(key) > 1), None):
        raise UsageError(f"figure '{twice}' is there twice", str(path))
    return figures


def select(
    figures: Sequence[Figure], patterns: Sequence[str], systems: Sequence[str], uses: Sequence[str]
) -> list[Figure]:
    """The figures that the user asks for, in the file's order; what is not said admits all.

    Raises:
        UsageError: A pattern, a system or a use matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(figure.id, pattern) for figure in figures):
            raise UsageError(f"no figure is called '{pattern}'", "ID", "--list shows them all")
    for option, chosen, known in (
        ("--system", systems, sorted({figure.system for figure in figures} - {""})),
        ("--use", uses, sorted({figure.use for figure in figures})),
    ):
        if wrong := next((name for name in chosen if name not in known), None):
            raise UsageError(f"there is none of '{wrong}'", option, f"known: {', '.join(known)}")
    return [
        figure
        for figure in figures
        if (not patterns or any(fnmatchcase(figure.id, pattern) for pattern in patterns))
        and (not systems or figure.system in systems)
        and (not uses or figure.use in uses)
    ]
