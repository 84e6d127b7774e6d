"""The base machine: transfers and the PPU against exact arithmetic."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.base import Pgeo, Psrc
from spcc.isa.encoding import Instruction
from spcc.isa.errors import TrapError
from spcc.runtime import base
from spcc.runtime.machine import Cost, State
from spcc.runtime.memory import Dram, merge_runs
from spcc.tests.unit.runtime import machine_runs
from toy_machine import ACC, BBUF, BUF, MACHINE, PBUF, ToySpec, dim, ld, pgeo, ppu
from toy_machine import st as store

int32 = st.integers(-(1 << 31), (1 << 31) - 1)
int16 = st.integers(-(1 << 15), (1 << 15) - 1)
shifts = st.integers(-base.LEFT_SHIFT_LIMIT, 63)

execute = partial(machine_runs.execute, MACHINE)


def machine(**config: int) -> State:
    """A toy machine at rest; DRAM byte i of the 64 constants is i."""
    dram = Dram(np.arange(64, dtype=np.uint8), 1024)
    return MACHINE.new_state(ToySpec(**config), dram)


def exact(v: int, bias: int, r: int, geo: Pgeo) -> int:
    """Pgeo's sentence in rational numbers; Python rounds halves to even."""
    g = geo.values()
    total = round(Fraction(v + bias) / Fraction(2) ** g["shift"])
    return total + round(Fraction(r) / Fraction(2) ** g["rshift"])


@given(
    st.lists(st.tuples(int32, int32, int16), min_size=1, max_size=8),
    shifts, shifts, st.tuples(int16, int16).map(sorted),
)  # fmt: skip
def test_finish_is_exact(
    rows: list[tuple[int, int, int]], shift: int, rshift: int, bounds: list[int]
) -> None:
    geo = pgeo(shift, rshift, bounds[0], bounds[1], residual=1, bias=1)
    v, bias, r = (np.array(column) for column in zip(*rows, strict=True))
    done = base.finish(
        v.astype(np.int32)[:, None], geo, bias.astype(np.int32), r.astype(np.int16)[:, None]
    )
    wide = [exact(*row, geo) for row in rows]
    assert done.values[:, 0].tolist() == [min(max(y, bounds[0]), bounds[1]) for y in wide]
    assert done.saturated_count == sum(not -32768 <= y <= 32767 for y in wide)


@pytest.mark.parametrize(
    ("value", "shift", "result"),
    [(5, 1, 2), (7, 1, 4), (-5, 1, -2), (-7, 1, -4), (6, 2, 2), (10, 2, 2), (3, 0, 3), (3, -2, 12)],
)
def test_halves_round_to_even(value: int, shift: int, result: int) -> None:
    assert base.round_shift(np.array([value]), shift).tolist() == [result]


@pytest.mark.parametrize(
    ("B", "L", "nbytes", "cycles"),
    [(0, 0, 1000, 0), (0, 7, 1000, 7), (8, 0, 16, 2), (8, 0, 17, 3), (8, 5, 1, 6)],
)
def test_dma_cycles(B: int, L: int, nbytes: int, cycles: int) -> None:
    assert base.dma_cycles(ToySpec(B=B, L=L), nbytes) == cycles


@pytest.mark.parametrize(("P", "count", "cycles"), [(16, 16, 1), (16, 17, 2), (1, 9, 9)])
def test_ppu_cycles(P: int, count: int, cycles: int) -> None:
    assert base.ppu_cycles(ToySpec(P=P), count) == cycles


def test_ld_lays_strided_runs_one_after_the_other() -> None:
    state = machine(B=4, L=3)
    cost = execute(state, dim(0, 0, 2, 10), dim(0, 1, 3, 20), ld(BUF, 100, 1, 4))
    starts = [1, 11, 21, 31, 41, 51]
    assert state.memories["buf"].read(100, 24).tolist() == [s + i for s in starts for i in range(4)]
    assert cost == Cost(3 + 6, {"dram_in": 24})


