"""The worked examples of tct sheet section 10 through the command line, number for number."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from spcc.tests.e2e.example_runs import config_options, outputs_of, setting_options, spcc_run
from spcc.tests.e2e.test_dadiannao_examples import EXAMPLES as DENSE
from spcc.tests.golden.ddn_examples import MICRO


@dataclass(frozen=True)
class Example:
    """What a variant of a worked example of dadiannao's gives.

    Args:
        layer: Name of the layer.
        settings: Parameters beyond the micro configuration.
        cycles: Of the layer.
        counters: Of the sheet, by its names.
        entries: Of the units, warp by warp.
        bubbles: Of the schedule.
        pattern: Connectivity.
    """

    layer: str
    settings: dict[str, str | int]
    cycles: int
    counters: dict[str, int]
    entries: list[list[int]] = field(default_factory=list[list[int]])
    bubbles: int = 0
    pattern: str = "T8h2,5i"


E2_DEFAULT = dict(
    work=72, n_conv=6, n_ldw=2, ppu=42, mac_eff=199, mac_ineff_a=188, mac_ineff_w=261,
    mac_skipped=792, sync_wait=72, lane_idle=432, slot_own=171, slot_ahead=126, slot_aside=90,
    slot_zero=261, bubbles=9, wm_rd=162, mm_rd=99, am_rd=150, ab_wr=216, ab_rd=297, pb_rd=27,
    pb_wr=27, am_wr=27, dram_w=186, dram_in=144, dram_out=144, sat=0,
)  # fmt: skip
EXAMPLES = {
    "E1": Example(
        "E1",
        {},
        8,
        dict(
            work=4, n_conv=1, n_ldw=1, ppu=6, mac_eff=9, mac_ineff_a=5, mac_ineff_w=2,
            mac_skipped=32, lane_idle=48, slot_own=6, slot_ahead=8, slot_aside=0, slot_zero=2,
            wm_rd=4, mm_rd=4, am_rd=12, ab_wr=12, ab_rd=12, pb_rd=2, pb_wr=2, am_wr=2, dram_w=24,
            sync_wait=0, bubbles=0,
        ),
        [[2]],
    ),
    "E1 greedy": Example(
        "E1",
        {"scheduler": "greedy", "order": "aside"},
        10,
        dict(work=6, slot_aside=4, slot_ahead=2, slot_own=8, slot_zero=10, ab_rd=18, dram_w=34),
        [[3]],
    ),
    "E2": Example("E2", {}, 96, E2_DEFAULT, [[4, 3], [4]], 1),
    "E2 accel": Example(
        "E2",
        {"sync": "accel"},
        96,
        dict(mac_ineff_w=333, sync_wait=0, am_rd=100, ab_rd=324, dram_w=200, bubbles=9),
        [[4], [4]],
        1,
    ),
    "E2 pe": Example(
        "E2", {"sync": "pe"}, 96, dict(bubbles=27, am_rd=246, dram_w=197), [[3, 4, 4, 3], [4]], 3
    ),
    "E2 T8h1,6i": Example(
        "E2",
        {},
        96,
        dict(bubbles=0, slot_own=306, slot_ahead=27, slot_aside=54, dram_w=205),
        [[4, 4], [4]],
        pattern="T8h1,6i",
    ),
    "E3": Example(
        "E3",
        {},
        32,
        dict(
            work=24, n_conv=2, n_ldw=2, ppu=16, mac_eff=96, mac_ineff_a=88, mac_ineff_w=104,
            mac_skipped=576, lane_idle=96, slot_own=60, slot_ahead=84, slot_aside=40,
            slot_zero=104, wm_rd=72, mm_rd=36, am_rd=75, ab_wr=108, ab_rd=108, pb_rd=12,
            pb_wr=12, am_wr=12, dram_w=186, sync_wait=0, bubbles=0,
        ),
        [[3, 3], [3]],
    ),
}  # fmt: skip

FIGURES = {
    # Rows x windows: 6 x 2. Lookahead alone finds the same two entries.
    "E1": dict(
        speedup=12 / 4, speedup_lookahead=12 / 4, speedup_lookaside=1,
        zeros_removed=(8 / 12) / (34 / 48),
        slots_own=6 / 16, slots_lookahead=8 / 16, slots_lookaside=0, slots_zero=2 / 16,
    ),
    # 2 warps x 8 rows x 9 windows; with d = 0 entries 5, 4 and 4 (1 bubble).
    "E2": dict(
        speedup=144 / 72, speedup_lookahead=144 / 81, speedup_lookaside=81 / 72,
        zeros_removed=(72 / 144) / (1053 / 1440), slots_own=171 / 648,
        slots_lookahead=126 / 648, slots_lookaside=90 / 648, slots_zero=261 / 648,
    ),
    # 2 warps x 9 rows x 4 windows; with d = 0 entries 5, 5 and 5.
    "E3": dict(
        speedup=72 / 24, speedup_lookahead=72 / 40, speedup_lookaside=40 / 24,
        zeros_removed=(48 / 72) / (680 / 864), slots_own=60 / 288,
        slots_lookahead=84 / 288, slots_lookaside=40 / 288, slots_zero=104 / 288,
    ),
}  # fmt: skip
"""Of the examples: work of dadiannao's, and zeros of its padded matrices."""


def run_example(folder: Path, example: Example, *options: str) -> dict[str, Any]:
    """Run an example; give its layer's report."""
    machine = config_options(folder, MICRO) + setting_options(example.settings)
    target = f"tct:{example.pattern}"
    report = spcc_run(folder, DENSE[example.layer].layer, target, *machine, *options)
    assert report["check"]["passed"]
    (layer,) = report["layers"]
    assert layer["cycles"] == report["totals"]["cycles"]
    assert layer["figures"] == report["totals"]["figures"]
    return layer


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    layer = run_example(tmp_path, example, "--dump-ir", str(tmp_path / "ir"))
    counters = layer["counters"]
    assert layer["cycles"] == example.cycles
    assert {n: counters.get(n) for n in example.counters} == example.counters
    assert layer["figures"] == pytest.approx(FIGURES.get(name, layer["figures"]))
    assert counters["work_dense"] == DENSE[example.layer].counters["work"]
    outputs = DENSE[example.layer].outputs
    assert outputs_of(tmp_path).reshape(len(outputs), -1).tolist() == outputs
    macs = layer["macs"]
    assert sum(macs[c] for c in ("effectual", "ineffectual", "gated", "skipped")) == (
        macs["nominal"] + macs["expanded"]
    )
    # Section 8: work * K * N is every slot of every PE.
    slots = sum(
        counters[part]
        for part in ("mac_eff", "mac_ineff_a", "mac_ineff_w", "sync_wait", "lane_idle")
    )
    assert counters["work"] * 4 * 4 == slots
