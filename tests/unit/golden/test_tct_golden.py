"""The golden `tct` machine against its sheet: images, examples, invariants."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from spcc.tests.golden import ddn_golden
from spcc.tests.golden.ddn_cases import Case, cases
from spcc.tests.golden.ddn_examples import (
    E1,
    E2,
    E3,
    MICRO,
    OUT_1,
    OUT_2,
    OUT_3,
    sums,
    totals,
)
from spcc.tests.golden.ddn_golden_bits import BitReader
from spcc.tests.golden.ddn_golden_plan import Shape, Warp, active_tiles, blocks, passes, warps
from spcc.tests.golden.tct_golden import TctResult, layer
from spcc.tests.golden.tct_golden_schedule import Entry
from spcc.tests.golden.tct_golden_units import TctMachine, read_unit, unit_image, unit_slots


def micro(**changes: Any) -> TctMachine:
    return TctMachine(**{**MICRO, **changes})


def entry_counts(result: TctResult) -> list[list[int]]:
    """Entries of every unit, by warp."""
    return [[len(unit) for unit in units] for units in result.schedules.values()]


def bubble_counts(result: TctResult) -> list[list[int]]:
    """Bubbles of every unit, by warp."""
    return [[sum(e.is_bubble for e in u) for u in units] for units in result.schedules.values()]


def subset(counters: dict[str, int], **expected: int) -> tuple[dict[str, int], dict[str, int]]:
    return {name: counters[name] for name in expected}, expected


# Sections 2 and 3 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("h", "d", "adv_max", "ws_bits", "alc_bits"),
    [
        (2, 5, None, 3, 2), (1, 6, None, 3, 1), (3, 4, None, 3, 2), (0, 0, None, 0, 0),
        (4, 0, None, 3, 3), (2, 5, 0, 3, 8), (2, 0, 1, 2, 0), (4, 6, 2, 4, 1), (1, 0, 4, 1, 2),
    ],
)  # fmt: skip
def test_metadata_bits(h: int, d: int, adv_max: int | None, ws_bits: int, alc_bits: int) -> None:
    machine = TctMachine(h=h, d=d, adv_max=adv_max)
    assert (machine.ws_bits, machine.alc_bits) == (ws_bits, alc_bits)


def test_lookaside_round_the_pe_is_refused() -> None:
    assert len(TctMachine(lanes=4, h=1, d=6).links) == 7
    with pytest.raises(AssertionError):
        _ = TctMachine(lanes=3, h=1, d=6).links


E1_ENTRIES = [Entry(0, (5, 7, 0, 2), (0, 1, 0, 1)), Entry(3, (3, 1, 6, 4), (0, 2, 1, 0))]
E1_IMAGE = bytes.fromhex("02000000 a000200700000088008018005000400c00400000")


def test_unit_image_of_section_3() -> None:
    assert unit_image(micro(), E1_ENTRIES, 1) == E1_IMAGE
    source = BitReader(E1_IMAGE)
    assert read_unit(micro(), source, 1) == E1_ENTRIES
    source.finish()
    assert 32 + 2 * (2 + 4 * (3 + 16)) == 188


def test_unit_image_in_run_length_code() -> None:
    """Header, two advances, then (0,5) (0,7) (1,2) (0,3) (0,1) (0,6) (0,4) with their selects."""
    image = unit_image(micro(wcomp="rlc"), E1_ENTRIES, 1)
    codes = [(0, 0, 5), (0, 1, 7), (1, 1, 2), (0, 0, 3), (0, 2, 1), (0, 1, 6), (0, 0, 4)]
    expected, at = 2 | 0 << 12 | (0 | 2 << 2) << 32, 36
    for run, ws, value in codes:
        expected |= (run | ws << 4 | value << 7) << at
        at += 23
    assert at == 197
    assert image == expected.to_bytes(25, "little")
    assert read_unit(micro(wcomp="rlc"), BitReader(image), 1) == E1_ENTRIES


@pytest.mark.parametrize("wcomp", ["none", "rlc"])
def test_empty_unit_is_its_header(wcomp: str) -> None:
    machine = micro(wcomp=wcomp)
    assert unit_image(machine, [], 2) == bytes(4)
    assert read_unit(machine, BitReader(bytes(4)), 2) == []


def test_later_chunk_starts_at_its_own_row() -> None:
    """The first advance of a chunk is zero, whatever lies before."""
    image = unit_image(micro(), [Entry(9, (0, 0, 0, -1), (0,) * 4)], 1)
    assert int.from_bytes(image, "little") == 1 | 9 << 12 | 0xFFFF << (34 + 3 * 19 + 3)


@pytest.mark.parametrize(
    ("byte", "value", "sentence"),
    [(4, 0xA1, "first advance"), (23, 0x80, "padding"), (0, 3, "ends early")],
)
def test_damaged_unit_is_refused(byte: int, value: int, sentence: str) -> None:
    image = bytearray(E1_IMAGE)
    image[byte] = value
    with pytest.raises(ValueError, match=sentence):
        read_unit(micro(), BitReader(bytes(image)), 1)
    with pytest.raises(ValueError, match="row0"):
        read_unit(micro(), BitReader(bytes([0, 0x10, 0, 0])), 1)


# Section 10 --------------------------------------------------------------------------------------


def test_example_1() -> None:
    done = layer(micro(), **E1)
    assert sums(done) == OUT_1
    assert totals(done) == (8, 4, 1, 1, 6)
    assert done.schedules == {0: [E1_ENTRIES]}
    assert done.images == {(0, 0): E1_IMAGE}
    assert done.counters == dict(
        mac_eff=9, mac_ineff_a=5, mac_ineff_w=2, mac_skipped=32, lane_idle=48, slot_own=6,
        slot_ahead=8, slot_zero=2, slot_aside=0, wm_rd=4, mm_rd=4, am_rd=12, ab_wr=12, ab_rd=12,
        pb_rd=2, pb_wr=2, am_wr=2, dram_w=24, dram_in=96, dram_out=16, bubbles=0, sync_wait=0,
        sat=0,
    )  # fmt: skip


def test_listing_of_example_1() -> None:
    """One CONV instead of two (section 5)."""
    done = layer(micro(am_words=128), **E1)
    muxes = [(1, 0), (2, 0), (1, 1), (1, -1), (2, 2), (2, -2), (1, 3)]
    assert [step.text() for step in done.program if not step.op.startswith("ddn")] == [
        "tct.cfg h=2 ni=7 wsb=3 alcb=2 adv=3 sync=0",
        *(f"tct.mux idx={i} ahead={a} aside={s}" for i, (a, s) in enumerate(muxes, start=1)),
        "tct.ldw half=0 units=1 bytes=24 mode=0 dram=0x2000",
        "tct.conv half=0 first=1 b0=0 nb=6 win0=0 nwin=2",
    ]
    (post,) = done.steps("ddn.post")
    assert post.text() == "ddn.post fb0=0 tiles=1 win0=0 nwin=2 bias=0 act=0 bank=0"


def test_example_1_greedy() -> None:
    done = layer(micro(scheduler="greedy", order="aside"), **E1)
    assert sums(done) == OUT_1
    assert (done.work, done.cycles) == (6, 10)
    assert done.schedules == {
        0: [
            [
                Entry(0, (5, 7, 2, 0), (0, 1, 3, 0)),
                Entry(3, (3, 6, 0, 4), (0, 3, 0, 0)),
                Entry(5, (0, 1, 0, 0), (0, 0, 0, 0)),
            ]
        ]
    }
    got, expected = subset(
        done.counters, slot_aside=4, slot_ahead=2, slot_own=8, slot_zero=10, ab_rd=18, dram_w=34
    )
    assert got == expected


def test_example_2() -> None:
    done = layer(micro(), **E2)
    assert sums(done) == OUT_2
    assert totals(done) == (96, 72, 6, 2, 42)
    assert (entry_counts(done), bubble_counts(done)) == ([[4, 3], [4]], [[0, 0], [1]])
    assert done.counters == dict(
        mac_eff=199, mac_ineff_a=188, mac_ineff_w=261, mac_skipped=792, sync_wait=72,
        lane_idle=432, slot_own=171, slot_ahead=126, slot_aside=90, slot_zero=261, bubbles=9,
        wm_rd=162, mm_rd=99, am_rd=150, ab_wr=216, ab_rd=297, pb_rd=27, pb_wr=27, am_wr=27,
        dram_w=186, dram_in=144, dram_out=144, sat=0,
    )  # fmt: skip


def test_example_2_accel() -> None:
    done = layer(micro(sync="accel"), **E2)
    assert sums(done) == OUT_2
    assert (entry_counts(done), bubble_counts(done)) == ([[4], [4]], [[0], [1]])
    got, expected = subset(
        done.counters, mac_ineff_w=333, sync_wait=0, am_rd=100, ab_rd=324, dram_w=200
    )
    assert got == expected


def test_example_2_pe() -> None:
    done = layer(micro(sync="pe"), **E2)
    assert sums(done) == OUT_2
    assert entry_counts(done) == [[3, 4, 4, 3], [4]]
    assert bubble_counts(done) == [[0, 1, 1, 0], [1]]
    got, expected = subset(done.counters, bubbles=27, am_rd=246, dram_w=197)
    assert got == expected


def test_example_2_other_trident() -> None:
    done = layer(micro(h=1, d=6), **E2)
    assert sums(done) == OUT_2
    assert (entry_counts(done), done.counters["bubbles"]) == ([[4, 4], [4]], 0)
    got, expected = subset(done.counters, slot_own=306, slot_ahead=27, slot_aside=54, dram_w=205)
    assert got == expected


def test_example_3() -> None:
    done = layer(micro(), **E3)
    assert sums(done) == OUT_3
    assert totals(done) == (32, 24, 2, 2, 16)
    assert entry_counts(done) == [[3, 3], [3]]
    assert done.counters == dict(
        mac_eff=96, mac_ineff_a=88, mac_ineff_w=104, mac_skipped=576, lane_idle=96, slot_own=60,
        slot_ahead=84, slot_aside=40, slot_zero=104, wm_rd=72, mm_rd=36, am_rd=75, ab_wr=108,
        ab_rd=108, pb_rd=12, pb_wr=12, am_wr=12, dram_w=186, dram_in=256, dram_out=64, bubbles=0,
        sync_wait=0, sat=0,
    )  # fmt: skip


def test_proportion_of_zeros_removed() -> None:
    """E1: 8 of 12 slots saved, 17 of 24 weights are zero."""
    dense = ddn_golden.layer(micro(), **E1)
    done = layer(micro(), **E1)
    assert done.zero_fraction == 17 / 24
    assert done.zeros_removed(dense.work) == pytest.approx((8 / 12) / (17 / 24))


def test_warp_without_weights_sets_its_sums_to_zero() -> None:
    """Section 6: one chunk without entries, fill cycles per block."""
    done = layer(micro(), E2["x"], np.zeros_like(E2["w"]), pads=E2["pads"])
    assert not done.outputs.any()
    assert totals(done) == (24, 0, 6, 2, 42)
    assert [len(image) for image in done.images.values()] == [8, 4]
    got, expected = subset(
        done.counters, pb_wr=27, pb_rd=27, wm_rd=0, am_rd=0, ab_wr=0, mac_skipped=1440
    )
    assert got == expected


def test_shuffling_puts_dense_filters_together() -> None:
    """Filters with 1, 6, 1, 6, 1, 6 weights: sorted, only the first warp is slow."""
    rows = [[1] * 6 if f % 2 else [0, 0, 0, 0, 0, 1] for f in range(6)]
    w = np.repeat(np.array(rows)[:, :, None, None], 1, axis=2)
    machine = TctMachine(tiles=1, pes=3, lanes=1, h=0, d=0, wm_rows=32)
    x = np.ones((1, 6, 1, 1), dtype=np.int64)
    plain = layer(machine, x, w)
    mixed = layer(TctMachine(**{**vars(machine), "shuffle": True}), x, w)
    assert mixed.filter_order == [1, 3, 5, 0, 2, 4]
    assert (plain.work, mixed.work) == (12, 7)
    assert np.array_equal(plain.outputs, mixed.outputs)


# Invariants --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(cases(acc_bits=48))
def test_tct_computes_what_dadiannao_does(case: Case) -> None:
    done, dense = case.run_tct(), case.run_ddn()
    assert np.array_equal(done.outputs, dense.outputs)
    assert np.array_equal(done.y, dense.y)
    if case.machine.acomp == "none" or done.filter_order == dense.filter_order:
        for name in ("dram_in", "dram_out", "am_wr"):
            assert done.counters[name] == dense.counters[name]
    if done.filter_order == dense.filter_order:
        for name in ("mac_eff", "mac_ineff_a"):
            assert done.counters[name] == dense.counters[name]


@settings(max_examples=60, deadline=None)
@given(cases())
def test_sums_of_counters(case: Case) -> None:
    done, machine = case.run_tct(), case.machine
    c = done.counters
    executed = c["mac_eff"] + c["mac_ineff_a"] + c["mac_ineff_w"]
    slots = done.work * machine.K * machine.lanes
    assert slots == executed + c["sync_wait"] + c["lane_idle"]
    assert c["slot_own"] + c["slot_ahead"] + c["slot_aside"] == c["mac_eff"] + c["mac_ineff_a"]
    assert c["slot_zero"] == c["mac_ineff_w"]
    assert c["wm_rd"] * machine.lanes == executed
    cut = warps(machine, case.geometry, case.w)
    dense = case.geometry.windows * sum(warp.R * warp.nf for warp in cut) * machine.lanes
    assert executed + c["mac_skipped"] == dense
    assert c["mac_skipped"] >= 0


@settings(max_examples=60, deadline=None)
@given(cases(shuffle=False))
def test_never_slower_and_never_too_fast(case: Case) -> None:
    """A unit's window moves at most `advance` rows a cycle; its last entry covers h more."""
    done, dense, machine = case.run_tct(), case.run_ddn(), case.machine
    assert done.work <= dense.work
    assert done.cycles <= dense.cycles
    assert done.n_ldw <= dense.n_ldw
    for warp in warps(machine, case.geometry, case.w):
        units = zip(unit_slots(machine, warp.nf), done.schedules[warp.index], strict=True)
        for slots, entries in units:
            full = [r for r, row in enumerate(warp.rows) if any(any(row[s]) for s in slots)]
            if not full:
                assert entries == []
                continue
            reach = (len(entries) - 1) * machine.advance + 1 + machine.h
            assert full[-1] - full[0] + 1 <= reach
            steps = [b.r - a.r for a, b in pairwise(entries)]
            assert all(1 <= step <= machine.advance for step in steps)
            if machine.adv_max is None:
                assert full[-1] - full[0] + 1 <= (machine.h + 1) * len(entries)


