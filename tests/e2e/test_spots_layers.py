"""Any single layer, from ONNX to the report, is what the golden model of SPOTS says."""

import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from msgspec import structs
from spcc.isa.errors import UnsupportedError
from spcc.isa.targets.spots import ISA, Sgemm, SpotsSpec
from spcc.tests.e2e.spots_layers import (
    MINI,
    Layer,
    Quantised,
    exact_sums,
    expected,
    model_of,
)
from spcc.tests.e2e.spots_random_layers import layers, random_layer
from spcc.tests.golden.spots_stepper import COUNTERS
from spcc.tests.golden.spots_tiler import DRAM
from spcc.tests.golden.spots_tiles import DoesNotFitError
from spcc.tools import api

quick = settings(deadline=None, max_examples=50)
deep = settings(deadline=None, max_examples=500, phases=[Phase.explicit, Phase.generate])


def compile_and_run(layer: Layer, **changes: Any) -> tuple[Any, dict[str, Any], np.ndarray]:
    """The program, the report and the output of a layer, on a machine with some changes."""
    config = {**msgspec.to_builtins(layer.spec), **changes}
    feeds = {"x": layer.x.astype(np.float32)}
    program = api.compile(model_of(layer), config=config, inputs=feeds)
    session = api.InferenceSession(program)
    (output,) = session.run(None, feeds)
    return program, session.report, output


def product_shifts(program: Any) -> set[int]:
    return {i.values()["psh"] for i in program.instructions(ISA) if isinstance(i, Sgemm)}


def check_layer(layer: Layer) -> None:
    """Compare output, cycles, counters and product shift with the golden model."""
    try:
        wanted = expected(layer)
    except DoesNotFitError:
        with pytest.raises(UnsupportedError, match="does not fit"):
            compile_and_run(layer)
        return
    program, report, output = compile_and_run(layer)
    (record,) = report["layers"]
    assert record["placement"] == "native"
    counters = {name: record["counters"].get(name) for name in (*COUNTERS, *DRAM)}
    assert counters == wanted.counters
    assert record["cycles"] == report["totals"]["cycles"] == wanted.cycles
    assert product_shifts(program) == {wanted.psh}
    np.testing.assert_array_equal(output, wanted.output)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.int64)


# One input row, used by three bands: it is loaded once.
SHARED_BAND = Layer(
    structs.replace(MINI, OCAP=16), "Conv", ones(1, 1, 1, 1), ones(1, 1, 5, 1), kernel=(5, 1),
    pads=(4, 0, 4, 0),
)  # fmt: skip
# In exact arithmetic both cuts of POLICY=best cost 7/15: the paper's stays.
EQUAL_COSTS = Layer(
    SpotsSpec(NR=6, NC=5, UNITS=3, NREG=2, SPLIT_LT=5, POLICY="best"), "Gemm", ones(1, 1),
    0 * ones(28, 1),
)  # fmt: skip
# kmax = 6 does not fit; with kmax = 3 the split cut costs less, and it fits with kmax = 1.
BEST_AGAIN = Layer(
    SpotsSpec(NR=2, NC=2, UNITS=2, NREG=3, SPLIT_LT=0, POLICY="best", OCAP=48), "Conv",
    ones(1, 2, 2, 3), ones(6, 2, 1, 1),
)  # fmt: skip
PADDED_AVERAGE = Layer(
    MINI, "AveragePool", 9 * ones(1, 2, 3, 3), kernel=(2, 3), pads=(1, 0, 1, 2), incpad=1
)
SATURATING = Layer(
    structs.replace(MINI, psh=0), "Conv", 32767 * ones(1, 3, 2, 2), 32767 * ones(2, 3, 2, 2),
    kernel=(2, 2),
)  # fmt: skip


@quick
@given(layers())
@example(SHARED_BAND)
@example(EQUAL_COSTS)
@example(BEST_AGAIN)
@example(PADDED_AVERAGE)
@example(SATURATING)
def test_layer_is_the_golden_one(layer: Layer) -> None:
    check_layer(layer)


@pytest.mark.slow
@deep
@given(layers(6))
def test_layer_is_the_golden_one_at_length(layer: Layer) -> None:
    check_layer(layer)


def test_examples_are_what_they_are_for() -> None:
    """Each regression still reaches what it was found with."""
    shared = expected(SHARED_BAND)
    assert [step.oy0 for step in shared.steps] == [0, 2, 4]
    assert shared.counters["dram_in"] == 2
    assert not expected(EQUAL_COSTS).steps[0].split
    assert {step.Kt for step in expected(BEST_AGAIN).steps} == {1}
    assert set(expected(PADDED_AVERAGE).output.ravel().tolist()) == {2, 3, 5, 6, 9}
    assert expected(SATURATING).counters["saturated"] > 0


@pytest.mark.parametrize("bits", [8, 16])
def test_quantised_integers_are_kept(bits: int) -> None:
    """Extreme integers of both widths, at the input, in the weights and at the output."""
    how = Quantised(0, bits)
    low, high = how.limits
    x = np.array([low, low + 1, -1, 0, 1, high]).reshape(1, 1, 2, 3)
    w = np.array([1, -1, 0, -100, 100]).reshape(5, 1, 1, 1)
    layer = Layer(MINI, "Conv", x, w, source=how, result=how)
    _, _, output = compile_and_run(layer)
    exact = np.clip(exact_sums(layer, x, w), low, high)
    np.testing.assert_array_equal(output, exact)
    check_layer(layer)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1 << 30), st.booleans())
