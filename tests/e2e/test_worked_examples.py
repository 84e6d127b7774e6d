"""The worked examples of SPOTS sheet section 10 through the command line, number for number."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from spcc.tests.e2e.spots_layers import MINI, Layer, model_of
from spcc.tools import run, spcc

MINI_TOML = """
NR = 4
NC = 2
UNITS = 2
NREG = 2
G = 2
SLOT = 4
INBW = 2
SPLIT_LT = 3
FCAP = 4096
WCAP = 4096
ICAP = 4096
OCAP = 4096
RCAP = 256
"""
MAP3 = np.array([[0, 0, 3, 1], [0, 0, 0, 2], [5, 0, 0, 0], [1, 4, 0, 0]]).reshape(1, 1, 4, 4)


@dataclass(frozen=True)
class Example:
    """A layer with scale 1, its accumulators, cycles and counters."""

    layer: Layer
    sums: Any
    cycles: int
    counters: dict[str, int]
    psh: int = 0


def conv(x: Any, w: Any, **attributes: Any) -> Layer:
    x, w = np.array(x), np.array(w)
    kernel = (int(w.shape[2]), int(w.shape[3]))
    return Layer(MINI, "Conv", x.astype(np.float64), w, kernel=kernel, **attributes)


EXAMPLES = {
    "dense": Example(
        conv(
            np.arange(1, 16).reshape(1, 1, 3, 5),
            [[[[1, 0], [0, 1]]], [[[0, 1], [-1, 0]]], [[[2, 0], [0, 0]]]],
        ),
        [[[8, 10, 12, 14], [18, 20, 22, 24]], [[-4] * 4] * 2, [[2, 4, 6, 8], [12, 14, 16, 18]]],
        33,
        dict(
            fmap_rd=15, ring_xfer=12, res_rd=5, res_wr=5, items=16, skip_w=0, skip_a=0,
            skip_both=0, mac_effectual=40, mac_gated=56, mac_skipped=0, idle_slots=32,
            fsram_rd_m1=4, fsram_rd_m2=8, fsram_rd_a=20, ibuf_wr=16, ibuf_rd=16, obuf_wr=24,
            obuf_rd=0, stall_gemm=6, stall_im2col=2, im2col_busy=16, gemm_busy=16, dram_wt=48,
            dram_in=30, dram_out=48, pool_ops=0, saturated=0, patch_elems=32, fifo_work=40,
        ),
    ),
    "skipping": Example(
        conv(
            np.array(
                [[1, 0, 2], [7, 7, 7], [0, 0, 0], [4, 0, 0], [5, 5, 5], [0, 0, 1]]
            ).reshape(1, 6, 1, 3),
            np.array(
                [[3, 0, 0, 1, 0, 2], [0, 0, 0, 4, 0, 0], [-1, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 6]]
            ).reshape(4, 6, 1, 1),
        ),
        [[[7, 0, 8]], [[16, 0, 0]], [[-1, 0, 3]], [[0, 0, 6]]],
        21,
        dict(
            items=4, skip_w=4, skip_a=2, skip_both=2, mac_effectual=9, mac_gated=15,
            mac_skipped=48, fmap_rd=18, ring_xfer=0, ibuf_wr=8, ibuf_rd=4, fsram_rd_m1=2,
            fsram_rd_m2=4, fsram_rd_a=7, stall_gemm=9, im2col_busy=12, dram_wt=48, dram_in=36,
            dram_out=24,
        ),
    ),
    "split": Example(
        conv(
            MAP3,
            [[[[1, 2, 0], [0, 3, 0], [0, 0, -1]]], [[[0, 0, 0], [0, 5, 0], [0, 0, 4]]]],
            pads=(1, 1, 1, 1),
        ),
        [
            [[0, 0, 4, 2], [0, 0, 3, 6], [6, 0, 0, 2], [7, 9, 0, 0]],
            [[0, 0, 12, 3], [0, 0, 0, 5], [21, 0, 0, 0], [3, 10, 0, 0]],
        ],
        45,
        dict(
            items=11, skip_w=17, skip_a=5, skip_both=3, mac_effectual=22, mac_gated=66,
            mac_skipped=200, fmap_rd=24, ring_xfer=60, res_rd=16, res_wr=16, ibuf_wr=28,
            ibuf_rd=11, fsram_rd_m1=4, fsram_rd_m2=4, fsram_rd_a=11, stall_gemm=24, psum_busy=8,
            im2col_busy=36,
        ),
        psh=1,
    ),
    "pool": Example(
        Layer(MINI, "MaxPool", MAP3.astype(np.float64), kernel=(2, 2), strides=(2, 2)),
        [[[0, 3], [5, 0]]],
        6,
        dict(fmap_rd=16, pool_ops=16, ring_xfer=0, res_rd=0, obuf_wr=4, items=0, dram_wt=0),
    ),
}  # fmt: skip


def spcc_run(folder: Path, example: Example, *options: str) -> dict[str, Any]:
    """Run `spcc` on an example's files; give its report."""
    onnx.save(model_of(example.layer), folder / "layer.onnx")
    np.save(folder / "x.npy", example.layer.x.astype(np.float32))
    (folder / "mini.toml").write_text(MINI_TOML)
    code = spcc.main([
        str(folder / "layer.onnx"), "--target", "spots", "--config", str(folder / "mini.toml"),
        "--input", f"x={folder / 'x.npy'}", "--out-dir", str(folder / "out"), *options,
    ])  # fmt: skip
    assert code == 0
    return json.loads((folder / "out" / "report.json").read_text())


def compute_outputs(folder: Path) -> np.ndarray[Any, Any]:
    """Run the program that `spcc` wrote with `spcc-run`; give its output."""
    (program,) = (folder / "out").glob("*.spx")
    name = onnx.load(folder / "layer.onnx").graph.output[0].name
    code = run.main([
        str(program), "--input", f"x={folder / 'x.npy'}", "--output", f"{name}={folder / 'y.npy'}",
    ])  # fmt: skip
    assert code == 0
    return np.load(folder / "y.npy")


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = EXAMPLES[name]
    options = ("--set", f"psh={example.psh}") if example.psh else ()
    report = spcc_run(tmp_path, example, *options)
    (layer,) = report["layers"]
    assert layer["placement"] == "native"
    assert layer["cycles"] == report["totals"]["cycles"] == example.cycles
    assert {n: layer["counters"].get(n) for n in example.counters} == example.counters
    assert report["config"]["psh"] == (example.psh or None)
    assert report["check"]["passed"]
    real = np.array(example.sums) * 2**example.psh
    assert compute_outputs(tmp_path).tolist() == [real.tolist()]
    assert str(example.cycles) in capsys.readouterr().out


def test_settings_override_the_file(tmp_path: Path) -> None:
    """NREG = 1 in place of 2 changes nothing of example 1 (F = 1); 2 columns more do."""
    example = EXAMPLES["dense"]
    same = spcc_run(tmp_path, example, "--set", "NREG=1")
    assert same["config"]["NREG"] == 1
    assert same["config"]["SLOT"] == 4
    assert same["layers"][0]["cycles"] == 33
    wider = spcc_run(tmp_path, example, "--set", "NC=4", "--set", "INBW=4")
    assert wider["layers"][0]["counters"]["items"] == 8
