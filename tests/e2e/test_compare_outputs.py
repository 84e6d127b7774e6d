"""spcc-compare's page and pictures from the command line, with and without their libraries."""

from pathlib import Path

import pytest
from spcc.tests.e2e.cli_cases import assert_sentence, conv_relu, files, save
from spcc.tools import compare_report
from spcc.tools.compare import main

OUT = Path("spcc-out/compare")
TABLES = {"compare.csv", "summary.csv", "compare.json"}
ARGV = ("m.onnx", "--target", "spots", "-j", "1", "--no-layers")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(conv_relu(), "m.onnx")


def written(folder: Path = OUT) -> set[str]:
    return {name for name in files(folder) if not name.startswith("runs/")}


@pytest.mark.slow
def test_page_and_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    assert main([*ARGV]) == 0
    assert written() == {*TABLES, "compare.html"}
    argv = [*ARGV, "--resume", "--report", "new/page.html", "--pictures", "svg"]
    assert main(argv) == 0
    kinds = ("macs", "slots", "speedup", "units")
    assert written() == {*TABLES, "compare.html", *(f"pictures/m-{kind}.svg" for kind in kinds)}
    # A page does not say whether its runs were kept, or where it stands.
    assert Path("new/page.html").read_bytes() == (OUT / "compare.html").read_bytes()
    assert "new/page.html" in capsys.readouterr().err
    assert main([*ARGV, "--resume", "--no-report", "-o", "plain"]) == 0
    assert written(Path("plain")) == TABLES


def test_without_the_libraries_there_are_tables_and_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_report, "find_spec", lambda _: None)
    for option in ("--report=x.html", "--pictures=png"):
        assert main([*ARGV, option]) == 2
        assert_sentence(capsys.readouterr().err, "not installed", "pip install spcc[report]")
        assert not OUT.exists()
    assert main([*ARGV]) == 0
    assert written() == TABLES
    err = capsys.readouterr().err
    note = "there will be no report: matplotlib and jinja2 are not installed"
    assert f"note: {note} (pip install spcc[report])" in err
    assert main([*ARGV, "--resume", "--no-report"]) == 0
    assert "note" not in capsys.readouterr().err


def test_the_page_does_not_take_an_inputs_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_report, "find_spec", lambda _: object())
    assert main([*ARGV, "--report", "m.onnx"]) == 2
    assert_sentence(capsys.readouterr().err, "is read, so it cannot be written")
    assert main([*ARGV, "--report", "m.html", "--no-report"]) == 2
    assert_sentence(capsys.readouterr().err, "excludes --no-report")