def test_st_is_the_inverse_of_ld_and_has_its_own_dimensions() -> None:
    state = machine()
    cost = execute(state, ld(BUF, 0, 0, 6), dim(1, 0, 3, 50), dim(0, 0, 9, 1), store(BUF, 0, 64, 2))
    assert [state.dram.read(64 + 50 * i, 2).tolist() for i in range(3)] == [[0, 1], [2, 3], [4, 5]]
    assert cost == Cost(0, {"dram_out": 6})


@pytest.mark.parametrize(
    ("mem", "stream"),
    [(BUF, "dram_in"), (PBUF, "dram_res"), (BBUF, "dram_bias"), (ACC, "dram_acc")],
)
def test_ld_counts_bytes_by_the_stream_of_its_memory(mem: int, stream: str) -> None:
    assert execute(machine(), ld(mem, 0, 0, 8)).counters == {stream: 8}


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ((dim(0, 0, 0, 4),), "count is 0"),
        ((ld(BUF, 0, 0, 0),), "run has 0 bytes"),
        ((store(BUF, 0, 64, 0),), "run has 0 bytes"),
        ((ld(9, 0, 0, 4),), "memory 9 does not exist"),
        ((store(9, 0, 64, 4),), "memory 9 does not exist"),
        ((ld(BUF, 4090, 0, 8),), r"cannot write 8 bytes at buf\[4090\]"),
        ((store(BUF, 4090, 64, 8),), r"cannot read 8 bytes at buf\[4090\]"),
        ((ld(BUF, 0, 1020, 8),), r"cannot read dram\[1020..1027\]"),
        ((store(BUF, 0, 1020, 8),), r"cannot write dram\[1020..1027\]"),
        ((store(BUF, 0, 60, 8),), "bytes 0..63 are constants"),
        ((dim(1, 0, 2, 2), store(BUF, 0, 64, 4)), "runs of 4 bytes .* overlap"),
        ((dim(0, 0, 1 << 21, 0), dim(0, 1, 1 << 21, 0), ld(BUF, 0, 0, 1 << 21)), "cannot write"),
        ((ppu(0, 0, 1, 1),), "registers of pgeo are not set"),
        ((pgeo(lo=1, hi=0),), "lo=1 hi=0"),
        ((pgeo(shift=-31),), "shift=-31 is less than -30"),
        ((pgeo(rshift=-31),), "rshift=-31"),
        ((pgeo(), ppu(0, 0, 0, 4)), "asks for no values"),
        ((pgeo(), ppu(0, 0, 4, 0)), "asks for no values"),
        ((pgeo(), ppu(1020, 0, 1, 8)), r"acc\[4080\]"),
        ((pgeo(staged=1), ppu(32764, 0, 1, 8)), r"pbuf\[65528\]"),
        ((pgeo(), ppu(0, 32764, 1, 8)), r"cannot write 16 bytes at pbuf\[65528\]"),
        ((pgeo(bias=1), ppu(0, 0, 8, 1, 2044)), r"bbuf\[8176\]"),
        ((pgeo(), ppu(0, 0, 65535, 1 << 21)), "acc has 4096 bytes"),
    ],
)
def test_what_a_word_cannot_ask_traps(program: tuple[Instruction, ...], message: str) -> None:
    with pytest.raises(TrapError, match=message):
        execute(machine(), *program)


def test_ppu_takes_accumulators_bias_and_residual() -> None:
    state = machine(P=4)
    state.memories["acc"].write(8, np.array([10, 20, 30, 40, 50, 60], "<i4"))
    state.memories["bbuf"].write(4, np.array([2, -2], "<i4"))
    state.memories["pbuf"].write(6, np.array([1, 1, 1, 2, 2, 2], "<i2"))
    cost = execute(state, pgeo(shift=1, rshift=-2, hi=36, bias=1, residual=1), ppu(2, 3, 2, 3, 1))
    # (v + bias) / 2 + 4 r, clipped to 36.
    assert state.memories["pbuf"].read(6, 12).view("<i2").tolist() == [10, 15, 20, 27, 32, 36]
    assert cost == Cost(2, {"ppu_ops": 6, "ppu_saturated": 0})


