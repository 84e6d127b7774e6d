"""GoSPA's machine on bytes: what its instructions move and compute, and what they refuse."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from spcc.isa.encoding import Instruction
from spcc.isa.errors import TrapError
from spcc.isa.footprint import Region
from spcc.isa.formats import gospa_vectors
from spcc.isa.targets.gospa import ISA, Cfg, Drn, GospaSpec, Lda, Ldw, Map, Run, Tile
from spcc.runtime.machine import Cost, State
from spcc.runtime.machines.gospa import COSTS, MACHINE, SEMANTICS
from spcc.runtime.memory import Dram

SPEC = GospaSpec(
    n_apu=2, cols=2, acc_entries=4, ring_entries=9, act_half=40, w_half=20, acc_bits=16
)
SLIDE = np.array([[-1, 3, 1], [0, 2, 0], [0, 0, -2]], np.int16)
OTHER = np.array([[0, 5, 0], [0, 0, -1], [2, 0, 0]], np.int16)
FILTERS = np.array(
    [[[0, 3, -3, 0], [1, 0, 0, 0]], [[0, 0, 0, 0], [0, -2, 0, 4]]], np.int16
)  # [filters, channels, positions]
SUMS = [[[9, 2], [6, 0]], [[-10, -4], [0, 2]]]
"""Example B of gospa sheet section 10."""
INPUT, WEIGHTS = 0, 256
"""Bytes of DRAM where its input and its weight streams lie; then a stream that ends too early."""
LDA = {"rows": 1, "half": 0, "nch": 2, "bh": 3, "bw": 3, "x0": 0, "daddr": 0}
LDW = {
    "daddr": WEIGHTS // 2,
    "behind": 0,
    "base": 0,
    "nch": 2,
    "nf": 2,
    "a_s": 1,
    "rs": 4,
    "room": 5,
}
CFG = {"r": 2, "s": 2, "uh": 1, "uw": 1, "dh": 1, "dw": 1, "a_s": 1}
TILE = {"rs": 0, "eh": 2, "ew": 2, "bh": 3, "bw": 3, "oh": 0, "ow": 0}
RUN = {"base": 0, "half": 0, "nch": 2, "bank": 0, "clear": 1, "nf": 2, "nt": 1,
       "skip": 0, "over": 0, "behind": 0}  # fmt: skip
DRN = {"bank": 0, "nf": 2, "nt": 1, "oaddr": 3}


def image() -> npt.NDArray[np.uint8]:
    """DRAM: two channels of 3 x 3 in chunk slots, then the streams."""
    maps = np.zeros((2, 3, 16), np.int16)
    maps[0, :, :3], maps[1, :, :3] = SLIDE, OTHER
    streams = np.concatenate([gospa_vectors.encode(stream) for stream in FILTERS])
    used = (maps.reshape(-1), np.zeros(WEIGHTS // 2 - maps.size, np.int16), streams)
    return np.concatenate([part.view(np.uint8) for part in used])


def configure(state: State, *instructions: Instruction) -> None:
    for inst in instructions:
        if check := SEMANTICS.get(type(inst)):
            check(state, inst)
        state.registers[inst.register] = inst


@pytest.fixture
def state() -> State:
    """A machine with the example in DRAM and its geometry set."""
    constants = image()
    state = MACHINE.new_state(SPEC, Dram(constants, constants.size))
    configure(state, Map(rowstr=1, chstr=3), Cfg(**CFG), Tile(**TILE))
    return state


def execute(state: State, inst: Instruction) -> Cost:
    state.dram.log.clear()
    cost = COSTS[type(inst)](state, inst)
    SEMANTICS[type(inst)](state, inst)
    state.scratch.clear()
    return cost


def load(state: State) -> None:
    execute(state, Lda(**LDA))
    execute(state, Ldw(**LDW))


def drained(state: State, **changes: int) -> Any:
    execute(state, Drn(**{**DRN, **changes}))
    return state.memories["obuf"].data.view("<i4")[3:11].reshape(2, 2, 2).tolist()


def test_worked_example(state: State) -> None:
    assert execute(state, Lda(**LDA)).counters == {"dram_act_bytes": 2 * 6 + 2 * 8}
    assert execute(state, Ldw(**LDW)).counters == {"dram_weight_bytes": 18}
    cost = execute(state, Run(**RUN))
    assert cost.cycles == 11
    assert cost.counters["pe_idle"] == 11 * 4 - 8 - 1
    cost = execute(state, Drn(**DRN))
    assert (cost.cycles, cost.counters) == (4, {"drain_words": 8, "acc_saturated": 0})
    assert drained(state) == SUMS


def test_bytes_on_chip(state: State) -> None:
    """Section 3's slot and streams, and the static sparsity filters {1, 2} and {0, 1, 3}."""
    load(state)
    slots = [0x0117, 0xFFFF, 3, 1, 2, 0xFFFE, 0x0062, 5, 0xFFFF, 2]
    assert state.memories["act"].data.view("<u2")[:10].tolist() == slots
    pes = state.memories["wmem"].data.view("<u2").reshape(4, 2 * SPEC.w_half)
    assert pes[0, :6].tolist() == [6, 3, 0xFFFD, 1, 1, 0]
    assert pes[1, :4].tolist() == [0, 0xA, 0xFFFE, 4]
    assert state.memories["ssf"].data.view("<u2")[:3].tolist() == [6, 0xB, 0]


