"""Bit-Tactical's machine on bytes: what `tct.ldw` leaves behind, what `tct.conv` reads, traps."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from spcc.isa.encoding import Instruction
from spcc.isa.errors import TrapError
from spcc.isa.footprint import Region
from spcc.isa.formats.tct_image import Entries, encode
from spcc.isa.targets import dadiannao as ddn
from spcc.isa.targets.tct import ISA, Cfg, Conv, Ldw, Mux, TctSpec
from spcc.runtime.machine import State
from spcc.runtime.machines.tct import COUNTERS, MACHINE
from spcc.runtime.memory import Dram
from spcc.tests.unit.runtime import machine_runs

MICRO = TctSpec(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4)
E1 = Entries(
    np.array([0, 3], np.int32),
    np.array([[[5, 7, 0, 2]], [[3, 1, 6, 4]]], np.int16),
    np.array([[[0, 1, 0, 1]], [[0, 2, 1, 0]]], np.uint8),
)
"""The entries of tct sheet, example E1."""
INPUTS = np.stack([np.arange(24) + 1, np.arange(24) % 3]).astype("<i2")
"""Its activations, window by window; the sums are 302 and 16."""
LDW = {"half": 0, "units": 1, "slots": 1, "bytes": 24, "mode": 0, "dram": 0}
CONV = {"half": 0, "first": 1, "b0": 0, "nb": 6, "win0": 0, "nwin": 2, "bank": 0}
IN = {"base": 0, "h": 1, "w": 2, "cb": 6, "img": 1, "y0": 0, "pt": 0, "pl": 0}
KER = {"kh": 1, "kw": 1, "sy": 1, "sx": 1, "dy": 1, "dx": 1, "oh": 1, "ow": 2}

execute = partial(machine_runs.execute, MACHINE)


def machine(spec: TctSpec, *units: Entries, kernel: dict[str, int] | None = None) -> State:
    """A machine with the chunk of some units at DRAM address 0, E1's activations in AM."""
    state = MACHINE.new_state(spec)
    image = encode(spec.image_form, units)
    state.dram = Dram(np.append(image, np.zeros(64, np.uint8)), image.size + 64)
    state.memories["am"].write(0, INPUTS)
    for inst in (ddn.Cfg.of(spec), Cfg.of(spec)):
        execute(state, inst)
    for code, pair in enumerate(spec.pairs, 1):
        execute(state, Mux(idx=code, ahead=pair.ahead, aside=pair.aside))
    execute(state, ddn.In(**IN))
    execute(state, ddn.Ker(**(KER | (kernel or {}))))
    return state


def sums(state: State) -> list[int]:
    """The first slot's sums of two windows, in bank 0 of PB."""
    raw = state.memories["pb"].data[: 2 * 2 * 6].reshape(2, 2, 6)
    wide = np.zeros((2, 8), np.uint8)
    wide[:, 2:] = raw[:, 0]
    return (wide.view("<i8")[:, 0] >> 16).tolist()


def test_e1_on_bytes() -> None:
    state = machine(MICRO, E1)
    load = execute(state, Ldw(**LDW))
    assert load.counters == {"dram_w": 24, "n_ldw": 1}
    assert state.memories["uh"].data[:8].view("<u4").tolist() == [1, 2]
    words = state.memories["mm"].data.reshape(8, 2, MICRO.metadata_form.word_bytes)
    # The second entry: 2 rows skipped, then the select codes 0, 2, 1, 0.
    assert int.from_bytes(words[1, 0].tobytes(), "little") == 0b000_001_010_000_10
    cost = execute(state, Conv(**CONV))
    assert sums(state) == [302, 16]
    assert cost.cycles == 8
    assert tuple(cost.counters) == COUNTERS
    again = execute(state, Conv(**(CONV | {"first": 0})))
    assert sums(state) == [604, 32]
    assert again.counters["mac_skipped"] == cost.counters["mac_skipped"] - 2 * 6 * 4


def test_touched_bytes_are_in_the_footprints() -> None:
    state = machine(MICRO, E1)
    log = state.memories["wm"].log
    for inst in (Ldw(**LDW), Conv(**CONV), Conv(**(CONV | {"first": 0}))):
        log.clear()
        execute(state, inst)
        stated = ISA.footprint(inst, state.registers)
        assert log.writes
        assert isinstance(inst, Ldw) or log.reads  # those of DRAM's constants are not noted
        for touched, allowed in ((log.reads, stated.reads), (log.writes, stated.writes)):
            for region in touched:
                assert any(covers(other, region) for other in allowed), (inst, region)


def covers(outer: Region, inner: Region) -> bool:
    def bytes_of(region: Region) -> set[int]:
        return {int(at) + i for at in region.starts() for i in range(region.run)}

    return outer.memory == inner.memory and bytes_of(inner) <= bytes_of(outer)


def test_a_chunk_is_decoded_again_when_its_bytes_change() -> None:
    state = machine(MICRO, E1)
    execute(state, Ldw(**LDW))
    execute(state, Conv(**CONV))
    other = Entries(E1.rows, -E1.weights, E1.selects)
    state.dram = Dram(encode(MICRO.image_form, [other]), 24)
    execute(state, Ldw(**LDW))
    execute(state, Conv(**CONV))
    assert sums(state) == [-302, -16]
    execute(state, Mux(idx=1, ahead=2, aside=0))  # 7 and 6 now come from a row further
    execute(state, Conv(**CONV))
    assert sums(state) != [-302, -16]


