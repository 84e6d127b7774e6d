"""DaDianNao's machine, instruction by instruction: footprints, arithmetic, what traps."""

from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.base import Dim, Ld, Pgeo, Ppu, St
from spcc.isa.encoding import Instruction
from spcc.isa.errors import EncodingError, TrapError, UsageError
from spcc.isa.footprint import Region
from spcc.isa.formats import ddn_words
from spcc.isa.targets.dadiannao import (
    ISA,
    PACKED,
    Cfg,
    Conv,
    DadiannaoSpec,
    In,
    Ker,
    Lda,
    Ldw,
    Out,
    Post,
    Sta,
    variant,
)
from spcc.runtime.machine import Cost, State
from spcc.runtime.machines.dadiannao import MACHINE
from spcc.runtime.machines.dadiannao_core import pack_sums, unpack_sums
from spcc.runtime.memory import Dram
from spcc.tests.unit.runtime import machine_runs

SPEC = DadiannaoSpec(tiles=3, pes=4, lanes=2, wm_rows=8, pb_windows=6, am_words=80, BCAP=64)
WORD = SPEC.word_bytes
CONSTANTS, CAPACITY = 512, 2048
IN = In(base=3, h=3, w=4, cb=2, img=1, y0=0, pt=1, pl=0)
KER = Ker(kh=2, kw=2, sy=1, sx=2, dy=1, dx=1, oh=3, ow=2)
OUT = Out(base=32, fb=6, oh=3, ow=2, y0=0)
PGEO = Pgeo(shift=0, rshift=0, lo=-(1 << 15), hi=(1 << 15) - 1, staged=0, residual=0, bias=0)
LDA = Lda(am=3, words=24, mode=0, dram=CONSTANTS)
LDW = Ldw(half=1, rows=4, slots=6, mode=0, dram=0)
CONV = Conv(half=1, first=1, b0=0, nb=2, row0=2, rows=4, win0=1, nwin=5, bank=1)
POST = Post(fb0=2, tiles=2, slots=6, win0=1, nwin=5, bias=4, act=0, bank=1)
STA = Sta(am=32, words=36, mode=0, dram=1024)


def changed(inst: Instruction, **fields: int) -> Any:
    """The same instruction with other fields."""
    return type(inst)(**{**inst.values(), **fields})


execute = partial(machine_runs.execute, MACHINE)


