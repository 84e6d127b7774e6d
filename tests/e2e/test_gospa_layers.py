"""Any single layer on GoSPA, from ONNX to the report, is what the golden model says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from spcc.isa.targets.gospa import ISA, Cfg, Drn, Lda, Ldw, Run, Tile
from spcc.tests.e2e.gospa_layers import compile_and_run, layers, model_layer, shift_of
from spcc.tests.golden.gospa_golden import Result
from spcc.tests.golden.gospa_golden_plan import GospaSpec
from spcc.tests.golden.two_sided_cases import GospaCase, Layer

quick = settings(deadline=None, max_examples=15)
deep = settings(deadline=None, max_examples=300, phases=[Phase.explicit, Phase.generate])


def check_layer(case: GospaCase) -> None:
    """Compare output, cycles, counters and runs with the golden model."""
    wanted = case.run()
    shift = shift_of(wanted)
    program, record, output = compile_and_run(model_layer(case.layer, shift), vars(case.spec))
    assert record["placement"] == "native"
    finished = np.clip(np.rint(np.ldexp(wanted.outputs, -shift)), -32768, 32767)
    np.testing.assert_array_equal(np.ldexp(output, -shift), finished.reshape(output.shape))
    units = {"pe": wanted.cycles + wanted.config_cycles, "drn": sum(wanted.drain_cycles)}
    assert {unit: record["unit_cycles"][unit] for unit in units} == units
    assert record["cycles"] == wanted.cycles
    expected = expected_counters(wanted, record["macs"]["expanded"])
    assert {name: record["counters"][name] for name in expected} == expected
    macs = record["macs"]
    assert macs["effectual"] + macs["skipped"] == macs["nominal"] + macs["expanded"]
    check_runs(program.instructions(ISA), wanted)
    streams = b"".join(image for _, image in sorted(wanted.images.items()))
    assert program.data[: len(streams)].tobytes() == streams


def expected_counters(wanted: Result, expanded: int) -> dict[str, int]:
    """The golden counters, but the machine multiplies the tail of folded features, too."""
    found = {**wanted.counters, "acc_saturated": wanted.clips}
    found["macs_dense"] += expanded
    found["macs_skipped"] += expanded
    return found


def check_runs(instructions: list[Any], wanted: Result) -> None:
    """Compare the order of the runs, their chunks and tiles."""
    tiles = [inst for inst in instructions if isinstance(inst, Tile)]
    runs = [inst for inst in instructions if isinstance(inst, Run)]
    assert len(tiles) + 1 == wanted.config_cycles
    assert sum(isinstance(inst, Cfg) for inst in instructions) == 1
    assert sum(isinstance(inst, Drn) for inst in instructions) == len(wanted.drain_cycles)
    plan = wanted.plan
    expected = [
        (
            len(run.channels),
            int(run.chunk == 0),
            len(plan.blocks[run.group][run.block].filters),
            len(plan.tile_sets[run.tile_set]),
        )
        for run in wanted.runs
    ]
    assert [(run.nch, run.clear, run.nf, run.nt) for run in runs] == expected
    for inst in instructions:
        if isinstance(inst, Ldw):
            assert inst.a_s == plan.mapping.a_s
        if isinstance(inst, Lda):
            assert inst.bh * inst.bw <= plan.mapping.box


@pytest.mark.parametrize("act_half", [4000, 700])
def test_blocks_with_other_chunks_share_boxes(act_half: int) -> None:
    """The boxes of all channels fit in a half, or in both halves."""
    rng = np.random.default_rng(5)
    x, w = (rng.integers(-9, 10, shape) for shape in ((2, 40, 5, 6), (8, 40, 3, 3)))
    w[rng.random(w.shape) < np.linspace(0.2, 0.9, 8)[:, None, None, None]] = 0
    spec = GospaSpec(n_apu=2, cols=2, acc_entries=6, ring_entries=80, act_half=act_half, w_half=180)
    case = GospaCase(Layer(x, w, pads=(1, 1, 1, 0)), spec)
    plan = case.run().plan
    assert plan.order == "A"
    assert len(plan.tile_sets) > 1
    assert len({tuple(block.chunks) for block in plan.blocks[0]}) > 1
    assert all(len(block.chunks) <= 2 for block in plan.blocks[0])
    check_layer(case)


def test_streams_lie_behind_one_another() -> None:
    """Every PE has two long and two short streams; from common bases they would not fit."""
    rng = np.random.default_rng(5)
    x, w = rng.integers(-9, 10, (2, 8, 7, 7)), rng.integers(1, 10, (8, 8, 3, 3))
    w[[0, 3, 4, 7]] = 0
    spec = GospaSpec(n_apu=2, cols=2, acc_entries=9, w_half=90)
    case = GospaCase(Layer(x, w, pads=(1, 1, 1, 1)), spec)
    assert case.run().plan.order == "A"
    program, record, _ = compile_and_run(model_layer(case.layer, 0), vars(spec))
    loads = [inst for inst in program.instructions(ISA) if isinstance(inst, Ldw)]
    assert [(load.behind, load.base) for load in loads] == [(1, 0), (1, 8), (1, 16), (1, 24)]
    assert record["counters"]["dram_weight_bytes"] == 2 * (8 * 8 + 4 * 8 * 9)
    check_layer(case)


def test_nothing_but_padding() -> None:
    """A 1x1 kernel of stride 3 that never meets the map: all counters are there all the same."""
    layer = Layer(
        np.ones((1, 3, 2, 2), np.int64), np.ones((4, 3, 1, 1), np.int64), (3, 3), (1, 1, 1, 1)
    )
    check_layer(GospaCase(layer, GospaSpec()))


@quick
@given(layers)
def test_layer_is_the_golden_one(case: GospaCase) -> None:
    check_layer(case)


@pytest.mark.slow
@deep
@given(layers)
def test_layer_is_the_golden_one_at_length(case: GospaCase) -> None:
    check_layer(case)