def test_no_entries_start_the_sums_at_zero() -> None:
    state = machine(MICRO, Entries.none(0, 1, 4))
    state.memories["pb"].data[:] = 77
    execute(state, Ldw(**(LDW | {"bytes": 4})))
    cost = execute(state, Conv(**CONV))
    assert sums(state) == [0, 0]
    assert (cost.cycles, cost.counters["mac_skipped"]) == (4, 48)
    assert cost.counters["pb_wr"] == 2


def test_two_weights_from_one_place_both_count() -> None:
    twice = Entries(
        np.array([0, 1], np.int32),
        np.array([[[0, 32767, 0, 0]], [[0, 32767, 0, 0]]], np.int16),
        np.array([[[0, 1, 0, 0]], [[0, 0, 0, 0]]], np.uint8),
    )
    state = machine(MICRO, twice)
    execute(state, Ldw(**LDW))
    cost = execute(state, Conv(**CONV))
    assert sums(state) == [2 * 32767 * 6, 2 * 32767 * (5 % 3)]
    assert cost.counters["mac_eff"] == 4


def test_every_pe_has_its_own_pointer() -> None:
    spec = TctSpec(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4, sync="pe")
    shorter = Entries(
        np.array([5], np.int32), np.array([[[0, 0, 0, 9]]], np.int16), np.zeros((1, 1, 4), np.uint8)
    )
    state = machine(spec, E1, shorter)
    execute(state, Ldw(**(LDW | {"units": 2, "slots": 2, "bytes": 38})))
    cost = execute(state, Conv(**CONV))
    assert sums(state) == [302, 16]
    raw = state.memories["pb"].data[: 2 * 2 * 6].reshape(2, 2, 6)
    assert raw[:, 1, 0].tolist() == [9 * 24, 9 * (23 % 3)]
    assert cost.counters["sync_wait"] == 2 * 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"slots": 0}, "slots=0 is outside 1..4"),
        ({"slots": 5}, "slots=5 is outside 1..4"),
        ({"units": 2}, "units=2, but slots=1 filters have 1 row pointers"),
        ({"mode": 1}, "wcomp is none"),
        ({"bytes": 23}, "do not fit the 23 bytes"),
        ({"bytes": 25}, "its units end at byte 24"),
        ({"dram": 80}, "the DRAM image has 88 bytes"),
    ],
)
def test_loads_that_trap(changes: dict[str, int], says: str) -> None:
    state = machine(MICRO, E1)
    with pytest.raises(TrapError, match=says):
        execute(state, Ldw(**(LDW | changes)))


@pytest.mark.parametrize(
    ("changes", "kernel", "says"),
    [
        ({"half": 1}, {}, "half 1 of WM holds no chunk"),
        ({"nwin": 5}, {}, "nwin=5 is outside 1..4"),
        ({"nwin": 3}, {}, "window 2 is beyond the 2 windows"),
        ({"nb": 7}, {}, "beyond the input's cb=6"),
        ({"nb": 3}, {}, "an entry of row 3 is beyond the 3 rows"),
        ({"nb": 5}, {}, "a weight promoted from row 5 is beyond the 5 rows"),
    ],
)
def test_convolutions_that_trap(changes: dict[str, int], kernel: dict[str, int], says: str) -> None:
    state = machine(MICRO, E1, kernel=kernel)
    execute(state, Ldw(**LDW))
    with pytest.raises(TrapError, match=says):
        execute(state, Conv(**(CONV | changes)))


@pytest.mark.parametrize(
    ("inst", "says"),
    [
        (Cfg(h=2, ni=7, wsb=3, alcb=2, adv=4, sync=0), "adv=4 is not this machine's"),
        (Mux(idx=0, ahead=1, aside=0), "idx=0 is outside 1..7"),
        (Mux(idx=8, ahead=1, aside=0), "idx=8 is outside 1..7"),
        (Mux(idx=1, ahead=3, aside=0), "ahead=3 is outside 1..2"),
        (Mux(idx=1, ahead=0, aside=1), "ahead=0 is outside 1..2"),
        (Mux(idx=1, ahead=1, aside=-4), "aside=-4 leaves the 4 lanes"),
    ],
)
def test_configurations_that_trap(inst: Instruction, says: str) -> None:
    with pytest.raises(TrapError, match=says):
        execute(machine(MICRO, E1), inst)


@pytest.mark.parametrize(
    ("missing", "says"), [(Cfg, "registers of tct.cfg"), ((Mux, 3), "has not set select code 3")]
)
def test_registers_must_be_set(missing: Any, says: str) -> None:
    state = machine(MICRO, E1)
    execute(state, Ldw(**LDW))
    del state.registers[missing]
    with pytest.raises(TrapError, match=says):
        execute(state, Conv(**CONV))


def test_every_access_costs_what_the_sheet_says() -> None:
    spec = TctSpec()
    sheet: dict[str, float] = {}
    for entry in MACHINE.energy(spec):
        if entry.sheet is not None:
            sheet[entry.counter] = sheet.get(entry.counter, 0.0) + entry.sheet
    assert sheet["wm_rd"] == sheet["am_rd"] == sheet["am_wr"] == 40
    assert sheet["ab_rd"] == sheet["ab_wr"] == 8
    assert sheet["mm_rd"] == pytest.approx(5 * 770 / 32)
    assert sheet["pb_rd"] == 120
    assert sheet["mac_eff"] == sheet["mac_ineff_w"] == 0.9
    assert {"mac_skipped", "sync_wait", "lane_idle"}.isdisjoint(sheet)
