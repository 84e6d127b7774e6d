"""A comparison on a terminal, or as plain columns elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .compare_csv import MEAN
from .compare_rows import macs_classes, worst_sqnr_db
from .compare_schema import Cells, Comparison, LayerRow, NetworkRow
from .report_table import PLAIN_COLUMNS

_NONE = "-"
_TEXT_COLUMNS = 3
"""The first columns are text, the others numbers."""
_NUMBERS = (
    "cycles",
    "speed-up",
    "uJ",
    "uJ ratio",
    "eff GMAC/J",
    "util %",
    "eff/gat/skip %",
    "DRAM KiB",
)
_LAYER_HEADERS = ("layer", "target", "where", *_NUMBERS, "SQNR dB")
_NETWORK_HEADERS = ("model", "target", "check", *_NUMBERS, "SQNR dB", "on host")

_LESS_IMPORTANT = (
    "SQNR dB",
    "eff/gat/skip %",
    "DRAM KiB",
    "eff GMAC/J",
    "util %",
    "on host",
)
"""What narrow terminals do without, the first first."""
_EDGE_COLUMNS, _GAP_COLUMNS = 2, 2
"""Blanks at both sides of the table on a terminal, and between two columns."""
_NAME_CHARS = 16
"""On narrow terminals longer names are folded."""

Row = tuple[str, ...]


def print_comparison(comparison: Comparison, file: TextIO, *, layers: bool) -> None:
    """Print the tables: layers of each network if wanted, then networks and means.

    Energy is dynamic, with DRAM, by the common set; executed ineffectual MACs count as gated.
    """
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=PLAIN_COLUMNS, no_color=True)
    if layers:
        for model in comparison.models:
            rows = [_layer(row) for row in comparison.layers if row.model == model.name]
            if rows:
                console.print(Text(model.name))
                _print_table(console, _LAYER_HEADERS, rows)
    rows = [_network(row) for row in comparison.networks]
    _print_table(console, _NETWORK_HEADERS, [*rows, *_means(comparison)])
    console.print(Text(f"ratios to {comparison.baseline}; speed-up in cycles"))


def failures(comparison: Comparison) -> Iterator[str]:
    """What is wrong with runs, a sentence each."""
    for row in comparison.networks:
        if row.failure is not None:
            hint = f"\n  hint: {row.failure.hint}" if row.failure.hint else ""
            yield f"{row.model} on {row.target}: {row.failure.sentence}{hint}"


def warnings(comparison: Comparison) -> Iterator[str]:
    """What compilations warn of, each sentence once."""
    found: dict[str, list[str]] = {}
    for row in comparison.networks:
        for sentence in row.warnings:
            found.setdefault(sentence, []).append(f"{row.model} on {row.target}")
    for sentence, runs in found.items():
        more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        yield f"{runs[0]}{more}: {sentence}"


def _print_table(console: Console, headers: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a table; where the terminal is narrow, some columns are left to the CSV files."""
    is_plain = not console.is_terminal
    kept, needed = _fitting(headers, rows, console.width)
    table = Table(box=None if is_plain else box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for index in kept:
        justify = "left" if index < _TEXT_COLUMNS else "right"
        table.add_column(headers[index], justify=justify, no_wrap=index > 0, overflow="fold")
    previous = ""
    for row in rows:
        # Other tools want every name; people want to see where the next one begins.
        name = "" if not is_plain and row[0] == previous else row[0]
        previous = row[0]
        table.add_row(*(Text(row[index] if index else name) for index in kept))
    console.width = max(needed, console.width)  # a terminal that wraps lines loses no digit
    console.print(table)
    if len(kept) < len(headers):
        left_out = ", ".join(header for i, header in enumerate(headers) if i not in kept)
        console.print(Text(f"no room for {left_out}: see the files"), soft_wrap=True)


def _fitting(
    headers: Sequence[str], rows: Sequence[Row], width: int
) -> tuple[tuple[int, ...], int]:
    """The columns to print, and how many characters they need."""
    lengths = [max(map(len, column)) + _GAP_COLUMNS for column in zip(headers, *rows, strict=True)]
    lengths[0] = min(lengths[0], _NAME_CHARS)
    kept = tuple(range(len(headers)))
    for header in _LESS_IMPORTANT:
        if sum(lengths[i] for i in kept) + _EDGE_COLUMNS > width:
            kept = tuple(i for i in kept if headers[i] != header)
    return kept, sum(lengths[i] for i in kept) + _EDGE_COLUMNS


def _layer(row: LayerRow) -> Row:
    where = f"in {row.fused_into}" if row.fused_into else row.placement
    sqnr = row.error.sqnr_db if row.error else None
    return (row.layer, row.target, where, *_numbers(row.cells), _number(sqnr, 1))


def _network(row: NetworkRow) -> Row:
    return (
        row.model,
        row.target,
        verdict(row),
        *_numbers(row.cells),
        _number(worst_sqnr_db(row), 1),
        _NONE if row.host_layer_count is None else f"{row.host_layer_count}",
    )


def verdict(row: NetworkRow) -> str:
    """The check in one word."""
    if row.cells is None:
        return "FAILED"
    if row.failure is not None:
        return "DIFFERS"
    return "agrees" if row.is_correct else "unchecked"


def _means(comparison: Comparison) -> Iterator[Row]:
    if len(comparison.models) < 2:
        return
    for row in comparison.means:
        numbers = dict.fromkeys(_NUMBERS, _NONE)
        numbers["speed-up"] = _number(row.speedup, 2)
        numbers["uJ ratio"] = _number(row.energy_common_ratio, 3)
        count = f"{len(row.models)} of {len(comparison.models)}"
        yield (MEAN, row.target, count, *numbers.values(), _NONE, _NONE)


def _numbers(cells: Cells | None) -> Row:
    if cells is None:
        return (_NONE,) * len(_NUMBERS)
    used = None if cells.utilisation is None else 100 * cells.utilisation
    return (
        f"{cells.cycles:,}",
        _number(cells.speedup, 2),
        _number(cells.energy_common_uj, 2),
        _number(cells.energy_common_ratio, 3),
        _number(cells.effectual_gmacs_per_joule, 1) if cells.macs.nominal else _NONE,
        _number(used, 1) if cells.macs.nominal else _NONE,
        _classes(cells),
        _number(sum(cells.dram_bytes.values()) / 1024, 1),
    )


def _classes(cells: Cells) -> str:
    macs = macs_classes(cells.macs)
    if not (total := sum(macs.values())):
        return _NONE
    parts = (macs["effectual"], macs["ineffectual"] + macs["gated"], macs["skipped"])
    return "/".join(f"{100 * part / total:.0f}" for part in parts)


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"
