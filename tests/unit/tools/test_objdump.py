"""`spcc-as` and `spcc-objdump` from the command line: output, files and exit codes."""

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from spcc.isa.program import Program
from spcc.isa.source import parse_source
from spcc.isa.targets.spots import ISA, SpotsSpec
from spcc.tools.asm import main as as_main
from spcc.tools.objdump import main as objdump_main

SOURCE = """\
.target spots 1
.config %s
.info {"model":"é"}
.input {"name":"x","dtype":"i16","shape":[2],"offset":16,"strides":[2],"frac":8,"bits":16}
.output {"name":"y","dtype":"i16","shape":[2],"offset":20,"strides":[2],"frac":8,"bits":16}
.layerinfo {"name":"copy","op":"Identity","placement":"native"}
.dram_bytes 32
.section data
.hex 000102030405060708090a0b0c0d0e0f
.section text
.layer 0
    ld mem=fmap addr=0 dram=0x10 bytes=4 signal=1  # load
    st mem=fmap addr=0 dram=0x14 bytes=4 wait=1
.layer none
    halt
""" % msgspec.json.encode(SpotsSpec()).decode()  # noqa: UP031  # braces everywhere


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "net.s"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def binary(source: Path) -> Path:
    assert as_main([str(source)]) == 0
    return source.with_suffix(".spx")


def test_assembling(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert as_main([str(source), "-o", str(tmp_path / "out.spx")]) == 0
    assert Program.load(tmp_path / "out.spx", ISA) == parse_source(SOURCE, ISA)
    assert capsys.readouterr() == ("", "")


def test_everything_objdump_shows(binary: Path, capsys: pytest.CaptureFixture[str]):
    assert objdump_main([str(binary), "-h", "-d", "-x", "-s", "data", "--start", "0x8"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    order = [
        "target      spots version 1",
        "section  bytes",
        "contents of section data",
        "<layer 0",
    ]
    assert [out.index(piece) for piece in order] == sorted(out.index(piece) for piece in order)
    assert " 08  08090a0b 0c0d0e0f                    ........\n" in out
    assert (
        "0:  " + format(int.from_bytes(Program.load(binary, ISA).text[:16], "little"), "032x")
        in out
    )


def test_text_and_back_to_the_same_bytes(
    binary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert objdump_main([str(binary), "--asm", "-o", str(tmp_path / "again.s")]) == 0
    assert as_main([str(tmp_path / "again.s"), "-o", str(tmp_path / "again.spx")]) == 0
    assert (tmp_path / "again.spx").read_bytes() == binary.read_bytes()
    assert capsys.readouterr().out == ""
    assert objdump_main([str(binary), "--asm"]) == 0
    assert capsys.readouterr().out == (tmp_path / "again.s").read_text()


def test_help_is_help_and_h_is_sections(binary: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        objdump_main(["--help"])
    assert stop.value.code == 0
    assert "--section-headers" in capsys.readouterr().out
    assert objdump_main(["-h", str(binary)]) == 0
    assert capsys.readouterr().out.split()[:3] == ["section", "bytes", "sha256"]


@pytest.mark.parametrize(
    "argv",
    [
        ["FILE"],
        [],
        ["FILE", "-d", "-o", "x.s"],
        ["FILE", "-z"],
        ["FILE", "-s", "data", "--start", "-1"],
        ["FILE", "-s", "data", "--stop", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(argv: list[str], binary: Path):
    with pytest.raises(SystemExit) as stop:
        objdump_main([str(binary) if arg == "FILE" else arg for arg in argv])
    assert stop.value.code == 2


def test_errors_are_sentences(
    source: Path, binary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def said(code: int, run: int) -> str:
        out, err = capsys.readouterr()
        assert (run, out) == (code, "")
        assert err.startswith("error: ")
        assert "Traceback" not in err
        return err

    assert "no section 'tex'" in said(2, objdump_main([str(binary), "-s", "tex"]))
    assert "No such file" in said(1, objdump_main([str(tmp_path / "none"), "-h"]))
    assert "No such file" in said(1, as_main([str(tmp_path / "none.s")]))
    assert "header claims" in said(1, objdump_main([str(source), "-h"]))
    assert "net.spx" in said(1, as_main([str(binary), "-o", str(tmp_path / "x")]))
    source.write_text(SOURCE.replace("halt", "hallt"))
    assert "net.s:15:5: 'hallt' is not an instr" in said(1, as_main([str(source)]))
    source.write_text(SOURCE.replace(".target spots", ".target spot"))
    assert "net.s:1:9: unknown target 'spot'" in said(1, as_main([str(source)]))
    source.write_text(SOURCE.replace('"NREG":4', '"NREG":9'))
    assert "NREG = 9 is outside 1..7" in said(1, as_main([str(source)]))
    source.write_text(SOURCE.replace('"NREG":4,', ""))
    assert "lacks NREG" in said(1, as_main([str(source)]))


def test_a_failed_run_leaves_no_file(source: Path, tmp_path: Path):
    source.write_text(SOURCE + "halt")
    assert as_main([str(source)]) == 1
    assert as_main([str(source), "-o", str(tmp_path / "a" / "b.spx")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net.s"]


def test_damaged_files_give_a_sentence_or_the_same_dump(
    binary: Path, capsys: pytest.CaptureFixture[str]
):
    raw, rng = binary.read_bytes(), random.Random(3)
    assert objdump_main([str(binary), "-d", "-x", "-h"]) == 0
    right = capsys.readouterr().out
    for _ in range(150):
        changed = bytearray(raw)
        changed[rng.randrange(len(raw))] = rng.randrange(256)
        binary.write_bytes(changed[: rng.choice((len(raw), len(raw), rng.randrange(len(raw))))])
        code = objdump_main([str(binary), "-d", "-x", "-h"])
        out, err = capsys.readouterr()
        assert (code, out, err) == (0, right, "") or (code == 1 and err.startswith("error: "))


def test_neither_tool_loads_compiler_or_onnx(binary: Path):
    script = (
        "import sys; from spcc.tools import asm, objdump; objdump.main([sys.argv[1], '-h']);"
        "bad = [m for m in sys.modules if m in ('onnx', 'onnxruntime', 'numba', 'xdsl')];"
        "sys.exit(bool(bad))"
    )
    links = next(path for path in sys.path if path.endswith(".links"))
    done = subprocess.run(
        [sys.executable, "-c", script, str(binary)], env={"PYTHONPATH": links}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
