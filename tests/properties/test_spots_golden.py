"""SPOTS: the fast rule equals the golden model in values, cycles and every counter."""

import random
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.isa.errors import TrapError
from spcc.isa.formats import spots_tile
from spcc.isa.targets.spots import SpotsSpec
from spcc.runtime.machines import spots_core, spots_geometry
from spcc.tests.golden import spots_tiler as tiler
from spcc.tests.golden.spots_cases import Case, Layer, cases, layers, pools, random_map
from spcc.tests.golden.spots_format import encode, encode_bytes
from spcc.tests.golden.spots_im2col import Geometry, Map
from spcc.tests.golden.spots_stepper import COUNTERS, Result, conv, pool
from spcc.tests.golden.spots_tiles import (
    DoesNotFitError,
    clipped_rows,
    flat,
    reserved_channels,
    tile_weights,
)

relaxed = settings(deadline=None, max_examples=150)


def fast_geometry(geo: Geometry) -> spots_geometry.Geometry:
    names = ("R", "S", "sh", "sw", "dh", "dw", "pt", "pl", "H", "W", "OW")
    return spots_geometry.Geometry(**{name: getattr(geo, name) for name in names})


def band(geo: Geometry, x: Map, oy0: int, rows: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Cut the input rows that an instruction uses out of a map."""
    low, high = clipped_rows(geo, oy0, rows)
    return np.array(x, dtype=np.int16).reshape(len(x), geo.H, geo.W)[:, low:high].copy()


def fast_conv(case: Case) -> spots_core.Result:
    """Run a case on the fast rule, its weights through both sides' formats."""
    weights = flat(case.w)
    Kt = len(weights)
    image = np.frombuffer(encode_bytes(weights, case.spec.G), dtype=np.uint8)
    gemm = spots_geometry.Gemm(
        split=int(case.split), F=-(-Kt // (case.spec.NR // case.units)), Kt=Kt, Ct=len(case.x),
        Q=case.Q, cres=case.cres, psh=case.psh,
    )  # fmt: skip
    return spots_core.run_conv(
        case.spec,
        fast_geometry(case.geo),
        gemm,
        band(case.geo, case.x, case.oy0, case.rows),
        spots_tile.decode(image, Kt, case.reductions, case.spec.G),
        case.oy0,
        case.rows,
        None if case.sums is None else np.array(case.sums, dtype=np.int32),
    )


def golden_conv(case: Case) -> Result:
    return conv(
        case.spec, x=case.x, w=case.w, geo=case.geo, oy0=case.oy0, rows=case.rows,
        split=case.split, Q=case.Q, cres=case.cres, psh=case.psh, sums=case.sums,
    )  # fmt: skip


def assert_equal(fast: spots_core.Result, golden: Result) -> None:
    """Compare everything; a counter that the fast rule does not name is zero."""
    assert set(fast.counters) <= set(COUNTERS)
    assert {name: fast.counters.get(name, 0) for name in COUNTERS} == golden.counters
    assert fast.cycles == golden.cycles
    assert fast.sums.tolist() == golden.sums


@relaxed
@given(cases())
def test_fast_conv_is_the_golden_one(case: Case) -> None:
    assert_equal(fast_conv(case), golden_conv(case))


@relaxed
@given(cases())
def test_fast_conv_on_threads_is_the_golden_one(case: Case) -> None:
    """Small instructions run on one thread unless the threshold is gone."""
    with mock.patch.object(spots_core, "SERIAL_WORK", 0):
        fast = fast_conv(case)
    assert_equal(fast, golden_conv(case))


@relaxed
@given(cases())
def test_one_channel_more_than_the_reserved_buffer_holds_is_refused(case: Case) -> None:
    """The golden limit itself is accepted: planned cases run with it."""
    Ct = len(case.x)
    held = reserved_channels(case.spec, case.geo, Ct, case.rows, case.units)
    fast_conv(replace(case, cres=held))
    with pytest.raises(TrapError, match="cres"):
        fast_conv(replace(case, cres=held + 1))


@pytest.mark.parametrize(
    ("filters", "split"), [(20, True), (100, True), (100, False), (300, False)]
)
def test_fast_conv_on_the_default_machine_is_the_golden_one(filters: int, split: bool) -> None:
    """128 x 4 PEs, chunks of 14 channels of 3 x 3, blocks of 8 filters, up to 3 registers."""
    rng = random.Random(filters)
    geo = Geometry(R=3, S=3, H=6, W=6, OW=6, pt=1, pl=1)
    spec, Ct, rows = SpotsSpec(), 17, 5
    numbers = [0, 0, 0, 1, -2, 300, -32768]
    x = [[[rng.choice(numbers) for _ in range(6)] for _ in range(6)] for _ in range(Ct)]
    w = [
        [[[rng.choice(numbers) for _ in range(3)] for _ in range(3)] for _ in range(Ct)]
        for _ in range(filters)
    ]
    case = Case(spec, geo, x, w, None, 0, rows, split, 14, Ct, 6, True)
    golden = golden_conv(case)
    assert golden.counters["saturated"] > 0
    assert_equal(fast_conv(case), golden)


@relaxed
@given(pools(), st.integers(0, 2))
def test_fast_pool_is_the_golden_one(case: Case, kind: int) -> None:
    """Kinds: maximum, average of the in-map elements, average over R*S."""
    op, incpad = min(kind, 1), int(kind == 2)
    golden = pool(
        case.spec, x=case.x, geo=case.geo, oy0=case.oy0, rows=case.rows, Q=case.Q, cres=case.cres,
        op=op, incpad=incpad,
    )  # fmt: skip
    gemm = spots_geometry.Gemm(Ct=len(case.x), Kt=len(case.x), Q=case.Q, cres=case.cres)
    fast = spots_core.run_pool(
        case.spec, fast_geometry(case.geo), gemm, band(case.geo, case.x, case.oy0, case.rows),
        case.oy0, case.rows, is_average=bool(op), counts_padding=bool(incpad),
    )  # fmt: skip
    assert_equal(fast, golden)


@relaxed
@given(layers(), st.sampled_from([0, 4, 15]))
def test_fast_instructions_of_a_layer_are_the_golden_ones(layer: Layer, psh: int) -> None:
    """Channel tiles hand their sums on, images and bands follow each other."""
    try:
        todo = tiler.plan(
            layer.spec, layer.w, groups=layer.groups, geo=layer.geo, OH=layer.OH, N=len(layer.x)
        )
    except DoesNotFitError:
        return
    sums: Map | None = None
    for step in todo.steps:
        case = Case(
            layer.spec, layer.geo, layer.x[step.image][slice(*step.channels)],
            tile_weights(layer.w, layer.groups, step.filters, step.channels),
            sums if step.acc else None, step.oy0, step.rows, step.split, step.Q, step.cres, psh,
            True,
        )  # fmt: skip
        golden = golden_conv(case)
        assert_equal(fast_conv(case), golden)
        sums = golden.sums


@given(st.randoms(use_true_random=True), st.integers(1, 11), st.integers(1, 150), st.integers(1, 9))
def test_fast_weight_tile_is_the_golden_one(rng: Any, Kt: int, Kred: int, G: int) -> None:
    rows = random_map(rng, 1, Geometry(R=1, S=1, H=Kt, W=Kred, OW=1))[0]
    image = encode_bytes(rows, G)
    assert spots_tile.encode(np.array(rows, dtype=np.int16), G).tobytes() == image
    view = spots_tile.decode(np.frombuffer(image, dtype=np.uint8), Kt, Kred, G)
    parts = encode(rows, G)
    assert view.m1.tolist() == [bool(flag) for flag in parts.m1]
    assert view.m2.tolist() == [[bool(flag) for flag in flags] for flags in parts.m2]
    assert view.values.tolist() == [block for row in parts.blocks for block in row]
    assert view.size_bytes == len(image)