def test_box_inside_a_map(state: State) -> None:
    """Rows 1..2, columns 1..2 of the second channel, to both rows."""
    execute(state, Lda(**{**LDA, "rows": 3, "half": 1, "nch": 1, "bh": 2, "bw": 2, "x0": 1,
                          "daddr": 3 + 1}))  # fmt: skip
    words = state.memories["act"].data.view("<u2").reshape(2, 2, SPEC.act_half)
    for row in range(2):
        assert words[row, 1, :2].tolist() == [0b0010, 0xFFFF]
        assert not words[row, 0].any()


def test_streams_of_shared_filters(state: State) -> None:
    """With as=2, filter 0 is in both rows, from halfword `base` on."""
    execute(state, Ldw(**{**LDW, "nf": 1, "a_s": 2, "base": 7}))
    pes = state.memories["wmem"].data.view("<u2").reshape(2, 2, 2 * SPEC.w_half)
    for row in range(2):
        assert pes[row, 0, 7:12].tolist() == [6, 3, 0xFFFD, 1, 1]
        assert not pes[row, 1].any()


def test_streams_behind_others(state: State) -> None:
    """The streams of both channels, then those of the first: in each PE behind its own end."""
    load(state)
    execute(state, Ldw(**{**LDW, "behind": 1, "base": 2}))
    pes = state.memories["wmem"].data.view("<u2").reshape(4, 2 * SPEC.w_half)
    assert pes[0, 5:11].tolist() == [6, 3, 0xFFFD, 1, 1, 0]
    assert pes[1, 4:9].tolist() == [0, 0xA, 0xFFFE, 4, 0]
    assert state.memories["ssf"].data.view("<u2")[:5].tolist() == [6, 0xB, 6, 0xB, 0]
    cost = execute(state, Run(**{**RUN, "behind": 1, "base": 2}))
    assert cost.cycles == 11
    assert drained(state) == SUMS


def test_streams_behind_others_do_not_fit(state: State) -> None:
    load(state)
    for base in range(2, 14, 2):
        execute(state, Ldw(**{**LDW, "behind": 1, "base": base}))
    assert state.memories["wmem"].data.view("<u2")[35:40].tolist() == [0] * 5
    state.memories["wmem"].data.view("<u2")[35] = 8
    with pytest.raises(TrapError, match="a value is 0") as caught:
        execute(state, Ldw(**{**LDW, "behind": 1, "base": 15}))
    assert caught.value.where == "weight memory of row 0, PE 0, stream 0, vector 14 at halfword 35"
    state.memories["wmem"].data.view("<u2")[35:37] = 1, 1
    with pytest.raises(TrapError, match="PE 0 has 37 of 40 halfwords in use: a stream of 5 does"):
        execute(state, Ldw(**{**LDW, "behind": 1, "base": 15}))


