"""Pictures of a comparison: speed-up per layer, what became of MACs, slots and time."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .compare_csv import MEAN
from .compare_draw import Format, Series, drawing, grouped, inlined, saved, stacked
from .compare_rows import macs_classes
from .compare_schema import Cells, Comparison, LayerRow, MeanRow

_COLORS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6bb1", "#a6761d",
    "#7f7f7f", "#bcbd22", "#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94",
    "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5",
)  # fmt: skip
"""The first ones can be told apart by colour-blind people (Okabe and Ito 2008)."""
_NOTHING = "#b4b8bd"
_EXECUTED_COLORS = {"effectual": "#0072b2", "ineffectual": "#d55e00", "gated": "#e69f00"}
_MAC_COLORS = {**_EXECUTED_COLORS, "skipped": "#8ccbe8"}
_SLOT_COLORS = {**_EXECUTED_COLORS, "empty": _NOTHING}
_TIME_COLORS = {
    "busy": "#0072b2",
    "stall dispatch": "#cc79a7",
    "stall semaphore": "#e69f00",
    "stall host": "#d55e00",
    "idle": _NOTHING,
}
_NETWORK = "total"

Parts = dict[str, float]
"""Shares by name; they add up to 1, or there are none."""
Group = tuple[str, dict[str, Cells]]
"""A layer, or the whole network, and its numbers by target."""


@dataclass(frozen=True)
class Picture:
    """A picture.

    Args:
        name: What it is called among files.
        model: The network it is about; "" for all.
        caption: What it shows.
        figure: As matplotlib makes it.
    """

    name: str
    model: str
    caption: str
    figure: Any


def picture_files(comparison: Comparison, kind: Format) -> dict[str, bytes]:
    """All pictures, by the file's name."""
    with drawing(inline=False):
        return {f"{each.name}.{kind}": saved(each.figure, kind) for each in pictures(comparison)}


def inline_pictures(comparison: Comparison) -> dict[str, list[tuple[str, str]]]:
    """All pictures by model, as captions and elements of an HTML page."""
    found: dict[str, list[tuple[str, str]]] = {}
    with drawing(inline=True):
        for index, each in enumerate(pictures(comparison)):
            element = inlined(each.figure, f"p{index}", each.caption)
            found.setdefault(each.model, []).append((each.caption, element))
    return found


def pictures(comparison: Comparison) -> Generator[Picture]:
    """Those of all networks, then those of each network that has results."""
    base, targets = comparison.baseline, [each.label for each in comparison.configurations]
    if len(comparison.models) > 1:
        for name, caption, figure in _of_all(comparison, targets):
            yield Picture(name, "", caption, figure)
    for model in comparison.models:
        groups, stem = _groups(comparison, model.name), _plain(model.name)
        for suffix, caption, figure in _of_network(groups, targets, base):
            yield Picture(f"{stem}-{suffix}", model.name, caption, figure)


def _of_network(
    groups: Sequence[Group], targets: Sequence[str], base: str
) -> Generator[tuple[str, str, Any]]:
    """The pictures of one network: a name, a caption, a figure."""
    ran = [target for target in targets if any(target in cells for _, cells in groups)]
    others = [target for target in ran if target != base] or ran
    timed = [(name, own) for name, own in groups if any(_speedup(t)((name, own)) for t in others)]
    if timed:
        series = [
            Series(target, _color(targets.index(target)), tuple(map(_speedup(target), timed)))
            for target in ran
        ]
        names = [name for name, _ in timed]
        caption = f"Speed-up of layers over {base}, in cycles"
        yield "speedup", caption, grouped(names, series, f"speed-up over {base}")
    yield from _breakdowns(groups, ran)
    for target in ran:
        yield from _own_classes(groups, target)
    if groups:
        spent = [
            (f"{target} {unit}", _shares(states))
            for target in ran
            for unit, states in groups[-1][1][target].units.items()
        ]
        series = _stacked_series([parts for _, parts in spent], _TIME_COLORS)
        caption = "How the units spent the time of the network"
        yield "units", caption, stacked([name for name, _ in spent], [("", series)])


def _breakdowns(groups: Sequence[Group], ran: Sequence[str]) -> Generator[tuple[str, str, Any]]:
    """MACs and multiplier slots by class, for every target; nothing where nobody multiplies."""
    busy = [(name, own) for name, own in groups if any(map(mac_shares, own.values()))]
    if not busy:
        return
    names = [name for name, _ in busy]
    for suffix, caption, shares, colors in (
        ("macs", "What became of the MACs", mac_shares, _MAC_COLORS),
        ("slots", "How the multipliers spent their cycles", slot_shares, _SLOT_COLORS),
    ):
        rows = [(t, _stack(busy, t, shares, colors)) for t in ran]
        yield suffix, caption, stacked(names, rows)


