"""The experiment as CSV and Markdown: networks beside the slides, kinds of layers, layers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...models.zoo.densities import density_sets
from .kinds import by_kind
from .published import Published, is_near
from .ratios import Pair, total
from .words import BALANCINGS, words

HEAD = (
    "network", "layer", "gb", "gospa_cycles", "sparten_cycles", "speedup", "gospa_sram_per_mac",
    "sparten_sram_per_mac", "sram_ratio", "gospa_on_chip_uj", "sparten_on_chip_uj", "energy_ratio",
)  # fmt: skip


class Found(NamedTuple):
    """What was measured of a network.

    Args:
        layers: Its convolutions by SparTen's balancing; the first is the one shown in full.
        whole: Cycles of SparTen over GoSPA's, fully connected layers included.
    """

    layers: Mapping[str, Sequence[Pair]]
    whole: float

    @property
    def main(self) -> Sequence[Pair]:
        """The layers over the first balancing."""
        return next(iter(self.layers.values()))


def table(found: Mapping[Published, Found]) -> str:
    """Every layer and network as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for network, each in found.items():
        for gb, layers in each.layers.items():
            for pair in (*layers, total("all convolutions", layers)):
                writer.writerow((network.name, pair.name, gb, *_cells(pair)))
    return text.getvalue()


def _cells(pair: Pair) -> tuple[str, ...]:
    ours, theirs = pair.gospa, pair.sparten
    return (
        str(ours.cycles),
        str(theirs.cycles),
        f"{pair.speedup:.3f}",
        f"{ours.accesses_per_mac:.3f}",
        f"{theirs.accesses_per_mac:.3f}",
        f"{pair.access_ratio:.3f}",
        f"{ours.energy_uj:.3f}",
        f"{theirs.energy_uj:.3f}",
        f"{pair.energy_ratio:.3f}",
    )


def report(found: Mapping[Published, Found]) -> str:
    """Networks beside the slides and in words, then kinds of layers, then layers, as Markdown."""
    lines = ["# GoSPA over SparTen", "", *_summary(found), "", *_in_words(found)]
    for network, each in found.items():
        lines += ["", f"## {network.title}", "", *_kinds(network, each), "", *_layers(each)]
    return "\n".join(lines) + "\n"


def _summary(found: Mapping[Published, Found]) -> list[str]:
    balancings: Sequence[str] = next((list(each.layers) for each in found.values()), list[str]())
    first, *others = [BALANCINGS[gb] for gb in balancings] or [""]
    heads = [
        "network", "densities", f"speed-up over {first}", "slides", "",
        *(f"over {other}" for other in others), "with FC", "SRAM accesses", "energy on chip",
        "slides", "", "with DRAM",
    ]  # fmt: skip
    lines = [
        "Convolutions of the zoo's networks, one image, DRAM unlimited, equal multipliers and "
        "clock. Ratios are SparTen's figure over GoSPA's: cycles, SRAM accesses on the way to the "
        "multipliers, energy by the common model.",
        "",
        f"| {' | '.join(heads)} |",
        f"|---|---|{'---:|' * (len(heads) - 2)}",
    ]
    for network, each in found.items():
        pair = total(network.title, each.main)
        rest = [total("", layers).speedup for layers in [*each.layers.values()][1:]]
        cells = [
            network.title, density_sets()[network.name].status, f"{pair.speedup:.2f}",
            f"{network.speedup}", _verdict(pair.speedup, network.speedup),
            *(f"{ratio:.2f}" for ratio in rest), f"{each.whole:.2f}", f"{pair.access_ratio:.2f}",
            f"{pair.energy_ratio:.2f}", f"{network.energy}",
            _verdict(pair.energy_ratio, network.energy), f"{pair.dram_ratio:.2f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _verdict(ours: float, published: float) -> str:
    return "agrees" if is_near(ours, published) else f"**{ours / published - 1:+.0%}**"


def _in_words(found: Mapping[Published, Found]) -> list[str]:
    return [
        f"- **{network.title}**: {'; '.join(words(network, each.layers))}."
        for network, each in found.items()
    ]


def _kinds(network: Published, each: Found) -> list[str]:
    lines = [
        "| kind | of GoSPA's cycles | of SparTen's | speed-up | GoSPA works, passes, waits "
        "| SparTen works, joins, waits | matches a join | SRAM accesses | energy |",
        f"|---|{'---:|' * 8}",
    ]
    whole = total("all", each.main)
    for pair in (*by_kind(network.name, each.main).values(), whole):
        ours, theirs = pair.gospa, pair.sparten
        matches = theirs.effectual / theirs.joins if theirs.joins else 0.0
        lines.append(
            f"| {pair.name} | {ours.cycles / whole.gospa.cycles:.0%} "
            f"| {theirs.cycles / whole.sparten.cycles:.0%} | {pair.speedup:.2f} "
            f"| {_uses(ours.effectual, ours.lost, ours.idle)} "
            f"| {_uses(theirs.effectual, theirs.lost, theirs.idle)} | {matches:.1f} "
            f"| {pair.access_ratio:.2f} | {pair.energy_ratio:.2f} |"
        )
    return lines


def _uses(*cycles: int) -> str:
    """Cycles as percentages of all of them."""
    return " ".join(f"{100 * each / sum(cycles):.0f}" for each in cycles) + " %"


def _layers(each: Found) -> list[str]:
    lines = ["| layer | GoSPA cycles | SparTen cycles | speed-up | SRAM per MAC | | energy |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {pair.name} | {pair.gospa.cycles:,} | {pair.sparten.cycles:,} "
        f"| {pair.speedup:.2f} | {pair.gospa.accesses_per_mac:.2f} "
        f"| {pair.sparten.accesses_per_mac:.2f} | {pair.energy_ratio:.2f} |"
        for pair in (*each.main, total("all", each.main))
    ]
    return lines
