"""Pictures of a comparison, and the page that holds everything."""

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from math import isclose
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from spcc.tests.unit.tools.compare_cases import FAILURE, comparison_of, report_in
from spcc.tools import compare_report
from spcc.tools.compare_report import lacking, report_html
from spcc.tools.compare_schema import Comparison, NetworkRow
from spcc.tools.report_schema import Report

NAMES = ("conv", '<b>&"$x^$', "\u5c42\0\n", "/a/very/long/name/of/a/layer/conv")
"""Names that a model may give its layers."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return report_in(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def comparison(report: Report) -> Comparison:
    """With layers of odd names, and a target that counts classes of slots."""
    found = comparison_of(report)
    copies = [
        msgspec.structs.replace(row, layer=name)
        for name in NAMES
        for row in found.layers
        if row.layer == "conv"
    ]
    return msgspec.structs.replace(
        found,
        layers=tuple(map(with_slots, copies)),
        networks=tuple(map(with_slots, found.networks)),
    )


def with_slots(row: Any) -> Any:
    if row.target != "b" or row.cells is None:
        return row
    cells = msgspec.structs.replace(row.cells, slots={"own": 6, "zero": 2})
    return msgspec.structs.replace(row, cells=cells)


class Page(HTMLParser):
    """What a page consists of; fails if its elements do not nest."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(raw.decode())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith(("src", "on", "xlink", "xmlns")), name
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                assert (value or "").startswith("#"), value
                self.references.append((value or "")[1:])
            else:
                self.references += re.findall(r"url\(#([^)]*)\)", value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> bytes:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    return report_html(comparison)


def test_the_page_needs_nothing_else(page: bytes) -> None:
    text = page.decode()
    assert "default-src 'none'" in text
    for word in ("http:", "https:", "@import", "<link", "<img", "<b>&", "fetch(", "{{"):
        assert word not in text, word
    assert text.count("url(") == text.count("url(#")
    read = Page(page)
    assert len(read.ids) == len(set(read.ids))
    assert set(read.references) <= set(read.ids)
    assert read.tags.count("script") == 1


def test_the_page_says_everything(page: bytes, comparison: Comparison) -> None:
    read = Page(page)
    for row in (*comparison.networks, *comparison.layers):
        if row.cells is not None:
            assert f"{row.cells.cycles:,}" in read.texts
            assert f"{row.cells.energy_common_uj:,.2f}" in read.texts
    mean = comparison.means[1].speedup
    assert mean is not None
    assert {"FAILED", "DIFFERS", "agrees", "2 of 2", f"{mean:,.2f}", "NR = 4"} <= set(read.texts)
    assert NAMES[1] in read.texts
    text = "".join(read.texts)
    assert f"m on c: {FAILURE.sentence}" in text
    assert "m on a and 4 more: w" in text
    # All networks; then speed-up, MACs, slots, own classes and units of each.
    assert read.tags.count("svg") == read.tags.count("figure") == 4 + 5 + 5
    assert read.tags.count("details") == 2 + 3


def test_networks_stand_beside_each_other(comparison: Comparison) -> None:
    pytest.importorskip("matplotlib")
    tables = {each.title: each.table for each in compare_report.side_by_side(comparison)}
    assert [*tables] == ["Speed-up over a, in cycles", "Energy over a's", "Utilisation, %"]
    table = tables["Speed-up over a, in cycles"]
    assert [head for head, _ in table.heads] == ["network", "a", "b", "c"]
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts == [["m", "1.00", "0.33", "-"], ["n", "1.00", "0.08", "0.17"]]


def test_layers_end_with_their_network(comparison: Comparison) -> None:
    rows = [[cell.text for cell in row] for row in compare_report.layers(comparison, "m")]
    assert [row[:4] for row in rows[-2:]] == [["total", "", "a", ""], ["total", "", "b", ""]]
    cells = comparison.networks[1].cells
    assert cells is not None
    assert rows[-1][4] == f"{cells.cycles:,}"
    assert "none" not in {row[3] for row in rows}


@pytest.mark.slow
def test_the_same_comparison_gives_the_same_page(page: bytes, comparison: Comparison) -> None:
    again = msgspec.json.decode(msgspec.json.encode(comparison), type=Comparison)
    assert report_html(again) == page


def test_a_network_without_results_has_no_pictures(comparison: Comparison) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")

    def lost(row: NetworkRow) -> NetworkRow:
        return msgspec.structs.replace(row, cells=None, failure=FAILURE, is_correct=None)

    empty = msgspec.structs.replace(
        comparison, networks=tuple(map(lost, comparison.networks)), layers=(), means=()
    )
    read = Page(report_html(empty))
    assert "svg" not in read.tags
    assert read.texts.count("No target has a result.") == 2
    assert read.texts.count("FAILED") == 6


# Pictures ----------------------------------------------------------------------------------------


def test_pictures_are_files(comparison: Comparison) -> None:
    pytest.importorskip("matplotlib")
    from spcc.tools.compare_pictures import picture_files

    kinds = ("speedup", "macs", "slots", "classes-b", "units")
    overall = ("speedup", "energy", "macs", "slots")
    names = [*overall, *(f"{model}-{kind}" for model in "mn" for kind in kinds)]
    drawn = picture_files(comparison, "svg")
    assert sorted(drawn) == sorted(f"{name}.svg" for name in names)
    for raw in drawn.values():
        root = ElementTree.fromstring(raw)
        assert root.tag.endswith("svg")
        assert b"<dc:date>" not in raw
        assert b"Matplotlib" not in raw
    words = svg_texts(drawn["m-speedup.svg"])
    assert {NAMES[1], "total", "speed-up over a", "0.33"} <= words
    assert {"m", "n", "geometric mean", "energy over a, log scale"} <= svg_texts(
        drawn["energy.svg"]
    )
    assert "\N{HORIZONTAL ELLIPSIS}long/name/of/a/layer/conv" in words


def svg_texts(raw: bytes) -> set[str]:
    elements: Iterable[Any] = ElementTree.fromstring(raw).iter()
    return {each.text or "" for each in elements if each.tag.endswith("text")}


def test_bars_are_as_high_as_their_numbers() -> None:
    pytest.importorskip("matplotlib")
    from spcc.tools.compare_draw import Series, drawing, grouped, saved, stacked

    series = [Series("a", "red", (1.0, 2.0)), Series("b", "blue", (None, 4.0))]
    (axes,) = grouped(["x", "y"], series, "speed-up").axes
    assert [heights(patch) for patch in axes.patches] == [[(0, 1), (0, 2)], [(0, 4)]]
    with drawing(inline=False):
        one, two = (saved(grouped(["x", "y"], series, "speed-up"), "png") for _ in range(2))
    assert one == two
    assert one.startswith(b"\x89PNG")
    assert b"Matplotlib" not in one
    (axes,) = stacked(["x", "y"], [("t", [Series("a", "red", (0.25, None)), series[0]])]).axes
    assert [heights(patch) for patch in axes.patches] == [[(0, 0.25)], [(0.25, 1.25), (0, 2)]]


def test_ratios_far_apart_grow_from_one() -> None:
    pytest.importorskip("matplotlib")
    from spcc.tools.compare_draw import Series, grouped

    (axes,) = grouped(["x", "y", "z"], [Series("a", "red", (0.25, 8.0, None))], "speed-up").axes
    assert [heights(patch) for patch in axes.patches] == [[(0.25, 1), (1, 8)]]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_yticklabels()][:3] == ["0.25", "0.5", "1"]
    assert axes.get_ylabel() == "speed-up, log scale"
    assert [text.get_text() for text in axes.texts] == ["0.25", "8.00"]
    assert axes.get_ylim()[0] < 0.25
    assert axes.get_ylim()[1] > 8


