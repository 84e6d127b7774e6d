"""The worked examples of gospa sheet section 10 through the command line, number for number."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from spcc.tests.e2e.example_runs import conv, outputs_of, setting_options, spcc_run
from spcc.tests.e2e.spots_layers import Layer
from spcc.tests.golden import two_sided_examples as golden


def layer_of(x: Any, w: Any, stride: tuple[int, int] = (1, 1), **attributes: Any) -> Layer:
    """An example of the golden models."""
    return conv(x, w, strides=stride, **attributes)


A, B, C = (layer_of(**example) for example in (golden.A, golden.B, golden.C))


@dataclass(frozen=True)
class Example:
    """A layer with scale 1, its machine, outputs by filter, cycles, and counters."""

    layer: Layer
    settings: dict[str, int]
    outputs: list[list[int]]
    cycles: int
    configuration: int
    counters: dict[str, int]


A_OUT, B_OUT = [[9, -3, 6, 0]], [[9, 2, 6, 0], [-10, -4, 0, 2]]
EXAMPLES = {
    "A": Example(
        A,
        {"n_apu": 1, "cols": 1},
        A_OUT,
        10,
        2,
        dict(
            apu_scanned=5, apu_kept=3, apu_dropped=2, pairs_generated=9, pairs_kept=4,
            macs_effectual=4, macs_dense=16, macs_skipped=12, wmem_reads=2, wbm_reads=1,
            act_words_bitmap=1, act_words_value=2, ring_writes=3, ring_reads=4, acc_reads=4,
            acc_writes=4, drain_words=4, pe_idle=6, empty_slot_cycles=0, slots=1, runs=1,
            dram_weight_bytes=6, dram_act_bytes=16, acc_saturated=0,
        ),
    ),
    "A, default": Example(
        A,
        {},
        A_OUT,
        7,
        5,
        dict(apu_scanned=9, apu_kept=4, pairs_generated=9, pairs_kept=4, pe_idle=892, runs=1),
    ),
    "B": Example(
        B,
        {"n_apu": 1, "cols": 2},
        B_OUT,
        11,
        2,
        dict(
            macs_effectual=8, empty_slot_cycles=1, pairs_generated=14, pairs_kept=8, apu_scanned=8,
            apu_kept=5, wmem_reads=5, wbm_reads=4, pe_idle=13, dram_weight_bytes=18,
            dram_act_bytes=28, slots=2, runs=1,
        ),
    ),
    "B, one column": Example(
        B, {"n_apu": 1, "cols": 1}, B_OUT, 19, 3, dict(macs_effectual=8, runs=2)
    ),
    "C": Example(
        C,
        {"n_apu": 1, "cols": 1},
        [[0, 0, 0, 26]],
        8,
        2,
        dict(
            apu_scanned=6, pairs_generated=8, pairs_kept=2, apu_kept=2, apu_dropped=4,
            macs_effectual=2, wmem_reads=2, dram_weight_bytes=10, dram_act_bytes=20,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = EXAMPLES[name]
    report = spcc_run(tmp_path, example.layer, "gospa", *setting_options(example.settings))
    (layer,) = report["layers"]
    assert layer["placement"] == "native"
    assert layer["cycles"] == report["totals"]["cycles"] == example.cycles
    assert layer["unit_cycles"]["pe"] == example.cycles + example.configuration
    assert {n: layer["counters"].get(n) for n in example.counters} == example.counters
    assert report["check"]["passed"]
    filters = len(example.outputs)
    assert outputs_of(tmp_path).reshape(filters, -1).tolist() == example.outputs
    assert str(example.cycles) in capsys.readouterr().out