def test_whole_numbers_of_a_float_model_come_out_exactly(seed: int, has_bias: bool) -> None:
    """Scales by calibration; every sum fits 16 bits."""
    rng = np.random.default_rng(seed)
    C, K, bound = (int(rng.integers(1, n)) for n in (9, 9, 11))
    x = rng.integers(-bound, bound + 1, (2, C, 5, 4))
    w = rng.integers(-bound, bound + 1, (K, C, 3, 2))
    bias = rng.integers(-99, 100, K) if has_bias else None
    layer = Layer(MINI, "Conv", x, w, bias, kernel=(3, 2), source=None, result=None)
    exact = exact_sums(layer, x, w) + (bias.reshape(-1, 1, 1) if bias is not None else 0)
    _, report, output = compile_and_run(layer)
    np.testing.assert_array_equal(output, exact)
    assert report["totals"]["saturations"] == 0


@pytest.mark.parametrize("psh", [0, 3, 15])
def test_product_shift_can_be_forced(psh: int) -> None:
    """Sums of the machine are sums of rounded products, whatever the shift."""
    x, w = np.array([[100, -7, 3]]), np.array([[5, 11, -2], [1, 0, 0]])
    layer = Layer(structs.replace(MINI, psh=psh), "Gemm", x, w)
    program, _, output = compile_and_run(layer)
    assert product_shifts(program) == {psh}
    products = x[:, None, :] * w
    rounded = (products + (1 << psh >> 1)) >> psh
    wanted = np.clip(rounded.sum(axis=2) << psh, -32768, 32767)
    assert output.tolist() == wanted.tolist()


BANDWIDTHS = (1, 7, 64, 0)
"""Bytes per cycle, rising; 0 is unlimited."""


@settings(deadline=None, max_examples=15)
@given(layers(), st.sampled_from([0, 0, 5, 100]))
def test_a_faster_dram_is_never_slower(layer: Layer, latency: int) -> None:
    """Event-driven time falls with B and never below the array's; all else stays."""
    try:
        program, report, output = compile_and_run(layer, L=latency)
    except UnsupportedError:
        return
    cycles = report["totals"]["compute_cycles"]
    elapsed: list[int] = []
    for bandwidth in BANDWIDTHS:
        other, timed, same = compile_and_run(layer, B=bandwidth, L=latency)
        totals = timed["totals"]
        assert other.text == program.text
        np.testing.assert_array_equal(same, output)
        assert totals["counters"] == report["totals"]["counters"]
        assert totals["compute_cycles"] == cycles <= totals["elapsed_cycles"]
        assert totals["cycles"] == (totals["elapsed_cycles"] if bandwidth else cycles)
        for record in (totals, *timed["layers"]):
            for unit, busy in record["busy"].items():
                stall = sum(record["stall"][unit].values())
                assert busy + stall + record["idle"][unit] == record["elapsed_cycles"]
        elapsed.append(totals["elapsed_cycles"])
    assert elapsed == sorted(elapsed, reverse=True)


def test_random_layers_reach_everything() -> None:
    """The layers above are of every kind that matters."""
    seen: set[str] = set()
    for seed in range(250):
        seen |= traits(random_layer(random.Random(seed), 3))
    assert seen >= {
        "Conv", "Gemm", "MaxPool", "AveragePool", "does not fit", "split", "tall", "filter tiles",
        "channel tiles", "bands", "POLICY=best", "REUSE=0", "reserve too small", "saturated",
        "groups", "depthwise", "1x1", "dilation", "stride", "uneven pads", "batch", "bias",
        "zero weights", "zero input", "int8", "float", "open output", "count_include_pad",
        "default machine", "psh forced", "psh chosen > 0",
    }  # fmt: skip


def traits(layer: Layer) -> set[str]:
    """What is special about a layer."""
    spec, pads = layer.spec, layer.pads
    found = {
        layer.op: True,
        "POLICY=best": spec.POLICY == "best",
        "REUSE=0": not spec.REUSE,
        "default machine": spec.NR == 128,
        "psh forced": spec.psh is not None,
        "groups": layer.groups > 1,
        "depthwise": layer.w is not None and layer.groups == len(layer.w) > 1,
        "1x1": layer.op == "Conv" and layer.kernel == (1, 1),
        "dilation": layer.dilations[0] != layer.dilations[1],
        "stride": layer.strides[0] != layer.strides[1],
        "uneven pads": pads[:2] != pads[2:],
        "batch": len(layer.x) > 1,
        "bias": layer.bias is not None,
        "zero weights": layer.w is not None and not layer.w.any(),
        "zero input": not layer.x.any(),
        "int8": layer.source is not None and layer.source.bits == 8,
        "float": layer.source is None,
        "open output": layer.source is not None and layer.result is None,
        "count_include_pad": bool(layer.incpad and any(pads)),
    }
    return {name for name, is_so in found.items() if is_so} | _tiling_traits(layer)


def _tiling_traits(layer: Layer) -> set[str]:
    try:
        wanted = expected(layer)
    except DoesNotFitError:
        return {"does not fit"}
    steps = wanted.steps
    found = {
        "split": any(step.split for step in steps) and layer.w is not None,
        "tall": not all(step.split for step in steps),
        "filter tiles": len({step.filters for step in steps}) > 1 and layer.w is not None,
        "channel tiles": any(step.acc for step in steps),
        "bands": any(step.oy0 for step in steps),
        "reserve too small": any(step.cres < step.Ct for step in steps),
        "saturated": wanted.counters["saturated"] > 0,
        "psh chosen > 0": wanted.psh > 0 and layer.spec.psh is None,
    }
    return {name for name, is_so in found.items() if is_so}
