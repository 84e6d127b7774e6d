"""The layer table that the tools print: rich on a terminal, plain columns elsewhere."""

from collections.abc import Iterable, Iterator
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .report_schema import Error, Layer, Macs, Record, Report

TABLE_COLUMNS = 100
"""Widest table on a terminal, in characters."""
PLAIN_COLUMNS = 1000
"""Plain tables are as wide as their content."""
_NONE = "-"
_NAME_CHARS = 12
"""What is left of a layer's name at least."""
_EDGE_COLUMNS, _GAP_COLUMNS = 2, 2
"""Blanks at both sides of the table on a terminal, and between two columns."""
_TEXT_COLUMNS = 3
"""The first columns are text, the others numbers."""
_HEADERS = ("layer", "op", "where", "cycles", "%", "util %", "eff/gat/skip %", "SQNR dB", "uJ")


def print_report(report: Report, file: TextIO) -> None:
    """Print the layer table and the totals."""
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=PLAIN_COLUMNS, no_color=True)
    elif console.width > TABLE_COLUMNS:
        console = Console(file=file, highlight=False, width=TABLE_COLUMNS)
    console.print(layer_table(report, is_plain=not console.is_terminal))
    for line in summary_lines(report):
        console.print(Text(line))


def layer_table(report: Report, *, is_plain: bool) -> Table:
    """One row per layer and one for the sum.

    Effectual, gated and skipped MACs are in percent of the layer's; executed ineffectual ones count
    as gated. Energy is dynamic, with DRAM, by the common set. On a terminal long names lose their
    middle, so that numbers never do.
    """
    total = report.totals
    rows = [_row(layer, total.cycles) for layer in report.layers]
    footer = ("total", "", "", *_numbers(total, total.cycles, None))
    if not is_plain:
        _, *numbers = zip(_HEADERS, footer, *rows, strict=True)
        others = sum(max(map(len, column)) + _GAP_COLUMNS for column in numbers)
        limit = max(_NAME_CHARS, TABLE_COLUMNS - others - _EDGE_COLUMNS)
        rows = [(_shortened(row[0], limit), *row[1:]) for row in rows]
    table = Table(
        box=None if is_plain else box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        show_footer=True,
    )
    for index, (header, text) in enumerate(zip(_HEADERS, footer, strict=True)):
        justify = "left" if index < _TEXT_COLUMNS else "right"
        table.add_column(header, Text(text), justify=justify, no_wrap=True, overflow="fold")
    for layer, row in zip(report.layers, rows, strict=True):
        table.add_row(*map(Text, row), style=_style(layer, is_plain))
    return table


def summary_lines(report: Report) -> Iterator[str]:
    """The run in a few lines: time, rates, energy, power, agreement."""
    totals = report.totals
    kind = "compute only" if report.is_compute_only else "with DRAM"
    yield (
        f"{totals.cycles:,} cycles ({kind}), {_figures(totals.time_us / 1e3)} ms, "
        f"{_figures(totals.inferences_per_second)} inferences/s"
    )
    yield (
        f"effective {_figures(totals.effective_tops)} TOPS (all MACs), "
        f"real {_figures(totals.real_tops)} TOPS (effectual MACs)"
    )
    if totals.figures:
        yield from _enumerated(
            f"{name.replace('_', ' ')} {_figures(x)}" for name, x in totals.figures.items()
        )
    for name in ("common", "sheet"):
        energy, power = getattr(totals.energy, name), getattr(totals.power, name)
        yield (
            f"energy, {name} set: {_figures(energy.on_chip_uj)} uJ on chip + "
            f"{_figures(energy.dram_uj)} uJ DRAM (+ {_figures(energy.static_uj)} uJ static); "
            f"{_figures(power.on_chip_mw)} mW on chip"
        )
    if report.check is None:
        yield "not compared with a reference"
        return
    for name, error in report.check.outputs.items():
        word = "agrees with" if error.passed else "DIFFERS from"
        yield (
            f"output '{name}' {word} the reference: {_distance(error)}, "
            f"largest error {_small(error.max_abs)}"
        )
    yield from _own_line(report)
    if report.check.top1_agreement is not None:
        yield f"top-1 agreement {100 * report.check.top1_agreement:.1f} %"


def _enumerated(parts: Iterable[str]) -> Iterator[str]:
    """Parts with commas between them, in lines no longer than the table is wide at most."""
    line = ""
    for part in parts:
        if line and len(f"{line}, {part},") > TABLE_COLUMNS:
            yield f"{line},"
            line = ""
        line = f"{line}, {part}" if line else part
    yield line


def _own_line(report: Report) -> Iterator[str]:
    """How the layers agree, each with the reference's result on the machine's own inputs."""
    own = [(layer.own_error, layer.name) for layer in report.layers if layer.own_error]
    finite = [(error.sqnr_db, name) for error, name in own if error.sqnr_db is not None]
    if not own:
        return
    worst = f"; worst {min(finite)[0]:.1f} dB ({min(finite)[1]})" if finite else ""
    passed = sum(error.passed for error, _ in own)
    yield f"{passed} of {len(own)} layers agree on their own inputs{worst}"


def _row(layer: Layer, total_cycles: int) -> tuple[str, ...]:
    return (
        layer.name,
        layer.op,
        layer.placement,
        *_numbers(layer, total_cycles, layer.error),
    )


def _numbers(record: Record, total_cycles: int, error: Error | None) -> tuple[str, ...]:
    share = 100 * record.cycles / total_cycles if total_cycles else None
    used = None if record.utilisation is None else 100 * record.utilisation
    return (
        f"{record.cycles:,}",
        _number(share, 1),
        _number(used, 1) if record.macs.nominal else _NONE,
        _classes(record.macs),
        _sqnr(error) if error else _NONE,
        _number(record.energy.common.total_uj, 2),
    )


def _classes(macs: Macs) -> str:
    parts = (macs.effectual, macs.ineffectual + macs.gated, macs.skipped)
    if not sum(parts):
        return _NONE
    return "/".join(f"{100 * part / sum(parts):.0f}" for part in parts)


def _sqnr(error: Error) -> str:
    if error.sqnr_db is not None:
        return f"{error.sqnr_db:.1f}"
    return "exact" if error.max_abs == 0 else _NONE


def _distance(error: Error) -> str:
    return _sqnr(error) if error.sqnr_db is None else f"{_sqnr(error)} dB"


def _shortened(name: str, limit: int) -> str:
    if len(name) <= limit:
        return name
    tail = (limit - 2) // 2
    return f"{name[: limit - 2 - tail]}..{name[-tail:]}"


def _figures(value: float | None) -> str:
    """Three significant figures, and all digits of large numbers."""
    if value is None:
        return _NONE
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def _small(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.3g}"


def _style(layer: Layer, is_plain: bool) -> str:
    if is_plain:
        return ""
    if layer.error and not layer.error.passed:
        return "red"
    return "dim" if layer.placement == "host" else ""
