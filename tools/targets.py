"""THE table of targets: where compiler, runtime and ISA of an accelerator meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from ..isa.errors import UsageError

if TYPE_CHECKING:
    from ..compiler.targets.base import TargetCompiler
    from ..isa.base import BaseSpec
    from ..isa.encoding import InstructionSet
    from ..runtime.machine import Machine


@dataclass(frozen=True)
class Target:
    """One accelerator; each part is imported when asked for, so that spcc-run never loads the compiler.

    Args:
        name: The name on the command line and in program files.
        doc: One line for `--list-targets`.
        isa: The instruction set.
        spec: The type of its parameters.
        compiler: What it accepts, its pipeline, its lowering.
        machine: What its instructions do and cost.
    """

    name: str
    doc: str
    isa: Callable[[], InstructionSet]
    spec: Callable[[], type[BaseSpec]]
    compiler: Callable[[], TargetCompiler]
    machine: Callable[[], Machine]


def _part(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(module, __package__), name)


def _ours(name: str, doc: str, spec: str) -> Target:
    return Target(
        name,
        doc,
        isa=_part(f"..isa.targets.{name}", "ISA"),
        spec=_part(f"..isa.targets.{name}", spec),
        compiler=_part(f"..compiler.targets.{name}", "COMPILER"),
        machine=_part(f"..runtime.machines.{name}", "MACHINE"),
    )


TARGETS: dict[str, Target] = {
    "spots": _ours("spots", "IM2COL unit and tall reconfigurable systolic array", "SpotsSpec"),
}


@cache
def all_targets() -> dict[str, Target]:
    """Our targets and those of installed packages (entry-point group `spcc.targets`).

    Raises:
        UsageError: A name is taken twice.
    """
    targets = dict(TARGETS)
    for entry in entry_points(group="spcc.targets"):
        if entry.name in targets:
            raise UsageError(
                f"target '{entry.name}' of {entry.value} is already taken",
                "entry-point group spcc.targets",
                "uninstall one of the two packages or rename its target",
            )
        targets[entry.name] = entry.load()
    return targets


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        UsageError: There is none.
    """
    targets = all_targets()
    if name not in targets:
        raise UsageError(
            f"unknown target '{name}'", "--target", f"the targets are {', '.join(sorted(targets))}"
        )
    return targets[name]
