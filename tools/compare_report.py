"""A comparison as one page of HTML that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .compare_rows import macs_classes, worst_sqnr_db
from .compare_schema import Cells, Comparison, LayerRow, NetworkRow
from .compare_table import failures, verdict, warnings

EXTRA = "pip install spcc[report]"
"""What to do where a library is missing."""
_LIBRARIES = {"report": ("matplotlib", "jinja2"), "pictures": ("matplotlib",)}
_TEMPLATE = "compare_report.html.j2"
_NUMBER_HEADS = (
    ("cycles", "of the machine's clock"),
    ("speed-up", "the baseline's cycles over this target's: more is better"),
    ("energy uJ", "dynamic, with DRAM, by the common set of energies"),
    ("energy ratio", "this target's energy over the baseline's, common set: less is better"),
    ("sheet uJ", "the same by the target's own energies"),
    ("eff. GMAC/J", "effectual MACs per joule by the common set: efficiency, more is better"),
    ("util %", "effectual MACs over cycles x multipliers"),
    ("occ %", "executed MACs over cycles x multipliers"),
    ("effectual %", "MACs of two non-zero operands"),
    ("ineffectual %", "MACs with a zero operand that cost a cycle and energy"),
    ("gated %", "MACs with a zero operand that cost a cycle"),
    ("skipped %", "MACs with a zero operand that cost nothing"),
    ("DRAM KiB", "read and written"),
)
_NETWORK_HEADS = (
    ("network", ""),
    ("target", ""),
    ("check", "of the outputs against onnxruntime"),
    *_NUMBER_HEADS[:2],
    ("time us", ""),
    ("speed-up in time", "clocks may differ"),
    ("inferences/J", "by the common set of energies, with DRAM"),
    *_NUMBER_HEADS[2:],
    ("SQNR dB", "of the worst output"),
    ("on host", "layers that the accelerator does not compute"),
)
_LAYER_HEADS = (
    ("layer", "the first ONNX node"),
    ("op", ""),
    ("target", ""),
    ("where", ""),
    *_NUMBER_HEADS,
    ("SQNR dB", "of the layer's output, with the errors of all layers before"),
)
_MEAN_HEADS = (
    ("target", ""),
    ("networks", "with correct values here and on the baseline"),
    ("speed-up", "in cycles"),
    ("speed-up in time", "clocks may differ"),
    ("energy ratio", "common set, with DRAM: less is better"),
    ("sheet energy ratio", "each target's own energies: less is better"),
)


@dataclass(frozen=True)
class Cell:
    """A table's cell: what it says, and what it is sorted by (None: the text)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table: heads are names with explanations."""

    heads: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Matrix:
    """A figure of all networks (rows) on all targets (columns)."""

    title: str
    table: Table


@dataclass(frozen=True)
class Section:
    """What the page says about one network; pictures are captions and elements."""

    name: str
    sha256: str
    pictures: Sequence[tuple[str, str]]
    layers: Table


def lacking(what: str) -> str:
    """Why there can be no `report` or no `pictures`; "" if there can."""
    missing = [name for name in _LIBRARIES[what] if find_spec(name) is None]
    verb = "is" if len(missing) == 1 else "are"
    return f"{' and '.join(missing)} {verb} not installed" if missing else ""


def report_html(comparison: Comparison) -> bytes:
    """The page; equal comparisons give equal bytes. Needs the libraries of the extra `report`."""
    from jinja2 import Environment, StrictUndefined

    from .compare_pictures import inline_pictures

    pictures = inline_pictures(comparison)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = Path(__file__).with_name(_TEMPLATE).read_text(encoding="utf-8")
    page = environment.from_string(source).render(
        comparison=comparison,
        summary=Table(_NETWORK_HEADS, [_network(row) for row in comparison.networks]),
        matrices=[*side_by_side(comparison)] if len(comparison.configurations) > 1 else [],
        means=_means(comparison),
        overall=pictures.get("", ()),
        sections=[
            Section(
                model.name,
                model.sha256,
                pictures.get(model.name, ()),
                Table(_LAYER_HEADS, [*layers(comparison, model.name)]),
            )
            for model in comparison.models
        ],
        failures=[*failures(comparison)],
        warnings=[*warnings(comparison)],
    )
    return page.encode()