def rows_inside(shape: Shape, warp: Warp, rows: range) -> int:
    """How many (window, row) lie inside the image."""
    taps = [warp.tap_of(row, shape.KW)[:2] for row in rows]
    inside = {tap: sum(shape.tap(v, *tap) is not None for v in range(shape.windows))
              for tap in set(taps)}  # fmt: skip
    return sum(inside[tap] for tap in taps)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_rules_of_sections_7_and_8(case: Case) -> None:
    """The stepper's counts against sums over chunks and units."""
    done, machine = case.run_tct(), case.machine
    expected = dict.fromkeys(("cycles", "wm_rd", "mm_rd", "ab_rd", "ab_wr", "am_rd", "bubbles"), 0)
    size, h = machine.chunk_rows, machine.h
    counts = [
        len(block)
        for todo in passes(machine, case.geometry)
        for block in blocks(machine, todo.windows)
    ]
    order = done.filter_order
    for warp in warps(machine, case.geometry, case.w, order):
        tiles = active_tiles(machine, warp.nf) if machine.sync == "accel" else 1
        units = done.schedules[warp.index]
        chunks = max([1, *(-(-len(entries) // size) for entries in units)])
        assert chunks == sum(w == warp.index for w, _ in done.images)
        for c in range(chunks):
            parts = [entries[size * c : size * (c + 1)] for entries in units]
            longest = max(map(len, parts))
            expected["cycles"] += sum(P * longest + machine.fill for P in counts)
            for slots, part in zip(unit_slots(machine, warp.nf), parts, strict=True):
                P = case.geometry.windows
                expected["wm_rd"] += P * len(part) * len(slots)
                expected["mm_rd"] += P * len(part) * tiles
                expected["ab_rd"] += P * len(part) * tiles * (h + 1)
                expected["bubbles"] += P * sum(entry.is_bubble for entry in part)
                if part:
                    last = min(warp.R - 1, part[-1].r + h)
                    expected["ab_wr"] += P * (last - part[0].r + 1) * tiles
                    rows = range(part[0].r, last + 1)
                    expected["am_rd"] += rows_inside(case.geometry, warp, rows)
    assert {"cycles": done.cycles, **done.counters} | expected == {
        "cycles": done.cycles, **done.counters,
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(cases(wcomp="none"))
def test_bytes_of_plain_units(case: Case) -> None:
    done, machine = case.run_tct(), case.machine
    for (index, chunk), image in done.images.items():
        nf = len(done.filter_order[index * machine.K : (index + 1) * machine.K])
        size, expected = machine.chunk_rows, 0
        for slots, entries in zip(unit_slots(machine, nf), done.schedules[index], strict=True):
            lanes = len(slots) * machine.lanes
            bits = machine.alc_bits + lanes * (machine.ws_bits + 16)
            count = len(entries[size * chunk : size * (chunk + 1)])
            expected += -(-(32 + count * bits) // 8)
        assert len(image) == expected
