"""toydot's rule, cycle by cycle, against its machine on random instructions."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spcc.isa.errors import TrapError
from spcc.isa.window import input_rows
from spcc.runtime.machine import Cost, State
from toydot.isa import Dot, Geo, ToydotSpec
from toydot.machine import MACHINE

BOUNDS = (1, 300, 32767)


@dataclass
class Case:
    """A `dot` on a map x [C][H][W] with filters w [K][C][R][S], on M multipliers."""

    M: int
    geo: dict[str, int]
    oy0: int
    rows: int
    x: np.ndarray
    w: np.ndarray


@st.composite
def cases(draw: st.DrawFn) -> Case:
    small = {n: draw(st.integers(1, 3)) for n in ("R", "S", "sh", "sw", "dh", "dw", "C", "OW")}
    pads = {n: draw(st.integers(0, 3)) for n in ("pt", "pl")}
    sizes = {n: draw(st.integers(1, 6)) for n in ("H", "W")}
    geo = {**small, **pads, **sizes, "psh": draw(st.sampled_from([0, 0, 1, 7, 15]))}
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    bound, density = draw(st.sampled_from(BOUNDS)), draw(st.sampled_from([0.0, 0.5, 1.0]))

    def numbers(*shape: int) -> np.ndarray:
        values = rng.integers(-bound - 1, bound + 1, shape)
        return (values * (rng.random(shape) < density)).astype(np.int16)

    K = draw(st.integers(1, 4))
    x = numbers(geo["C"], geo["H"], geo["W"])
    w = numbers(K, geo["C"], geo["R"], geo["S"])
    return Case(
        draw(st.integers(1, 12)), geo, draw(st.integers(0, 3)), draw(st.integers(1, 3)), x, w
    )


def step(case: Case) -> tuple[list[int], int, dict[str, int]]:
    """Sums in order, cycles and counters: every cycle, M lanes take one term each of one sum."""
    geo, sums, cycles = case.geo, [], 0
    counters = {"mac_effectual": 0, "mac_ineffectual": 0, "saturated": 0}
    for filter_ in case.w.tolist():
        for y in range(case.oy0, case.oy0 + case.rows):
            for ox in range(geo["OW"]):
                waiting = [
                    (filter_[c][r][s], value(case, c, y, ox, r, s))
                    for c in range(geo["C"])
                    for r in range(geo["R"])
                    for s in range(geo["S"])
                ]
                total = 0
                while waiting:
                    lanes, waiting = waiting[: case.M], waiting[case.M :]
                    cycles += 1
                    for weight, activation in lanes:
                        total += weight * activation
                        kind = "effectual" if weight and activation else "ineffectual"
                        counters[f"mac_{kind}"] += 1
                rounded = round(Fraction(total, 1 << geo["psh"]))
                kept = min(max(rounded, -(1 << 31)), (1 << 31) - 1)
                counters["saturated"] += kept != rounded
                sums.append(kept)
    return sums, cycles, counters


def value(case: Case, c: int, y: int, ox: int, r: int, s: int) -> int:
    """The activation under a tap; 0 outside the map."""
    geo = case.geo
    row = y * geo["sh"] - geo["pt"] + r * geo["dh"]
    column = ox * geo["sw"] - geo["pl"] + s * geo["dw"]
    inside = 0 <= row < geo["H"] and 0 <= column < geo["W"]
    return int(case.x[c, row, column]) if inside else 0


def run(case: Case) -> tuple[State, Dot, Cost]:
    """The machine's `dot`."""
    state = MACHINE.new_state(ToydotSpec(M=case.M, CAP=4096))
    low, high = input_rows(case.geo, case.oy0, case.rows)
    state.memories["act"].write(16, case.x[:, low:high])
    state.memories["wgt"].write(64, case.w)
    state.registers[Geo] = geo = Geo(**case.geo)
    MACHINE.semantics[Geo](state, geo)
    state.dram.log.clear()
    inst = Dot(act=2, wgt=8, acc=5, oy0=case.oy0, rows=case.rows, K=len(case.w))
    cost = MACHINE.costs[Dot](state, inst)
    MACHINE.semantics[Dot](state, inst)
    return state, inst, cost


LARGEST = Case(
    2, dict(R=1, S=1, sh=1, sw=1, dh=1, dw=1, pt=0, pl=0, H=1, W=1, OW=1, C=3, psh=0), 0, 1,
    np.full((3, 1, 1), -32768, np.int16), np.full((1, 3, 1, 1), -32768, np.int16),
)  # fmt: skip
"""3 * 2^30 does not fit 32 bits; three terms take two cycles of two multipliers."""


@given(cases())
@example(LARGEST)
def test_machine_and_stepper_agree(case: Case) -> None:
    sums, cycles, counters = step(case)
    state, inst, cost = run(case)
    # What it touched is what the compiler orders it by.
    log, footprint = state.dram.log, MACHINE.isa.footprint(inst, state.registers)
    assert {r for r in footprint.reads if r.size_bytes} == {*log.reads}
    assert {*footprint.writes} == {*log.writes}
    assert state.memories["acc"].read(20, 4 * len(sums)).view("<i4").tolist() == sums
    assert (cost.cycles, dict(cost.counters)) == (cycles, counters)


def test_three_terms_take_two_cycles_of_two_multipliers() -> None:
    sums, cycles, counters = step(LARGEST)
    assert (sums, cycles) == ([(1 << 31) - 1], 2)
    assert counters == {"mac_effectual": 3, "mac_ineffectual": 0, "saturated": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sh": 0}, "sh is 0"),
        ({"C": 0}, "C is 0"),
        ({"OW": 4095}, "acc cannot take 1 filters x 1 rows x 4095 sums"),
        ({"C": 16383}, "wgt has 4096 bytes|act has 4096 bytes"),
    ],
)
def test_what_cannot_be_computed_traps(changes: dict[str, int], message: str) -> None:
    with pytest.raises(TrapError, match=message):
        run(Case(1, LARGEST.geo | changes, 0, 1, LARGEST.x, LARGEST.w))


@pytest.mark.parametrize("changes", [{"rows": 0}, {"K": 0}])
def test_nothing_to_compute_traps(changes: dict[str, int]) -> None:
    state, inst, _ = run(LARGEST)
    with pytest.raises(TrapError, match="acc cannot take"):
        MACHINE.costs[Dot](state, Dot(**{**inst.values(), **changes}))
