"""THE table of measures: the names that figures.toml uses, and what each needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...isa.errors import UsageError
from ...tools.targets import all_targets
from . import parameters, probes, runs, shapes, sweeps
from .figures import Figure
from .lab import Lab, Run
from .verdicts import Measured


class Measure(NamedTuple):
    """A way to find a value of ours.

    Args:
        value: Finds it; may raise LackingError.
        needs: The runs that must have been made.
    """

    value: Callable[[Figure, Lab], Measured]
    needs: Callable[[Figure], tuple[Run, ...]]


def _alone(find: Callable[[Figure], Measured]) -> Measure:
    """A measure that needs no run."""

    def value(figure: Figure, lab: Lab) -> Measured:
        return find(figure)

    return Measure(value, _nothing)


def _nothing(figure: Figure) -> tuple[Run, ...]:
    return ()


MEASURES: dict[str, Measure] = {
    "layer_count": _alone(shapes.layer_count),
    "macs": _alone(shapes.macs),
    "elements": _alone(shapes.elements),
    "weights": _alone(shapes.weights),
    "nonzero_weights": _alone(shapes.nonzero_weights),
    "compression": _alone(shapes.compression),
    "parameter": _alone(parameters.parameter),
    "value_bits": _alone(parameters.value_bits),
    "compression_of_width": _alone(parameters.compression_of_width),
    "energy_entry": _alone(parameters.energy_entry),
    "metadata_bytes": _alone(parameters.metadata_bytes),
    "busy_rows": _alone(parameters.busy_rows),
    "output_values": _alone(probes.output_values),
    "filling_batch": _alone(probes.filling_batch),
    "reused_elements": _alone(probes.reused_elements),
    "crossover": _alone(sweeps.crossover),
    "deeper_lookahead": _alone(sweeps.deeper_lookahead),
    "robustness": _alone(sweeps.robustness),
    "greedy_at_low_sparsity": _alone(sweeps.greedy_at_low_sparsity),
    "dense": _alone(sweeps.dense),
    "speedup": Measure(runs.speedup, runs.both_machines),
    "energy_efficiency": Measure(runs.energy_efficiency, runs.both_machines),
    "most_accesses": Measure(runs.most_accesses, runs.both_machines),
    "reuse_saving": Measure(runs.reuse_saving, runs.both_machines),
    "dram_megabytes": Measure(runs.dram_megabytes, runs.one_machine),
    "power_milliwatt": Measure(runs.power_milliwatt, runs.one_machine),
    "frames_per_second": Measure(runs.frames_per_second, runs.one_machine),
    "zeros_removed": Measure(runs.zeros_removed, runs.one_machine),
    "zeros_left": Measure(runs.zeros_left, runs.one_machine),
    "im2col_over_gemm": Measure(runs.im2col_over_gemm, runs.one_machine),
    "mac_activity": Measure(runs.mac_activity, runs.one_machine),
    "effectual_macs": Measure(runs.effectual_macs, runs.one_machine),
}


def find_measure(figure: Figure) -> Measure:
    """The measure that a figure names.

    Raises:
        UsageError: There is none of that name.
    """
    if figure.measure not in MEASURES:
        hint = f"the measures are {', '.join(MEASURES)}"
        raise UsageError(f"there is no measure '{figure.measure}'", f"figure {figure.id}", hint)
    return MEASURES[figure.measure]


def missing_target(figure: Figure) -> str | None:
    """A target that the figure is about and that does not exist."""
    known = all_targets()
    wanted = (label.partition("@")[0].partition(":")[0] for label in (figure.ours, figure.theirs))
    return next((name for name in wanted if name and name not in known), None)