@pytest.mark.parametrize(("half", "skip"), [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_chunk_in_both_halves(state: State, half: int, skip: int) -> None:
    """The first channel behind `skip` others in one half, the second in the other one."""
    load(state)
    execute(state, Lda(**{**LDA, "half": 1 - half, "nch": 1, "daddr": 3}))
    configure(state, Map(rowstr=1, chstr=0))
    execute(state, Lda(**{**LDA, "half": half, "nch": skip + 1}))
    cost = execute(state, Run(**{**RUN, "half": half, "skip": skip, "over": 1}))
    assert cost.cycles == 11
    assert drained(state) == SUMS


def test_chunk_behind_others(state: State) -> None:
    """Only the second channel's products: what is in the half before it does not count."""
    load(state)
    execute(state, Ldw(**{**LDW, "nch": 1, "nf": 1, "daddr": WEIGHTS // 2 + 3}))
    cost = execute(state, Run(**{**RUN, "nch": 1, "nf": 1, "skip": 1}))
    assert cost.counters["apu_scanned"] == 3
    assert drained(state, nf=1)[0] == [[0, 5], [0, 0]]


def test_runs_add_up_and_banks_are_apart(state: State) -> None:
    load(state)
    execute(state, Run(**{**RUN, "bank": 1}))
    execute(state, Run(**{**RUN, "clear": 0}))
    execute(state, Run(**{**RUN, "clear": 0}))
    assert drained(state) == (2 * np.array(SUMS)).tolist()
    assert drained(state, bank=1) == SUMS


def test_clear_empties_the_bank(state: State) -> None:
    load(state)
    for _ in range(2):
        execute(state, Run(**RUN))
    assert drained(state) == SUMS


def test_sums_are_exact_until_drained(state: State) -> None:
    """They leave 16 bits on the way, and are clipped and counted when drained."""
    load(state)
    execute(state, Run(**RUN))
    banks = state.memories["acc"].data.view("<i8")
    banks[0] += 1 << 40
    banks[1] -= 1 << 16
    cost = execute(state, Drn(**DRN))
    assert cost.counters["acc_saturated"] == 2
    assert drained(state)[0] == [[32767, -32768], [6, 0]]
    banks[0] -= 1 << 40
    assert drained(state)[0][0][0] == 9


def test_new_weights_and_boxes_are_seen(state: State) -> None:
    """What was decoded before does not outlive the bytes."""
    load(state)
    execute(state, Run(**RUN))
    pes = state.memories["wmem"].data.view("<u2")
    pes[1] = 5
    execute(state, Run(**RUN))
    assert drained(state)[0] == [[9 + 3 * 2, 2 + 1 * 2], [6 + 2 * 2, 0]]
    state.memories["act"].data.view("<i2")[2] = 0x7
    execute(state, Run(**RUN))
    assert drained(state)[0][0][0] == 15 + 5 * 4


def test_what_is_touched_is_within_the_footprint(state: State) -> None:
    """Halves, banks and halfwords of PEs: whole ones in the footprint, bytes in the log."""
    execute(state, Lda(**LDA))
    log = state.dram.log
    assert log.writes == [Region("act", 0, 20)]
    footprint = ISA.footprint(Lda(**LDA), state.registers)
    assert footprint.reads == (Region("dram", INPUT, 5 * 32 + 32),)
    assert footprint.writes == (Region("act", 0, 1),)
    execute(state, Ldw(**LDW))
    stride = 4 * SPEC.w_half
    assert log.writes == [Region("wmem", 0, 10, ((2, stride),)), Region("ssf", 0, 4)]
    assert ISA.footprint(Ldw(**LDW), state.registers).writes == (Region("wmem", 0, 5),)
    execute(state, Run(**RUN))
    reads = {Region("act", 0, 20), Region("wmem", 0, 10, ((2, stride),)), Region("ssf", 0, 4)}
    assert {*log.reads} == reads
    assert log.writes == [Region("acc", 0, 2 * 4 * 8)]
    execute(state, Drn(**DRN))
    assert log.writes == [Region("obuf", 12, 32)]
    assert ISA.footprint(Drn(**DRN), state.registers).writes == (Region("obuf", 12, 32),)


@pytest.mark.parametrize(
    ("inst", "message"),
    [
        (Lda(**{**LDA, "rows": 0}), "rows=0x0 is no mask of 2 rows"),
        (Lda(**{**LDA, "rows": 5}), "rows=0x5 is no mask of 2 rows"),
        (Lda(**{**LDA, "nch": 0}), "asks for no activations"),
        (Lda(**{**LDA, "bw": 0}), "asks for no activations"),
        (Lda(**{**LDA, "nch": 41}), "the boxes take 41 halfwords"),
        (Lda(**{**LDA, "daddr": 100}), "cannot read dram"),
        (Ldw(**{**LDW, "nf": 0}), "nf=0 filters"),
        (Ldw(**{**LDW, "nf": 5}), "need 3 x 1 rows, but there are 2"),
        (Ldw(**{**LDW, "a_s": 0}), "with as=0"),
        (Ldw(**{**LDW, "a_s": 3}), "need 1 x 3 rows"),
        (Ldw(**{**LDW, "nch": 0}), "asks for no weights"),
        (Ldw(**{**LDW, "rs": 129}), "more than 128 kernel positions"),
        (Ldw(**{**LDW, "room": 0}), "asks for no weights"),
        (Ldw(**{**LDW, "room": 4}), "a stream takes 5 halfwords, more than room=4"),
        (Ldw(**{**LDW, "base": 36}), "base=36 and room=5 end beyond a PE's 40 halfwords"),
        (Ldw(**{**LDW, "nf": 3}), "end after 9 halfwords, before the values do"),
        (Ldw(**{**LDW, "rs": 2}), "a bit beyond the 2 of the bitmap is set"),
        (Ldw(**{**LDW, "daddr": 1 << 20}), "the streams begin at the end of DRAM"),
        (Run(**{**RUN, "nch": 0}), "nch=0 asks for no products"),
        (Run(**{**RUN, "nf": 5}), "need 3 x 1 rows"),
        (Run(**{**RUN, "nt": 2}), "nt=2 is outside 1..1"),
        (Run(**{**RUN, "nt": 0}), "nt=0 is outside 1..1"),
        (Run(**{**RUN, "nch": 41}), "nch=41 bitmaps of 4 bits do not fit the 40 halfwords"),
        (Run(**{**RUN, "behind": 1, "base": 39}), "nch=2 bitmaps of 4 bits do not fit the 1 half"),
        (Run(**{**RUN, "over": 2}), "over=2 leaves none of nch=2 channels in the half"),
        (Run(**{**RUN, "skip": 8191}), "the bitmaps of 8193 boxes take 8193 halfwords"),
        (Drn(**{**DRN, "nt": 2}), "nt=2 is outside 1..1"),
        (Drn(**{**DRN, "oaddr": 65535}), "cannot write 32 bytes at obuf"),
    ],
    ids=str,
)
def test_refused(state: State, inst: Instruction, message: str) -> None:
    if isinstance(inst, Run):
        load(state)
    with pytest.raises(TrapError) as caught:
        execute(state, inst)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("inst", "message"),
    [
        (Cfg(**{**CFG, "r": 0}), "r is 0"),
        (Cfg(**{**CFG, "a_s": 3}), "as=3 is more than 2 rows"),
        (Cfg(**{**CFG, "r": 12, "s": 11}), "a kernel of 132 positions has more than 128"),
        (Tile(**{**TILE, "eh": 0}), "eh is 0"),
    ],
    ids=str,
)
def test_refused_registers(state: State, inst: Instruction, message: str) -> None:
    with pytest.raises(TrapError, match=message):
        configure(state, inst)


def test_tile_larger_than_a_bank(state: State) -> None:
    load(state)
    configure(state, Tile(**{**TILE, "ew": 3}))
    with pytest.raises(TrapError, match="tile 0 has 6 outputs, but a bank 4 accumulators"):
        execute(state, Run(**RUN))


def test_boxes_larger_than_the_buffer(state: State) -> None:
    load(state)
    configure(state, Tile(**{**TILE, "bh": 2047, "bw": 2047}))
    with pytest.raises(TrapError, match="the bitmaps of 2 boxes take 523778 halfwords"):
        execute(state, Run(**RUN))


def test_run_before_its_loads(state: State) -> None:
    execute(state, Lda(**LDA))
    state.memories["wmem"].data.view("<u2")[0] = 1
    with pytest.raises(TrapError) as caught:
        execute(state, Run(**RUN))
    assert caught.value.message == "a value is 0, though its bit is set"
    assert caught.value.where == "weight memory of row 0, stream 0, vector 0 at halfword 0"
    load(state)
    state.memories["act"].data.view("<u2")[0] = 0x8000
    with pytest.raises(TrapError, match="a bit beyond the 9") as caught:
        execute(state, Run(**RUN))
    assert caught.value.where.startswith("activation buffer of row 0")


def test_filters_of_other_streams(state: State) -> None:
    """PE 0 has a weight at position 3, which the row's filter of channel 0 does not let through."""
    load(state)
    state.memories["wmem"].data.view("<u2")[:3] = 8, 1, 0
    with pytest.raises(TrapError, match="filters of row 0 do not cover its weights"):
        execute(state, Run(**RUN))


def test_registers_that_are_not_set() -> None:
    state = MACHINE.new_state(SPEC)
    with pytest.raises(TrapError, match=r"registers of gs.map"):
        execute(state, Lda(**LDA))
    with pytest.raises(TrapError, match=r"registers of gs.cfg"):
        execute(state, Run(**RUN))
    configure(state, Cfg(**CFG))
    with pytest.raises(TrapError, match="registers of tile 0"):
        execute(state, Run(**RUN))


def test_slot_larger_than_the_ring(state: State) -> None:
    constants = image()
    constants[:288].view("<i2")[:] = 1
    small = GospaSpec(n_apu=1, cols=2, acc_entries=4, ring_entries=8)
    state = MACHINE.new_state(small, Dram(constants, constants.size))
    configure(state, Map(rowstr=1, chstr=3), Cfg(**CFG), Tile(**TILE))
    load(state)
    with pytest.raises(TrapError, match="a slot of 9 activations does not fit ring_entries=8"):
        execute(state, Run(**RUN))


def test_configuration_takes_a_cycle() -> None:
    assert {cls: COSTS[cls](None, None).cycles for cls in (Map, Cfg, Tile)} == {
        Map: 1,
        Cfg: 1,
        Tile: 1,
    }
    assert MACHINE.layer_units == ("pe",)
    assert not MACHINE.times_configuration