def _own_classes(groups: Sequence[Group], target: str) -> Generator[tuple[str, str, Any]]:
    """The classes of slots that a target counts itself, if it does."""
    own = [(name, cells[target]) for name, cells in groups if target in cells]
    counted = [(name, _shares(cells.slots)) for name, cells in own if any(cells.slots.values())]
    if counted:
        classes = dict.fromkeys(part for _, parts in counted for part in parts)
        colors = {part: _color(index) for index, part in enumerate(classes)}
        series = _stacked_series([parts for _, parts in counted], colors)
        suffix = f"classes-{_plain(target)}"
        caption = f"Slots of {target} by its own classes"
        yield suffix, caption, stacked([name for name, _ in counted], [(target, series)])


def mac_shares(cells: Cells) -> Parts:
    """MACs by class."""
    return _shares(macs_classes(cells.macs))


def slot_shares(cells: Cells) -> Parts:
    """Multipliers x cycles: what was computed in them, and what was empty."""
    used, occupied = cells.utilisation, cells.occupied
    macs = macs_classes(cells.macs)
    if used is None or occupied is None or not sum(macs.values()):
        return {}
    waste = macs["ineffectual"] + macs["gated"]
    each = (occupied - used) / waste if waste else 0.0
    parts = {"effectual": used, "ineffectual": macs["ineffectual"] * each}
    return {**parts, "gated": macs["gated"] * each, "empty": max(0.0, 1 - occupied)}


def _groups(comparison: Comparison, model: str) -> list[Group]:
    """Layers that somebody computes, in the order of the graph, then the whole network."""
    found: dict[tuple[str, int], dict[str, Cells]] = {}
    counts: dict[tuple[str, str], int] = {}
    for row in comparison.layers:
        if row.model == model:
            index = counts[row.target, row.layer] = counts.get((row.target, row.layer), -1) + 1
            _put(found.setdefault((row.layer, index), {}), row)
    whole = {
        row.target: row.cells for row in comparison.networks if row.model == model and row.cells
    }
    layers = [(name, own) for (name, _), own in found.items() if own]
    return [*layers, (_NETWORK, whole)] if whole else []


def _put(own: dict[str, Cells], row: LayerRow) -> None:
    if row.cells is not None:
        own[row.target] = row.cells


def _of_all(comparison: Comparison, targets: Sequence[str]) -> Generator[tuple[str, str, Any]]:
    """The pictures of all networks: a name, a caption, a figure."""
    base = comparison.baseline
    cells = {(row.model, row.target): row.cells for row in comparison.networks}
    names = [model.name for model in comparison.models]

    def ratios(
        of: Callable[[Cells], float | None], of_mean: Callable[[MeanRow], float | None]
    ) -> list[Series]:
        found: list[Series] = []
        for index, mean in enumerate(comparison.means):
            own = [cells[name, mean.target] for name in names]
            values = (*(of(each) if each else None for each in own), of_mean(mean))
            found.append(Series(mean.target, _color(index), values))
        return found if any(value for each in found for value in each.values) else []

    if series := ratios(lambda each: each.speedup, lambda mean: mean.speedup):
        caption, label = f"Speed-up of networks over {base}, in cycles", f"speed-up over {base}"
        yield "speedup", caption, grouped([*names, MEAN], series, label)
    if series := ratios(lambda each: each.energy_common_ratio, lambda m: m.energy_common_ratio):
        caption = f"Energy over that of {base}, common set with DRAM: less is better"
        yield "energy", caption, grouped([*names, MEAN], series, f"energy over {base}")
    groups = [
        (name, {target: own for target in targets if (own := cells[name, target])})
        for name in names
    ]
    yield from _breakdowns(groups, [t for t in targets if any(t in own for _, own in groups)])


def _speedup(target: str) -> Callable[[Group], float | None]:
    return lambda group: group[1][target].speedup if target in group[1] else None


def _stack(
    groups: Sequence[Group], target: str, shares: Callable[[Cells], Parts], colors: dict[str, str]
) -> list[Series]:
    parts = [shares(own[target]) if target in own else {} for _, own in groups]
    return _stacked_series(parts, colors)


def _stacked_series(parts: Iterable[Parts], colors: dict[str, str]) -> list[Series]:
    parts = list(parts)
    return [
        Series(name, color, tuple(each.get(name) for each in parts))
        for name, color in colors.items()
    ]


def _shares(counts: dict[str, int]) -> Parts:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def _plain(name: str) -> str:
    """A name that can be part of a file's."""
    return re.sub(r"[^\w.,-]", "_", name)


def _color(index: int) -> str:
    return _COLORS[index % len(_COLORS)]
