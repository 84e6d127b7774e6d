"""Time and accounting of the interpreter, on hand-worked and random programs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.base import Host
from spcc.isa.encoding import Instruction
from spcc.isa.tables import NO_LAYER
from spcc.runtime.accounting import Segments
from spcc.runtime.interpreter import Execution, Interpreter, Options
from spcc.runtime.machine import Cost, State
from spcc.runtime.memory import Dram
from toy_machine import (
    ACC,
    BUF,
    MACHINE,
    PBUF,
    dim,
    layer,
    ld,
    make_program,
    pgeo,
    scale,
)
from toy_machine import st as store
from toy_programs import CHAIN, execute, programs, run, specs, synchronise


def times(execution: Execution) -> list[tuple[int, int]]:
    return list(zip(execution.starts.tolist(), execution.ends.tolist(), strict=True))


def test_a_chain_of_dependent_instructions() -> None:
    done = run(CHAIN, B=8, L=10, P=4)
    assert times(done) == [(0, 0), (1, 15), (15, 63), (63, 67), (67, 81), (81, 81)]
    assert done.total_cycles == 81
    window = done.windows[0]
    assert window.busy == {"ld": 14, "st": 14, "cu": 48, "ppu": 4}
    assert window.stall == {
        "ld": {"dispatch": 1},
        "st": {"dispatch": 4, "semaphore": 63},
        "cu": {"dispatch": 2, "semaphore": 13},
        "ppu": {"dispatch": 3, "semaphore": 60},
    }
    assert window.waits == {"ld": {}, "st": {"ppu": 63}, "cu": {"ld": 13}, "ppu": {"cu": 60}}
    assert window.idle == {"ld": 66, "st": 0, "cu": 18, "ppu": 14}


def test_units_overlap_when_nothing_holds_them() -> None:
    loads = [ld(BUF, 64 * i, 0, 64, signal=[1]) for i in range(3)]
    uses = [scale(32 * i, 0, 32, wait=[1]) for i in range(3)]
    done = run([*loads, *uses], B=2)
    assert times(done)[:6] == [(0, 32), (32, 64), (64, 96), (32, 64), (64, 96), (96, 128)]


def test_dispatch_is_one_per_cycle() -> None:
    done = run([scale(0, 0, 1, slow=0) for _ in range(5)])
    assert times(done) == [(i, i) for i in range(6)]
    assert done.windows[0].stall["cu"] == {"dispatch": 4}


def test_semaphores_count_and_hand_out_tokens_in_order() -> None:
    program = [
        scale(0, 0, 1, slow=10, signal=[1]),
        scale(0, 0, 1, slow=20, signal=[1]),
        store(PBUF, 0, 64, 2, wait=[1]),
        store(PBUF, 0, 64, 2, wait=[1]),
    ]
    assert [start for start, _ in times(run(program))] == [0, 10, 10, 30, 30]


def test_the_latest_of_several_tokens_decides() -> None:
    program = [
        ld(BUF, 0, 0, 8, signal=[2]),
        scale(100, 0, 5, slow=1, signal=[1]),
        store(PBUF, 0, 64, 2, wait=[1, 2]),
    ]
    done = run(program, L=30)
    assert times(done)[2] == (30, 60)
    assert done.windows[0].waits["st"] == {"ld": 28}


def test_config_waits_in_its_queue_and_takes_no_time() -> None:
    program = [ld(BUF, 0, 0, 8, signal=[1]), dim(1, 0, 2, 8, wait=[1]), store(BUF, 0, 64, 2)]
    assert times(run(program, L=30)) == [(0, 30), (30, 30), (30, 60), (60, 60)]


def test_host_waits_for_all_units_and_holds_dispatch() -> None:
    calls: list[int] = []

    def host(index: int, dram: Dram) -> Mapping[str, int]:
        calls.append(index)
        return {"host_saturated": 3}

    program = [
        scale(0, 0, 1, slow=40),
        Host(fragment=7, signal=(1,)),
        scale(0, 0, 1, slow=5),
        store(ACC, 16, 64, 4, wait=[1]),
    ]
    done = run(program, Options(host=host))
    assert calls == [7]
    assert times(done) == [(0, 40), (40, 40), (40, 45), (41, 41), (45, 45)]
    assert done.layers[0].counters["host_saturated"] == 3


def test_host_time_is_a_stall_of_its_own() -> None:
    program = [scale(0, 0, 1, slow=40), Host(fragment=0), ld(BUF, 0, 0, 8), scale(0, 0, 1)]
    done = run(program, Options(host=lambda _i, _d: {}))
    assert times(done) == [(0, 40), (40, 40), (40, 40), (41, 42), (42, 42)]
    window = done.windows[0]
    assert window.stall["ld"] == {"dispatch": 1, "host": 39}
    assert window.stall["cu"] == {"dispatch": 1}
    assert window.idle == {"ld": 2, "st": 2, "cu": 0, "ppu": 2}


def test_host_that_does_not_wait_holds_nothing() -> None:
    program = [Host(fragment=0), ld(BUF, 0, 0, 8)]
    assert times(run(program, Options(host=lambda _i, _d: {}))) == [(0, 0), (1, 1), (2, 2)]


def test_layers_share_the_time_by_their_ends() -> None:
    # The load for layer b runs while layer a computes; layer c has no instruction.
    program = [
        ld(BUF, 0, 0, 16, signal=[1]),
        scale(0, 0, 8, slow=5, wait=[1]),
        ld(BUF, 64, 0, 16, signal=[2]),
        scale(32, 0, 8, slow=2, wait=[2]),
    ]
    done = run(program, lines=[0, 0, 1, 1, NO_LAYER], B=2)
    assert [w.elapsed_cycles for w in done.windows] == [48, 16, 0, 0]
    assert [w.busy["cu"] for w in done.windows] == [40, 16, 0, 0]
    assert [w.busy["ld"] for w in done.windows] == [16, 0, 0, 0]
    assert [dict(a.unit_cycles) for a in done.layers[:2]] == [
        {"ld": 8, "cu": 40},
        {"ld": 8, "cu": 16},
    ]
    assert [a.instruction_count for a in done.layers] == [2, 2, 0, 1]


def test_a_layer_ends_with_the_last_of_its_instructions_to_end() -> None:
    program = [scale(0, 0, 8, slow=5), ld(BUF, 64, 0, 16), scale(0, 0, 1, slow=7)]
    done = run(program, lines=[0, 0, 1, NO_LAYER], B=2)
    assert [w.elapsed_cycles for w in done.windows] == [40, 7, 0, 0]


def test_a_layer_that_ends_before_its_predecessor_has_no_time() -> None:
    program = [scale(0, 0, 8, slow=5), ld(BUF, 64, 0, 16)]
    done = run(program, lines=[0, 1, NO_LAYER], B=2)
    assert [w.elapsed_cycles for w in done.windows] == [40, 0, 0, 0]


def test_counters_are_summed_by_layer_with_the_costs_own_times() -> None:
    program = [scale(0, 0, 8), scale(0, 0, 4), ld(BUF, 16, 0, 8)]
    done = run(program, lines=[0, 0, 1, NO_LAYER])
    first, second = done.layers[:2]
    assert first.counters == {
        "mac_effectual": 0, "mac_ineff_a": 12, "buf_rd": 12, "mul_busy": 12, "stall_mul": 2
    }  # fmt: skip
    assert second.counters == {"dram_in": 8}
    assert (first.read_bytes, first.written_bytes) == ({"buf": 24}, {"acc": 48})
    assert second.written_bytes == {"buf": 8}


@given(programs, specs, st.data())
def test_busy_stall_and_idle_add_up_for_every_unit_and_layer(
    body: list[Instruction], config: dict[str, int], data: st.DataObject
) -> None:
    count = len(body) + 1
    lines = data.draw(
        st.lists(st.sampled_from([0, 1, 2, NO_LAYER]), min_size=count, max_size=count)
    )
    done = run(synchronise(body), lines=lines, **config)
    for window in done.windows:
        for unit in MACHINE.units:
            stalls = window.stall[unit]
            assert min(0, window.busy[unit], window.idle[unit], *stalls.values()) == 0
            spent = window.busy[unit] + sum(stalls.values()) + window.idle[unit]
            assert spent == window.elapsed_cycles
            assert sum(window.waits[unit].values()) == stalls.get("semaphore", 0)
    assert sum(w.elapsed_cycles for w in done.windows) == done.total_cycles == max(done.ends)
    for unit in MACHINE.units:
        own = sum(account.unit_cycles.get(unit, 0) for account in done.layers)
        assert sum(w.busy[unit] for w in done.windows) == own
    assert sum(account.instruction_count for account in done.layers) == count


@given(programs, specs)
def test_more_latency_never_makes_a_program_faster(
    body: list[Instruction], config: dict[str, int]
) -> None:
    program = synchronise(body)
    slower = {**config, "L": config["L"] + 3}
    assert execute(program, **slower)[0].total_cycles >= execute(program, **config)[0].total_cycles


@given(programs, specs)
def test_values_do_not_depend_on_time(body: list[Instruction], config: dict[str, int]) -> None:
    program = synchronise(body)
    _, fast = execute(program)
    _, slow = execute(program, **config)
    assert fast.read(0, 96).tolist() == slow.read(0, 96).tolist()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8), st.data())
def test_segments_are_counted_within_any_boundaries(
    gaps: list[tuple[int, int]], data: st.DataObject
) -> None:
    segments, cells, now = Segments(), [], 0
    for gap, length in gaps:
        segments.add(now + gap, now + gap + length)
        cells += [0] * gap + [1] * length
        now += gap + length
    inner = data.draw(st.lists(st.integers(0, now), max_size=5).map(sorted))
    bounds = [0, *inner, now]
    expected = [sum(cells[a:b]) for a, b in pairwise(bounds)]
    assert segments.within(np.array(bounds)).tolist() == expected


def test_progress_begins_at_none_and_ends_at_all() -> None:
    told: list[tuple[int, int, str]] = []
    run([scale(0, 0, 1)] * 600, Options(progress=lambda *args: told.append(args)))
    assert told == [(0, 601, "a"), (256, 601, "a"), (512, 601, "a"), (601, 601, "")]


def test_layers_are_announced_right_after_their_last_instruction() -> None:
    seen: list[tuple[int, list[int]]] = []
    program = [ld(BUF, 0, 0, 4), store(BUF, 0, 64, 4), store(BUF, 8, 64, 4)]
    lines = [1, 0, 1, NO_LAYER]
    made = make_program(
        program, constants=b"\1\2\3\4", layers=(layer("a"), layer("b"), layer("c")), lines=lines
    )
    dram = Dram(made.data, made.dram_bytes)

    def announce(index: int, state: State) -> None:
        assert state.holder("dram") is dram
        seen.append((index, dram.tensor(64, (4,), (1,), "uint8").tolist()))

    Interpreter(MACHINE, made).run(dram, Options(on_layer=announce))
    # Layer c has no instruction: it is complete with the layers before it.
    assert seen == [(0, [1, 2, 3, 4]), (1, [0, 0, 0, 0]), (2, [0, 0, 0, 0])]


def test_leading_layers_without_instructions_are_announced_first() -> None:
    seen: list[int] = []
    run(
        [scale(0, 0, 1)], Options(on_layer=lambda layer, _: seen.append(layer)), lines=[2, NO_LAYER]
    )
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("change", [lambda t: t.pop(type(CHAIN[2])), lambda t: t.clear()])
def test_a_machine_without_an_instruction_of_its_set_is_refused(
    change: Callable[[dict[type[Instruction], object]], object],
) -> None:
    costs = dict(MACHINE.costs)
    change(costs)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no semantics or cost for"):
        replace(MACHINE, costs=costs)


def test_a_machine_without_a_unit_or_memory_of_its_set_is_refused() -> None:
    with pytest.raises(TypeError, match="machine toy has no unit cu for scale"):
        replace(MACHINE, units=("ld", "st", "ppu"))
    short = replace(MACHINE, memories=lambda spec: MACHINE.memories(spec)[1:])
    with pytest.raises(TypeError, match="machine toy has no memory acc"):
        short.new_state(MACHINE.spec_type())


def test_a_machine_needs_the_memories_of_the_ppu_behind_the_accumulators() -> None:
    for memories in (("acc", "buf", "bbuf"), ("pbuf", "acc", "bbuf"), ("acc",)):
        isa = replace(MACHINE.isa, symbols={"memories": memories})
        with pytest.raises(TypeError, match="machine toy lacks a memory of the PPU"):
            replace(MACHINE, isa=isa)


def test_configuration_takes_the_cycles_that_the_machine_says() -> None:
    def cost(state: State, inst: Instruction) -> Cost:
        assert state.register(type(inst)) is inst
        return Cost(3, {"configured": 1})

    machine = replace(MACHINE, costs={**MACHINE.costs, type(CHAIN[0]): cost})
    made = make_program([pgeo(), pgeo(shift=1), *CHAIN[1:]], layers=(layer("a"),))
    done = Interpreter(machine, made).run(Dram(made.data, made.dram_bytes))
    assert times(done)[:2] == [(0, 3), (3, 6)]
    assert done.layers[0].counters["configured"] == 2
    assert done.layers[0].unit_cycles["ppu"] == 7  # 2 x 3, and 1 of the 16 values


def test_scratch_is_empty_before_every_instruction() -> None:
    found: list[int] = []

    def cost(state: State, inst: Instruction) -> Cost:
        found.append(len(state.scratch))
        return MACHINE.costs[type(inst)](state, inst)

    costs = {**MACHINE.costs, type(CHAIN[2]): cost}
    made = make_program([scale(0, 0, 1), scale(0, 0, 1)])
    Interpreter(replace(MACHINE, costs=costs), made).run(Dram(made.data, made.dram_bytes))
    assert found == [0, 0]


def test_a_run_leaves_nothing_for_the_next() -> None:
    made = make_program(CHAIN, constants=bytes(range(64)), layers=(layer("a"),))
    interpreter = Interpreter(MACHINE, made)
    drams = [Dram(made.data, made.dram_bytes) for _ in range(2)]
    first, second = (interpreter.run(dram) for dram in drams)
    assert times(first) == times(second)
    assert first.layers[0].counters == second.layers[0].counters
    assert drams[0].read(0, 128).tolist() == drams[1].read(0, 128).tolist()


def test_a_chain_computes() -> None:
    _, dram = execute([CHAIN[0], pgeo(shift=1), *CHAIN[1:]])
    assert dram.read(64, 32).tolist() == list(range(32))
