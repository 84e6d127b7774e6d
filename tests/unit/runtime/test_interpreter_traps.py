"""What stops the interpreter, and where it says that it stopped."""

import pytest
from spcc.isa.base import Halt, Host
from spcc.isa.encoding import Instruction
from spcc.isa.errors import ProgramError, TrapError
from spcc.isa.tables import NO_LAYER
from spcc.runtime.interpreter import Interpreter, Options
from spcc.runtime.memory import Dram
from toy_machine import (
    BUF,
    MACHINE,
    dim,
    ld,
    make_program,
    pgeo,
    scale,
)
from toy_programs import CHAIN, run


def trap(
    instructions: list[Instruction], options: Options | None = None, **kwargs: int
) -> TrapError:
    with pytest.raises(TrapError) as caught:
        run(instructions, options, **kwargs)
    return caught.value


def test_a_wait_for_nothing_is_a_deadlock_that_names_its_semaphore() -> None:
    error = trap([scale(0, 0, 1, wait=[4]), ld(BUF, 0, 0, 8, signal=[4])])
    assert error.where == "scale at pc 0 of layer 'a', cycle 0"
    assert error.message == (
        "deadlock: waits for semaphore 4, but no earlier instruction signals it"
    )
    assert error.hint == "ld at pc 1 signals it, too late"


def test_a_wait_for_a_used_up_signal_is_a_deadlock_too() -> None:
    error = trap([ld(BUF, 0, 0, 8, signal=[4]), scale(0, 0, 1, wait=[4]), scale(0, 0, 1, wait=[4])])
    assert "the 1 earlier signals, the last by ld at pc 0, are used up" in error.message
    assert error.hint == "no instruction signals it later either"


def test_max_cycles_is_a_limit_that_may_be_reached() -> None:
    program = [scale(0, 0, 8), scale(0, 0, 8)]
    assert run(program, Options(max_cycles=16)).total_cycles == 16
    error = trap(program, Options(max_cycles=15))
    assert error.where == "scale at pc 1 of layer 'a', cycle 8"
    assert "ends in cycle 16, past the limit of 15" in error.message


def test_a_trap_of_the_semantics_gets_its_place() -> None:
    error = trap([scale(0, 0, 8), ld(BUF, 4090, 0, 16)])
    assert error.where == "ld at pc 1 of layer 'a', cycle 1"
    assert "buf has 4096 bytes" in error.message


def test_a_trap_of_a_configuration_gets_its_place() -> None:
    assert trap([pgeo(lo=2, hi=1)]).where == "pgeo at pc 0 of layer 'a', cycle 0"


def test_a_configuration_that_traps_sets_nothing_and_one_that_does_not_keeps_its_value() -> None:
    program = [dim(0, 0, 2, 8), ld(BUF, 0, 0, 4), ld(BUF, 8, 0, 4)]
    done = run(program)
    assert done.layers[0].counters["dram_in"] == 16


@pytest.mark.parametrize(
    ("program", "halt", "message"),
    [
        ([Halt(), scale(0, 0, 1)], True, "halt is not the last instruction"),
        ([scale(0, 0, 1)], False, "no halt at its end"),
        ([], False, "no halt at its end"),
        ([Host(fragment=0)], True, "there is no host"),
    ],
)
def test_wrong_flow_traps(program: list[Instruction], halt: bool, message: str) -> None:
    made = make_program(program, halt=halt)
    with pytest.raises(TrapError, match=message):
        Interpreter(MACHINE, made).run(Dram(made.data, made.dram_bytes))


def test_lines_that_do_not_match_the_text_are_refused() -> None:
    with pytest.raises(ProgramError, match="2 entries stand against 3 instructions"):
        Interpreter(MACHINE, make_program([scale(0, 0, 1), scale(0, 0, 1)], lines=[NO_LAYER] * 2))


def test_an_interrupt_passes() -> None:
    def interrupt(_done: int, _total: int, _layer: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(CHAIN, Options(progress=interrupt))