def test_many_groups_go_on_in_another_line() -> None:
    pytest.importorskip("matplotlib")
    from spcc.tools.compare_draw import Series, grouped

    names = [f"layer {i}" for i in range(70)]
    series = [Series(name, "red", tuple(float(1 + i) for i in range(70))) for name in "abc"]
    figure = grouped(names, series, "speed-up")
    assert len(figure.axes) == 3
    assert figure.get_figwidth() < 13
    shown = [text.get_text() for axes in figure.axes for text in axes.get_xticklabels()]
    assert shown == names
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    last = [bar for patch in figure.axes[-1].patches for bar in heights(patch)]
    assert max(high for _, high in last) == 70
    many = [Series(each.label, "red", each.values * 5) for each in series]
    assert len(grouped(names * 5, many, "speed-up").axes) == 9


def heights(patch: Any) -> list[tuple[float, float]]:
    """Bottom and top of every bar of a path of 5 points each."""
    ys = patch.get_path().vertices[:, 1].reshape(-1, 5)
    return [(float(bar.min()), float(bar.max())) for bar in ys]


def test_shares_add_up(comparison: Comparison) -> None:
    pytest.importorskip("matplotlib")
    from spcc.tools.compare_pictures import mac_shares, slot_shares

    cells = comparison.networks[0].cells
    assert cells is not None
    assert isclose(sum(mac_shares(cells).values()), 1)
    shares = slot_shares(cells)
    assert isclose(sum(shares.values()), 1)
    assert shares["effectual"] == cells.utilisation
    assert isclose(1 - shares["empty"], cells.occupied or 0)
    assert slot_shares(msgspec.structs.replace(cells, utilisation=None)) == {}


# Without the libraries ---------------------------------------------------------------------------


def test_what_is_lacking_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"matplotlib": object()}
    monkeypatch.setattr(compare_report, "find_spec", installed.get)
    assert lacking("report") == "jinja2 is not installed"
    assert lacking("pictures") == ""
    installed.clear()
    assert lacking("report") == "matplotlib and jinja2 are not installed"
