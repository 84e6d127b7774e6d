"""Hazards: a program with all its semaphores runs, one that lacks any of them traps."""

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from spcc.isa.encoding import Instruction
from spcc.isa.errors import TrapError
from spcc.isa.footprint import Region
from spcc.runtime.hazards import PRUNE_ABOVE, Hazards
from spcc.runtime.memory import AccessLog
from toy_machine import BUF, PBUF, dim, ld, pgeo, ppu, scale
from toy_machine import st as store
from toy_programs import execute, has_hazard, naive_clock, programs, specs, synchronise

SLOW = {"B": 2, "L": 4, "P": 2}

PIPELINE: list[Instruction] = [
    pgeo(),
    ld(BUF, 0, 0, 16, signal=[1]),
    scale(0, 0, 8, 2, 3, wait=[1], signal=[2, 3]),
    ppu(0, 0, 1, 8, wait=[3], signal=[4, 5]),
    store(PBUF, 0, 64, 16, wait=[5], signal=[6]),
    ld(BUF, 0, 16, 16, wait=[2], signal=[7]),
    scale(0, 0, 8, 2, 3, wait=[4, 7], signal=[8]),
    ppu(0, 0, 1, 8, wait=[6, 8]),
]
"""Two tiles without double buffering: every wait is needed."""

WAITS = [
    (1, 2, "RAW", "buf", SLOW),
    (3, 3, "RAW", "acc", SLOW),
    (5, 4, "RAW", "pbuf", SLOW),
    (2, 5, "WAR", "buf", SLOW),
    (4, 6, "WAR", "acc", {"B": 0, "P": 1}),
    (7, 6, "RAW", "buf", SLOW),
    (6, 7, "WAR", "pbuf", {"B": 1, "L": 40}),
    (8, 7, "RAW", "acc", SLOW),
]
"""Semaphore, the pc that waits for it, the hazard if it does not, and when that matters."""


def without(semaphore: int) -> list[Instruction]:
    program = [
        inst.with_semaphores(*([n for n in s if n != semaphore] for s in (inst.wait, inst.signal)))
        for inst in PIPELINE
    ]
    if semaphore == 6:  # The second tile must be quicker than the first one's store.
        program[6] = scale(0, 0, 8, 2, 0, wait=[4, 7], signal=[8])
    return program


def test_pipeline_with_all_semaphores_runs() -> None:
    _, dram = execute(PIPELINE, **SLOW)
    first = np.arange(16, dtype=np.uint8).view("<i2").astype(int) * 2
    assert dram.read(64, 16).view("<i2").tolist() == first.tolist()


@pytest.mark.parametrize(("semaphore", "pc", "kind", "memory", "config"), WAITS)
def test_pipeline_without_one_semaphore_traps(
    semaphore: int, pc: int, kind: str, memory: str, config: dict[str, int]
) -> None:
    execute(PIPELINE, **config)
    earlier = next(at for at, inst in enumerate(PIPELINE) if semaphore in inst.signal)
    with pytest.raises(TrapError) as caught:
        execute(without(semaphore), **config)
    error = caught.value
    assert error.where.startswith(f"{PIPELINE[pc].mnemonic} at pc {pc}, cycle ")
    assert error.message.startswith(f"{kind} hazard: ")
    assert f"by {PIPELINE[earlier].mnemonic} at pc {earlier} until cycle" in error.message
    assert f"{memory}[0..15]" in error.message or f"{memory}[0..31]" in error.message
    assert f"from {PIPELINE[earlier].queue} to {PIPELINE[pc].queue} is missing" in error.hint


def test_every_semaphore_of_the_pipeline_has_its_case() -> None:
    assert {case[0] for case in WAITS} == {n for inst in PIPELINE for n in inst.wait}


def test_message_names_both_places_and_the_semaphore_that_could_be_waited_for() -> None:
    program = [ld(BUF, 8, 0, 16, signal=[9]), scale(0, 0, 8)]
    with pytest.raises(TrapError) as caught:
        execute(program, **SLOW)
    assert str(caught.value) == (
        "scale at pc 1, cycle 1: RAW hazard: reads buf[0..15] from cycle 1 on, while buf[8..23] is "
        "written by ld at pc 0 until cycle 12\n  hint: a semaphore from ld to cu is missing: pc 0 "
        "(or a later instruction of ld) must signal it, pc 1 must wait for it; pc 0 signals 9"
    )


