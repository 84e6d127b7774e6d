"""The worked examples of dadiannao sheet section 10 through the command line, number for number."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spcc.tests.e2e.example_runs import config_options, conv, outputs_of, spcc_run
from spcc.tests.e2e.spots_layers import Layer
from spcc.tests.golden.ddn_examples import MICRO, fw, fx


@dataclass(frozen=True)
class Example:
    """A layer with scale 1, its outputs by filter, cycles, those of the PPU, and counters."""

    layer: Layer
    outputs: list[list[int]]
    cycles: int
    ppu: int
    counters: dict[str, int]


E1_WEIGHTS = [5, 0, 0, 0, 0, 7, 0, 2, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 6, 0, 0, 1, 0, 0]
E1 = conv(
    np.stack([np.arange(24) + 1, np.arange(24) % 3], axis=1).reshape(1, 24, 1, 2),
    np.array(E1_WEIGHTS).reshape(1, 24, 1, 1),
)
EXAMPLES = {
    "E1": Example(
        E1,
        [[302, 16]],
        20,
        6,
        dict(
            work=12, n_conv=2, n_ldw=2, ppu=6, mac_eff=9, mac_ineff_a=5, mac_ineff_w=34,
            lane_idle=144, wm_rd=12, am_rd=12, ab_wr=12, ab_rd=12, pb_rd=4, pb_wr=4, am_wr=2,
            dram_w=48, dram_in=96, dram_out=16, sat=0,
        ),
    ),
    "E2": Example(
        conv(fx(5, 3, 3), fw(5, 5, 2, 2), pads=(0, 0, 1, 1)),
        [
            [-24, -7, 2, -2, 3, -12, -12, -17, -2],
            [-13, -3, -6, -9, -35, -8, -3, 0, 0],
            [9, -39, -7, 1, 5, 3, 6, -21, -1],
            [5, 7, 6, 9, -33, 4, 1, 2, 3],
            [-3, -18, -8, -21, -12, 0, -6, -6, -13],
        ],
        192,
        42,
        dict(
            work=144, n_conv=12, n_ldw=4, ppu=42, mac_eff=199, mac_ineff_a=188, mac_ineff_w=1053,
            lane_idle=864, wm_rd=360, am_rd=100, ab_wr=216, ab_rd=216, pb_rd=54, pb_wr=54,
            am_wr=27, dram_w=320, dram_in=144, dram_out=144, sat=0,
        ),
    ),
    "E3": Example(
        conv(fx(6, 4, 4), fw(6, 2, 3, 3), groups=3, strides=(2, 2), pads=(1, 1, 0, 0)),
        [
            [-8, 3, -17, -3],
            [-6, -31, 4, -37],
            [7, -24, 5, -36],
            [-12, 12, -12, 0],
            [-6, -10, -3, -7],
            [-3, 3, -2, 9],
        ],
        96,
        16,
        dict(
            work=72, n_conv=6, n_ldw=6, ppu=16, mac_eff=96, mac_ineff_a=88, mac_ineff_w=680,
            lane_idle=288, wm_rd=216, am_rd=50, ab_wr=108, ab_rd=108, pb_rd=36, pb_wr=36,
            am_wr=12, dram_w=432, dram_in=256, dram_out=64, sat=0,
        ),
    ),
}  # fmt: skip


def run_example(folder: Path, name: str) -> dict[str, Any]:
    """Run an example; give the report."""
    return spcc_run(folder, EXAMPLES[name].layer, "dadiannao", *config_options(folder, MICRO))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = EXAMPLES[name]
    report = run_example(tmp_path, name)
    (layer,) = report["layers"]
    assert layer["placement"] == "native"
    assert layer["cycles"] == report["totals"]["cycles"] == example.cycles
    assert layer["unit_cycles"]["ppu"] == example.ppu
    assert {n: layer["counters"].get(n) for n in example.counters} == example.counters
    macs = layer["macs"]
    assert macs["effectual"] + macs["ineffectual"] == macs["nominal"] + macs["expanded"]
    assert report["check"]["passed"]
    filters = len(example.outputs)
    assert outputs_of(tmp_path).reshape(filters, -1).tolist() == example.outputs
    assert str(example.cycles) in capsys.readouterr().out


@pytest.mark.parametrize("name", EXAMPLES)
def test_counters_fill_the_array(name: str, tmp_path: Path) -> None:
    """Section 8: work * K * N is every slot of every PE."""
    counters = run_example(tmp_path, name)["layers"][0]["counters"]
    parts = ("mac_eff", "mac_ineff_a", "mac_ineff_w", "lane_idle")
    assert counters["work"] * 4 * 4 == sum(counters[part] for part in parts)
