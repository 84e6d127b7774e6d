"""The base machine's pool: numbers by hand, and random instructions against plain Python."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.isa.base import Pgeo, Ppool, Psrc, Pwin
from spcc.isa.errors import TrapError
from spcc.isa.window import input_rows
from spcc.runtime.base import ppu_cycles
from spcc.runtime.machine import Cost, State
from spcc.tests.golden import plain_pool
from toy_machine import ISA, MACHINE, ToySpec, pgeo

ONES = dict(R=1, S=1, sh=1, sw=1, dh=1, dw=1, pt=0, pl=0)
SQUARE = ONES | dict(R=2, S=2)
DST = 1000
"""Word of the results; the band begins at word 7."""


def run(
    image: Any,
    window: dict[str, int],
    *,
    oy0: int = 0,
    rows: int = 1,
    settings: Pgeo | None = None,
    residual: Any = None,
    P: int = 4,
    **changes: int,
) -> tuple[list[Any], Cost]:
    """Results [C][rows][OW] of a `ppool` on a map [C][H][W], and its cost."""
    image = np.array(image, np.int16)
    state = MACHINE.new_state(ToySpec(P=P))
    low, high = input_rows(window | {"H": image.shape[1]}, oy0, rows)
    state.memories["pbuf"].write(14, image[:, low:high])
    if residual is not None:
        state.memories["pbuf"].write(2 * DST, np.array(residual, np.int16))
    fields = dict(op=0, incpad=0, src=7, dst=DST, chans=len(image), row0=low, oy0=oy0, rows=rows)
    inst = Ppool(**{**fields, **changes})
    config = Pwin(**{"H": image.shape[1], "W": image.shape[2], **window})
    cost = execute(state, config, settings or pgeo(staged=1), inst)
    count = len(image) * rows * window["OW"]
    raw = state.memories["pbuf"].read(2 * DST, 2 * count).view("<i2")
    return raw.reshape(len(image), rows, window["OW"]).tolist(), cost


def execute(state: State, config: Pwin, settings: Pgeo, inst: Ppool) -> Cost:
    """One pool; what it touches is what its footprint says."""
    for register in (config, settings):
        check = MACHINE.semantics[type(register)]
        check(state, register)
        state.registers[register.register] = register
    state.dram.log.clear()
    cost = MACHINE.costs[Ppool](state, inst)
    assert not state.dram.log.writes
    MACHINE.semantics[Ppool](state, inst)
    log, footprint = state.dram.log, ISA.footprint(inst, state.registers)
    assert {r for r in footprint.reads if r.size_bytes} == {*log.reads}
    assert {*footprint.writes} == {*log.writes}
    return cost


def test_a_maximum_of_two_by_two() -> None:
    image = [[[1, -2, 3, 4], [5, 6, -7, 8]], [[-1, -2, -3, -4], [-5, -6, -7, -8]]]
    values, cost = run(image, SQUARE | dict(sw=2, OW=2))
    assert values == [[[6, 8]], [[-1, -3]]]
    # 2 channels x 2 results x 4 taps on 4 lanes.
    assert cost == Cost(4, {"pool_ops": 16, "ppu_ops": 4, "ppu_saturated": 0})


@pytest.mark.parametrize(
    ("row", "average"), [([1, 2], 2), ([-1, -2], -1), ([1, 3], 2), ([-32768] * 2, -32768)]
)
def test_an_average_rounds_half_up(row: list[int], average: int) -> None:
    values, cost = run([[row]], ONES | dict(S=2, OW=1), op=1)
    assert values == [[[average]]]
    assert (cost.cycles, cost.counters["pool_ops"]) == (1, 2)


def test_padding_takes_part_in_the_divisor_alone() -> None:
    window = ONES | dict(R=3, S=3, pt=1, pl=1, OW=1)
    image = [[[-8, -4], [-2, -2]]]
    assert run(image, window)[0] == [[[-2]]]
    assert run(image, window, op=1)[0] == [[[-4]]]
    values, cost = run(image, window, op=1, incpad=1)
    assert values == [[[-2]]]  # -16 / 9
    # Nine taps take three cycles of four lanes, four of them are in the map.
    assert cost == Cost(3, {"pool_ops": 4, "ppu_ops": 1, "ppu_saturated": 0})


@pytest.mark.parametrize(("op", "value"), [(0, -32768), (1, 0)])
def test_a_window_all_in_padding(op: int, value: int) -> None:
    values, cost = run([[[5]]], ONES | dict(pt=2, OW=1), op=op)
    assert values == [[[value]]]
    assert cost.counters["pool_ops"] == 0


def test_a_band_begins_inside_the_map() -> None:
    image = [[[10 * y + x for x in range(3)] for y in range(9)]]
    window = ONES | dict(R=2, dh=2, sh=2, pt=1, sw=2, OW=2)
    # Output row 2 takes rows 3 and 5, row 3 takes rows 5 and 7; columns 0 and 2.
    assert run(image, window, oy0=2, rows=2)[0] == [[[50, 52], [70, 72]]]


def test_values_are_finished_as_pgeo_says() -> None:
    finish = pgeo(shift=1, rshift=-1, lo=-3, hi=9, staged=1, residual=1)
    # 5/2 and 7/2 to even, plus twice the residual, clipped.
    values, _ = run([[[5, 7, 5, -32768]]], ONES | dict(OW=4), settings=finish,
                    residual=[1, 1, 9, 0])  # fmt: skip
    assert values == [[[4, 6, 9, -3]]]
    wide = pgeo(shift=-3, staged=1)
    values, cost = run([[[4095, 4096, -5000]]], ONES | dict(OW=3), settings=wide)
    assert values == [[[32760, 32767, -32768]]]
    assert cost.counters["ppu_saturated"] == 2


def test_results_may_replace_the_band() -> None:
    state = MACHINE.new_state(ToySpec())
    state.memories["pbuf"].write(0, np.array([1, 9, 4, 2], np.int16))
    inst = Ppool(op=0, incpad=0, src=0, dst=1, chans=1, row0=0, oy0=0, rows=1)
    execute(state, Pwin(**ONES | dict(S=2, H=1, W=4, OW=3)), pgeo(staged=1), inst)
    assert state.memories["pbuf"].read(0, 8).view("<i2").tolist() == [1, 9, 9, 4]


@pytest.mark.parametrize("field", ["R", "S", "sh", "sw", "dh", "dw", "H", "W", "OW"])
def test_a_window_of_nothing_traps(field: str) -> None:
    with pytest.raises(TrapError, match=f"^{field} is 0"):
        run([[[1]]], SQUARE | dict(OW=1, H=1, W=1) | {field: 0})


@pytest.mark.parametrize(
    ("finish", "changes", "message"),
    [
        (dict(staged=0), {}, "staged=0 bias=0"),
        (dict(staged=1, bias=1), {}, "staged=1 bias=1"),
        (dict(staged=1), dict(chans=0), "asks for no values"),
        (dict(staged=1), dict(rows=0), "asks for no values"),
        (dict(staged=1), dict(row0=1), r"row0=1 is not the first input row .* 0..0, which is 0"),
        (dict(staged=1), dict(src=65536), r"cannot read .* at pbuf\[131072\]"),
        (dict(staged=1), dict(dst=32767), r"cannot write 4 bytes at pbuf\[65534\]"),
        (dict(staged=1, residual=1), dict(dst=32767), r"cannot read 4 bytes at pbuf\[65534\]"),
        (dict(staged=1), dict(chans=65535), "262140 bytes, but pbuf has 65536"),
    ],
)
def test_what_it_cannot_do_traps(
    finish: dict[str, int], changes: dict[str, int], message: str
) -> None:
    with pytest.raises(TrapError, match=message):
        run([[[1, 2]]], ONES | dict(OW=2), settings=pgeo(**finish), **changes)


def test_registers_that_are_not_set_trap() -> None:
    inst = Ppool(op=0, incpad=0, src=0, dst=0, chans=1, row0=0, oy0=0, rows=1)
    state = MACHINE.new_state(ToySpec())
    with pytest.raises(TrapError, match="the registers of pwin are not set"):
        MACHINE.costs[Ppool](state, inst)
    state.registers[Pwin] = Pwin(**ONES, H=1, W=1, OW=1)
    with pytest.raises(TrapError, match="the registers of pgeo are not set"):
        MACHINE.costs[Ppool](state, inst)


def test_sources_of_ppu_do_not_move_a_pool() -> None:
    state = MACHINE.new_state(ToySpec())
    state.registers[Psrc] = Psrc(pitch=5)
    state.memories["pbuf"].write(0, np.array([3, 4], np.int16))
    inst = Ppool(op=0, incpad=0, src=0, dst=9, chans=2, row0=0, oy0=0, rows=1)
    execute(state, Pwin(**ONES, H=1, W=1, OW=1), pgeo(staged=1), inst)
    assert state.memories["pbuf"].read(18, 4).view("<i2").tolist() == [3, 4]


@st.composite
def windows(draw: st.DrawFn) -> dict[str, int]:
    """Any window on a small map, also beside it."""
    small = {n: draw(st.integers(1, 4)) for n in ("R", "S", "sh", "sw", "dh", "dw", "OW")}
    return {**small, "pt": draw(st.integers(0, 5)), "pl": draw(st.integers(0, 5))}


@settings(deadline=None, max_examples=150)
@given(
    windows(), st.tuples(*[st.integers(1, 7)] * 2, st.integers(1, 3)), st.integers(0, 5),
    st.integers(1, 4), st.integers(0, 3), st.integers(1, 9), st.integers(0, 1 << 30),
)  # fmt: skip
def test_it_pools_as_plain_python_does(
    window: dict[str, int],
    sizes: tuple[int, int, int],
    oy0: int,
    rows: int,
    kind: int,
    P: int,
    seed: int,
) -> None:
    rng, (H, W, C) = np.random.default_rng(seed), sizes
    bound = (2, 300, 32767)[seed % 3]
    image = rng.integers(-bound - 1, bound, (C, H, W), np.int16, endpoint=True)
    residual = rng.integers(-9, 9, (C, rows, window["OW"]), np.int16)
    is_average, counts_padding = bool(kind & 1), bool(kind & 2)
    values, cost = run(
        image, window, oy0=oy0, rows=rows, op=kind & 1, incpad=kind >> 1, P=P, residual=residual,
        settings=pgeo(shift=1, residual=1, lo=-9999, hi=9999, staged=1),
    )  # fmt: skip
    elements = taps = 0
    for channel, mine in enumerate(image.tolist()):
        pooled = plain_pool.pool(
            mine, window, oy0, rows, is_average=is_average, counts_padding=counts_padding
        )
        elements, taps = elements + pooled.elements, taps + pooled.taps
        for y, x in np.ndindex(rows, window["OW"]):
            wide = plain_pool.scaled(pooled.values[y][x], 1) + int(residual[channel, y, x])
            assert values[channel][y][x] == min(max(wide, -9999), 9999)
    assert cost.counters["pool_ops"] == elements
    assert cost.counters["ppu_ops"] == C * rows * window["OW"]
    assert cost.cycles == ppu_cycles(ToySpec(P=P), taps)
