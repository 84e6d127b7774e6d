"""Published figures beside ours: the file, the verdicts, the command."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from spcc.experiments.papers.__main__ import main
from spcc.experiments.papers.figures import Figure, Number, read_figures
from spcc.experiments.papers.lab import MACHINES
from spcc.experiments.papers.measures import MEASURES, missing_target
from spcc.experiments.papers.pages import as_markdown
from spcc.experiments.papers.verdicts import Measured, Verdict, decimals, judge
from spcc.models.zoo.names import knows
from spcc.tools.targets import find_target

FIGURES = read_figures()
EXAMPLE = """
[[figure]]
id = "example"
source = "a slide"
where = "somewhere"
system = "gospa"
baseline = "{baseline}"
networks = ["{network}"]
layers = "conv"
metric = "{measure}"
measure = "{measure}"
op = "{op}"
value = {value}
use = "{use}"
why = "because"
{more}
"""


def figures_file(folder: Path, **changes: object) -> str:
    """A file with one figure."""
    values: dict[str, object] = {
        "baseline": "", "network": "example_3x3.seed", "measure": "effectual_macs", "op": "=",
        "value": 4, "use": "static", "more": "",
    }  # fmt: skip
    path = folder / "figures.toml"
    path.write_text(EXAMPLE.format(**values | changes))
    return str(path)


def result(folder: Path) -> dict[str, object]:
    """The one figure of papers.json."""
    [row] = json.loads((folder / "papers.json").read_text())["figures"]
    return row


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_a_figure_can_be_measured_or_says_why_not(figure: Figure) -> None:
    assert figure.measure in MEASURES or (not figure.measure and figure.note)
    assert all(knows(name) for name in figure.networks)
    for label in (figure.ours, figure.theirs):
        if "@" in label:
            target = find_target(label.partition("@")[0])
            msgspec.convert(MACHINES[label], target.spec())
    if figure.expected is not None:
        assert figure.is_binding
        assert figure.why


def test_figures_without_a_target_wait_for_it() -> None:
    waiting = {name for figure in FIGURES if (name := missing_target(figure))}
    assert waiting == {"eyeriss"}


@pytest.mark.slow
def test_static_figures_are_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--no-runs", "-o", str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "papers.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == [figure.id for figure in FIGURES]
    measured = {row["id"]: row for row in rows if row["ours"] != "-"}
    assert len(measured) > 100
    assert measured["table1.alexnet.conv_macs"]["verdict"] == "exact"
    assert measured["scnn.example.output.gospa"]["ours"] == "9, -3, 6, 0"
    assert measured["table1.googlenet.conv_macs"]["verdict"] == "known"
    binding = {figure.id for figure in FIGURES if figure.is_binding}
    wrong = {key for key, row in measured.items() if row["verdict"] not in ("exact", "known")}
    assert not wrong & binding
    assert f"{len(FIGURES)} figures: " in capsys.readouterr().out


def figure_of(value: Number | tuple[Number, ...], op: str, use: str, **more: object) -> Figure:
    plain = {"id": "x", "source": "s", "where": "w", "metric": "m"}
    fields = plain | {"value": value, "op": op, "use": use} | more
    return msgspec.convert(fields, Figure, strict=False)


@pytest.mark.parametrize(
    ("value", "op", "use", "ours", "word"),
    [
        (665.8, "=", "static", (665.84,), "exact"),
        (665.8, "=", "static", (665.86,), "WRONG"),
        (5, "=", "config", (5.4,), "exact"),
        (12, "~", "static", (12.5,), "exact"),
        (12, "~", "static", (12.7,), "WRONG"),
        (0, "~", "static", (0,), "exact"),
        (0, "~", "static", (0.1,), "WRONG"),
        (1.0, "<", "static", (0.94,), "exact"),
        (1.0, "<", "static", (1.0,), "WRONG"),
        ((9, -3), "=", "static", (9.0, -3.0), "exact"),
        ((9, -3), "=", "static", (9.0, 3.0), "WRONG"),
        (1.38, "=", "relative", (1.31,), "agrees"),
        (1.38, "=", "relative", (1.1,), "differs"),
        (2.0, ">", "relative", (2.01,), "agrees"),
        (2.0, ">", "relative", (1.99,), "differs"),
        (18, "<=", "relative", (18.0,), "agrees"),
        (1.0, ">=", "trend", (1.0,), "agrees"),
        (1.0, "<=~", "trend", (1.09,), "agrees"),
        (8.0, ">=~", "trend", (7.1,), "differs"),
        (10, "<~", "relative", (9.0,), "agrees"),
        (10, "<~", "relative", (11.0,), "differs"),
        (0, "~", "trend", (0.9, -0.5), "agrees"),
        (0, "~", "trend", (0.9, 1.5), "differs"),
    ],
)
def test_verdicts(
    value: Number | tuple[Number, ...], op: str, use: str, ours: Sequence[Number], word: str
) -> None:
    assert judge(figure_of(value, op, use), Measured(tuple(ours))).word == word


def test_a_printed_number_that_its_own_shapes_do_not_give_is_known() -> None:
    figure = figure_of(1233.0, "=", "static", expected=1581.6)
    assert judge(figure, Measured((1581.6,))).word == "known"
    assert judge(figure, Measured((1233.0,))).word == "WRONG"


def test_a_range_holds_all_between_its_ends() -> None:
    figure = figure_of(2.2, "=", "relative", value_hi=18)
    words = [judge(figure, Measured((value,))).word for value in (1.0, 2.1, 10, 19.5, 25)]
    assert words == ["differs", "agrees", "agrees", "agrees", "differs"]


def test_ratios_are_ours_over_theirs() -> None:
    assert judge(figure_of(2.0, "=", "relative"), Measured((3.0,))).ratio == 1.5
    assert judge(figure_of(0, "~", "trend"), Measured((3.0,))).ratio is None
    assert judge(figure_of(2.0, "=", "relative"), Measured((3.0, 4.0))).ratio is None


def test_words_stand_literally_in_markdown() -> None:
    figure = figure_of(8, "=", "static", metric="K*K - S*S | inner")
    assert r"| x | K\*K - S\*S \| inner | 8 |" in as_markdown([Verdict(figure, "not run")]).decode()


def test_digits_behind_the_point() -> None:
    assert [decimals(number) for number in (5, 665.8, 1.0, 0.25)] == [0, 1, 1, 2]


@pytest.mark.slow
def test_runs_give_values_and_are_kept(tmp_path: Path) -> None:
    words = ["--figures", figures_file(tmp_path), "-o", str(tmp_path / "out"), "-j", "1"]
    assert main(words) == 0
    assert (result(tmp_path / "out")["ours"], result(tmp_path / "out")["verdict"]) == ([4], "exact")
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()}
    assert main([*words, "--resume"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "runs", "papers.csv", "papers.json", "papers.md",
    }  # fmt: skip
    assert first == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()
    }


def test_a_static_figure_that_is_not_ours_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--figures", figures_file(tmp_path, value=6), "-o", str(tmp_path / "out")]
    assert main(words) == 4
    assert result(tmp_path / "out")["verdict"] == "WRONG"
    assert "because" in capsys.readouterr().out


@pytest.mark.slow
def test_speedup_and_energy_of_a_small_network(tmp_path: Path) -> None:
    ratios: list[object] = []
    for measure in ("speedup", "energy_efficiency"):
        text = figures_file(
            tmp_path, network="lenet5.deepcomp", baseline="sparten", measure=measure,
            value=1.0, use="relative",
        )  # fmt: skip
        words = ["--figures", text, "-o", str(tmp_path / "out"), "-j", "1", "--resume"]
        assert main(words) == 0
        [value] = json.loads((tmp_path / "out" / "papers.json").read_text())["figures"][0]["ours"]
        ratios.append(value)
    runs = {path.name.split("-")[1]: path for path in (tmp_path / "out" / "runs").glob("*.json")}
    reports = {name: json.loads(path.read_text())["report"] for name, path in runs.items()}
    sums: dict[str, tuple[float, float]] = {}
    for name, report in reports.items():
        layers = [layer for layer in report["layers"] if layer["op"] == "Conv"]
        sums[name] = sum(layer["cycles"] for layer in layers), sum(map(on_chip, layers))
    assert ratios[0] == pytest.approx(sums["sparten"][0] / sums["gospa"][0])
    assert ratios[1] == pytest.approx(sums["sparten"][1] / sums["gospa"][1])


def on_chip(layer: dict[str, dict[str, dict[str, float]]]) -> float:
    return layer["energy"]["common"]["on_chip_uj"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["nothing.*"], "no figure is called 'nothing.*'"),
        (["--system", "eyeris"], "there is none of 'eyeris'"),
        (["--use", "statics"], "there is none of 'statics'"),
        (["--figures", "absent.toml"], "cannot be read"),
    ],
)
def test_wrong_options_are_answered(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert what in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"use": "odd"}, "is not a list of figures: Invalid enum value 'odd'"),
        ({"measure": "magic"}, "there is no measure 'magic'"),
        ({"measure": "im2col_over_gemm"}, "asks for 'im2col_over_gemm' of another target"),
        ({"measure": "speedup"}, "figure example: lacks 'baseline'"),
        ({"measure": "macs"}, "figure example: lacks 'of'"),
        ({"measure": "parameter", "more": 'of = ["NR"]'}, "'parameter' knows no 'NR'"),
        ({"measure": "energy_entry", "more": 'of = ["div"]'}, "'energy_entry' knows no 'div'"),
        ({"measure": "weights", "more": 'layer = "fc9"'}, "example_3x3.seed has no node 'fc9'"),
        ({"measure": "elements", "more": 'layer = "fc9"'}, "example_3x3.seed has no node 'fc9'"),
        ({"value": "[[]]"}, "is not a list of figures"),
        ({"value": "="}, "is not TOML"),
    ],
)
def test_wrong_files_are_answered(
    changes: dict[str, object], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--figures", figures_file(tmp_path, **changes), "-o", str(tmp_path / "o")]) == 2
    assert what in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_list_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "table1.*", "-o", str(tmp_path / "out")]) == 0
    assert "665.8" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