def test_ppu_takes_staged_values_in_place() -> None:
    state = machine()
    state.memories["pbuf"].write(0, np.array([-5, 5, 7], "<i2"))
    execute(state, pgeo(lo=0, staged=1), ppu(0, 0, 1, 3))
    assert state.memories["pbuf"].read(0, 6).view("<i2").tolist() == [0, 5, 7]


def test_ppu_counts_values_beyond_16_bits_and_not_those_clipped_to_lo_and_hi() -> None:
    state = machine()
    state.memories["acc"].write(0, np.array([40000, -40000, 32767, 200], "<i4"))
    cost = execute(state, pgeo(lo=0, hi=100), ppu(0, 0, 1, 4))
    assert cost.counters == {"ppu_ops": 4, "ppu_saturated": 2}
    assert state.memories["pbuf"].read(0, 8).view("<i2").tolist() == [100, 0, 100, 100]


def test_the_regions_touched_are_the_footprint() -> None:
    state = machine()
    state.registers[Pgeo] = pgeo(bias=1, residual=1)
    for inst in (ppu(4, 8, 2, 3, 1), ld(BUF, 8, 80, 16), store(BUF, 8, 80, 16)):
        state.dram.log.clear()
        execute(state, inst)
        reads, writes = MACHINE.isa.footprint(inst, state.registers)
        assert set(state.dram.log.reads) == set(reads)
        assert set(state.dram.log.writes) == set(writes)


@pytest.mark.parametrize(("pitch", "staged"), [(2, 0), (5, 0), (0, 0), (3, 1), (1, 0)])
def test_sources_may_lie_position_after_position(pitch: int, staged: int) -> None:
    state, kind = machine(), "<i2" if staged else "<i4"
    memory = state.memories["pbuf" if staged else "acc"]
    memory.write(0, np.arange(64).astype(kind))
    state.memories["bbuf"].write(0, np.array([100, 200], "<i4"))
    inst = ppu(4, 40, 2, 3)
    state.registers[Psrc] = Psrc(pitch=pitch)
    state.dram.log.clear()
    execute(state, pgeo(bias=1, staged=staged), inst)
    reads, _ = MACHINE.isa.footprint(inst, state.registers)
    # Runs that lie together are noted as one.
    assert {merge_runs(region) for region in reads} == set(state.dram.log.reads)
    steps = (1, pitch) if pitch else (3, 1)
    wanted = [[100 * (c + 1) + 4 + c * steps[0] + p * steps[1] for p in range(3)] for c in range(2)]
    assert state.memories["pbuf"].read(80, 12).view("<i2").reshape(2, 3).tolist() == wanted


def test_sources_stay_inside_their_memory() -> None:
    state = machine()
    state.registers[Psrc] = Psrc(pitch=512)
    execute(state, pgeo(), ppu(510, 0, 2, 1))
    with pytest.raises(TrapError, match="acc has 4096 bytes"):
        execute(state, pgeo(), ppu(510, 0, 2, 3))


def test_sums_saturate_at_the_accumulators_width() -> None:
    values = np.array([[-129, -128, 127, 128, 0, 1 << 40]])
    kept, count = base.saturate(values, 8)
    assert (kept.tolist(), count) == ([[-128, -128, 127, 127, 0, 127]], 3)
    assert kept.dtype == np.int32
    widest, _ = base.saturate(values, 32)
    assert widest.tolist() == [[-129, -128, 127, 128, 0, (1 << 31) - 1]]


def test_zeros_are_refused_where_they_mean_nothing() -> None:
    check = base.refuse_zero("shift", "rshift", "lo", "staged", "residual", "bias")
    check(machine(), pgeo(hi=1))
    with pytest.raises(TrapError, match=r"hi is 0\n  hint: pgeo needs at least 1 there"):
        check(machine(), pgeo(hi=0, shift=3))
