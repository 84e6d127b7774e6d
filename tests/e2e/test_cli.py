"""The command line of every tool: streams, options, habits, exit codes (docs/cli.md)."""

import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from spcc.tests.e2e.cli_cases import (
    assert_sentence,
    call,
    command,
    conv_relu,
    environment,
    files,
    model,
    node,
    normal,
    save,
    spawn,
    value,
)

pytestmark = pytest.mark.usefixtures("own_folder")


# Streams -----------------------------------------------------------------------------------------


def test_reader_that_has_seen_enough_is_no_error() -> None:
    tool = subprocess.Popen(
        command("spcc", "digits", "--emit", "asm"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert tool.stdout is not None
    assert tool.stderr is not None
    assert tool.stdout.readline().startswith(b".target spots")
    tool.stdout.close()
    err = tool.stderr.read().decode()
    tool.stderr.close()
    assert tool.wait(60) == 1
    assert "rror" not in err
    assert "Exception" not in err


@pytest.mark.parametrize("argv", [["--list-targets"], ["--list-ops"]])
def test_full_disk_as_stdout(argv: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = spawn("spcc", *argv, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert_sentence(done.stderr.decode(), "standard output: No space left", "hint")
    assert b"Exception ignored" not in done.stderr


def test_closed_streams_are_not_written_into_files() -> None:
    save(conv_relu(), "m.onnx")
    line = " ".join(command("spcc", "m.onnx"))
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {line} <&- >out.txt 2>&-"],
        env=environment(),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    assert "warning" not in Path("out.txt").read_text()
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {line} <&- >&- 2>&-"], env=environment(), timeout=120, check=False
    )
    assert done.returncode == 0
    assert sorted(os.listdir("spcc-out/m-spots")) == [
        "layers.csv",
        "m.spots.spx",
        "report.json",
        "summary.csv",
    ]


def test_names_that_the_terminal_cannot_show() -> None:
    model = conv_relu()
    model.graph.node[0].name = "størrelse ☃"
    model.graph.input[0].name = model.graph.node[0].input[0] = "bilde ☃"
    save(model, "m.onnx")
    plain = environment(PYTHONIOENCODING="ascii", LC_ALL="C")
    done = spawn("spcc", "m.onnx", env=plain)
    assert done.returncode == 0
    done.stdout.decode("ascii")
    done = spawn("spcc", "m.onnx", "--emit", "onnx", env=plain)
    assert done.returncode == 0
    done = spawn("spcc", "m.onnx", "-c", "--shape", "☃=1x3", env=plain)
    assert done.returncode in (1, 2)
    assert_sentence(done.stderr.decode("ascii"), "bilde")


def test_argument_that_is_not_utf8() -> None:
    done = spawn("spcc", b"\xe9.onnx")
    assert done.returncode == 1
    assert_sentence(done.stderr.decode(), "is not there", "hint")


def test_file_name_that_is_not_utf8() -> None:
    name = os.fsdecode(b"mod\xe9l.onnx")
    save(conv_relu(), name)
    done = spawn("spcc", os.fsencode(name))
    assert done.returncode == 0, done.stderr
    assert [p for p in files("spcc-out") if p.endswith(".spx")]
    assert call("spcc", name, "-c") == 0


# Options -----------------------------------------------------------------------------------------


@pytest.fixture
def conv() -> Path:
    return save(conv_relu("N"), "m.onnx")


USAGE = {
    "unknown option": ("m.onnx --bogus", "unrecognized arguments"),
    "abbreviation": ("m.onnx --emi onnx", "unrecognized arguments"),
    "two models": ("m.onnx other.onnx", "unrecognized arguments"),
    "missing value": ("m.onnx --target", "expected one argument"),
    "unknown target": ("m.onnx --target x", "the targets are"),
    "unknown stage": ("m.onnx --emit llvm", "invalid choice"),
    "batch of nothing": ("m.onnx --batch 0", "not positive"),
    "negative batch": ("m.onnx --batch=-1", "not a number"),
    "batch of half": ("m.onnx --batch 1.5", "not a number"),
    "negative seed": ("m.onnx --seed=-1", "not a number"),
    "endless seed": ("m.onnx --seed " + "9" * 5000, "18 digits"),
    "no cycles": ("m.onnx --max-cycles 0", "not positive"),
    "shape without name": ("m.onnx --shape =1x3x8x8", "--shape: '=1x3x8x8' is not NAME="),
    "shape without sizes": ("m.onnx --shape x=", "--shape x: "),
    "shape with commas": ("m.onnx --shape x=1,3,8,8", "joined by x"),
    "shape with zero": ("m.onnx --shape x=0x3x8x8", "not positive"),
    "shape of foreign digits": ("m.onnx --shape x=٣x3x8x8", "not a number"),
    "shape twice": ("m.onnx --shape x=1x3x8x8 --shape x=2x3x8x8", "twice"),
    "setting without value": ("m.onnx --set NR", "key=value"),
    "setting of nothing": ("m.onnx --set =3", "key=value"),
    "unknown parameter": ("m.onnx --set FOO=1", "unknown parameter"),
    "parameter out of range": ("m.onnx --set NR=7", "outside"),
    "parameter of another type": ("m.onnx --set NR=x", "Expected `int`"),
    "unknown scheme": ("m.onnx --prune foo=1", "unknown pruning scheme"),
    "scheme without amount": ("m.onnx --prune group", "SCHEME=NUMBER"),
    "too much pruning": ("m.onnx --prune group=1.5", "outside 0..1"),
    "pruning by nan": ("m.onnx --prune group=nan", "outside 0..1"),
    "endless threshold": ("m.onnx --prune threshold=inf", "outside"),
    "trace of no run": ("m.onnx -c --trace", "needs a run"),
    "layers of no run": ("m.onnx --emit asm --check-layers", "needs a run"),
    "cycles of no run": ("m.onnx -c --max-cycles 9", "needs a run"),
    "check and no check": ("m.onnx --no-check --check-layers", "excludes"),
    "folder for a stage": ("m.onnx --emit onnx --out-dir d", "is not used"),
    "setting for a dump": ("--resume-from m.onnx --set NR=64", "the dump already says it"),
    "pruning a dump": ("--resume-from m.onnx --prune group=0.5", "the dump already says it"),
    "model swallowed": ("--dump-ir m.onnx", "`spcc m.onnx --dump-ir`"),
    "network swallowed": ("--dump-ir light:squeezenet", "`spcc light:squeezenet --dump-ir`"),
    "program over model": ("m.onnx -o m.onnx", "is read, so it cannot be written"),
    "stage over model": ("m.onnx --emit onnx -o ./m.onnx", "is read"),
}


@pytest.mark.parametrize("name", USAGE)
def test_usage_errors(name: str, conv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, part = USAGE[name]
    before = files()
    assert call("spcc", *line.split()) == 2
    assert_sentence(capsys.readouterr().err, part)
    assert files() == before


@pytest.mark.parametrize("option", ["-o", "--out-dir", "--config", "--calibration", "--dump-ir="])
def test_unset_variable_of_the_shell(
    option: str, conv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [option] if option.endswith("=") else [option, ""]
    assert call("spcc", conv, *argv) == 2
    assert_sentence(capsys.readouterr().err, "the path is empty")
    assert set(files()) == {"m.onnx"}


def test_empty_model_is_not_the_default_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("spcc", "") == 2
    assert_sentence(capsys.readouterr().err, "MODEL: the name is empty", "hint")
    assert not files()


@pytest.mark.parametrize("text", ["NR = = 3", "FOO = 3", "[a]\nNR = 3", "NR = nan", "NR = 1e99"])
def test_wrong_configuration(text: str, conv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.toml").write_text(text)
    assert call("spcc", conv, "--config", "c.toml") == 2
    assert_sentence(capsys.readouterr().err, "hint")
    assert set(files()) == {"m.onnx", "c.toml"}


@pytest.mark.parametrize("content", [b'NR = "\xe9"', b"NR = " + b"[" * 5000, b"\0" * 10])
def test_configuration_that_is_no_text(
    content: bytes, conv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.toml").write_bytes(content)
    assert call("spcc", conv, "--config", "c.toml") == 2
    assert_sentence(capsys.readouterr().err, "c.toml", "hint")


@pytest.mark.parametrize("option", ["--config", "--calibration", "--resume-from"])
def test_folder_or_nothing_in_the_place_of_a_file(
    option: str, conv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    for name in ("folder", "nothing"):
        assert call("spcc", conv, option, name) == (1 if option == "--resume-from" else 2)
        assert_sentence(capsys.readouterr().err, name, "hint")
    assert set(files()) == {"m.onnx"}


@pytest.mark.parametrize(
    "name", ["folder", "nothing.onnx", "nothing", "light:nothing", "/dev/null"]
)
def test_model_that_is_not_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    assert call("spcc", name) == 1
    assert_sentence(capsys.readouterr().err, name.removeprefix("light:"), "hint")
    assert not files()


def test_long_names(conv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["a" * 5000], ["a" * 5000 + ".onnx"], ["m.onnx", "-c", "-o", "a" * 300]):
        assert call("spcc", *argv) == 1
        assert_sentence(capsys.readouterr().err, "hint")
    assert set(files()) == {"m.onnx"}


def test_threshold_as_large_as_a_weight_can_be(conv: Path) -> None:
    for amount in ("1e30", "1e-30", "3.4e38", "0.5"):
        assert call("spcc", conv, "-c", "--prune", f"threshold={amount}") == 0


@pytest.mark.parametrize("argv", [["--list-targets"], ["--list-ops"], ["--print-config"]])
def test_what_needs_no_model(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("spcc", *argv) == 0
    assert "spots" in capsys.readouterr().out or argv == ["--print-config"]
    assert not files()


def test_printed_configuration_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("spcc", "--print-config", "--set", "NR=64") == 0
    Path("c.toml").write_text(printed := capsys.readouterr().out)
    assert call("spcc", "--print-config", "--config", "c.toml") == 0
    assert capsys.readouterr().out == printed
    assert "NR = 64" in printed


# Arrays ------------------------------------------------------------------------------------------


def test_wrong_arrays(conv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = normal(1, 3, 8, 8)
    np.save("good.npy", good)
    raw = Path("good.npy").read_bytes()
    wrong = {
        "short.npy": raw[:-1],
        "cut.npy": raw[:50],
        "empty.npy": b"",
        "text.npy": b"1 2 3",
        "claim.npy": raw.replace(b"(1, 3, 8, 8), }  ", b"(1, 3, 8, 99999)}"),
        "version.npy": raw[:6] + b"\x09" + raw[7:],
    }
    for name, content in wrong.items():
        Path(name).write_bytes(content)
    np.save("strings.npy", np.full((1, 3, 8, 8), "a"))
    np.save("complex.npy", good.astype(np.complex64))
    np.save("pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save("shape.npy", good[:, :2])
    np.save("integers.npy", good.astype(np.int64))
    np.savez("archive.npy", x=good)
    Path("archive.npy.npz").rename("archive.npy")
    before = set(files())
    for name in [n for n in before if n.endswith(".npy") and n != "good.npy"]:
        assert call("spcc", conv, "--input", f"x={name}") == 2, name
        assert_sentence(capsys.readouterr().err, "--input", "hint")
    for pair in ("x", "=good.npy", "x=", "q=good.npy", "x=folder", "x=nothing.npy"):
        assert call("spcc", conv, "--input", pair) == 2, pair
        assert_sentence(capsys.readouterr().err, "--input", "hint")
    assert call("spcc", conv, "--input", "x=good.npy", "--input", "x=good.npy") == 2
    assert_sentence(capsys.readouterr().err, "'x' is there twice")
    assert set(files()) == before


def test_wrong_calibration(conv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("good.npz", x=normal(4, 3, 8, 8))
    np.savez("name.npz", q=normal(4, 3, 8, 8))
    np.savez("shape.npz", x=normal(4, 3, 8))
    np.savez("none.npz")
    np.savez("zero.npz", x=normal(0, 3, 8, 8))
    np.savez("scalar.npz", x=np.float32(3))
    np.savez("strings.npz", x=np.full((4, 3, 8, 8), "a"))
    raw = Path("good.npz").read_bytes()
    Path("cut.npz").write_bytes(raw[:-30])
    Path("flipped.npz").write_bytes(raw[:200] + bytes([raw[200] ^ 1]) + raw[201:])
    np.save("array.npz", normal(4, 3, 8, 8))
    Path("array.npz.npy").rename("array.npz")
    with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as member:
            np.save(member, np.zeros((1, 3, 8, 8), np.float32))
        archive.infolist()[0].file_size = 1 << 40
    before = set(files())
    for name in before - {"good.npz", "m.onnx"}:
        assert call("spcc", conv, "--calibration", name) == 2, name
        assert_sentence(capsys.readouterr().err, f"--calibration {name}", "hint")
    assert call("spcc", conv, "-c", "--calibration", "good.npz") == 0


def test_scalar_input(capsys: pytest.CaptureFixture[str]) -> None:
    scalar = model([node("Add", ["x", "x"], ["y"])], [value("x", [])], [value("y", [])])
    save(scalar, "m.onnx")
    assert call("spcc", "m.onnx") == 0
    np.save("x.npy", np.float32(0.5))
    assert call("spcc", "m.onnx", "--input", "x=x.npy") == 0
    assert "Traceback" not in capsys.readouterr().err


def test_integers_that_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    kind = TensorProto.INT8
    save(
        model([node("Cast", ["x"], ["y"], to=1)], [value("x", [2], kind)], [value("y", [2])]),
        "m.onnx",
    )
    np.save("x.npy", np.array([1, 300], np.int64))
    assert call("spcc", "m.onnx", "--input", "x=x.npy") == 2
    assert_sentence(capsys.readouterr().err, "--input: input 'x'", "int8")
    np.save("x.npy", np.array([1, -100], np.int64))
    assert call("spcc", "m.onnx", "--input", "x=x.npy") == 0
