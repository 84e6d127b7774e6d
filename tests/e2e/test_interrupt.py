"""Interrupted runs: exit code 130, every file whole, none of them temporary."""

import json
import linecache
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from spcc.compiler.weights import WeightStore
from spcc.isa import files as writing
from spcc.isa.program import Program
from spcc.tests.e2e.cli_cases import (
    call,
    command,
    constant,
    conv_relu,
    environment,
    files,
    load,
    model,
    node,
    normal,
    resnet,
    save,
    value,
)

pytestmark = pytest.mark.usefixtures("own_folder")


def assert_whole(folder: Path = Path()) -> None:
    """Every file below the folder is one of ours, and complete."""
    for name in files(folder):
        path = folder / name
        assert not path.name.startswith("."), f"{name} was left behind"
        match path.suffix:
            case ".onnx":
                pass
            case ".spx":
                assert isinstance(load(path), Program)
            case ".json":
                json.loads(path.read_text())
            case ".csv":
                assert path.read_text().endswith("\n")
            case ".mlir":
                assert path.read_text().rstrip().endswith("}")
            case ".npz" | ".npy":
                np.load(path)
            case ".s":
                assert path.read_text().rstrip().endswith("halt")
            case suffix:
                pytest.fail(f"{name}: unknown kind {suffix}")


# At every step of writing ------------------------------------------------------------------------

STEPS: dict[str, tuple[Any, str]] = {
    "sync": (os, "fsync"),
    "rename": (os, "replace"),
    "rename a path": (Path, "replace"),
    "write text": (Path, "write_text"),
    "write bytes": (Path, "write_bytes"),
}
RUNS = {
    "check": ["spcc", "m.onnx", "--trace"],
    "stage": ["spcc", "m.onnx", "--emit", "onnx", "-o", "m.mlir"],
    "assembly": ["spcc", "m.onnx", "--emit", "asm", "-o", "m.s"],
    "dumps": ["spcc", "m.onnx", "--dump-ir", "-c"],
}


@pytest.mark.parametrize(
    "run", [pytest.param(run, marks=[pytest.mark.slow] * (run == "dumps")) for run in RUNS]
)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_interrupt_at_every_step(
    step: str, run: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(conv_relu(), "m.onnx")
    owner, name = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    left = [0]

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            raise KeyboardInterrupt
        result = real(*args, **kwargs)
        if left[0] == 0:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(owner, name, interrupted)
    for count in range(1, 100):
        left[0] = count
        code = call(*RUNS[run])
        assert code in (0, 130)
        assert_whole()
        if code == 0:
            break
        for path in Path().iterdir():
            if path.name != "m.onnx":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert code == 0


@pytest.mark.parametrize("tool", ["spcc-run", "spcc-as", "spcc-objdump", "spcc-opt"])
def test_interrupted_tools(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save(conv_relu(), "m.onnx")
    assert call("spcc", "m.onnx", "-o", "m.spx", "-c", "--dump-ir", "ir") == 0
    assert call("spcc-objdump", "m.spx", "--asm", "-o", "m.s") == 0
    argv = {
        "spcc-run": ["m.spx", "--output", "y=o.npy", "--trace", "t.json", "--out-dir", "o"],
        "spcc-as": ["m.s", "-o", "o.spx"],
        "spcc-objdump": ["m.spx", "--asm", "-o", "o.s"],
        "spcc-opt": ["ir/00-import.mlir", "-o", "o.mlir", "--weights", "o.npz"],
    }[tool]
    real = os.fsync
    left = [1]

    def interrupted(descriptor: int) -> None:
        real(descriptor)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    before = files()
    assert call(tool, *argv) == 130
    assert_whole()
    assert {name: content for name, content in files().items() if name in before} == before
    assert call(tool, *argv) == 0
    assert_whole()


def test_output_that_was_there_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    save(conv_relu(), "m.onnx")
    assert call("spcc", "m.onnx") == 0
    before = files()
    save(conv_relu(w=normal(4, 3, 3, 3, seed=7)), "m.onnx")

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    assert call("spcc", "m.onnx") == 130
    after = files()
    assert after.pop("m.onnx") != before.pop("m.onnx")
    assert after == before


# At every line of the code that writes -----------------------------------------------------------


def lines_of_writing() -> list[Any]:
    """The lines between a file's creation and its place, as test parameters."""
    functions = (writing.replacing.__wrapped__, WeightStore.save)  # type: ignore[attr-defined]
    found: list[Any] = []
    for code in (function.__code__ for function in functions):
        for line in sorted({number for _, _, number in code.co_lines() if number}):
            place = (code.co_filename, line)
            name = f"{Path(place[0]).name}:{line}"
            follows = linecache.getline(place[0], line + 1).strip()
            late = pytest.mark.xfail(reason="the file is created before the try that removes it")
            marks = [late] if follows.startswith(("yield temporary", "with os.fdopen")) else []
            found.append(pytest.param(place, id=name, marks=marks))
    return found


def interrupted_at(place: tuple[str, int], body: Callable[[], int]) -> int:
    """Run the body; when it comes to a line of a file for the first time, Ctrl-C is pressed."""
    pressed: list[bool] = []

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != place[0]:
            return None
        if event == "line" and frame.f_lineno == place[1] and not pressed:
            pressed.append(True)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        return body()
    finally:
        sys.settrace(None)


@pytest.mark.parametrize("place", lines_of_writing())
def test_interrupt_at_every_line_that_writes(place: tuple[str, int]) -> None:
    save(conv_relu(), "m.onnx")
    code = interrupted_at(place, lambda: call("spcc", "m.onnx", "-c", "--dump-ir", "ir"))
    assert code in (0, 130)
    assert_whole()


# Signals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGINT, b"program: "),
        (signal.SIGTERM, b"// -----// IR Dump After quantize"),
        (signal.SIGHUP, b"program: "),
    ],
    ids=["INT", "TERM", "HUP"],
)
def test_signals(number: int, line: bytes) -> None:
    """In the middle of a compilation, and of a run."""
    save(resnet(), "m.onnx")
    options = ("--batch", "64", "--dump-ir", "--mlir-print-ir-after-all", "--trace")
    process = subprocess.Popen(
        command("spcc", "m.onnx", *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stderr is not None
    while not (said := process.stderr.readline()).startswith(line):
        assert said, "it ended before"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
    assert_whole()


@pytest.mark.slow
def test_signal_in_an_endless_call_of_a_library() -> None:
    i64, boolean = TensorProto.INT64, TensorProto.BOOL
    body = helper.make_graph(
        [node("Identity", ["go"], ["going"]), node("Relu", ["a"], ["b"])],
        "body",
        [value("i", [], i64), value("go", [], boolean), value("a", [2])],
        [value("going", [], boolean), value("b", [2])],
    )
    constants = [constant("n", np.int64(1 << 60)), constant("go", np.array(True))]
    loop = node("Loop", ["n", "go", "x"], ["y"], body=body)
    save(model([loop], [value("x", [2])], [value("y", [2])], constants), "m.onnx")
    process = subprocess.Popen(command("spcc", "m.onnx"), stderr=subprocess.PIPE, env=environment())
    time.sleep(4)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert_whole()
