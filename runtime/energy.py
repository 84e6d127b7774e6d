"""Energy of a run: the entries a target states, multiplied by its counters, in uJ by category."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SETS = ("common", "sheet")
"""`common`: `energy_model`, for every comparison; `sheet`: the target's own numbers, if any."""
CATEGORIES: tuple[str, ...] = (
    "compute",
    "register",
    "edram",
    "refresh",
    "logic",
    "dram",
    "static",
)
"""The categories beside `sram:<memory>`; static energy is reported apart and never in a sum."""


@dataclass(frozen=True)
class EnergyEntry:
    """What one count of a counter costs; a counter may have several entries.

    Args:
        counter: Name in `Cost.counters`, or "cycles" for the time of the layer.
        category: compute, register, sram:<memory>, edram, refresh, logic, dram or static.
        common: pJ per count by this model, at the target's node.
        sheet: pJ per count by the target's own table; None: it gives none, `common` is used.
        doc: What is charged.
    """

    counter: str
    category: str
    common: float
    sheet: float | None = None
    doc: str = ""

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES and not self.category.startswith("sram:"):
            raise ValueError(f"unknown energy category '{self.category}' of {self.counter}")

    def picojoule(self, energy_set: str) -> float:
        """The energy of one count in a set."""
        return self.common if energy_set == "common" or self.sheet is None else self.sheet


class Rates(NamedTuple):
    """What turns counts into rates.

    Args:
        mhz: The clock of the machine's sheet.
        peak_macs_per_cycle: Its multipliers.
    """

    mhz: float
    peak_macs_per_cycle: int


@dataclass(frozen=True)
class Work:
    """What a layer, or a whole run, did."""

    counters: Mapping[str, int] = field(default_factory=dict[str, int])
    cycles: int = 0
    nominal_macs: int = 0
    effectual_macs: int = 0


def total_work(layers: Iterable[Work]) -> Work:
    """The sum of several layers."""
    counters: dict[str, int] = {}
    layers = list(layers)
    for layer in layers:
        for name, count in layer.counters.items():
            counters[name] = counters.get(name, 0) + count
    return Work(
        counters,
        sum(layer.cycles for layer in layers),
        sum(layer.nominal_macs for layer in layers),
        sum(layer.effectual_macs for layer in layers),
    )


def breakdown(entries: Sequence[EnergyEntry], work: Work, energy_set: str) -> dict[str, Any]:
    """The energy of some work in uJ, by category.

    `total_uj` is dynamic energy with DRAM, `on_chip_uj` without; `static_uj` is in neither.
    """
    plain = {kind: 0.0 for kind in CATEGORIES}
    memories: dict[str, float] = {}
    for entry in entries:
        count = work.cycles if entry.counter == "cycles" else work.counters.get(entry.counter, 0)
        energy = count * entry.picojoule(energy_set) * 1e-6
        kind, _, memory = entry.category.partition(":")
        if memory:
            memories[memory] = memories.get(memory, 0.0) + energy
        else:
            plain[kind] += energy
    dynamic = (plain[k] for k in ("compute", "register", "edram", "refresh", "logic"))
    on_chip = sum(dynamic) + sum(memories.values())
    return {
        **{f"{kind}_uj": energy for kind, energy in plain.items()},
        "sram_uj": memories,
        "on_chip_uj": on_chip,
        "total_uj": on_chip + plain["dram"],
    }


def throughput(work: Work, mhz: float) -> dict[str, float | None]:
    """Time and rates, 2 operations per MAC.

    *Effective* rates count all nominal MACs, *real* ones the effectual MACs only.
    """
    seconds = work.cycles / (mhz * 1e6)

    def tera(macs: int) -> float | None:
        return 2 * macs / seconds * 1e-12 if seconds else None

    return {
        "time_us": seconds * 1e6,
        "effective_tops": tera(work.nominal_macs),
        "real_tops": tera(work.effectual_macs),
    }


def power(energy: Mapping[str, Any], rates: Mapping[str, float | None]) -> dict[str, float | None]:
    """Average dynamic power in mW and TOPS/W, each without and with DRAM; static power apart."""
    time = rates["time_us"]
    on_chip, dram_too, static = (
        energy[key] / time * 1e3 if time else None
        for key in ("on_chip_uj", "total_uj", "static_uj")
    )

    def per_watt(tops: float | None, milliwatt: float | None) -> float | None:
        return tops / milliwatt * 1e3 if tops is not None and milliwatt else None

    return {
        "on_chip_mw": on_chip,
        "with_dram_mw": dram_too,
        "static_mw": static,
        "effective_tops_per_w": per_watt(rates["effective_tops"], on_chip),
        "real_tops_per_w": per_watt(rates["real_tops"], on_chip),
        "effective_tops_per_w_with_dram": per_watt(rates["effective_tops"], dram_too),
        "real_tops_per_w_with_dram": per_watt(rates["real_tops"], dram_too),
    }


def energy_report(
    entries: Sequence[EnergyEntry], layers: Sequence[Work], mhz: float
) -> dict[str, Any]:
    """Energy by both sets for each layer and the sum, power and throughput for the sum.

    Args:
        entries: The target's table.
        layers: Counters, cycles and MACs of each layer.
        mhz: The clock of the machine's sheet.

    Returns:
        `layers` (one per layer) and `total`: the `breakdown` of each set; `throughput`; `power` of
        each set. Rates without a time are None.
    """
    total = total_work(layers)
    rates = throughput(total, mhz)
    sums = {name: breakdown(entries, total, name) for name in SETS}
    return {
        "layers": [{name: breakdown(entries, work, name) for name in SETS} for work in layers],
        "total": sums,
        "throughput": rates,
        "power": {name: power(sums[name], rates) for name in SETS},
    }
