"""The golden `sparten` against its sheet: formats, examples, cycle formula, invariants."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.tests.golden import sparten_golden_bits as bits
from spcc.tests.golden.sparten_golden import COUNTERS, Result, layer
from spcc.tests.golden.sparten_golden_plan import SpartenSpec, chunk_nonzeros
from spcc.tests.golden.sparten_golden_rule import cluster_cycles
from spcc.tests.golden.two_sided_cases import SpartenCase, sparten_cases
from spcc.tests.golden.two_sided_conv import Conv, ceil_div
from spcc.tests.golden.two_sided_examples import OUT_A, OUT_B, OUT_C, A, B, C

SIXTEEN_BITS = st.integers(-(1 << 15), (1 << 15) - 1)
SPARSE = st.lists(st.one_of(st.just(0), SIXTEEN_BITS), max_size=128)


def micro(**changes: Any) -> SpartenSpec:
    chosen: dict[str, Any] = {"clusters": 1, "cus": 1, "gb": "none", **changes}
    return SpartenSpec(**chosen)


def subset(result: Result, **expected: int) -> tuple[dict[str, int], dict[str, int]]:
    return {name: result.counters[name] for name in expected}, expected


def run_cycles(result: Result) -> list[int]:
    return [run.cycles for run in result.runs]


# Section 3 ---------------------------------------------------------------------------------------


def test_chunk_record_example() -> None:
    chunk, weights = bits.record([0, 7, 0, -2]), bits.record([5, 3, 0, 0])
    assert chunk.image == bytes([0x0A] + [0] * 15) + b"\x07\x00\xfe\xff"
    assert weights.image == bytes([0x03] + [0] * 15) + b"\x05\x00\x03\x00"
    assert chunk.mask & weights.mask == 0x02
    assert bits.next_match(chunk, weights, -1) == 1
    assert (chunk.value_at(1), weights.value_at(1)) == (7, 3)
    assert bits.next_match(chunk, weights, 1) is None


def test_linear_order_is_channel_first() -> None:
    """Element (r,s,c) sits in chunk (r*S+s)*nC + c div 128, bit c mod 128."""
    w = np.zeros((1, 130, 2, 3), dtype=np.int64)
    w[0, 129, 1, 2], w[0, 0, 0, 1], w[0, 127, 0, 1] = 9, 8, -7
    records = bits.read_filter(bits.filter_image(w, 0))
    assert len(records) == 2 * 3 * 2
    assert {i: part for i, part in enumerate(records) if part.mask} == {
        (1 * 3 + 2) * 2 + 1: bits.Record(1 << 1, (9,)),
        2: bits.Record(1 | 1 << 127, (8, -7)),
    }
    conv = Conv(1, 130, 3, 3, 1, 2, 3)
    assert chunk_nonzeros(conv, w, 0) == [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_map_slots() -> None:
    conv = Conv(2, 260, 2, 3, 2, 1, 1, groups=2)
    x = np.arange(2 * 260 * 6).reshape(2, 260, 2, 3) % 5
    image = bits.map_image(conv, x)
    assert len(image) == 272 * 2 * 2 * 3 * 4
    assert bits.slot_index(conv, 1, 1, 2, 1, 1) == 47
    part, end = bits.read_record(image, 272 * 47)
    assert part == bits.record(x[1, 258:260, 1, 2].tolist())
    assert end == 272 * 47 + 16 + 2 * np.count_nonzero(x[1, 258:260, 1, 2])


@given(SPARSE, SPARSE)
def test_join_is_the_dot_product(a: list[int], b: list[int]) -> None:
    first, second = bits.record(a), bits.record(b)
    assert bits.read_record(first.image) == (first, 16 + 2 * len(first.values))
    total, bit = 0, bits.next_match(first, second, -1)
    while bit is not None:
        total += first.value_at(bit) * second.value_at(bit)
        bit = bits.next_match(first, second, bit)
    assert total == sum(x * y for x, y in zip(a, b, strict=False))


def test_damaged_record_is_refused() -> None:
    image = bits.record([1, 2]).image
    with pytest.raises(ValueError, match="ends early"):
        bits.read_record(image[:-1])


# Section 7 ---------------------------------------------------------------------------------------


def one_pixel(channels: int, nonzeros: int, filters: int) -> dict[str, Any]:
    """One position, dense filters."""
    x = (np.arange(channels) < nonzeros).astype(np.int64).reshape(1, channels, 1, 1)
    return dict(x=x, w=np.ones((filters, channels, 1, 1), dtype=np.int64))


def test_first_load_is_seen_and_later_ones_are_not() -> None:
    """Two chunks of 128: T = ceil((128 + 2048) / 256) = 9, joins of 129."""
    assert run_cycles(layer(micro(), **one_pixel(256, 256, 1))) == [9 + 129 + 129 + 6]


def test_load_of_the_next_chunk_holds_a_short_join() -> None:
    """128 nonzeros against an empty filter: the join takes 2, the load of the next chunk 9."""
    operands = one_pixel(256, 256, 1)
    operands["w"][:] = 0
    assert run_cycles(layer(micro(), **operands)) == [9 + 9 + 2 + 6]


@pytest.mark.parametrize(
    ("join_lat", "perm_bw", "expected"),
    [(0, 32, 1 + 2 + 1 + 1), (0, 1, 1 + 2 + 4 + 4), (1, 32, 1 + 2 + 2 + 1), (1, 3, 1 + 2 + 2 + 2)],
)
def test_network_holds_a_short_join(join_lat: int, perm_bw: int, expected: int) -> None:
    """Four filters on two CUs, m = 1 in the first chunk, 0 in the second."""
    spec = micro(cus=2, gb="H", join_lat=join_lat, join_bubble=0, pipe=0, perm_bw=perm_bw)
    done = layer(spec, **one_pixel(256, 1, 4))
    assert run_cycles(done) == [expected]
    assert done.counters["perm_words"] == 2 * 4


@pytest.mark.parametrize(
    ("join_lat", "join_bubble", "matches", "cost"),
    [(1, 1, 0, 2), (1, 1, 1, 2), (1, 1, 5, 6), (3, 0, 2, 3), (0, 0, 0, 0), (0, 2, 0, 2)],
)
def test_cost_of_a_join(join_lat: int, join_bubble: int, matches: int, cost: int) -> None:
    spec = micro(join_lat=join_lat, join_bubble=join_bubble)
    done = layer(spec, **one_pixel(8, matches, 1))
    assert run_cycles(done) == [1 + cost + 6]
    assert done.counters["join_overhead_cycles"] == cost - matches


# Section 10 --------------------------------------------------------------------------------------


def test_example_a() -> None:
    done = layer(micro(), **A)
    assert done.outputs[0].tolist() == OUT_A
    assert run_cycles(done) == [39]
    found, expected = subset(
        done, chunk_joins=16, fmask_reads=16, macs_effectual=4, macs_dense=16, macs_skipped=12,
        macs_ineffectual=0, macs_gated=0, join_overhead_cycles=28, in_mask_reads=16,
        in_value_reads=9, cu_in_writes=9, cu_in_reads=4, fval_reads=4, perm_words=0, out_words=4,
        cu_idle=7,
    )  # fmt: skip
    assert found == expected
    assert set(expected) == set(COUNTERS)
    assert done.drain_cycles == [1]
    assert done.dram_weight_bytes == 4 * 16 + 2 * 2
    assert done.dram_act_bytes == 9 * 16 + 2 * 5


def test_example_a_on_the_default_machine() -> None:
    done = layer(SpartenSpec(), **A)
    assert done.outputs[0].tolist() == OUT_A
    assert [len(blocks[0]) for blocks in done.plan.blocks] == [1, 1, 1, 1]
    assert run_cycles(done) == [16]
    found, expected = subset(done, perm_words=16, cu_idle=2016)
    assert found == expected


def test_example_b() -> None:
    done = layer(micro(cus=2), **B)
    assert done.outputs[0].tolist() == OUT_B
    assert run_cycles(done) == [39]
    found, expected = subset(
        done, chunk_joins=32, join_overhead_cycles=56, macs_effectual=8, in_value_reads=14,
        cu_in_writes=28,
    )  # fmt: skip
    assert found == expected


def test_example_b_in_two_sets() -> None:
    done = layer(micro(), **B)
    assert done.outputs[0].tolist() == OUT_B
    assert (run_cycles(done), done.cycles) == ([39, 39], 78)


def test_example_b_on_the_default_machine() -> None:
    done = layer(SpartenSpec(), **B)
    assert done.outputs[0].tolist() == OUT_B
    assert done.cycles == 16


def test_example_c() -> None:
    done = layer(micro(), **C)
    assert done.outputs[0].tolist() == OUT_C
    assert run_cycles(done) == [57]
    found, expected = subset(
        done, in_mask_reads=4 + 6 + 6 + 9, macs_effectual=2, join_overhead_cycles=48
    )
    assert found == expected


def test_example_c_on_the_default_machine() -> None:
    done = layer(SpartenSpec(), **C)
    assert done.outputs[0].tolist() == OUT_C
    assert done.cycles == 26
    assert done.runs[0].clusters == {(q, 0): 1 + 2 * n + 1 for q, n in enumerate([4, 6, 6, 9])}


# Invariants --------------------------------------------------------------------------------------


@given(sparten_cases())
@settings(max_examples=60, deadline=None)
def test_stepper_computes_the_layer_in_the_cycles_of_the_formula(case: SpartenCase) -> None:
    done, spec, it = case.run(), case.spec, case.layer
    exact, bound = it.outputs(), 1 << (spec.acc_bits - 1)
    assert (done.outputs == np.clip(exact, -bound, bound - 1)).all()
    assert done.clips == np.count_nonzero(done.outputs != exact)
    conv = done.conv
    for run in done.runs:
        own = it.x[:, run.group * conv.Cg : (run.group + 1) * conv.Cg]
        batch = done.plan.batches[run.group][run.batch]
        for (q, z), found in run.clusters.items():
            cuts, block = batch[z].segments, done.plan.blocks[q][run.block]
            segment = cuts[run.segment] if run.segment < len(cuts) else range(0)
            assert found == cluster_cycles(spec, conv, own, it.w, batch[z], block, segment)
        assert run.cycles == max(run.clusters.values()) + spec.pipe
    assert done.cycles == sum(run.cycles for run in done.runs)


def broadcasts(conv: Conv) -> int:
    """Input chunks under all kernel positions of all outputs, those in the map."""
    return conv.N * sum(
        conv.under(e, f, r, s) is not None
        for e in range(conv.E)
        for f in range(conv.F)
        for r in range(conv.R)
        for s in range(conv.S)
    )


@given(sparten_cases())
@settings(max_examples=60, deadline=None)
def test_counters_belong_together(case: SpartenCase) -> None:
    done, spec, it = case.run(), case.spec, case.layer
    count, conv = done.counters, it.conv
    masks = replace(it, x=(it.x != 0).astype(np.int64), w=(it.w != 0).astype(np.int64))
    macs = int(masks.outputs().sum())
    assert count["macs_effectual"] == count["cu_in_reads"] == count["fval_reads"] == macs
    assert count["macs_dense"] == conv.dense_macs == macs + count["macs_skipped"]
    sets = sum(len(batch) for batches in done.plan.batches for batch in batches) // it.groups
    chunks = broadcasts(conv) * ceil_div(conv.Cg, 128)
    assert count["in_mask_reads"] == chunks * sets * it.groups
    assert count["chunk_joins"] == count["fmask_reads"] == chunks * conv.K
    assert count["perm_words"] == (chunks * conv.K if spec.gb == "H" else 0)
    assert count["out_words"] == done.outputs.size
    slots = done.cycles * spec.clusters * spec.cus
    assert slots == macs + count["join_overhead_cycles"] + count["cu_idle"]
    least = count["chunk_joins"] * spec.join_bubble
    assert least <= count["join_overhead_cycles"]
    assert count["join_overhead_cycles"] <= least + count["chunk_joins"] * spec.join_lat
    assert macs <= count["cu_in_writes"] * (1 if spec.gb == "none" else 2)
    assert min(count.values()) >= 0


@given(sparten_cases())
@settings(max_examples=10, deadline=None)
def test_balancing_changes_no_output_and_no_mac(case: SpartenCase) -> None:
    spec = replace(case.spec, fbuf_bytes=16384)
    dones = [replace(case, spec=replace(spec, gb=gb)).run() for gb in ("none", "S", "H")]
    assert len({done.outputs.tobytes() for done in dones}) == 1
    for name in ("macs_effectual", "chunk_joins", "join_overhead_cycles", "out_words"):
        assert len({done.counters[name] for done in dones}) == 1


@given(sparten_cases())
@settings(max_examples=20, deadline=None)
def test_all_dense_layers_do_every_mac_in_the_map(case: SpartenCase) -> None:
    it = case.layer
    ones = replace(it, x=np.ones_like(it.x), w=np.ones_like(it.w))
    done = SpartenCase(ones, replace(case.spec, fbuf_bytes=16384)).run()
    assert done.counters["macs_effectual"] == broadcasts(it.conv) * it.conv.Cg * it.conv.K


@given(sparten_cases())
@settings(max_examples=20, deadline=None)
def test_traffic_is_whole_passes(case: SpartenCase) -> None:
    done = case.run()
    total = 0
    most_blocks = max(len(blocks) for blocks in done.plan.blocks)
    for batches in done.plan.batches:
        for batch in batches:
            size = sum(len(done.images[k]) for members in batch for k in members.filters)
            is_once = all(len(members.segments) == 1 for members in batch)
            total += size * (1 if is_once else most_blocks)
    assert done.dram_weight_bytes == total
