"""The worked examples of sparten sheet section 10 through the command line, number for number."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from spcc.tests.e2e.spots_layers import Layer, model_of
from spcc.tools import run, spcc

Array = np.ndarray[Any, Any]

SLIDE = np.array([[-1, 3, 1], [0, 2, 0], [0, 0, -2]])
KERNEL = np.array([[0, 3], [-3, 0]])
OTHER = np.array([[0, 5, 0], [0, 0, -1], [2, 0, 0]])
STRIDED = np.array([[0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 4, 0], [5, 0, 0, 6]])


def conv(x: Array, w: Array, **attributes: Any) -> Layer:
    kernel = (int(w.shape[2]), int(w.shape[3]))
    return Layer(None, "Conv", x[None].astype(np.float64), w, kernel=kernel, **attributes)


LAYERS = {
    "A": conv(SLIDE[None], KERNEL[None, None]),
    "B": conv(
        np.stack([SLIDE, OTHER]),
        np.array(
            [[KERNEL, [[1, 0], [0, 0]]], [[[0, 0], [0, 0]], [[0, -2], [0, 4]]]],
        ),
    ),
    "C": conv(
        STRIDED[None],
        np.array([[[[1, 0, -1], [0, 2, 0], [0, 0, 3]]]]),
        pads=(1, 1, 1, 1),
        strides=(2, 2),
    ),
}
OUTPUTS = {
    "A": [[[9, -3], [6, 0]]],
    "B": [[[9, 2], [6, 0]], [[-10, -4], [0, 2]]],
    "C": [[[0, 0], [0, 26]]],
}
ONE = ("clusters=1", "cus=1", "gb=none")
CASES: list[tuple[str, tuple[str, ...], int, dict[str, int]]] = [
    ("A", ONE, 39, dict(
        chunk_joins=16, macs_effectual=4, join_overhead_cycles=28, in_value_reads=9,
        cu_in_writes=9, cu_in_reads=4, fval_reads=4, fmask_reads=16, in_mask_reads=16,
        perm_words=0, out_words=4, macs_dense=16, macs_skipped=12, cu_idle=39 - 4 - 28,
    )),
    ("A", (), 16, dict(perm_words=16, cu_idle=2016, join_overhead_cycles=28, macs_effectual=4)),
    ("B", ("clusters=1", "cus=2", "gb=none"), 39, dict(
        chunk_joins=32, join_overhead_cycles=56, macs_effectual=8, in_value_reads=14,
        cu_in_writes=28, in_mask_reads=16, out_words=8, cu_idle=2 * 39 - 8 - 56,
    )),
    ("B", ONE, 78, dict(chunk_joins=32, macs_effectual=8, in_value_reads=28, in_mask_reads=32)),
    ("B", (), 16, dict(chunk_joins=32, macs_effectual=8, perm_words=32)),
    ("C", ONE, 57, dict(chunk_joins=25, macs_effectual=2, join_overhead_cycles=48)),
    ("C", (), 26, dict(chunk_joins=25, macs_effectual=2, perm_words=25)),
]  # fmt: skip


def spcc_run(folder: Path, layer: Layer, *settings: str) -> dict[str, Any]:
    """Run `spcc` on a layer's files; give its report."""
    onnx.save(model_of(layer), folder / "layer.onnx")
    np.save(folder / "x.npy", layer.x.astype(np.float32))
    code = spcc.main([
        str(folder / "layer.onnx"), "--target", "sparten", "--input", f"x={folder / 'x.npy'}",
        "--out-dir", str(folder / "out"), *(f"--set={setting}" for setting in settings),
    ])  # fmt: skip
    assert code == 0
    return json.loads((folder / "out" / "report.json").read_text())


def outputs_of(folder: Path) -> Array:
    """Run the program that `spcc` wrote with `spcc-run`; give its output."""
    (program,) = (folder / "out").glob("*.spx")
    name = onnx.load(folder / "layer.onnx").graph.output[0].name
    code = run.main([
        str(program), "--input", f"x={folder / 'x.npy'}", "--output", f"{name}={folder / 'y.npy'}",
    ])  # fmt: skip
    assert code == 0
    return np.load(folder / "y.npy")


@pytest.mark.parametrize(
    ("name", "settings", "cycles", "counters"),
    CASES,
    ids=[f"{name}-{cycles}" for name, _, cycles, _ in CASES],
)
def test_example(
    name: str, settings: tuple[str, ...], cycles: int, counters: dict[str, int], tmp_path: Path
) -> None:
    report = spcc_run(tmp_path, LAYERS[name], *settings)
    (layer,) = report["layers"]
    assert layer["placement"] == "native"
    assert layer["cycles"] == report["totals"]["cycles"] == cycles
    # sp.cfg and sp.map take a cycle each, beside the runs.
    assert layer["unit_cycles"]["cl"] == cycles + 2
    assert {counter: layer["counters"][counter] for counter in counters} == counters
    assert layer["macs"]["effectual"] + layer["macs"]["skipped"] == layer["macs"]["nominal"]
    assert report["check"]["passed"]
    assert outputs_of(tmp_path)[0].tolist() == OUTPUTS[name]
