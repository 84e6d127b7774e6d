"""THE table of targets: where compiler, runtime and ISA of an accelerator meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from ..isa.errors import UsageError

if TYPE_CHECKING:
    from ..compiler.targets.base import TargetCompiler
    from ..isa.base import BaseSpec
    from ..isa.encoding import InstructionSet
    from ..runtime.machine import Machine


Variants = Callable[[str], Mapping[str, Any]]
"""The parameters behind a variant's name."""


@dataclass(frozen=True)
class Target:
    """One accelerator; each part is imported when asked for: spcc-run never loads the compiler.

    Args:
        name: The name on the command line and in program files.
        doc: One line for `--list-targets`.
        isa: The instruction set.
        spec: The type of its parameters.
        compiler: What it accepts, its pipeline, its lowering.
        machine: What its instructions do and cost.
        variants: Reads what stands behind `NAME:`, a published configuration's name, as parameters;
            raises UsageError where it is none. None: the target has no variants.
        variant: The variant that was asked for, empty if none was.
        parameters: What it sets, over the defaults and under the user's own.
    """

    name: str
    doc: str
    isa: Callable[[], InstructionSet]
    spec: Callable[[], type[BaseSpec]]
    compiler: Callable[[], TargetCompiler]
    machine: Callable[[], Machine]
    variants: Callable[[], Variants] | None = None
    variant: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def label(self) -> str:
        """The name, with the variant if there is one."""
        return f"{self.name}:{self.variant}" if self.variant else self.name


def part(module: str, name: str) -> Callable[[], Any]:
    """What imports a module when called, and returns one of its objects."""
    return lambda: getattr(import_module(module, __package__), name)


def _ours(name: str, doc: str, spec: str, variants: str = "") -> Target:
    return Target(
        name,
        doc,
        isa=part(f"..isa.targets.{name}", "ISA"),
        spec=part(f"..isa.targets.{name}", spec),
        compiler=part(f"..compiler.targets.{name}", "COMPILER"),
        machine=part(f"..runtime.machines.{name}", "MACHINE"),
        variants=part(f"..isa.targets.{name}", variants) if variants else None,
    )


TARGETS: dict[str, Target] = {
    "spots": _ours("spots", "IM2COL unit and tall reconfigurable systolic array", "SpotsSpec"),
    "dadiannao": _ours(
        "dadiannao", "wide-vector tiles, no sparsity: a baseline", "DadiannaoSpec", "variant"
    ),
    "tct": _ours(
        "tct", "Bit-Tactical: zero weights skipped by a static schedule", "TctSpec", "variant"
    ),
    "sparten": _ours(
        "sparten", "bitmask inner join with greedy balancing of filters", "SpartenSpec"
    ),
    "gospa": _ours(
        "gospa", "globally reordered convolution, zeros of both operands skipped", "GospaSpec"
    ),
}


GROUP = "spcc.targets"
"""Entry-point group in which installed packages offer targets: `name = "module:Target record"`."""


@cache
def _offered() -> dict[str, EntryPoint]:
    """Targets of installed packages by name, not yet imported.

    Raises:
        UsageError: A name is taken twice.
    """
    offered: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in TARGETS or entry.name in offered:
            raise UsageError(
                f"target '{entry.name}' of {entry.value} is already taken",
                f"entry-point group {GROUP}",
                "uninstall one of the two packages or rename its target",
            )
        offered[entry.name] = entry
    return offered


@cache
def _load(name: str) -> Target:
    """Import the record of an installed package.

    Raises:
        UsageError: It cannot be imported, is no `Target`, or has another name.
    """
    entry = _offered()[name]
    where = f"entry point '{name} = {entry.value}' of group {GROUP}"
    try:
        target = entry.load()
    except Exception as error:  # whatever foreign code raises while it is imported
        raise UsageError(
            f"cannot be loaded: {type(error).__name__}: {error}",
            where,
            "update or uninstall the package that offers it",
        ) from error
    if not isinstance(target, Target) or target.name != name:
        found = f"the target '{target.name}'" if isinstance(target, Target) else f"{target!r}"
        raise UsageError(f"names {found}, not a Target called '{name}'", where)
    return target


def all_targets() -> dict[str, Target]:
    """Our targets and those of installed packages (entry-point group `spcc.targets`).

    Raises:
        UsageError: A name is taken twice, or a package's record cannot be loaded.
    """
    return {**TARGETS, **{name: _load(name) for name in _offered()}}


def find_target(label: str) -> Target:
    """The target of that name, or a variant of it: `NAME:VARIANT`.

    Raises:
        UsageError: There is none, a name is taken twice, or the record cannot be loaded.
    """
    name, colon, variant = label.partition(":")
    target = _find(name)
    if not colon:
        return target
    if target.variants is None:
        raise UsageError(
            f"{name} has no variants", f"--target {label}", "set parameters with --set KEY=VALUE"
        )
    return replace(target, variant=variant, parameters=target.variants()(variant))


def _find(name: str) -> Target:
    offered = _offered()
    if name in TARGETS:
        return TARGETS[name]
    if name not in offered:
        known = ", ".join(sorted([*TARGETS, *offered]))
        raise UsageError(f"unknown target '{name}'", "--target", f"the targets are {known}")
    return _load(name)


def check_target(target: Target) -> None:
    """Hold the parts of a target together; for its tests, as it imports them all.

    Raises:
        TypeError: Two parts do not agree, or a limit has no sentence.
        PassError: The pipeline names a pass that is not there.
    """
    from ..compiler.driver import parse_pipeline

    isa, spec = target.isa(), target.spec()
    compiler, machine = target.compiler(), target.machine()
    for name, part_of in (("instruction set", isa), ("compiler", compiler), ("machine", machine)):
        if part_of.name != target.name:
            raise TypeError(f"the {name} of target '{target.name}' is called '{part_of.name}'")
    for name, half in (("compiler", compiler), ("machine", machine)):
        if half.isa != isa or half.spec_type is not spec:
            raise TypeError(f"the {name} of {target.name} has other instructions or parameters")
    for op, limits in compiler.limits.items():
        for limit in limits:
            if not limit.__doc__:
                raise TypeError(f"a limit of {target.name} on {op.name} lacks its sentence")
    parse_pipeline(compiler.pipeline, compiler)
    machine.new_state(spec())
    machine.energy(spec())
