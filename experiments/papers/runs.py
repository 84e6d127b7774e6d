"""Measures of runs: cycles, energy, accesses, traffic of the zoo's networks on two machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from ...models.zoo.names import parse
from ...tools.report_schema import Layer, Report
from ...tools.targets import find_target
from ..gospa_vs_sparten.ratios import SRAM, Side, side
from .figures import Figure, Number
from .lab import Lab, LackingError, Run
from .verdicts import Measured

MEBIBYTE = 1 << 20
MANY_FILTERS = 512
"""SPOTS' Figure 17 speaks of layers with so many filters or more."""
_IM2COL_COUNTERS = ("fmap_rd", "ring_xfer", "res_rd", "res_wr")

Finder = Callable[[str], Number]


def one_machine(figure: Figure) -> tuple[Run, ...]:
    """The runs of a figure about a machine alone."""
    return tuple(Run(name, figure.ours, figure.batch) for name in figure.networks)


def both_machines(figure: Figure) -> tuple[Run, ...]:
    """Those of a figure that compares two."""
    base = (Run(name, figure.theirs, figure.batch) for name in figure.networks)
    return (*one_machine(figure), *base)


def _collect(figure: Figure, find: Finder, detail: str = "") -> Measured:
    """A value for each network, or their mean; a list of them stands behind it."""
    found = {name: find(name) for name in figure.networks}
    each = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
    text = "; ".join(part for part in (detail, each if len(found) > 1 else "") if part)
    if figure.aggregate == "mean":
        return Measured((fmean(found.values()),), text)
    return Measured(tuple(found.values()), text)


def _layers(report: Report, which: str) -> list[Layer]:
    """The layers that the accelerator runs: all, or convolutions."""
    return [
        layer
        for layer in report.layers
        if layer.placement != "host" and (which == "all" or layer.op == "Conv")
    ]


def _cycles(layers: Sequence[Layer]) -> int:
    return sum(layer.cycles for layer in layers)


def _gain(figure: Figure, ratio: float) -> float:
    """A ratio as the figure's unit wants it: plain, or what it is over 1 in per cent."""
    return 100 * (ratio - 1) if figure.unit == "%" else ratio


def speedup(figure: Figure, lab: Lab) -> Measured:
    """Cycles of the baseline over the machine's."""
    means: list[str] = []

    def find(name: str) -> float:
        ours, theirs = _pair(figure, lab, name)
        by_name = {layer.name: layer.cycles for layer in theirs}
        ratios = [by_name[each.name] / each.cycles for each in ours if each.cycles]
        means.append(f"{_gain(figure, fmean(ratios)):.3g}")
        return _gain(figure, _cycles(theirs) / _cycles(ours))

    measured = _collect(figure, find)
    text = "; ".join([*([measured.detail] if measured.detail else []), "total cycles"])
    return Measured(measured.values, f"{text}; mean over layers {', '.join(means)}")


def _pair(figure: Figure, lab: Lab, name: str) -> tuple[list[Layer], list[Layer]]:
    ours = lab.report(Run(name, figure.ours, figure.batch))
    theirs = lab.report(Run(name, figure.theirs, figure.batch))
    return _layers(ours, figure.layers), _layers(theirs, figure.layers)


def energy_efficiency(figure: Figure, lab: Lab) -> Measured:
    """On-chip energy of the baseline over the machine's, by the common model."""

    def find(name: str) -> float:
        ours, theirs = _pair(figure, lab, name)
        return _on_chip(theirs) / _on_chip(ours)

    return _collect(figure, find, "on chip, common model")


def _on_chip(layers: Sequence[Layer]) -> float:
    return sum(layer.energy.common.on_chip_uj for layer in layers)


def most_accesses(figure: Figure, lab: Lab) -> Measured:
    """SRAM accesses of the machine over the baseline's, in the layer where that is most."""
    worst: dict[str, str] = {}

    def find(name: str) -> float:
        ours, theirs = _pair(figure, lab, name)
        found = {
            a.name: _accesses(figure.system, a) / _accesses(figure.baseline, b)
            for a, b in zip(ours, theirs, strict=True)
        }
        worst[name] = max(found, key=lambda layer: found[layer])
        return found[worst[name]]

    measured = _collect(figure, find)
    layers = ", ".join(f"{layer} of {name}" for name, layer in worst.items())
    return Measured(measured.values, f"{measured.detail}; in {layers}")


