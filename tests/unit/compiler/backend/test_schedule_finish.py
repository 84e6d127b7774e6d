"""Blocks of sums through the PPU in pieces, whichever way the sums lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.compiler.backend.schedule import Epilogue, Plane, Schedule
from spcc.isa.base import Pgeo, Psrc
from spcc.isa.errors import PassError
from spcc.isa.targets.spots import ISA, SpotsSpec
from spcc.runtime.machine import State
from spcc.runtime.machines.spots import MACHINE
from spcc.runtime.memory import Dram
from spcc.tests.unit.runtime.machine_runs import execute


def run(schedule: Schedule, state: State) -> None:
    """Execute what a schedule has emitted."""
    execute(MACHINE, state, *(op.to_instruction() for op in schedule.ops))


@given(st.integers(1, 7), st.integers(1, 40), st.integers(0, 3), st.booleans(), st.integers(0, 9))
def test_every_sum_gets_to_its_place(
    chans: int, length: int, spare: int, by_position: bool, source: int
) -> None:
    spec = SpotsSpec(PCAP=64)
    schedule = Schedule(ISA, spec)
    pitch = chans + spare if by_position else 0
    state = MACHINE.new_state(spec, Dram(np.zeros(0, np.uint8), 4096))
    words = np.arange(1024, dtype="<i4")
    state.memories["obuf"].write(0, words)
    output = Plane(64, 2, 2 * chans) if spare % 2 else Plane(64, 2 * length)
    schedule.finish(Epilogue(0, -32768, 32767), chans, length, output, source=source, pitch=pitch)
    run(schedule, state)
    steps = (1, pitch) if by_position else (length, 1)
    got = state.dram.read(64, 2 * chans * length).view("<i2")
    got = got.reshape(length, chans).T if spare % 2 else got.reshape(chans, length)
    c, p = np.indices((chans, length))
    assert got.tolist() == (source + c * steps[0] + p * steps[1]).tolist()


def test_the_pitch_is_set_when_it_changes_and_never_for_staged_sources() -> None:
    schedule, plane = Schedule(ISA, SpotsSpec()), Plane(64, 8)
    plain, staged = Epilogue(0, -1, 1), Epilogue(0, -1, 1, staged=True)
    for epilogue, pitch, source in (
        (plain, 0, None), (plain, 4, None), (plain, 4, None), (staged, 4, plane), (plain, 4, None),
    ):  # fmt: skip
        schedule.finish(epilogue, 2, 4, plane, pitch=pitch, staged=source)
    configured = [op.to_instruction() for op in schedule.ops if op.INSTRUCTION in (Psrc, Pgeo)]
    assert [i.values().get("pitch") for i in configured] == [None, 4, None, 0, None, 4]


def test_an_item_larger_than_its_memory_is_refused() -> None:
    schedule = Schedule(ISA, SpotsSpec())
    assert [schedule.slot("fmap", 100, size) for size in (50, 50, 51, 100, 1)] == [0, 50, 0, 0, 0]
    with pytest.raises(PassError, match="101 bytes do not fit fmap of 100 bytes"):
        schedule.slot("fmap", 100, 101)