def test_dram_is_watched_between_st_and_ld_run_by_run() -> None:
    setup = [dim(1, 0, 3, 8), dim(0, 0, 3, 8), store(BUF, 0, 8, 4)]
    # Interleaved with the runs of the store, byte by byte apart: no hazard.
    execute([*setup, ld(BUF, 64, 12, 4)], **SLOW)
    with pytest.raises(TrapError, match=r"RAW hazard: reads dram\[11..30\] in runs of 4"):
        execute([*setup, ld(BUF, 64, 11, 4)], **SLOW)


def test_write_after_write_of_two_units() -> None:
    with pytest.raises(TrapError, match=r"WAW hazard: writes pbuf\[0..15\]"):
        execute([pgeo(), ld(PBUF, 0, 0, 16), ppu(0, 0, 1, 8)], **SLOW)


def test_an_instruction_that_waits_long_is_guarded_from_one_that_runs_ahead() -> None:
    """The store has not even begun when the load, later in program order, would be over."""
    program = [
        scale(0, 0, 8, slow=50, signal=[1]),
        store(BUF, 64, 0, 16, wait=[1]),
        ld(BUF, 64, 64, 16),
    ]
    with pytest.raises(TrapError, match="WAR hazard: writes buf"):
        execute(program, **SLOW)


def test_reading_together_is_no_hazard_and_a_unit_is_never_in_its_own_way() -> None:
    execute([scale(0, 0, 8, slow=9), store(BUF, 0, 64, 16)], **SLOW)
    execute([ld(BUF, 0, 0, 16), ld(BUF, 8, 0, 16)], **SLOW)


def test_an_access_that_ends_when_the_next_begins_is_no_hazard() -> None:
    load, use = ld(BUF, 0, 0, 2), scale(0, 0, 1)
    execute([load, use], B=2)
    with pytest.raises(TrapError, match="RAW"):
        execute([load, use], B=1)


@given(programs, specs)
def test_a_program_with_all_semaphores_never_traps(
    body: list[Instruction], config: dict[str, int]
) -> None:
    program = synchronise(body)
    times = naive_clock(program, **config)
    assert not has_hazard(program, times)
    execution, _ = execute(program, **config)
    assert list(zip(execution.starts, execution.ends, strict=True))[:-1] == times


@given(programs, specs, st.data())
def test_a_program_without_some_waits_traps_exactly_when_it_matters(
    body: list[Instruction], config: dict[str, int], data: st.DataObject
) -> None:
    program = synchronise(body)
    waits = [(pc, n) for pc, inst in enumerate(program) for n in inst.wait]
    removed = data.draw(st.sets(st.sampled_from(waits), min_size=1) if waits else st.just(set()))
    for pc, number in removed:
        inst = program[pc]
        program[pc] = inst.with_semaphores([n for n in inst.wait if n != number], inst.signal)
    matters = has_hazard(program, naive_clock(program, **config))
    event(f"hazard: {matters}")
    if matters:
        with pytest.raises(TrapError, match="hazard"):
            execute(program, **config)
    else:
        execute(program, **config)


def access(hazards: Hazards, at: int, unit: str, start: int, end: int, pc: int) -> str:
    """Write 4 bytes at an address; the kind of hazard found."""
    log = AccessLog(writes=[Region("m", at, 4)])
    found = hazards.check(log, unit, start)
    hazards.add(log, unit, end, pc)
    return found.kind if found else ""


def test_pruning_forgets_what_is_over_and_nothing_else() -> None:
    hazards = Hazards()
    for pc in range(PRUNE_ABOVE + 1):
        assert not hazards.is_full
        assert access(hazards, 4 * pc, "a", pc, pc + 1, pc) == ""
    assert hazards.is_full
    hazards.forget(PRUNE_ABOVE)
    assert not hazards.is_full
    assert access(hazards, 4 * PRUNE_ABOVE, "b", PRUNE_ABOVE, PRUNE_ABOVE + 1, 0) == "WAW"
    assert access(hazards, 4 * (PRUNE_ABOVE - 1), "b", PRUNE_ABOVE + 1, PRUNE_ABOVE + 2, 0) == ""


def test_a_long_run_ahead_is_still_guarded() -> None:
    """More accesses than are kept unpruned pass while the first instruction is in flight."""
    ahead = [ld(PBUF, 8 * i, 0, 1 + i % 7) for i in range(PRUNE_ABOVE + 10)]
    program = [scale(0, 0, 8, slow=10_000), *ahead, ld(BUF, 0, 0, 16)]
    with pytest.raises(TrapError, match=r"WAR hazard: writes buf\[0..15\]"):
        execute(program)


def test_clear_forgets_everything() -> None:
    hazards = Hazards()
    access(hazards, 0, "a", 0, 100, 0)
    assert access(hazards, 0, "b", 1, 2, 1) == "WAW"
    hazards.clear()
    assert access(hazards, 0, "c", 1, 2, 2) == ""
