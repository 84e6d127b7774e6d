"""THE table of measures: the names that figures.toml uses, and what each needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...isa.errors import UsageError
from ...tools.targets import all_targets
from ..gospa_vs_sparten.ratios import SRAM
from . import parameters, probes, runs, shapes, sweeps
from .figures import Figure
from .lab import Lab, Run
from .verdicts import Measured


class Measure(NamedTuple):
    """A way to find a value of ours.

    Args:
        value: Finds it; may raise LackingError.
        needs: The runs that must have been made.
        asks: Fields of the figure that must not be empty.
        only: Targets that count what it needs; empty: all do.
    """

    value: Callable[[Figure, Lab], Measured]
    needs: Callable[[Figure], tuple[Run, ...]]
    asks: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


_SPOTS = ("spots",)


def _alone(find: Callable[[Figure], Measured], *asks: str) -> Measure:
    """A measure that needs no run."""

    def value(figure: Figure, lab: Lab) -> Measured:
        return find(figure)

    return Measure(value, _nothing, asks)


def _nothing(figure: Figure) -> tuple[Run, ...]:
    return ()


def _of_one(find: Callable[[Figure, Lab], Measured]) -> Measure:
    """A measure of runs on one machine."""
    return Measure(find, runs.one_machine, ("system", "networks"))


def _of_both(find: Callable[[Figure, Lab], Measured]) -> Measure:
    """A measure of runs on two machines."""
    return Measure(find, runs.both_machines, ("system", "baseline", "networks"))


MEASURES: dict[str, Measure] = {
    "layer_count": _alone(shapes.layer_count, "networks", "of"),
    "macs": _alone(shapes.macs, "networks", "of"),
    "elements": _alone(shapes.elements, "networks"),
    "weights": _alone(shapes.weights, "networks"),
    "nonzero_weights": _alone(shapes.nonzero_weights, "networks"),
    "compression": _alone(shapes.compression, "networks"),
    "parameter": _alone(parameters.parameter, "system", "of"),
    "value_bits": _alone(parameters.value_bits),
    "compression_of_width": _alone(parameters.compression_of_width),
    "energy_entry": _alone(parameters.energy_entry, "of"),
    "metadata_bytes": _alone(parameters.metadata_bytes),
    "busy_rows": _alone(parameters.busy_rows),
    "output_values": _alone(probes.output_values, "system", "networks"),
    "filling_batch": _alone(probes.filling_batch, "system"),
    "reused_elements": _alone(probes.reused_elements, "system")._replace(only=_SPOTS),
    "crossover": _alone(sweeps.crossover),
    "deeper_lookahead": _alone(sweeps.deeper_lookahead),
    "robustness": _alone(sweeps.robustness),
    "greedy_at_low_sparsity": _alone(sweeps.greedy_at_low_sparsity),
    "dense": _alone(sweeps.dense),
    "speedup": _of_both(runs.speedup),
    "energy_efficiency": _of_both(runs.energy_efficiency),
    "most_accesses": _of_both(runs.most_accesses)._replace(only=tuple(SRAM)),
    "reuse_saving": _of_both(runs.reuse_saving)._replace(only=_SPOTS),
    "dram_megabytes": _of_one(runs.dram_megabytes),
    "power_milliwatt": _of_one(runs.power_milliwatt),
    "frames_per_second": _of_one(runs.frames_per_second),
    "zeros_removed": _of_one(runs.zeros_removed)._replace(only=("tct",)),
    "zeros_left": _of_one(runs.zeros_left)._replace(only=("tct",)),
    "im2col_over_gemm": _of_one(runs.im2col_over_gemm)._replace(only=_SPOTS),
    "mac_activity": _of_one(runs.mac_activity),
    "effectual_macs": _of_one(runs.effectual_macs),
}


def find_measure(figure: Figure) -> Measure:
    """The measure that a figure names.

    Raises:
        UsageError: There is none of that name, or the figure lacks what it is told by.
    """
    where = f"figure {figure.id}"
    if figure.measure not in MEASURES:
        hint = f"the measures are {', '.join(MEASURES)}"
        raise UsageError(f"there is no measure '{figure.measure}'", where, hint)
    found = MEASURES[figure.measure]
    if lacking := [name for name in found.asks if not getattr(figure, name)]:
        hint = f"the measure '{figure.measure}' is told by {', '.join(found.asks)}"
        raise UsageError(f"lacks '{lacking[0]}'", where, hint)
    if found.only and not {figure.system, figure.baseline} - {""} <= {*found.only}:
        hint = f"it can be found of {' and '.join(found.only)}"
        raise UsageError(f"asks for '{figure.measure}' of another target", where, hint)
    return found


def missing_target(figure: Figure) -> str | None:
    """A target that the figure is about and that does not exist."""
    known = all_targets()
    wanted = (label.partition("@")[0].partition(":")[0] for label in (figure.ours, figure.theirs))
    return next((name for name in wanted if name and name not in known), None)
