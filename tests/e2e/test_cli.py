"""The command line of every tool: streams, options, habits, exit codes (docs/cli.md)."""

import os
import subprocess
from pathlib import Path

import pytest
from spcc.tests.e2e.cli_cases import (
    assert_sentence,
    call,
    command,
    conv_relu,
    environment,
    files,
    save,
    spawn,
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
