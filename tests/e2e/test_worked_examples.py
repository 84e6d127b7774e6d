"""The worked examples of SPOTS sheet section 10 through the command line, number for number."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from spcc.isa.targets.spots import SpotsSpec
from spcc.tests.e2e.example_runs import config_options, conv, outputs_of, spcc_run
from spcc.tests.e2e.spots_layers import MINI, Layer

DEFAULTS = structs.asdict(SpotsSpec())
MINI_PARAMETERS = {n: v for n, v in structs.asdict(MINI).items() if v != DEFAULTS[n]}
MAP3 = np.array([[0, 0, 3, 1], [0, 0, 0, 2], [5, 0, 0, 0], [1, 4, 0, 0]]).reshape(1, 1, 4, 4)


@dataclass(frozen=True)
class Example:
    """A layer with scale 1, its accumulators, cycles and counters."""

    layer: Layer
    sums: Any
    cycles: int
    counters: dict[str, int]
    psh: int = 0


EXAMPLES = {
    "dense": Example(
        conv(
            np.arange(1, 16).reshape(1, 1, 3, 5),
            np.array([[[[1, 0], [0, 1]]], [[[0, 1], [-1, 0]]], [[[2, 0], [0, 0]]]]),
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
            np.array([[[[1, 2, 0], [0, 3, 0], [0, 0, -1]]], [[[0, 0, 0], [0, 5, 0], [0, 0, 4]]]]),
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


def run_example(folder: Path, example: Example, *options: str) -> dict[str, Any]:
    """Run an example; give the report."""
    machine = config_options(folder, MINI_PARAMETERS)
    return spcc_run(folder, example.layer, "spots", *machine, *options)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = EXAMPLES[name]
    options = ("--set", f"psh={example.psh}") if example.psh else ()
    report = run_example(tmp_path, example, *options)
    (layer,) = report["layers"]
    assert layer["placement"] == "native"
    assert layer["cycles"] == report["totals"]["cycles"] == example.cycles
    assert {n: layer["counters"].get(n) for n in example.counters} == example.counters
    assert report["config"]["psh"] == (example.psh or None)
    assert report["check"]["passed"]
    real = np.array(example.sums) * 2**example.psh
    assert outputs_of(tmp_path).tolist() == [real.tolist()]
    assert str(example.cycles) in capsys.readouterr().out


def test_settings_override_the_file(tmp_path: Path) -> None:
    """NREG = 1 in place of 2 changes nothing of example 1 (F = 1); 2 columns more do."""
    example = EXAMPLES["dense"]
    same = run_example(tmp_path, example, "--set", "NREG=1")
    assert same["config"]["NREG"] == 1
    assert same["config"]["SLOT"] == 4
    assert same["layers"][0]["cycles"] == 33
    wider = run_example(tmp_path, example, "--set", "NC=4", "--set", "INBW=4")
    assert wider["layers"][0]["counters"]["items"] == 8
