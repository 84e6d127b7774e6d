"""GoSPA's mapping of a layer is the golden model's, and what section 3 says of its pairs holds."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.backend.window import Window
from spcc.compiler.targets.gospa_mapping import (
    Layer,
    dense_pairs,
    generated_pairs,
    search,
    tiles_of,
)
from spcc.compiler.targets.gospa_order import find_order, resident_bases
from spcc.isa.targets.gospa import GospaSpec
from spcc.tests.golden import gospa_golden_plan as golden
from spcc.tests.golden.gospa_golden_plan import FOLD
from spcc.tests.golden.two_sided_cases import GospaCase, gospa_cases
from spcc.tests.golden.two_sided_conv import Conv, conv_of

quick = settings(deadline=None, max_examples=80)


def layer_of(conv: Conv) -> Layer:
    """A golden convolution as the compiler sees one."""
    (uh, uw), (dh, dw), (top, left, _, _) = conv.stride, conv.dilation, conv.pads
    window = Window(
        conv.R, conv.S, uh, uw, dh, dw, top, left, conv.H, conv.W, conv.E, conv.F
    )  # fmt: skip
    return Layer(window, conv.N, conv.groups, conv.Cg, conv.Kg)


def folded(case: GospaCase) -> tuple[Conv, golden.Ints]:
    """The convolution that is mapped, with its weights."""
    if not case.layer.is_fc:
        return case.layer.conv, case.layer.w
    x, w = (golden.fold(each[:, :, 0, 0]) for each in (case.layer.x, case.layer.w))
    return conv_of(x, w, (1, 1), (0, 0, 0, 0), (1, 1), 1), w


@quick
@given(gospa_cases())
def test_mapping_tiles_chunks_and_loops(case: GospaCase) -> None:
    conv, w = folded(case)
    layer, wanted = layer_of(conv), golden.plan(case.spec, conv, w)
    fields = vars(case.spec) | {"w_half": min(case.spec.w_half, 2047)}
    spec = GospaSpec(**fields)
    if fields["w_half"] < case.spec.w_half:
        wanted = golden.plan(replace(case.spec, w_half=2047), conv, w)
    mapping = search(spec, layer, "layer")
    chosen = wanted.mapping
    assert (mapping.a_s, mapping.a_k, mapping.te, mapping.tf, mapping.box) == (
        chosen.a_s, chosen.a_k, chosen.te, chosen.tf, chosen.box,
    )  # fmt: skip
    tiles = tiles_of(layer, mapping)
    assert [tuple(tile) for tile in tiles] == [(t.n, t.e0, t.e1, t.f0, t.f1) for t in wanted.tiles]
    nonzeros = np.count_nonzero(w.reshape(*w.shape[:2], -1), axis=2)
    order = find_order(spec, layer, mapping, nonzeros, "layer")
    assert order.loops == wanted.order
    blocks = [(g, block) for g, blocks in enumerate(wanted.blocks) for block in blocks]
    assert [(block.group, order.true_filters(block)) for block in order] == [
        (g, block.filters) for g, block in blocks
    ]
    assert [[(chunk.c0, chunk.c1) for chunk in block.chunks] for block in order] == [
        [(cut.start, cut.stop) for cut in block.chunks] for _, block in blocks
    ]


@quick
@given(gospa_cases())
def test_boxes_and_pairs(case: GospaCase) -> None:
    conv, _ = folded(case)
    layer = layer_of(conv)
    mapping = search(GospaSpec(**(vars(case.spec) | {"w_half": 2047})), layer, "layer")
    for tile in tiles_of(layer, mapping):
        rows, columns = tile.rows(layer.window), tile.columns(layer.window)
        wanted = golden.Tile(*tile).box(conv)
        for box, lines in zip((rows, columns), wanted, strict=True):
            assert box.size == len(lines)
            assert not lines or (box.low, box.high) == (lines.start, lines.stop)
        assert generated_pairs(layer, tile) == dense_pairs(layer, tile)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), min_size=1, max_size=4))
def test_resident_streams_do_not_overlap(filters: list[list[int]]) -> None:
    """Every stream of up to 9 weights per channel keeps its halfwords."""
    spec = GospaSpec(n_apu=1, cols=1, w_half=20)
    sizes = np.array([[*counts, *[0] * (3 - len(counts))] for counts in filters])
    window = Window(3, 3, 1, 1, 1, 1, 0, 0, 3, 3, 1, 1)
    layer = Layer(window, 1, 1, 3, len(filters))
    order = find_order(spec, layer, search(spec, layer, "layer"), sizes, "layer")
    bases = resident_bases(spec, order.blocks)
    total = sum(chunk.room for block in order for chunk in block.chunks)
    assert (bases is None) == (total > 2 * spec.w_half)
    if bases is not None:
        at = 0
        for block, starts in zip(order, bases, strict=True):
            for chunk, start in zip(block.chunks, starts, strict=True):
                assert start == at
                at += chunk.room


def test_features_are_folded() -> None:
    layer = Layer(Window(1, FOLD, 1, 1, 1, 1, 0, 0, 1, FOLD, 1, 1), 1, 1, 2, 3)
    weights = np.arange(3 * 70, dtype=np.int16).reshape(3, 70)
    by_position = layer.by_position(weights)
    assert by_position.shape == (3, 2, 64)
    assert by_position[1, 1, 5] == weights[1, 69]
    assert not by_position[:, 1, 6:].any()
