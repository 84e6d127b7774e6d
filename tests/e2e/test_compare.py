"""spcc-compare from the command line: runs, tables, what is kept, what fails."""

import csv
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from spcc.tests.e2e.cli_cases import (
    assert_sentence,
    call,
    conv_relu,
    files,
    host_only,
    normal,
    resnet,
    save,
)
from spcc.tools import compare_flow
from spcc.tools.compare import main
from spcc.tools.compare_pool import Pool
from spcc.tools.compare_schema import Comparison

OUT = Path("spcc-out/compare")
TWO = ("--target", "spots,spots@small.toml")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text("[spots]\nNR = 64\n")


def compare(*argv: object) -> int:
    """Run the tool in this process, without a report; its exit code, that of argparse included."""
    try:
        return main(["--no-report", *(str(word) for word in argv)])
    except SystemExit as stop:
        return int(stop.code or 0)


def two_models(second: Any = None) -> tuple[str, str]:
    save(conv_relu(), "m.onnx")
    save(second or conv_relu(b=normal(4, seed=5)), "r.onnx")
    return "m.onnx", "r.onnx"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def comparison(folder: Path = OUT) -> Comparison:
    return msgspec.json.decode((folder / "compare.json").read_bytes(), type=Comparison)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that are made, `model on label`."""
    found: list[str] = []

    class Watched(Pool):
        def results(self, jobs: Sequence[Any]) -> Any:
            found.extend(f"{job.model} on {job.machine}" for job in jobs)
            return super().results(jobs)

    monkeypatch.setattr(compare_flow, "Pool", Watched)
    return found


# Results -----------------------------------------------------------------------------------------


def test_two_networks_on_two_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(*two_models(resnet()), *TWO, "--batch", 1, "-j", 2) == 0
    out, err = capsys.readouterr()
    found = comparison()
    assert found.baseline == "spots"
    assert [each.label for each in found.configurations] == ["spots", "spots@small"]
    assert [each.config["NR"] for each in found.configurations] == [128, 64]
    keys = [("m", "spots"), ("m", "spots@small"), ("r", "spots"), ("r", "spots@small")]
    assert [(row.model, row.target) for row in found.networks] == keys
    assert all(row.is_correct and row.failure is None for row in found.networks)
    # Every number is the one that spcc reports.
    for row, argv in zip(found.networks, ([], ["--config", "small.toml"]) * 2, strict=True):
        model = f"{row.model}.onnx"
        assert call("spcc", model, "--target", "spots", "--batch", 1, "--out-dir", "o", *argv) == 0
        report, kept = (json.loads(Path(p).read_text()) for p in ("o/report.json", OUT / row.run))
        command = kept["report"].pop("command")
        assert command[:3] == ["spcc", model, "--target=spots"]
        assert report.pop("command") != command
        assert kept["report"] == report
        own = [
            each for each in found.layers if (each.model, each.target) == (row.model, row.target)
        ]
        cycles = [each.cells.cycles for each in own if each.cells]
        assert cycles == [layer["cycles"] for layer in report["layers"]]
    m, small = found.networks[0].cells, found.networks[1].cells
    assert m is not None
    assert small is not None
    assert small.speedup == m.cycles / small.cycles
    assert small.energy_sheet_ratio == small.energy_sheet_uj / m.energy_sheet_uj
    layers, summary = table(OUT / "compare.csv"), table(OUT / "summary.csv")
    assert len(layers) == len(found.layers)
    assert [(row["model"], row["target"]) for row in summary[:4]] == keys
    assert [row["network_count"] for row in summary[4:]] == ["2", "2"]
    assert out.count("geometric mean") == 2
    assert "warning: m on spots and 3 more: scales are calibrated on seeded random" in err


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_number_of_processes() -> None:
    models = (*two_models(), save(host_only(), "h.onnx"))
    for workers in (1, 3):
        argv = ("--batch", 1, "--fail-on-host", "--baseline", "spots@small", "-o", f"o{workers}")
        assert compare(*models, *TWO, *argv, "-j", workers) == 1  # the batch of h is 2
    assert files("o1") == files("o3")
    assert len(files("o1")) == 3 + 4


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Any, ...]] = []

    @contextmanager
    def bar(title: str) -> Generator[Any]:
        yield lambda *words: told.append((title, *words))

    monkeypatch.setattr(compare_flow, "progress_bar", bar)
    save(conv_relu(), "m.onnx")
    assert compare("m.onnx", *TWO, "-j", 1) == 0
    assert told == [
        ("compare", 0, 2, "0 of 2 runs"),
        ("compare", 1, 2, "1 of 2 runs: m on spots"),
        ("compare", 2, 2, "2 of 2 runs: m on spots@small"),
    ]
    assert compare("m.onnx", *TWO, "-j", 1, "--set", "spots@small.NC=8", "--resume") == 0
    assert told[3:] == [
        ("compare", 1, 2, "1 of 2 runs"),
        ("compare", 2, 2, "2 of 2 runs: m on spots@small"),
    ]


# What is kept ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_finished_runs_are_not_repeated(made: list[str]) -> None:
    models = two_models()
    argv = (*models, *TWO, "--batch", 1, "-j", 1)
    assert compare(*argv) == 0
    whole = files(OUT)
    assert len(made) == 4
    made.clear()
    assert compare(*argv, "--resume", "--no-layers") == 0
    assert (made, files(OUT)) == ([], whole)
    # A file that is cut, or of another key, is no result.
    cut, other = sorted(name for name in whole if name.startswith("runs/m-"))
    (OUT / cut).write_bytes(whole[cut][:1000])
    (OUT / other).write_bytes(whole[cut])
    assert compare(*argv, "--resume") == 0
    assert (sorted(made), files(OUT)) == (["m on spots", "m on spots@small"], whole)
    made.clear()
    save(conv_relu(w=normal(4, 3, 3, 3, seed=9)), "m.onnx")
    assert compare(*argv, "--resume") == 0
    assert made == ["m on spots", "m on spots@small"]


def test_equal_machines_run_once(made: list[str]) -> None:
    save(conv_relu(), "m.onnx")
    assert compare("m.onnx", *TWO, "--set", "spots.NR=32") == 0
    assert made == ["m on spots"]
    one, two = comparison().networks
    assert one.run == two.run
    assert one.cells == two.cells


@pytest.mark.slow
def test_interrupted_comparisons_go_on(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    argv = (*two_models(), *TWO, "--batch", 1, "-j", 1)
    real, saved = compare_flow.save_run, []

    def interrupted(folder: Path, job: Any, *rest: Any) -> Any:
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(job.file)
        return real(folder, job, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(compare_flow, "save_run", interrupted)
        assert compare(*argv) == 130
    assert sorted(files(OUT)) == sorted(saved)
    made.clear()
    assert compare(*argv, "--resume") == 0
    assert made == ["r on spots", "r on spots@small"]
    assert compare(*argv, "-o", "fresh") == 0
    assert files(OUT) == files("fresh")


ZOO = ("lenet_300_100", "feie_example.sparse:beta:4", "--target", "spots")


@pytest.mark.slow
def test_networks_of_the_zoo_are_built_for_the_runs(
    made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    one = ("m.onnx", *ZOO, "--batch", 1, "-o", "o1")
    save(conv_relu(), "m.onnx")
    assert compare(*one, "-j", 1) == 0
    assert "lenet_300_100 on" not in capsys.readouterr().err  # its inputs are the published ones
    assert compare("m.onnx", *ZOO, "--batch", 1, "-j", 3, "-o", "o3") == 0
    whole = files("o1")
    assert files("o3") == whole
    assert not list(Path("o1").glob(".*"))
    found = comparison(Path("o1"))
    for row, known in zip(found.networks, found.models, strict=True):
        report = json.loads((Path("o1") / row.run).read_text())["report"]
        assert known.sha256 == report["model_sha256"]
        tool, *words = report.pop("command")
        assert call(tool, *words, "--out-dir", "o") == 0
        own = json.loads(Path("o/report.json").read_text())
        del own["command"]
        assert own == report
    made.clear()
    assert compare(*one, "--resume") == 0
    assert (made, files("o1")) == ([], whole)


@pytest.mark.slow
def test_interruption_leaves_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def interrupted(folder: Path, *_: Any) -> Any:
        seen.extend(folder.glob(".spcc-*/*.onnx"))
        raise KeyboardInterrupt

    monkeypatch.setattr(compare_flow, "save_run", interrupted)
    assert compare("feie_example", "lenet_300_100", "--target", "spots,tct", "-j", 1) == 130
    assert [path.name for path in seen] == ["feie_example.onnx"]
    assert not OUT.exists()


@pytest.mark.slow
def test_runs_of_a_network_that_was_another_are_repeated(made: list[str]) -> None:
    argv = ("feie_example", *TWO, "-j", 1)
    assert compare(*argv) == 0
    whole = files(OUT)
    small, large = sorted(name for name in whole if name.startswith("runs/"))
    kept = json.loads(whole[small])
    kept["report"]["model_sha256"] = "of another make of processor"
    (OUT / small).write_text(json.dumps(kept))
    (OUT / large).unlink()
    made.clear()
    assert compare(*argv, "--resume") == 0
    assert sorted(made) == ["feie_example on spots", "feie_example on spots@small"]
    assert files(OUT) == whole


# What fails --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_runs_that_fail_are_rows(capsys: pytest.CaptureFixture[str]) -> None:
    save(conv_relu(), "m.onnx")
    Path("broken.onnx").write_bytes(b"nothing of the kind")
    save(host_only(), "h.onnx")
    Path("tiny.toml").write_text("[spots]\nFCAP = 64\n")
    argv = ("--target", "spots@tiny.toml,spots", "--fail-on-host")
    assert compare("m.onnx", "broken.onnx", "h.onnx", *argv) == 1
    out, err = capsys.readouterr()
    found = {(row.model, row.target): row for row in comparison().networks}
    codes = {key: row.failure and row.failure.exit_code for key, row in found.items()}
    assert codes == {
        ("m", "spots@tiny"): 3,
        ("m", "spots"): None,
        ("broken", "spots@tiny"): 1,
        ("broken", "spots"): 1,
        ("h", "spots@tiny"): 3,
        ("h", "spots"): 3,
    }
    assert_sentence(err, "m on spots@tiny: ", "does not fit", "broken on spots: ", "h on spots: ")
    assert out.count("FAILED") == 5
    cells = found["m", "spots"].cells
    assert cells is not None
    assert (cells.speedup, cells.energy_common_ratio) == (None, None)  # the baseline failed
    rows = table(OUT / "compare.csv")
    assert [row["layer"] for row in rows] == ["conv"] + [""] * 5
    assert sum("does not fit" in row["failure"] for row in rows) == 1
    assert compare("m.onnx", "h.onnx", *argv) == 3
    assert len([name for name in files(OUT) if name.startswith("runs/")]) == 1  # no failures


@pytest.mark.slow
def test_wrong_values_are_told_and_in_no_mean(capsys: pytest.CaptureFixture[str]) -> None:
    save(conv_relu(), "m.onnx")
    np.savez("c.npz", x=normal(1, 3, 8, 8) / 1000)
    np.save("x.npy", normal(1, 3, 8, 8) * 1000)
    argv = ("--target", "spots", "--calibration", "c.npz", "--input", "x=x.npy")
    assert compare("m.onnx", *argv) == 4
    out, err = capsys.readouterr()
    assert "DIFFERS" in out
    assert_sentence(err, "m on spots: output 'y' differs from the reference")
    found = comparison()
    assert (found.networks[0].is_correct, found.means[0].models) == (False, ())
    assert found.networks[0].cells is not None
    assert compare("m.onnx", *argv, "--check-layers", "--resume") == 4
    assert "layer 'conv'" in capsys.readouterr().err
    assert compare("m.onnx", *argv, "--no-check") == 0
    assert comparison().networks[0].is_correct is None


def test_bugs_are_rows_with_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spcc.tools.compare_work import Result

    text = "Traceback\nZeroDivisionError: ours\nerror: this is a bug in spcc; please report"

    def results(self: Pool, jobs: Sequence[Any]) -> Any:
        del self
        return ((job, Result(70, text)) for job in jobs)

    monkeypatch.setattr(Pool, "results", results)
    save(conv_relu(), "m.onnx")
    assert compare("m.onnx", "--target", "spots") == 70
    assert "Traceback" in capsys.readouterr().err
    (row,) = comparison().networks
    assert row.failure is not None
    sentence = "ZeroDivisionError: ours (this is a bug in spcc; please report)"
    assert row.failure.sentence == sentence


@pytest.mark.parametrize(
    ("argv", "code", "parts"),
    [
        (["m.onnx", "--target", "spots,spotz"], 2, ["unknown target 'spotz'"]),
        (["m.onnx", "--baseline", "eye"], 2, ["'eye' is not among the targets compared"]),
        (["m.onnx", "no.onnx"], 1, ["no.onnx: is not there"]),
        (["m.onnx", "a/m.onnx"], 2, ["a/m.onnx: has the same name as m.onnx"]),
        (["m.onnx", "--set", "x.y=1"], 2, ["no target compared is called 'x'"]),
        (["m.onnx", "-o", "m.onnx"], 1, ["m.onnx", "choose another place"]),
        (["spcc-out/compare/compare.csv"], 2, ["is read, so it cannot be written"]),
        (["m.onnx", "--workers", "0"], 2, ["'0' is not positive"]),
    ],
)
def test_bad_input_is_refused_before_anything_runs(
    argv: list[str], code: int, parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("m.onnx", "a/m.onnx", "spcc-out/compare/compare.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        save(conv_relu(), name)
    before = files()
    assert compare(*argv) == code
    assert_sentence(capsys.readouterr().err, *parts)
    assert files() == before