class Bench:
    """A machine to run instructions on one by one."""

    def __init__(self, spec: DadiannaoSpec = SPEC, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        data = rng.integers(-9, 9, CONSTANTS // 2).astype(np.int16)
        dram = Dram(data.view(np.uint8), CAPACITY)
        rest = rng.integers(-9, 9, (CAPACITY - CONSTANTS) // 2).astype(np.int16)
        dram.write(CONSTANTS, rest)
        self.state: State = MACHINE.new_state(spec, dram)
        self.do(Cfg.of(spec), IN, KER, OUT, PGEO)

    def do(self, *instructions: Instruction) -> Cost:
        """Run instructions as the interpreter does; the last one's cost."""
        return execute(self.state, *instructions)

    def words(self, first: int, count: int) -> list[list[int]]:
        """Words of AM."""
        raw = self.state.memories["am"].read(first * WORD, count * WORD)
        return raw.view("<i2").reshape(-1, SPEC.lanes).tolist()

    def set_sums(self, sums: list[int]) -> None:
        """Fill the bank that POST reads: slot 0's sums by window, the others 0."""
        table = np.zeros((5, 6), np.int64)
        table[:, 0] = sums
        region = Cfg.of(SPEC).bank(1, 5, 2)
        self.state.memories["pb"].scatter(region, pack_sums(table, 2, SPEC.pes))


def touched(regions: Any) -> set[tuple[str, int]]:
    """Bytes of SRAMs and of the writable part of DRAM."""
    found: set[tuple[str, int]] = set()
    for region in regions:
        starts = region.starts()[:, None] + np.arange(region.run)
        found |= {(str(region.memory), at) for at in starts.ravel().tolist()}
    return {(memory, at) for memory, at in found if memory != "dram" or at >= CONSTANTS}


BIAS = changed(PGEO, bias=1)
STRIDED = (
    Dim(channel=0, level=0, count=3, stride=40),
    changed(LDA, words=8),
    Dim(channel=1, level=0, count=6, stride=60),
    Dim(channel=1, level=1, count=2, stride=8),
    changed(STA, words=1),
)


@pytest.mark.parametrize(
    "program",
    [
        (LDA, LDW, CONV, POST, STA),
        (LDA, changed(LDW, slots=12, rows=3), changed(CONV, rows=3, first=0), BIAS),
        (BIAS, changed(POST, slots=11, tiles=3, fb0=0), changed(POST, slots=1, tiles=1)),
        (LDA, LDW, changed(CONV, row0=6, rows=2, win0=4, nwin=2), changed(STA, mode=PACKED)),
        STRIDED,
    ],
)
def test_footprints_are_the_bytes_touched(program: tuple[Instruction, ...]) -> None:
    bench = Bench()
    for inst in program:
        bench.do(inst)
        if inst.is_config:
            continue
        stated = ISA.footprint(inst, bench.state.registers)
        log = bench.state.dram.log
        for mine, real in ((stated.reads, log.reads), (stated.writes, log.writes)):
            found, expected = touched(real), touched(mine)
            if isinstance(inst, Conv):  # how many tiles work stands in the half's header
                assert found <= expected
                assert {m for m, _ in found} == {m for m, _ in expected}
                found, expected = ({p for p in s if p[0] == "am"} for s in (found, expected))
            assert found == expected, inst


def test_a_footprint_needs_the_shape() -> None:
    with pytest.raises(EncodingError, match=r"ddn\.conv needs the registers that ddn\.cfg sets"):
        ISA.footprint(CONV, {})


# Arithmetic --------------------------------------------------------------------------------------


@given(st.lists(st.integers(-(1 << 47), (1 << 47) - 1), min_size=15, max_size=15))
def test_sums_of_48_bits_read_back(values: list[int]) -> None:
    sums = np.array(values, np.int64).reshape(3, 5)
    back = unpack_sums(pack_sums(sums, 2, 4), 2, 3, 4)
    assert back[:, :5].tolist() == sums.tolist()
    assert not back[:, 5:].any()


@given(
    st.lists(
        st.one_of(st.integers(-70000, 70000), st.integers(-(1 << 47), (1 << 47) - 1)),
        min_size=5,
        max_size=5,
    ),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-30, 63),
)
def test_post_rounds_sums_of_48_bits(sums: list[int], bias: int, shift: int) -> None:
    bench = Bench()
    bench.set_sums(sums)
    bench.state.memories["bbuf"].write(16, np.array([bias, 0, 0, 0, 0, 0], "<i4"))
    cost = bench.do(changed(BIAS, shift=shift), POST)
    exact = [round(Fraction(s + bias) / Fraction(2) ** shift) for s in sums]
    kept = [min(max(v, -(1 << 15)), (1 << 15) - 1) for v in exact]
    assert [bench.words(32 + 6 * win + 2, 1)[0][0] for win in range(1, 6)] == kept
    assert cost.counters["ppu_saturated"] == sum(a != b for a, b in zip(exact, kept, strict=True))
    assert (cost.cycles, cost.counters["ppu_ops"], cost.counters["am_wr"]) == (5 + 4, 30, 10)


@pytest.mark.parametrize(
    ("act", "lo", "kept"),
    [(0, -3, [-3, -2, 0, 4, 5]), (1, -3, [0, 0, 0, 4, 5]), (1, 2, [2, 2, 2, 4, 5])],
)
def test_activation(act: int, lo: int, kept: list[int]) -> None:
    bench = Bench()
    bench.set_sums([-9, -2, 0, 4, 7])
    bench.do(changed(PGEO, lo=lo, hi=5), changed(POST, act=act))
    assert [bench.words(32 + 6 * win + 2, 1)[0][0] for win in range(1, 6)] == kept


def test_lanes_without_a_filter_become_0() -> None:
    bench = Bench()
    bench.state.memories["am"].write(0, np.full(SPEC.am_words * SPEC.lanes, 7, np.int16))
    bench.do(changed(PGEO, lo=3), changed(POST, slots=5, tiles=2))
    assert bench.words(32 + 6 + 2, 3) == [[3, 3], [3, 3], [3, 0]]
    assert bench.words(32 + 6 + 1, 1) == bench.words(32 + 6 + 5, 1) == [[7, 7]]


def test_sums_saturate_when_they_are_written() -> None:
    """Two rows of 2 lanes: 4 * 300 * 300 = 360000 is within 20 bits, twice that is not."""
    bench = Bench(DadiannaoSpec(**{**spec_fields(), "acc_bits": 20}))
    bench.state.memories["am"].write(0, np.full(80 * 2, 300, np.int16))
    bench.state.dram.write(CONSTANTS, np.full(4 * 6 * 2, 300, np.int16))
    bench.do(changed(LDW, dram=CONSTANTS))
    conv = changed(CONV, rows=2, win0=2, nwin=4)  # windows 2..5 keep off the padding
    again = changed(conv, first=0)
    assert [bench.do(inst).counters["sat"] for inst in (conv, again, again)] == [0, 24, 24]
    raw = bench.state.memories["pb"].gather(Cfg.of(SPEC).bank(1, 4, 2))
    assert set(unpack_sums(raw, 2, 4, 4)[:, :6].ravel().tolist()) == {(1 << 19) - 1}


def spec_fields() -> dict[str, Any]:
    return {name: getattr(SPEC, name) for name in SPEC.__struct_fields__}


def test_group_precision_counts_the_bytes_it_needs() -> None:
    bench = Bench()
    plain, packed = bench.do(LDA), bench.do(changed(LDA, mode=PACKED))
    words = np.array(bench.words(3, 24), np.int16)
    assert plain.counters == {"dram_in": 24 * WORD}
    assert packed.counters == {"dram_in": ddn_words.group_bytes(words)}
    assert ddn_words.group_bytes(words) < 24 * WORD


@pytest.mark.parametrize("at", [0, CONSTANTS + 2, CAPACITY - 100])
def test_run_length_chunks(at: int) -> None:
    chunk = np.random.default_rng(at).integers(-2, 3, (6, 8)).astype(np.int16) // 2
    image = ddn_words.encode_runs(chunk)
    bench = Bench()
    if at:
        bench.state.dram.write(at, image)
    else:
        padded = np.concatenate((image, np.full(CONSTANTS - image.size, 255, np.uint8)))
        bench.state.dram = Dram(padded, CAPACITY, bench.state.dram.log)
    cost = bench.do(changed(LDW, mode=PACKED, dram=at))
    assert cost.counters == {"dram_w": image.size, "n_ldw": 1}
    raw = bench.state.memories["wm"].gather(Cfg.of(SPEC).half(1, 4, 6))
    by_slot = raw.view("<i2").reshape(4, 6, 2).transpose(1, 0, 2).reshape(6, 8)
    assert by_slot.tolist() == chunk.tolist()
    inside = [Region("dram", at, image.size)] if at else []
    assert [r for r in bench.state.dram.log.reads if r.memory == "dram"] == inside


# What traps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ((changed(Cfg.of(SPEC), lanes=3),), "lanes=3 is not this machine's, which has 2"),
        ((changed(IN, cb=0),), "cb is 0"),
        ((changed(KER, sy=0),), "sy is 0"),
        ((changed(OUT, fb=0),), "fb is 0"),
        ((changed(LDA, words=0),), "the run has 0 words"),
        ((changed(LDA, am=60),), "from word 60 on do not fit am, which has 320 bytes"),
        ((changed(LDA, mode=2),), "mode=2 is neither 0"),
        ((changed(STA, am=63),), "do not fit am"),
        ((changed(STA, dram=0),), "are constants"),
        ((changed(LDW, rows=5),), "rows=5 slots=6 do not fit a half of WM, which has 4 rows of 12"),
        ((changed(LDW, slots=0),), "slots=0 do not fit"),
        ((changed(LDW, mode=3),), "mode=3 is neither 0"),
        ((changed(LDW, dram=CAPACITY - 4),), "cannot read dram"),
        ((changed(LDW, mode=PACKED, dram=CAPACITY),), "the image begins at the end of DRAM"),
        ((changed(LDW, mode=PACKED, dram=CAPACITY - 4),), "the image ends after"),
        ((CONV,), "half 1 of WM holds 0 rows, not 4"),
        ((LDW, changed(CONV, half=0)), "half 0 of WM holds 0 rows, not 4"),
        ((LDW, changed(CONV, nb=0)), "nb=0 rows=4 asks for no products"),
        ((LDW, changed(CONV, rows=0)), "nb=2 rows=0 asks for no products"),
        ((LDW, changed(CONV, nwin=0)), "nwin=0 is outside 1..6"),
        ((LDW, changed(CONV, nwin=7)), "nwin=7 is outside 1..6"),
        ((LDW, changed(CONV, b0=1)), "blocks 1..2 are beyond the input's cb=2"),
        ((LDW, changed(CONV, row0=5)), "row 8 is beyond the 8 rows of kh=2 kw=2"),
        ((LDW, changed(CONV, win0=2)), "window 6 is beyond the 6 windows"),
        ((LDW, changed(IN, y0=1), CONV), "the windows need rows before y0=1"),
        ((LDW, changed(IN, base=60), CONV), "cannot read .* am has 320 bytes"),
        ((changed(POST, nwin=7),), "nwin=7 is outside 1..6"),
        ((changed(POST, slots=0),), "slots=0 is outside 1..12"),
        ((changed(POST, slots=13, tiles=4),), "slots=13 is outside 1..12"),
        ((changed(POST, tiles=1),), "tiles=1, but slots=6 filters are on 2 tiles"),
        ((changed(POST, fb0=4),), "channel block 6 is beyond the output's fb=6"),
        ((changed(OUT, y0=1), POST), "window 1 is before row y0=1, window 2"),
        ((changed(OUT, base=60), POST), "cannot write .* am has 320 bytes"),
        ((changed(POST, act=2),), "act=2 is neither 0"),
        ((changed(PGEO, hi=-1), changed(POST, act=1)), "beyond hi=-1"),
        ((changed(PGEO, staged=1), POST), "staged=1 residual=0"),
        ((changed(PGEO, residual=1), POST), "staged=0 residual=1"),
        ((BIAS, changed(POST, bias=15)), "cannot read .* bbuf has 64 bytes"),
        ((Ppu(src=0, dst=0, chans=1, len=1, bias=0),), "ppu needs staged=1"),
        ((Ld(mem=0, addr=0, dram=0, bytes=6),), "ld cannot reach pb"),
        ((St(mem=0, addr=0, dram=1024, bytes=6),), "st cannot reach pb"),
    ],
)
def test_what_the_machine_refuses(program: tuple[Instruction, ...], message: str) -> None:
    with pytest.raises(TrapError, match=message):
        Bench().do(*program)


