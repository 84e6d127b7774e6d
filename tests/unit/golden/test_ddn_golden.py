"""The golden `dadiannao` against its sheet: formats, listing, examples, closed forms."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.tests.golden import ddn_golden_bits as bits
from spcc.tests.golden import ddn_golden_plan as plan
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
from spcc.tests.golden.ddn_golden import Requantise, layer
from spcc.tests.golden.ddn_golden_plan import Ints, Machine, Shape

SIXTEEN_BITS = st.integers(-(1 << 15), (1 << 15) - 1)
SPARSE = st.lists(st.one_of(st.just(0), st.just(0), st.just(0), SIXTEEN_BITS), max_size=70)


def micro(**changes: Any) -> Machine:
    return Machine(**{**MICRO, **changes})


def convolve(case: Case) -> Ints:
    """What the layer is: sums over shifted, strided slices of the padded input."""
    (top, left, bottom, right), (dy, dx), (sy, sx) = case.pads, case.dilation, case.stride
    padded = np.pad(case.x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    shape, Cg = case.geometry, case.geometry.Cg
    out = np.zeros((shape.n, shape.F, shape.OH, shape.OW), dtype=np.int64)
    for f in range(shape.F):
        g = f // (shape.F // shape.groups)
        for ky in range(shape.KH):
            for kx in range(shape.KW):
                part = padded[:, g * Cg : (g + 1) * Cg, ky * dy :: sy, kx * dx :: sx]
                part = part[:, :, : shape.OH, : shape.OW]
                out[:, f] += np.einsum("ncyx,c->nyx", part, case.w[f, :, ky, kx])
    return out


# Section 3 ---------------------------------------------------------------------------------------


def test_run_length_example() -> None:
    items = [(0, value) for value in (0, 0, 5, 0, 0, 0, 0, -1)]
    assert bits.run_length(items) == [(2, 0, 5), (4, 0, -1)]
    image = bits.chunk_image([[[0, 0, 5, 0]], [[0, 0, 0, -1]]], "rlc")
    assert image == (0x00052 | 0xFFFF4 << 20).to_bytes(5, "little")
    assert len(image) * 8 == 40


@pytest.mark.parametrize(
    ("zeros", "expected"),
    [
        (0, []),
        (1, [(0, 0)]),
        (15, [(14, 0)]),
        (16, [(15, 0)]),
        (17, [(15, 0), (0, 0)]),
        (33, [(15, 0), (15, 0), (0, 0)]),
    ],
)
def test_long_and_trailing_runs(zeros: int, expected: list[tuple[int, int]]) -> None:
    assert [(run, v) for run, _, v in bits.run_length([(0, 0)] * zeros)] == expected
    before_value = bits.run_length([(0, 0)] * zeros + [(0, 9)])
    assert before_value[-1] == (zeros % 16, 0, 9)
    assert len(before_value) == zeros // 16 + 1


@given(SPARSE)
def test_run_length_reads_back(values: list[int]) -> None:
    out = bits.BitWriter()
    bits.put_run_length(out, [(0, value) for value in values])
    source = bits.BitReader(out.image())
    assert [v for _, v in bits.take_run_length(source, len(values))] == values
    source.finish()


def test_group_example() -> None:
    assert bits.precision([3, -1, 0, 2]) == 3
    image = bits.activation_image([[3, -1, 0, 2]], "group")
    assert int.from_bytes(image, "little") == 2 | 3 << 4 | 7 << 7 | 0 << 10 | 2 << 13
    assert len(image) * 8 == 16


@pytest.mark.parametrize(
    ("word", "expected"),
    [([0, 0], 1), ([-1, 0], 1), ([1, 0], 2), ([-2, 1], 2), ([2, 0], 3), ([-32768, 0], 16)],
)
def test_precision(word: list[int], expected: int) -> None:
    assert bits.precision(word) == expected


@given(st.lists(st.lists(SIXTEEN_BITS, min_size=3, max_size=3), max_size=5))
def test_activations_read_back(words: list[list[int]]) -> None:
    for acomp in ("none", "group"):
        image = bits.activation_image(words, acomp)
        assert bits.read_activations(image, len(words), 3, acomp) == words
    assert bits.activation_image(words, "none") == np.array(words, dtype="<i2").tobytes()


@pytest.mark.parametrize("wcomp", ["none", "rlc"])
def test_damaged_chunk_is_refused(wcomp: str) -> None:
    image = bits.chunk_image([[[1, 0], [0, 2]], [[0, 0], [3, 0]]], wcomp)
    assert bits.read_chunk(image, 2, 2, 2, wcomp) == [[[1, 0], [0, 2]], [[0, 0], [3, 0]]]
    with pytest.raises(ValueError, match="ends early"):
        bits.read_chunk(image[:-1], 2, 2, 2, wcomp)
    with pytest.raises(ValueError, match="left over"):
        bits.read_chunk(image + b"\0", 2, 2, 2, wcomp)


def test_plain_chunk_lies_row_by_row_without_empty_slots() -> None:
    image = bits.chunk_image([[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]], "none")
    assert np.frombuffer(image, dtype="<i2").tolist() == list(range(1, 13))


# Section 5 ---------------------------------------------------------------------------------------

LISTING = """\
ddn.in   base=0 h=1 w=2 cb=6 img=1 y0=0 pt=0 pl=0
ddn.ker  kh=1 kw=1 sy=1 sx=1 dy=1 dx=1 oh=1 ow=2
ddn.out  base=64 fb=1 oh=1 ow=2 y0=0
ddn.lda  am=0 words=12 mode=0 dram=0x1000
ddn.ldw  half=0 rows=4 slots=1 mode=0 dram=0x2000
ddn.ldw  half=1 rows=2 slots=1 mode=0 dram=0x2020
ddn.conv half=0 first=1 b0=0 nb=6 row0=0 rows=4 win0=0 nwin=2
ddn.conv half=1 first=0 b0=0 nb=6 row0=4 rows=2 win0=0 nwin=2
ddn.post fb0=0 tiles=1 win0=0 nwin=2 bias=0 act=0 bank=0
ddn.sta  am=64 words=2 mode=0 dram=0x3000
"""


def test_listing() -> None:
    """Loads run ahead in their own queue: compare unit by unit. base=64 takes a small AM."""
    program = layer(micro(am_words=128), **E1).program
    lines = [" ".join(line.split()) for line in LISTING.splitlines()]
    for unit in (("in", "ker", "conv"), ("lda", "ldw"), ("out", "post"), ("sta",)):
        names = {f"ddn.{op}" for op in unit}
        expected = [line for line in lines if line.split()[0] in names]
        assert [step.text() for step in program if step.op in names] == expected
    assert [step.cycles for step in program if step.op == "ddn.conv"] == [12, 8]


# Section 10 --------------------------------------------------------------------------------------


def test_example_1() -> None:
    done = layer(micro(), **E1)
    assert sums(done) == OUT_1
    assert totals(done) == (20, 12, 2, 2, 6)
    assert [step.fields["rows"] for step in done.steps("ddn.conv")] == [4, 2]
    assert done.counters == dict(
        mac_eff=9, mac_ineff_a=5, mac_ineff_w=34, lane_idle=144, wm_rd=12, am_rd=12, ab_wr=12,
        ab_rd=12, pb_rd=4, pb_wr=4, am_wr=2, dram_w=48, dram_in=96, dram_out=16, sat=0,
    )  # fmt: skip


def test_example_2() -> None:
    done = layer(micro(), **E2)
    assert sums(done) == OUT_2
    assert totals(done) == (192, 144, 12, 4, 42)
    assert [step.fields["slots"] for step in done.steps("ddn.ldw")] == [4, 4, 1, 1]
    assert [step.fields["nwin"] for step in done.steps("ddn.post")] == [4, 4, 1, 4, 4, 1]
    assert done.counters == dict(
        mac_eff=199, mac_ineff_a=188, mac_ineff_w=1053, lane_idle=864, wm_rd=360, am_rd=100,
        ab_wr=216, ab_rd=216, pb_rd=54, pb_wr=54, am_wr=27, dram_w=320, dram_in=144,
        dram_out=144, sat=0,
    )  # fmt: skip


def test_example_3() -> None:
    done = layer(micro(), **E3)
    assert sums(done) == OUT_3
    assert totals(done) == (96, 72, 6, 6, 16)
    convs = [(step.warp, step.fields["b0"], step.fields["nb"]) for step in done.steps("ddn.conv")]
    assert convs == [(0, 0, 1)] * 3 + [(1, 1, 1)] * 3
    assert done.counters == dict(
        mac_eff=96, mac_ineff_a=88, mac_ineff_w=680, lane_idle=288, wm_rd=216, am_rd=50,
        ab_wr=108, ab_rd=108, pb_rd=36, pb_wr=36, am_wr=12, dram_w=432, dram_in=256,
        dram_out=64, sat=0,
    )  # fmt: skip


def test_compressed_example_counts_bits() -> None:
    done = layer(micro(wcomp="rlc", acomp="group"), **E1)
    assert sums(done) == OUT_1
    # Rows 0-3: (0,5) (4,7) (1,2) (4,3) (2,4); rows 4-5: (2,6) (2,1) and two zeros behind.
    assert [len(image) for image in done.images.values()] == [13, 8]
    # c+1 takes 4, 5, 5, 6, 6, 6 bits a value (4, 8, 12, 16, 20, 24), c mod 3 takes 3 bits.
    assert done.counters["dram_in"] == (12 * 4 + 4 * (32 + 6 * 3)) // 8
    # 302 takes 10 bits, 16 takes 6: 4+40 and 4+24 bits.
    assert done.counters["dram_out"] == 9


# Section 4 ---------------------------------------------------------------------------------------


def test_strips_are_as_high_as_a_quarter_allows() -> None:
    """H*W*CB = 36 > 64/2; 16 words hold 2 rows of 8, hence one output row of a 2-row kernel."""
    shape = Shape(n=2, C=4, H=6, W=6, F=4, KH=2, KW=1, pads=(1, 0, 0, 0))
    assert plan.strip_rows(micro(am_words=64), shape) == 1
    assert plan.strip_rows(micro(am_words=72), shape) == 2
    todo = plan.passes(micro(am_words=72), shape)
    assert [(p.images.start, p.out_rows, p.in_rows) for p in todo[:4]] == [
        (0, range(0, 2), range(0, 2)),
        (0, range(2, 4), range(1, 4)),
        (0, range(4, 6), range(3, 6)),
        (1, range(0, 2), range(0, 2)),
    ]
    assert [p.windows for p in todo[2:4]] == [range(24, 36), range(36, 48)]


def test_resident_layer_fills_half_exactly() -> None:
    shape = Shape(n=1, C=4, H=4, W=4, F=4, KH=1, KW=1)
    assert plan.is_resident(micro(am_words=32), shape)
    assert not plan.is_resident(micro(am_words=31), shape)


def test_layer_too_wide_for_a_strip_is_refused() -> None:
    shape = Shape(n=1, C=4, H=2, W=9, F=4, KH=1, KW=1)
    with pytest.raises(ValueError, match="does not fit"):
        plan.passes(micro(am_words=32), shape)


def test_weights_stay_while_two_chunks_are_enough() -> None:
    """One warp, 2 blocks: 2 chunks are loaded once, 3 chunks every time."""
    x = np.ones((1, 4, 1, 8), dtype=np.int64)
    for taps, loads in ((2, 2), (3, 6)):
        w = np.ones((1, 4, 4, taps), dtype=np.int64)
        pads = (1, 0, 2, taps - 1)
        done = layer(micro(), x, w, pads=pads)
        assert (done.n_conv, done.n_ldw) == (2 * taps, loads)
        assert done.counters["dram_w"] == loads * 4 * 8


def test_residency_overwrites_the_older_chunk() -> None:
    held = plan.Residency()
    order = [(0, 0), (0, 1), (0, 0), (0, 2), (0, 1), (0, 0)]
    assert [held.claim(chunk) for chunk in order] == [
        (0, True), (1, True), (0, False), (0, True), (1, False), (1, True),
    ]  # fmt: skip


def test_strips_load_their_halo_again() -> None:
    """Two images of E2: one output row and two input rows at a time, the last of them padding."""
    twice = {**E2, "x": np.concatenate([E2["x"], E2["x"]])}
    whole, strips = layer(micro(), **twice), layer(micro(am_words=48), **twice)
    assert (whole.is_resident, strips.is_resident) == (True, False)
    assert np.array_equal(strips.outputs, whole.outputs)
    assert sums(strips) == OUT_2
    assert [step.fields["y0"] for step in strips.steps("ddn.in")] == [0, 1, 2] * 2
    assert [step.fields["words"] for step in strips.steps("ddn.lda")] == [12, 12, 6] * 2
    assert [step.fields["words"] for step in strips.steps("ddn.sta")] == [6] * 6
    assert strips.work == whole.work == 288
    # Two warps of two chunks each take turns in every strip: all loads come again.
    assert (whole.n_ldw, strips.n_ldw) == (4, 24)
    changed = {"dram_in", "dram_w"}
    same = set(whole.counters) - changed
    assert {k: strips.counters[k] for k in same} == {k: whole.counters[k] for k in same}
    assert (strips.counters["dram_in"], whole.counters["dram_in"]) == (60 * 8, 36 * 8)


def test_tensors_on_chip_cost_no_bytes() -> None:
    done = layer(micro(), **E1, in_onchip=True, out_onchip=True)
    assert sums(done) == OUT_1
    assert (done.counters["dram_in"], done.counters["dram_out"]) == (0, 0)
    assert done.steps("ddn.lda", "ddn.sta") == []


# Section 7 ---------------------------------------------------------------------------------------


def test_accumulator_saturates_when_it_is_written() -> None:
    """Inside an instruction sums may pass the limit and come back; between two they may not."""
    x = np.full((1, 12, 1, 1), 100, dtype=np.int64)
    machine = micro(wm_rows=4, acc_bits=16)
    weights = [300, 300, 0, 0, -300, -200, 0, 0, -400, 0, 0, 0]
    together = layer(machine, x, np.array(weights).reshape(1, 12, 1, 1))
    assert (sums(together), together.counters["sat"]) == ([[-30000]], 0)
    apart = layer(micro(wm_rows=2, acc_bits=16), x,
                  np.array(weights).reshape(1, 12, 1, 1))  # fmt: skip
    assert (sums(apart), apart.counters["sat"]) == ([[-32768]], 2)


@pytest.mark.parametrize(
    ("total", "shift", "expected"),
    [(5, 1, 2), (7, 1, 4), (-5, 1, -2), (-7, 1, -4), (6, 2, 2), (1 << 40, 3, 32767), (9, 0, 9)],
)
def test_requantise_rounds_to_even(total: int, shift: int, expected: int) -> None:
    assert Requantise(shift=shift)(total, 0) == expected


# Invariants --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(cases(acc_bits=48))
def test_layer_is_a_convolution(case: Case) -> None:
    done = case.run_ddn()
    assert np.array_equal(done.outputs, convolve(case))
    assert done.counters["sat"] == 0


def tap_accesses(case: Case) -> int:
    """am_rd in closed form: per warp and tap, rows of the tap by windows that have it."""
    shape, total = case.geometry, 0
    for warp in plan.warps(case.dense, shape, case.w):
        for ky in range(shape.KH):
            for kx in range(shape.KW):
                inside = sum(shape.tap(v, ky, kx) is not None for v in range(shape.windows))
                total += warp.nb * inside
    return total


@settings(max_examples=60, deadline=None)
@given(cases())
def test_closed_forms_of_sections_7_and_8(case: Case) -> None:
    done, machine, shape = case.run_ddn(), case.dense, case.geometry
    N, K, counters = machine.lanes, machine.K, done.counters
    warps = plan.warps(machine, shape, case.w)
    nonzero = int((case.w != 0).sum()) * shape.windows
    effectual = Case(case.machine, (case.x != 0).astype(np.int64), (case.w != 0).astype(np.int64),
                     case.stride, case.pads, case.dilation, case.groups)  # fmt: skip
    assert done.work == shape.windows * sum(warp.R for warp in warps)
    assert done.cycles == done.work + machine.fill * done.n_conv
    assert counters["mac_eff"] == convolve(effectual).sum()
    assert counters["mac_ineff_a"] == nonzero - counters["mac_eff"]
    dense = shape.windows * sum(warp.R * warp.nf * N for warp in warps)
    assert counters["mac_ineff_w"] == dense - nonzero
    assert done.work * K * N == dense + counters["lane_idle"]
    assert counters["wm_rd"] == shape.windows * sum(warp.R * warp.nf for warp in warps)
    assert counters["am_rd"] == tap_accesses(case)
    rows = shape.windows * sum(warp.R * plan.active_tiles(machine, warp.nf) for warp in warps)
    assert counters["ab_wr"] == counters["ab_rd"] == rows
    sizes = [-(-warp.R // machine.chunk_rows) for warp in warps]
    writes = [plan.active_tiles(machine, warp.nf) * shape.windows for warp in warps]
    both = list(zip(writes, sizes, strict=True))
    assert counters["pb_wr"] == counters["pb_rd"] == sum(w * size for w, size in both)
    assert counters["am_wr"] == sum(writes)


@settings(max_examples=60, deadline=None)
@given(cases(wcomp="none", acomp="none"))
def test_bytes_of_plain_tensors(case: Case) -> None:
    done, machine, shape = case.run_ddn(), case.dense, case.geometry
    word = 2 * machine.lanes
    CB, FB = (plan.blocks_of(count, machine.lanes) for count in (shape.C, shape.F))
    loaded = sum(len(p.images) * len(p.in_rows) for p in plan.passes(machine, shape))
    assert done.counters["dram_in"] == loaded * shape.W * CB * word
    assert done.counters["dram_out"] == shape.windows * FB * word
    loads = done.steps("ddn.ldw")
    expected = sum(step.fields["rows"] * step.fields["slots"] * word for step in loads)
    assert done.counters["dram_w"] == expected
    assert [step.cycles for step in done.steps("ddn.conv")] == [
        step.fields["rows"] * step.fields["nwin"] + machine.fill for step in done.steps("ddn.conv")
    ]