def _network(row: NetworkRow) -> list[Cell]:
    numbers = _numbers(row.cells)
    return [
        Cell(row.model),
        Cell(row.target),
        Cell(verdict(row)),
        *numbers[:2],
        _number(row.time_us, 2),
        _number(row.time_speedup, 2),
        _number(row.inferences_per_joule, 0),
        *numbers[2:],
        _number(worst_sqnr_db(row), 1),
        _number(row.host_layer_count, 0),
    ]


def side_by_side(comparison: Comparison) -> Iterator[Matrix]:
    """What is looked for first: who is faster, who needs less energy, who is busy."""
    cells = {(row.model, row.target): row.cells for row in comparison.networks}
    targets = [each.label for each in comparison.configurations]
    heads = (("network", ""), *((target, "") for target in targets))
    base = comparison.baseline
    views: tuple[tuple[str, Callable[[Cells], Cell]], ...] = (
        (f"Speed-up over {base}, in cycles", lambda each: _number(each.speedup, 2)),
        (f"Energy over {base}'s", lambda each: _number(each.energy_common_ratio, 3)),
        ("Utilisation, %", lambda each: _percent(each.utilisation)),
    )
    for title, view in views:
        rows = [
            [
                Cell(model.name),
                *(
                    view(own) if (own := cells[model.name, t]) else _number(None, 0)
                    for t in targets
                ),
            ]
            for model in comparison.models
        ]
        yield Matrix(title, Table(heads, rows))


def layers(comparison: Comparison, model: str) -> Iterator[list[Cell]]:
    """Layers on the targets that have them, then the network as a whole."""
    for row in comparison.layers:
        if row.model == model and row.placement != "none":
            yield [
                Cell(row.layer),
                Cell(row.op),
                Cell(row.target),
                Cell(_where(row)),
                *_numbers(row.cells),
                _number(row.error.sqnr_db if row.error else None, 1),
            ]
    for row in comparison.networks:
        if row.model == model and row.cells:
            sqnr = _number(worst_sqnr_db(row), 1)
            yield [Cell("total"), Cell(""), Cell(row.target), Cell(""), *_numbers(row.cells), sqnr]


def _where(row: LayerRow) -> str:
    return f"in {row.fused_into}" if row.fused_into else row.placement


def _means(comparison: Comparison) -> Table:
    rows = [
        [
            Cell(row.target),
            Cell(f"{len(row.models)} of {len(comparison.models)}", len(row.models)),
            _number(row.speedup, 2),
            _number(row.time_speedup, 2),
            _number(row.energy_common_ratio, 3),
            _number(row.energy_sheet_ratio, 3),
        ]
        for row in comparison.means
    ]
    return Table(_MEAN_HEADS, rows)


def _numbers(cells: Cells | None) -> list[Cell]:
    """The cells under `_NUMBER_HEADS`."""
    if cells is None:
        return [_number(None, 0)] * len(_NUMBER_HEADS)
    macs = macs_classes(cells.macs)
    total = sum(macs.values())
    return [
        _number(cells.cycles, 0),
        _number(cells.speedup, 2),
        _number(cells.energy_common_uj, 2),
        _number(cells.energy_common_ratio, 3),
        _number(cells.energy_sheet_uj, 2),
        _number(cells.effectual_gmacs_per_joule if total else None, 1),
        _percent(cells.utilisation if total else None),
        _percent(cells.occupied if total else None),
        *(_percent(count / total if total else None) for count in macs.values()),
        _number(sum(cells.dram_bytes.values()) / 1024, 1),
    ]


def _percent(share: float | None) -> Cell:
    return _number(None if share is None else 100 * share, 1)


def _number(value: float | None, digits: int) -> Cell:
    """A number; what there is none of is sorted below all."""
    return Cell("-", -1.0) if value is None else Cell(f"{value:,.{digits}f}", value)