def _accesses(target: str, layer: Layer) -> int:
    assert target in SRAM, target
    found: Side = side(target, [layer])
    return found.accesses


def dram_megabytes(figure: Figure, lab: Lab) -> Measured:
    """DRAM traffic, MB = 2^20 bytes."""

    def find(name: str) -> float:
        layers = _layers(lab.report(Run(name, figure.ours, figure.batch)), figure.layers)
        return sum(sum(layer.bytes.values()) for layer in layers) / MEBIBYTE

    return _collect(figure, find, f"batch {figure.batch}")


def power_milliwatt(figure: Figure, lab: Lab) -> Measured:
    """Dynamic on-chip power over the layers' cycles, by the common model."""

    def find(name: str) -> float:
        report = lab.report(Run(name, figure.ours, figure.batch))
        layers = _layers(report, figure.layers)
        return _on_chip(layers) / (_cycles(layers) / _mhz(report)) * 1000 * figure.scale

    return _collect(figure, find, "dynamic, on chip, common model")


def frames_per_second(figure: Figure, lab: Lab) -> Measured:
    """Images per second of the layers' cycles."""

    def find(name: str) -> float:
        report = lab.report(Run(name, figure.ours, figure.batch))
        layers = _layers(report, figure.layers)
        return figure.batch * _mhz(report) * 1e6 / _cycles(layers)

    return _collect(figure, find, "compute only")


def _mhz(report: Report) -> float:
    mhz = report.config["MHZ"]
    assert isinstance(mhz, int | float)
    return float(mhz)


def zeros_removed(figure: Figure, lab: Lab) -> Measured:
    """Share of ineffectual work that took no slot, of the whole network, in %."""
    return _collect(figure, lambda name: 100 * _zeros_removed(figure, lab, name))


def zeros_left(figure: Figure, lab: Lab) -> Measured:
    """Share of ineffectual work that is left, of the whole network, in %."""
    return _collect(figure, lambda name: 100 * (1 - _zeros_removed(figure, lab, name)))


def _zeros_removed(figure: Figure, lab: Lab, name: str) -> float:
    return lab.report(Run(name, figure.ours, figure.batch)).totals.figures["zeros_removed"]


def im2col_over_gemm(figure: Figure, lab: Lab) -> Measured:
    """Busy cycles of the IM2COL units over those of the array."""

    def find(name: str) -> float:
        counters = lab.report(Run(name, figure.ours, figure.batch)).totals.counters
        return counters["im2col_busy"] / counters["gemm_busy"]

    return _collect(figure, find)


def mac_activity(figure: Figure, lab: Lab) -> Measured:
    """Executed MACs over multiplier cycles in convolutions of many filters, their mean, in %."""

    def find(name: str) -> float:
        network = parse(name).densities.network
        wide = {n.name for n in network.nodes if n.output_shape[0] >= MANY_FILTERS}
        layers = _layers(lab.report(Run(name, figure.ours, figure.batch)), "conv")
        shares = [x.occupied for x in layers if x.name in wide and x.occupied is not None]
        if not shares:
            raise LackingError(f"{name} has no convolution of {MANY_FILTERS} filters")
        return 100 * fmean(shares)

    return _collect(figure, find, f"convolutions of {MANY_FILTERS} filters and more")


def reuse_saving(figure: Figure, lab: Lab) -> Measured:
    """Energy that reuse saves on Fmap SRAM, ring and reserved buffers, in %."""
    machine = find_target(figure.system).machine()
    spec = find_target(figure.system).spec()()
    entries = [entry for entry in machine.energy(spec) if entry.counter in _IM2COL_COUNTERS]

    def saving(name: str, energy_set: str) -> float:
        ours, theirs = (
            sum(
                layer.counters[entry.counter] * entry.picojoule(energy_set)
                for layer in layers
                for entry in entries
            )
            for layers in _pair(figure, lab, name)
        )
        return 100 * (1 - ours / theirs)

    own = fmean(saving(name, "sheet") for name in figure.networks)
    text = f"common model; {own:.3g} % by the machine's own energies"
    return _collect(figure, lambda name: saving(name, "common"), text)


def effectual_macs(figure: Figure, lab: Lab) -> Measured:
    """Products of two operands that are not zero, as the machine executed them."""
    return _collect(figure, lambda name: lab.report(Run(name, figure.ours)).totals.macs.effectual)
