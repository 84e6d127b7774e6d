"""Any single layer on SparTen, from ONNX to the report, is what the golden model says."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from spcc.isa.targets.sparten import ISA, Cfg, Drn, Run
from spcc.tests.e2e.gospa_layers import model_layer
from spcc.tests.e2e.spots_layers import model_of
from spcc.tests.golden.sparten_golden import Result
from spcc.tests.golden.sparten_golden_plan import SpartenSpec
from spcc.tests.golden.two_sided_cases import Layer, SpartenCase, sparten_cases
from spcc.tools import api

quick = settings(deadline=None, max_examples=20)
deep = settings(deadline=None, max_examples=150, phases=[Phase.explicit, Phase.generate])


def check_layer(case: SpartenCase) -> None:
    """Compare output, cycles, counters, traffic and runs with the golden model."""
    wanted = case.run()
    shift = max(0, int(np.abs(wanted.outputs).max(initial=0)).bit_length() - 15)
    layer = model_layer(case.layer, shift)
    feeds = {"x": layer.x.astype(np.float32)}
    program = api.compile(model_of(layer), "sparten", config=vars(case.spec), inputs=feeds)
    session = api.InferenceSession(program)
    (output,) = session.run(None, feeds)
    (record,) = session.report["layers"]
    assert record["placement"] == "native"
    finished = np.clip(np.rint(np.ldexp(wanted.outputs, -shift)), -32768, 32767)
    np.testing.assert_array_equal(np.ldexp(output, -shift), finished.reshape(output.shape))
    assert record["cycles"] == wanted.cycles
    assert record["unit_cycles"]["cl"] == wanted.cycles + 2
    assert record["unit_cycles"]["drn"] == sum(wanted.drain_cycles)
    counters = record["counters"]
    assert {name: counters[name] for name in wanted.counters} == wanted.counters
    assert counters["psum_saturated"] == wanted.clips
    assert counters["dram_wt"] == wanted.dram_weight_bytes
    assert counters["dram_in"] == wanted.dram_act_bytes
    macs = record["macs"]
    assert macs["effectual"] + macs["skipped"] == macs["nominal"]
    check_runs(program.instructions(ISA), wanted)


def check_runs(instructions: list[Any], wanted: Result) -> None:
    """Compare split, blocks, segments and sets of the runs."""
    plan = wanted.plan
    (cfg,) = (inst for inst in instructions if isinstance(inst, Cfg))
    assert cfg.values()["as"] == plan.a_s
    runs = [inst for inst in instructions if isinstance(inst, Run)]
    expected: list[tuple[int, ...]] = []
    for run in wanted.runs:
        sets = plan.batches[run.group][run.batch]
        rounds = max(len(members.segments) for members in sets)
        here = [m.segments[run.segment] for m in sets if run.segment < len(m.segments)]
        taking = sum(1 << z for z, m in enumerate(sets) if run.segment < len(m.segments))
        ends = min(part.start for part in here), max(part.stop for part in here)
        turn = int(run.segment == 0), int(run.segment == rounds - 1)
        expected.append((run.block * plan.PB, plan.PB, *ends, *turn, taking))
    found = [(r.p0, r.np, r.lo, r.hi, r.clear, r.last, r.sets) for r in runs]
    assert found == expected
    assert sum(isinstance(inst, Drn) for inst in instructions) == len(wanted.drain_cycles)


def test_nothing_but_padding() -> None:
    """A 1x1 kernel of stride 3 that never meets the map: all counters are there all the same."""
    layer = Layer(
        np.ones((1, 3, 2, 2), np.int64), np.ones((4, 3, 1, 1), np.int64), (3, 3), (1, 1, 1, 1)
    )
    check_layer(SpartenCase(layer, SpartenSpec()))


@quick
@given(sparten_cases())
def test_layer_is_the_golden_one(case: SpartenCase) -> None:
    check_layer(case)


@pytest.mark.slow
@deep
@given(sparten_cases())
def test_layer_is_the_golden_one_at_length(case: SpartenCase) -> None:
    check_layer(case)
