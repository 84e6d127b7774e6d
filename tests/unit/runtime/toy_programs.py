"""Toy programs, random ones too, the semaphores they need, and a naive clock to compare with."""

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from spcc.isa.base import Ld, Ppu, St
from spcc.isa.encoding import Instruction, Registers
from spcc.runtime.interpreter import Execution, Interpreter, Options
from spcc.runtime.memory import Dram
from toy_machine import (
    ACC,
    BUF,
    ISA,
    PBUF,
    Scale,
    dim,
    layer,
    ld,
    make_program,
    pgeo,
    ppu,
    scale,
)
from toy_machine import MACHINE as TOY
from toy_machine import st as store

Bytes = set[tuple[str | int, int]]
"""Bytes as (memory, address)."""

_at = st.integers(0, 6).map(lambda i: 8 * i)
_nbytes = st.sampled_from([4, 8, 16])
_ld = st.builds(ld, st.sampled_from([BUF, PBUF, ACC]), _at, _at, _nbytes)
_st = st.builds(store, st.sampled_from([BUF, PBUF, ACC]), _at, _at, _nbytes)
_scale = st.builds(scale, _at, _at, st.integers(1, 8), st.integers(-3, 3), slow=st.integers(0, 6))
_ppu = st.builds(ppu, _at, _at, st.integers(1, 2), st.integers(1, 4))
_pgeo = st.builds(
    pgeo, st.integers(-1, 2), staged=st.integers(0, 1), residual=st.integers(0, 1),
    bias=st.integers(0, 1),
)  # fmt: skip
_dim = st.builds(dim, st.just(0), st.just(0), st.integers(1, 2), st.sampled_from([16, 24]))
_any = st.one_of(_ld, _st, _scale, _ppu, _pgeo, _dim)

programs = st.lists(_any, min_size=2, max_size=14).map(lambda body: [pgeo(), *body])
specs = st.fixed_dictionaries(
    {"B": st.sampled_from([0, 1, 4]), "L": st.integers(0, 9), "P": st.sampled_from([1, 4])}
)


def touched(instructions: Sequence[Instruction]) -> list[tuple[Bytes, Bytes]]:
    """Bytes read and written by each instruction, from its footprint."""
    registers: Registers = {}
    result: list[tuple[Bytes, Bytes]] = []
    for inst in instructions:
        if inst.is_config:
            registers[inst.register] = inst
            result.append((set(), set()))
            continue
        result.append(
            tuple(  # type: ignore[arg-type]
                {
                    (r.memory, int(at) + i)
                    for r in regions
                    for at in r.starts()
                    for i in range(r.run)
                }
                for regions in ISA.footprint(inst, registers)
            )
        )
    return result


def conflict(earlier: tuple[Bytes, Bytes], later: tuple[Bytes, Bytes]) -> bool:
    """Whether two instructions share a byte that one of them writes."""
    return bool(later[1] & (earlier[0] | earlier[1]) or later[0] & earlier[1])


def synchronise(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Add one semaphore per pair of units: each instruction waits for the last it depends on."""
    pairs = {
        pair: number
        for number, pair in enumerate(
            ((a, b) for a in TOY.units for b in TOY.units if a != b), start=1
        )
    }
    bytes_of = touched(instructions)
    waits, signals = defaultdict(set), defaultdict(set)
    waited: dict[tuple[str, str], int] = {}
    for pc, inst in enumerate(instructions):
        for unit in TOY.units:
            pair = (unit, inst.queue)
            needed = [
                at
                for at in range(waited.get(pair, -1) + 1, pc)
                if instructions[at].queue == unit != inst.queue
                and conflict(bytes_of[at], bytes_of[pc])
            ]
            if needed:
                waited[pair] = needed[-1]
                signals[needed[-1]].add(pairs[pair])
                waits[pc].add(pairs[pair])
    return [
        inst.with_semaphores(sorted(waits[pc]), sorted(signals[pc]))
        for pc, inst in enumerate(instructions)
    ]


def cycles_of(inst: Instruction, B: int, L: int, P: int, inner: int) -> int:
    """An instruction's cycles; `inner` is the count of the dimension of `ld`."""
    match inst:
        case Ld():
            return L + (-(-inst.bytes * inner // B) if B else 0)
        case St():
            return L + (-(-inst.bytes // B) if B else 0)
        case Scale():
            return inst.n * inst.slow
        case Ppu():
            return -(-inst.chans * inst.len // P)
        case _:
            return 0


def naive_clock(
    instructions: Sequence[Instruction], B: int, L: int, P: int
) -> list[tuple[int, int]]:
    """Start and end of every instruction by the rules, one after the other."""
    free: dict[str, int] = defaultdict(int)
    tokens: dict[int, deque[int]] = defaultdict(deque)
    inner, times = 1, []
    for pc, inst in enumerate(instructions):
        inner = inst.count if inst.mnemonic == "dim" else inner
        start = max([pc, free[inst.queue], *(tokens[n].popleft() for n in inst.wait)])
        end = start + cycles_of(inst, B, L, P, inner)
        free[inst.queue] = end
        for number in inst.signal:
            tokens[number].append(end)
        times.append((start, end))
    return times


def has_hazard(instructions: Sequence[Instruction], times: Sequence[tuple[int, int]]) -> bool:
    """Whether some instruction starts before an earlier one is done with its bytes."""
    bytes_of = touched(instructions)
    return any(
        instructions[i].queue != instructions[j].queue
        and times[j][0] < times[i][1]
        and conflict(bytes_of[i], bytes_of[j])
        for j in range(len(instructions))
        for i in range(j)
    )


def execute(instructions: Sequence[Instruction], **config: int) -> tuple[Execution, Dram]:
    """Run instructions and `halt`; byte i of the 96 bytes of writable DRAM starts as i."""
    program = make_program(instructions, dram_bytes=96, **config)
    dram = Dram(program.data, program.dram_bytes)
    dram.write(0, np.arange(96, dtype=np.uint8))
    dram.log.clear()
    return Interpreter(TOY, program).run(dram), dram


CHAIN = [
    pgeo(),
    ld(BUF, 0, 0, 32, signal=[1]),
    scale(0, 0, 16, 2, 3, wait=[1], signal=[2]),
    ppu(0, 0, 1, 16, wait=[2], signal=[3]),
    store(PBUF, 0, 64, 32, wait=[3]),
]
"""ld, cu, ppu, st one after the other."""


def run(
    instructions: list[Instruction],
    options: Options | None = None,
    lines: list[int] | None = None,
    **config: int,
) -> Execution:
    """Run a program of the layers a, b, c."""
    layers = (layer("a"), layer("b"), layer("c"))
    program = make_program(instructions, layers=layers, lines=lines, **config)
    return Interpreter(TOY, program).run(Dram(program.data, program.dram_bytes), options)
