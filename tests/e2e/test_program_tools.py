"""spcc-run, spcc-as and spcc-objdump: what they do, what they refuse, and what they leave alone."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from spcc.tests.e2e.cli_cases import (
    assert_sentence,
    call,
    conv_relu,
    files,
    host_only,
    normal,
    save,
)

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def program() -> Path:
    save(conv_relu("N"), "m.onnx")
    assert call("spcc", "m.onnx", "-c", "-o", "m.spx") == 0
    np.save("x.npy", normal(1, 3, 8, 8))
    assert call("spcc-run", "m.spx", "--input", "x=x.npy", "--output", "y=y.npy") == 0
    return Path("m.spx")


def test_program_against_its_own_outputs(program: Path) -> None:
    given = ["--input", "x=x.npy"]
    assert call("spcc-run", program, *given, "--expected", "y=y.npy", "--check", "m.onnx") == 0
    assert call("spcc-run", program, *given, "--out-dir", "a/b", "--trace", "c/d.json") == 0
    assert {"a/b/report.json", "c/d.json"} <= set(files())


RUN = {
    "--bogus": (2, "unrecognized"),
    "--prof": (2, "unrecognized"),
    "--seed -1": (2, "argument --seed"),
    "--max-cycles 0": (2, "not positive"),
    "--max-cycles 3": (1, "past the limit"),
    "--input x=y.npy": (2, "input 'x'"),
    "--input q=x.npy": (2, "no input 'q'"),
    "--output q=o.npy": (2, "the outputs are y"),
    "--output y": (2, "the outputs are y"),
    "--output y=": (2, "the outputs are y"),
    "--output y=a.npy --output y=b.npy": (2, "twice"),
    "--output y=folder": (1, "folder: "),
    "--output y=/dev/full": (1, "/dev/full: "),
    "--output y=m.spx": (2, "is read"),
    "--input x=x.npy --output y=x.npy": (2, "is read"),
    "--expected q=y.npy": (2, "the outputs are y"),
    "--expected y=nothing.npy": (2, "--expected nothing.npy"),
    "--expected y=text.npy": (2, "not real numbers"),
    "--expected y=m.onnx": (2, "--expected m.onnx"),
    "--expected y=x.npy": (4, "the shape is"),
    "--expected y=zeros.npy": (4, "the reference has 0"),
    "--expected y=nan.npy": (4, "the reference has nan"),
    "--check nothing.onnx": (1, "is not there"),
    "--check x.npy": (1, "x.npy"),
    "--check empty.onnx": (1, "empty.onnx"),
    "--check host.onnx": (1, "host.onnx"),
    "--trace m.spx": (2, "is read"),
    "--trace folder": (1, "folder: "),
    "--out-dir m.onnx": (1, "m.onnx: is a file, not a folder"),
}


@pytest.mark.parametrize("line", RUN)
def test_spcc_run_errors(line: str, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    Path("empty.onnx").touch()
    save(host_only(), "host.onnx")
    np.save("text.npy", np.full((1, 4, 8, 8), "a"))
    np.save("zeros.npy", np.zeros((1, 4, 8, 8)))
    np.save("nan.npy", np.full((1, 4, 8, 8), np.nan))
    before = files()
    code, part = RUN[line]
    assert call("spcc-run", program, *line.split()) == code
    assert_sentence(capsys.readouterr().err, part)
    assert files() == before


@pytest.mark.parametrize("tool", ["spcc-run", "spcc-objdump"])
@pytest.mark.parametrize("name", ["nothing.spx", "folder", "m.onnx", "x.npy", "/dev/null", ""])
def test_what_is_no_program(
    tool: str, name: str, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    more = ["-d"] if tool == "spcc-objdump" else []
    assert call(tool, name, *more) == (2 if not name else 1)
    assert_sentence(capsys.readouterr().err, name or "the path is empty")


def test_assembly_and_back(program: Path) -> None:
    assert call("spcc-objdump", program, "--asm", "-o", "deep/er/m.s") == 0
    assert call("spcc-as", "deep/er/m.s", "-o", "other/m.spx") == 0
    assert Path("other/m.spx").read_bytes() == program.read_bytes()
    assert call("spcc-as", "deep/er/m.s") == 0
    assert Path("deep/er/m.spx").read_bytes() == program.read_bytes()


@pytest.mark.parametrize("name", ["nothing.s", "folder", "m.spx", "m.onnx", "", "/", ".."])
def test_what_is_no_assembly(name: str, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    before = files()
    assert call("spcc-as", name) == (2 if not name else 1)
    assert_sentence(capsys.readouterr().err, name or "the path is empty")
    assert files() == before


def test_tools_do_not_overwrite_what_they_read(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("spcc-objdump", program, "--asm", "-o", "m.s") == 0
    Path("link.s").symlink_to("m.s")
    before = files()
    for tool, *argv in (
        ("spcc-as", "m.s", "-o", "m.s"),
        ("spcc-as", "link.s", "-o", "m.s"),
        ("spcc-objdump", "m.spx", "--asm", "-o", "./m.spx"),
    ):
        assert call(tool, *argv) == 2
        assert_sentence(capsys.readouterr().err, "is read", "hint")
    assert files() == before


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", 2),
        ("-s nothing", 2),
        ("-s ''", 2),
        ("-s data --start x", 2),
        ("-s data --start -1", 2),
        ("-d --start 3", 2),
        ("-o m.s", 2),
        ("--asm -o folder", 1),
        ("--asm -o m.onnx/m.s", 1),
        ("--asm -o /dev/full", 1),
        ("-s data --start 99999", 0),
        ("-s data --start 0x10 --stop 4", 0),
        ("-d -h -x --asm", 0),
    ],
)
def test_spcc_objdump(
    line: str, code: int, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    before = files()
    assert call("spcc-objdump", program, *shlex.split(line)) == code
    if code:
        assert_sentence(capsys.readouterr().err)
    assert files() == before
