"""SPOTS: the compiler cuts layers as the golden tiling does."""

from dataclasses import asdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.backend.window import Window
from spcc.compiler.targets import spots_tiling as compiled
from spcc.isa.errors import UnsupportedError
from spcc.tests.golden import spots_tiler as tiler
from spcc.tests.golden import spots_tiles as tiles
from spcc.tests.golden.spots_cases import Layer, layers

relaxed = settings(deadline=None, max_examples=150)
Cut = tuple[tuple[int, int], tuple[int, int], bool, int, int]


def window_of(layer: Layer) -> Window:
    return Window(**asdict(layer.geo), OH=layer.OH)


def compiled_cuts(layer: Layer) -> list[Cut] | None:
    """Filters, channel range, mode, Ct and band of every tile; None if nothing fits."""
    weights = np.array(layer.w, dtype=np.int16)
    try:
        plan = compiled.plan_conv(layer.spec, weights, layer.groups, window_of(layer), "layer")
    except UnsupportedError:
        return None
    return [((t.f0, t.f1), (t.c0, t.c1), t.split, t.Ct, t.band) for t in plan]


def golden_cuts(layer: Layer) -> list[Cut] | None:
    try:
        chosen = tiles.choose_tiles(layer.spec, layer.w, layer.groups, layer.geo, layer.OH)
    except tiles.DoesNotFitError:
        return None
    return [(tile.filters, tile.channels, tile.split, Ct, ob) for tile, Ct, ob in chosen]


@relaxed
@given(layers())
def test_compiler_tiles_as_the_golden_model(layer: Layer) -> None:
    assert compiled_cuts(layer) == golden_cuts(layer)


@relaxed
@given(layers(), st.integers(1, 40))
def test_compiler_cuts_pools_as_the_golden_model(layer: Layer, C: int) -> None:
    try:
        plan = compiled.plan_pool(layer.spec, C, window_of(layer), "layer")
        cut = (plan.Ct, plan.band)
    except UnsupportedError:
        cut = None
    try:
        first = tiler.plan_pool(layer.spec, C=C, geo=layer.geo, OH=layer.OH).steps[0]
        golden = (first.Ct, first.rows)
    except tiles.DoesNotFitError:
        golden = None
    assert cut == golden


@relaxed
@given(layers(), st.integers(1, 9), st.integers(1, 9))
def test_compiler_chooses_chunks_and_reserve_as_the_golden_model(
    layer: Layer, Ct: int, rows: int
) -> None:
    spec, geo, window = layer.spec, layer.geo, window_of(layer)
    assert compiled.chunk_channels(spec, window) == tiles.hand_over(spec, geo)
    for units in (1, spec.UNITS):
        expected = tiles.reserved_channels(spec, geo, Ct, rows, units)
        assert compiled.reserved_channels(spec, window, Ct, rows, units) == expected