@pytest.mark.parametrize("inst", [LDA, CONV, POST])
def test_registers_must_be_set(inst: Instruction) -> None:
    bench = Bench()
    bench.state.registers.clear()
    with pytest.raises(TrapError, match="are not set"):
        bench.do(inst)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lanes": 12}, "tiles.pes = 64 filters are no whole number of words of lanes = 12"),
        ({"pes": 64, "tiles": 16, "BCAP": 64}, "BCAP = 64 bytes do not hold"),
        ({"am_words": 131073}, "am_words = 131073 is outside 4..131072"),
        ({"wm_rows": 3}, "wm_rows = 3 is outside"),
        ({"acc_bits": 49}, "acc_bits = 49 is outside 16..48"),
        ({"tiles": 0}, "tiles = 0 is outside 1..31"),
    ],
)
def test_parameters_have_ranges(changes: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DadiannaoSpec(**changes)


def test_the_machine_of_2014() -> None:
    spec = DadiannaoSpec(**variant("ddn-2014"))
    assert (spec.warp_filters, spec.half_rows, spec.P) == (256, 2048, 256)
    with pytest.raises(UsageError, match="no variant 'ddn-2015'"):
        variant("ddn-2015")


OWN = (In, Ker, Out, Lda, Ldw, Conv, Post, Sta)


@st.composite
def words(draw: st.DrawFn) -> Instruction:
    """An instruction of any legal bits, near to one that runs."""
    kind = draw(st.sampled_from(OWN))
    good = {type(i): i for i in (IN, KER, OUT, LDA, LDW, CONV, POST, STA)}[kind]
    values = {
        name: draw(
            st.one_of(
                st.just(good.values()[name]),
                st.integers(0, min(9, field.maximum)),
                st.sampled_from((0, field.maximum)),
            )
        )
        for name, field in kind.fields.items()
    }
    return kind(**values)


@given(st.lists(words(), min_size=1, max_size=8))
def test_any_program_runs_or_traps(program: list[Instruction]) -> None:
    bench = Bench()
    bench.do(LDA, LDW)
    for inst in program:
        try:
            cost = bench.do(inst)
        except TrapError:
            continue
        assert cost.cycles >= 0
        stated = ISA.footprint(inst, bench.state.registers)
        log = bench.state.dram.log
        if not inst.is_config and not (isinstance(inst, Ldw) and inst.mode == PACKED):
            assert touched(log.reads) <= touched(stated.reads)
            assert touched(log.writes) <= touched(stated.writes)
