"""The golden `gospa` against its sheet: formats, mapping, examples, recurrence, invariants."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.tests.golden import gospa_golden_bits as bits
from spcc.tests.golden import gospa_golden_plan as planning
from spcc.tests.golden.ddn_golden_plan import Ints
from spcc.tests.golden.gospa_golden import COUNTERS, Result, fully_connected, layer
from spcc.tests.golden.gospa_golden_plan import GospaSpec, Tile
from spcc.tests.golden.gospa_golden_row import pairs
from spcc.tests.golden.gospa_golden_rule import row_cycles, under_positions
from spcc.tests.golden.two_sided_cases import GospaCase, gospa_cases
from spcc.tests.golden.two_sided_conv import Conv, ceil_div
from spcc.tests.golden.two_sided_examples import OUT_A, OUT_B, OUT_C, SLIDE_W, SLIDE_X, A, B, C

SLIDE = Conv(1, 1, 3, 3, 1, 2, 2)
WHOLE = Tile(0, 0, 2, 0, 2)
SIXTEEN_BITS = st.integers(-(1 << 15), (1 << 15) - 1)


def micro(**changes: Any) -> GospaSpec:
    return GospaSpec(**{"n_apu": 1, "cols": 1, **changes})


def subset(result: Result, **expected: int) -> tuple[dict[str, int], dict[str, int]]:
    return {name: result.counters[name] for name in expected}, expected


def run_cycles(result: Result) -> list[int]:
    return [run.cycles for run in result.runs]


# Sections 2 and 3 --------------------------------------------------------------------------------


def test_memories_are_those_of_section_2() -> None:
    spec = GospaSpec()
    pes = spec.n_apu * spec.cols
    assert pes == 128
    assert 2 * 2 * spec.w_half == 6 << 10
    assert 2 * spec.act_half == 64 << 10
    assert spec.ring_entries * (16 + 12) == 8 * (7 << 10)
    assert 2 * spec.acc_entries * spec.acc_bits == 8 * 512


def test_weight_stream_of_the_slide() -> None:
    image = bits.weight_stream(np.array([[SLIDE_W]]), 0, range(1))
    assert bits.halfwords(image) == [0x0006, 0x0003, 0xFFFD]
    assert bits.read_stream(bits.halfwords(image), 0, 1, 4) == ([{1: 3, 2: -3}], 3)


def test_activation_slot_of_the_slide() -> None:
    image = bits.activation_slot(np.array(SLIDE_X))
    assert bits.halfwords(image) == [0x0117, 0xFFFF, 0x0003, 0x0001, 0x0002, 0xFFFE]


@pytest.mark.parametrize(
    ("h", "w", "owned", "kept"),
    [
        (0, 0, [(0, 0)], []),
        (0, 1, [(0, 1), (1, 0)], [(0, 1)]),
        (0, 2, [(1, 1)], [(1, 1)]),
        (1, 1, [(0, 3), (1, 2), (2, 1), (3, 0)], [(1, 2), (2, 1)]),
        (2, 2, [(3, 3)], []),
    ],
)
def test_expansion_table(
    h: int, w: int, owned: list[tuple[int, int]], kept: list[tuple[int, int]]
) -> None:
    found = pairs(SLIDE, WHOLE, h, w)
    assert sorted(found) == owned
    assert sorted(pair for pair in found if pair[1] in (1, 2)) == kept


def test_chunk_slots_move_masks_and_wanted_nonzeros() -> None:
    x = np.arange(2 * 3 * 2 * 20).reshape(2, 3, 2, 20) % 3
    image = bits.dram_image(x)
    assert len(image) == 34 * 2 * 3 * 2 * 2
    assert bits.slot_address((3, 2, 20), 1, 2, 1, 1) == 34 * 23
    assert image[:4] == (0b0110110110110110).to_bytes(2, "little") + b"\1\0"
    box, moved = bits.fetch_box(image, (3, 2, 20), 1, 2, range(2), range(14, 18))
    assert (box == x[1, 2, :2, 14:18]).all()
    assert moved == 2 * 4 + 2 * np.count_nonzero(box)


@given(st.lists(st.one_of(st.just(0), SIXTEEN_BITS), max_size=70))
def test_bitmaps_read_back(values: list[int]) -> None:
    words = bits.halfwords(bits.bitmap_image(values))
    found, after = bits.read_bitmap(words, 0, len(values))
    assert [found.get(at, 0) for at in range(len(values))] == values
    assert after == len(words) == ceil_div(len(values), 16) + np.count_nonzero(values)


def test_damaged_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="ends early"):
        bits.read_bitmap([0x0006, 3], 0, 4)
    with pytest.raises(ValueError, match="ends early"):
        bits.read_bitmap([0x0006], 0, 17)
    with pytest.raises(ValueError, match="past the end"):
        bits.read_bitmap([0x0010, 3], 0, 4)


# Section 7 ---------------------------------------------------------------------------------------


def channels_of_ones(count: int, nonzeros: int) -> dict[str, Any]:
    """A 1x1 kernel of ones on a 1x8 map with some nonzeros in every channel."""
    x = (np.arange(8) < nonzeros).astype(np.int64)
    return dict(x=np.tile(x, (1, count, 1, 1)), w=np.ones((1, count, 1, 1), dtype=np.int64))


def test_apu_works_ahead_of_the_pe() -> None:
    """T = 2, V = 8: only the first scan shows."""
    assert run_cycles(layer(micro(), **channels_of_ones(5, 8))) == [2 + 5 * 8 + 4]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [(dict(ring_slots=1), 5 * 10), (dict(ring_entries=16), 42), (dict(act_rd=1), 5 * 8 + 8)],
)
def test_ring_and_scan_hold_the_apu_back(changes: dict[str, int], expected: int) -> None:
    """One slot: scan and MACs alternate. Two slots in 16 entries suffice."""
    assert run_cycles(layer(micro(**changes), **channels_of_ones(5, 8))) == [expected + 4]


@pytest.mark.parametrize(("ring_entries", "expected"), [(16, 28), (24, 22), (2048, 22)])
def test_slow_pe_holds_the_ring(ring_entries: int, expected: int) -> None:
    """Two PEs, V = 8 8 1 1 and 1 1 8 8: the second one waits for what the first one holds."""
    x, w = np.ones((1, 4, 1, 8), dtype=np.int64), np.zeros((2, 4, 1, 1), dtype=np.int64)
    w[0, :2] = w[1, 2:] = 1
    spec = micro(cols=2, pipe=0, ring_entries=ring_entries)
    assert run_cycles(layer(spec, x, w)) == [expected]


def test_slots_without_survivors_cost_their_scan_only() -> None:
    """The only nonzero of every even channel lies under no weight."""
    x, w = np.zeros((1, 4, 1, 2)), np.zeros((1, 4, 1, 2))
    x[0, 0::2, 0, 0] = x[0, 1::2, 0, 1] = w[0, :, 0, 1] = 1
    done = layer(micro(pipe=0), x, w)
    assert run_cycles(done) == [5]
    found, expected = subset(done, slots=4, macs_effectual=2, empty_slot_cycles=0, wbm_reads=2)
    assert found == expected


# Section 10 --------------------------------------------------------------------------------------


def test_example_a() -> None:
    done = layer(micro(), **A)
    assert done.outputs[0].tolist() == OUT_A
    assert (done.mapping.a_s, done.mapping.a_k, done.mapping.te, done.mapping.tf) == (1, 1, 2, 2)
    assert run_cycles(done) == [10]
    found, expected = subset(
        done, macs_effectual=4, macs_dense=16, macs_skipped=12, macs_ineffectual=0, macs_gated=0,
        apu_scanned=5, apu_kept=3, apu_dropped=2, pairs_generated=9, pairs_kept=4, wmem_reads=2,
        wbm_reads=1, act_words_bitmap=1, act_words_value=2, ring_writes=3, ring_reads=4,
        pe_idle=6, dram_weight_bytes=6, dram_act_bytes=16, runs=1, slots=1, drain_words=4,
        acc_reads=4, acc_writes=4, empty_slot_cycles=0,
    )  # fmt: skip
    assert found == expected
    assert set(expected) == set(COUNTERS)
    assert (done.drain_cycles, done.config_cycles, done.clips) == ([4], 2, 0)


def test_example_a_on_the_default_machine() -> None:
    done = layer(GospaSpec(), **A)
    assert done.outputs[0].tolist() == OUT_A
    assert [(tile.eh, tile.ew) for tile in done.plan.tiles] == [(1, 1)] * 4
    assert run_cycles(done) == [7]
    found, expected = subset(done, apu_scanned=9, apu_kept=4, pe_idle=892)
    assert found == expected


def test_example_b() -> None:
    done = layer(micro(cols=2), **B)
    assert done.outputs[0].tolist() == OUT_B
    assert run_cycles(done) == [11]
    found, expected = subset(
        done, macs_effectual=8, empty_slot_cycles=1, pairs_generated=14, pairs_kept=8,
        apu_scanned=8, apu_kept=5, wmem_reads=5, wbm_reads=4, pe_idle=13, dram_weight_bytes=18,
        dram_act_bytes=28,
    )  # fmt: skip
    assert found == expected
    assert under_positions(done.conv, WHOLE, B["x"][0, 1]).tolist() == [1, 2, 1, 1]


def test_example_b_in_two_blocks() -> None:
    done = layer(micro(), **B)
    assert done.outputs[0].tolist() == OUT_B
    assert run_cycles(done) == [11, 8]
    assert done.cycles == 19


def test_example_c() -> None:
    done = layer(micro(), **C)
    assert done.outputs[0].tolist() == OUT_C
    assert run_cycles(done) == [8]
    found, expected = subset(
        done, apu_scanned=6, pairs_generated=8, pairs_kept=2, apu_kept=2, apu_dropped=4,
        macs_effectual=2, wmem_reads=2, dram_weight_bytes=10, dram_act_bytes=20,
    )  # fmt: skip
    assert found == expected


def test_fully_connected() -> None:
    done = fully_connected(micro(), [[2, 0, 5], [0, 1, 1]], [[1, 0, -1]])
    assert done.outputs[:, 0, 0, 0].tolist() == [-3, -1]
    assert run_cycles(done) == [1 + 2 + 4, 1 + 1 + 4]
    found, expected = subset(
        done, macs_dense=6, macs_effectual=3, macs_skipped=3, dram_weight_bytes=2 * (4 + 2),
        dram_act_bytes=2 * 2 * 4 + 2 * 4, apu_dropped=1,
    )  # fmt: skip
    assert found == expected


# Invariants --------------------------------------------------------------------------------------


def covered(conv: Conv, tile: Tile) -> int:
    """Dense MACs of a tile per channel and filter, without those on padding."""
    return sum(
        conv.under(e, f, r, s) is not None
        for e in range(tile.e0, tile.e1)
        for f in range(tile.f0, tile.f1)
        for r in range(conv.R)
        for s in range(conv.S)
    )


def groups_of(done: Result, block: int, group: int, cols: int) -> list[list[int]]:
    """The filters of every filter group of a k-block."""
    filters = done.plan.blocks[group][block].filters
    return [filters[at : at + cols] for at in range(0, len(filters), cols)]


def operands(case: GospaCase) -> tuple[Ints, Ints]:
    """What the machine really works on: fully connected layers are folded."""
    x, w = case.layer.x, case.layer.w
    if case.layer.is_fc:
        return planning.fold(x[:, :, 0, 0]), planning.fold(w[:, :, 0, 0])
    return x, w


@given(gospa_cases())
@settings(max_examples=60, deadline=None)
def test_stepper_computes_the_layer_in_the_cycles_of_the_recurrence(case: GospaCase) -> None:
    done, spec = case.run(), case.spec
    exact, bound = case.layer.outputs(), 1 << (spec.acc_bits - 1)
    assert (done.outputs == np.clip(exact, -bound, bound - 1)).all()
    assert done.clips == np.count_nonzero(done.outputs != exact)
    x, w = operands(case)
    for run in done.runs:
        own = x[:, run.group * done.conv.Cg : (run.group + 1) * done.conv.Cg]
        expected = [
            row_cycles(spec, done.conv, own[tile.n], w, tile, filters, run.channels)
            for filters in groups_of(done, run.block, run.group, spec.cols)
            for tile in done.plan.tile_sets[run.tile_set]
        ]
        assert run.rows == expected
        assert run.cycles == max(expected) + spec.pipe
    assert done.cycles == sum(run.cycles for run in done.runs)


@given(gospa_cases())
@settings(max_examples=40, deadline=None)
def test_counters_belong_together(case: GospaCase) -> None:
    done, spec, layer_ = case.run(), case.spec, case.layer
    count = done.counters
    masks = type(layer_)(
        (layer_.x != 0).astype(np.int64), (layer_.w != 0).astype(np.int64), layer_.stride,
        layer_.pads, layer_.dilation, layer_.groups,
    )  # fmt: skip
    macs = int(masks.outputs().sum())
    assert count["macs_effectual"] == count["ring_reads"] == macs
    assert count["acc_reads"] == count["acc_writes"] == macs
    assert count["macs_dense"] == layer_.conv.dense_macs == macs + count["macs_skipped"]
    assert count["apu_scanned"] == count["apu_kept"] + count["apu_dropped"]
    assert count["ring_writes"] == count["apu_kept"] <= count["pairs_kept"]
    assert count["pairs_kept"] <= count["pairs_generated"]
    assert count["wmem_reads"] <= macs <= count["pairs_kept"] * spec.cols
    assert count["drain_words"] == done.outputs.size
    assert count["runs"] == len(done.runs)
    slots = done.cycles * spec.n_apu * spec.cols
    assert slots == macs + count["empty_slot_cycles"] + count["pe_idle"]
    assert min(count.values()) >= 0


@given(gospa_cases())
@settings(max_examples=30, deadline=None)
def test_dense_activations_own_all_products_but_those_on_padding(case: GospaCase) -> None:
    conv = case.layer.conv
    for tile in planning.tile_list(conv, planning.search(case.spec, conv)) if conv.W > 1 else []:
        rows, columns = tile.box(conv)
        owned = {(h, w): pairs(conv, tile, h, w) for h in range(conv.H) for w in range(conv.W)}
        assert sum(len(found) for found in owned.values()) == covered(conv, tile)
        assert all(h in rows and w in columns for (h, w), found in owned.items() if found)
        (uh, uw) = conv.stride
        most = ceil_div(conv.R, uh) * ceil_div(conv.S, uw)
        if conv.dilation == (1, 1):
            assert max(len(found) for found in owned.values()) <= most


@given(gospa_cases())
@settings(max_examples=30, deadline=None)
def test_all_dense_layers_do_every_mac_in_the_map(case: GospaCase) -> None:
    it = case.layer
    ones = type(it)(
        np.ones_like(it.x), np.ones_like(it.w), it.stride, it.pads, it.dilation, it.groups, it.is_fc
    )
    w_half = 2000 if it.is_fc else ceil_div(it.conv.R * it.conv.S, 16) + it.conv.R * it.conv.S
    spec = GospaSpec(**{**vars(case.spec), "w_half": w_half})
    done = GospaCase(ones, spec).run()
    inside = sum(covered(done.conv, tile) for tile in done.plan.tiles)
    per_filter = case.layer.conv.C // it.groups if it.is_fc else inside * it.conv.Cg
    images = it.conv.N if it.is_fc else 1
    assert done.counters["macs_effectual"] == per_filter * it.conv.K * images
    assert done.counters["macs_skipped"] == it.conv.dense_macs - done.counters["macs_effectual"]


@given(gospa_cases())
@settings(max_examples=20, deadline=None)
def test_traffic_is_whole_passes(case: GospaCase) -> None:
    done = case.run()
    sizes = [len(image) for image in done.images.values()]
    assert done.counters["dram_weight_bytes"] >= sum(sizes)
    if len(sizes) == 1:
        assert done.counters["dram_weight_bytes"] == sizes[0]
    if all(len(blocks) == 1 for blocks in done.plan.blocks):
        x, _ = operands(case)
        moved = 0
        for tile in done.plan.tiles:
            rows, columns = tile.box(done.conv)
            box = x[tile.n, :, rows.start : rows.stop, columns.start : columns.stop]
            quarters = len({w // 16 for w in columns})
            moved += 2 * len(rows) * quarters * done.conv.C
            moved += 2 * int(np.count_nonzero(box)) if len(rows) and len(columns) else 0
        assert done.counters["dram_act_bytes"] == moved
