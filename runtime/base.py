"""The base machine: what DMA transfers and the PPU do and cost, the same for every target.

A target's machine starts from `BASE_SEMANTICS` and `BASE_COSTS` and adds its own instructions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..isa.base import (
    ACCUMULATOR_BYTES,
    ACCUMULATORS,
    BaseSpec,
    Dim,
    Ld,
    Pgeo,
    Ppool,
    Ppu,
    Pwin,
    St,
    source_region,
    transfer_dims,
)
from ..isa.encoding import Instruction
from ..isa.errors import TrapError
from ..isa.footprint import Region
from .machine import Cost, CostRule, MemorySpec, Semantics, State
from .pooling import pool_band
from .window import read_band

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1
LEFT_SHIFT_LIMIT = 30
"""Of a 33-bit sum (source plus bias), so that 64 bits hold every intermediate value."""


class Finished(NamedTuple):
    """What the PPU makes of some values.

    Args:
        values: int16, in the shape of the sources.
        saturated_count: Values that left 16 bits before they were clipped to lo..hi.
    """

    values: npt.NDArray[np.int16]
    saturated_count: int


def ppu_memories(spec: BaseSpec) -> tuple[MemorySpec, ...]:
    """The PPU's own SRAMs, part of every machine's `memories`."""
    return (
        MemorySpec("pbuf", spec.PCAP, width_bits=16, stream="dram_res"),
        MemorySpec("bbuf", spec.BCAP, width_bits=32, stream="dram_bias"),
    )


def dma_cycles(spec: BaseSpec, nbytes: int) -> int:
    """Cycles of one DMA transfer: the latency, then B bytes per cycle (B = 0: unlimited)."""
    return spec.L + (-(-nbytes // spec.B) if spec.B else 0)


def ppu_cycles(spec: BaseSpec, count: int) -> int:
    """Cycles the PPU takes for `count` values."""
    return -(-count // spec.P)


def round_shift(values: npt.NDArray[np.int64], shift: int) -> npt.NDArray[np.int64]:
    """Divide by 2^shift, rounding half to even (shift <= 0 multiplies); changes its argument."""
    if shift <= 0:
        values <<= -shift
        return values
    odd = values >> shift
    odd &= 1
    values += odd
    values += (1 << (shift - 1)) - 1
    values >>= shift
    return values


def saturate(values: npt.NDArray[np.int64], bits: int) -> tuple[npt.NDArray[np.int32], int]:
    """Clamp sums to an accumulator of at most 32 bits; also how many were beyond it."""
    limit = 1 << (bits - 1)
    if not values.size or (-limit <= values.min() and values.max() < limit):
        return values.astype(np.int32), 0
    kept = np.clip(values, -limit, limit - 1)
    return kept.astype(np.int32), int(np.count_nonzero(kept != values))


def finish(
    sources: npt.NDArray[np.integer],
    geo: Pgeo,
    bias: npt.NDArray[np.int32] | None = None,
    residual: npt.NDArray[np.int16] | None = None,
) -> Finished:
    """The PPU's arithmetic, exactly as `Pgeo` states it.

    Args:
        sources: int16 or int32 values, [channels, values] if there is a bias.
        geo: Shifts and clip bounds, already checked by `check_pgeo`.
        bias: One per channel, added before the shift.
        residual: Values added after the shift, in the shape of the sources.
    """
    fields = geo.values()
    values = sources.astype(np.int64)
    if bias is not None:
        values += bias.astype(np.int64)[:, None]
    values = round_shift(values, fields["shift"])
    if residual is not None:
        values += round_shift(residual.astype(np.int64), fields["rshift"])
    saturated = 0
    if values.size:
        low, high = int(values.min()), int(values.max())
        if low < INT16_MIN or high > INT16_MAX:
            saturated = int(np.count_nonzero((values < INT16_MIN) | (values > INT16_MAX)))
        # Most values are in bounds, and clipping takes longer than looking whether all are.
        if low < fields["lo"] or high > fields["hi"]:
            np.clip(values, fields["lo"], fields["hi"], out=values)
    return Finished(values.astype(np.int16), saturated)


def require(condition: bool, message: str, hint: str = "") -> None:
    """Trap unless a condition holds."""
    if not condition:
        raise TrapError(message, hint=hint)


def refuse_others(own: Callable[[Any], Instruction]) -> Semantics:
    """The check of a configuration instruction that states the machine a program is for.

    Args:
        own: This machine's, from its parameters.
    """

    def check(state: State, inst: Instruction) -> None:
        expected = own(state.spec).values()
        for name, value in inst.values().items():
            require(
                value == expected[name],
                f"{name}={value} is not this machine's, which has {expected[name]}",
                "compile the program for these parameters",
            )

    return check


_CYCLE = Cost(1)


def one_cycle(state: State, inst: Instruction) -> Cost:
    """The cost of a configuration instruction that takes a cycle of its unit."""
    del state, inst
    return _CYCLE


def refuse_zero(*optional: str) -> Semantics:
    """The check of a configuration instruction whose fields, but these, are at least 1."""

    def check(_: State, inst: Instruction) -> None:
        for name, value in inst.values().items():
            if value == 0 and name not in optional:
                raise TrapError(f"{name} is 0", hint=f"{inst.mnemonic} needs at least 1 there")

    return check


def check_dim(_: State, inst: Instruction) -> None:
    """Refuse a dimension of no repetitions."""
    if not inst.values()["count"]:
        raise TrapError("count is 0", hint="a dimension that is not used has count=1")


def check_pgeo(_: State, inst: Instruction) -> None:
    """Refuse clip bounds in the wrong order and shifts beyond 64-bit arithmetic."""
    fields = inst.values()
    if fields["lo"] > fields["hi"]:
        raise TrapError(f"the clip bounds lo={fields['lo']} hi={fields['hi']} are in wrong order")
    for name in ("shift", "rshift"):
        if fields[name] < -LEFT_SHIFT_LIMIT:
            raise TrapError(f"{name}={fields[name]} is less than {-LEFT_SHIFT_LIMIT}")


def _transfer(state: State, inst: Instruction, channel: int) -> Region:
    """The DRAM side of a transfer."""
    fields = inst.values()
    region = Region(
        "dram", fields["dram"], fields["bytes"], transfer_dims(state.registers, channel)
    )
    if not region.run:
        raise TrapError("the run has 0 bytes")
    return region


def _ld_cost(state: State, inst: Instruction) -> Cost:
    nbytes = _transfer(state, inst, 0).size_bytes
    memory = state.memory(inst.values()["mem"])
    return Cost(dma_cycles(state.spec, nbytes), {memory.stream or f"dram_{memory.name}": nbytes})


def _ld(state: State, inst: Instruction) -> None:
    fields = inst.values()
    region = _transfer(state, inst, 0)
    # The SRAM side first: its bound limits how much a strided read can ask for.
    target = state.memory(fields["mem"]).reserve(fields["addr"], region.size_bytes)
    target[:] = state.dram.gather(region)


def _st_cost(state: State, inst: Instruction) -> Cost:
    nbytes = _transfer(state, inst, 1).size_bytes
    return Cost(dma_cycles(state.spec, nbytes), {"dram_out": nbytes})


def _st(state: State, inst: Instruction) -> None:
    fields = inst.values()
    region = _transfer(state, inst, 1)
    source = state.memory(fields["mem"]).read(fields["addr"], region.size_bytes)
    state.dram.scatter(region, source)


def _ppu_cost(state: State, inst: Instruction) -> Cost:
    """Compute the result too, for the saturations; `_ppu` finds it in scratch."""
    geo: Pgeo = state.register(Pgeo)
    settings, fields = geo.values(), inst.values()
    shape = (fields["chans"], fields["len"])
    count = shape[0] * shape[1]
    if not count:
        raise TrapError(f"chans={shape[0]} len={shape[1]} asks for no values")
    staging = state.memories["pbuf"]
    sources = staging if settings["staged"] else state.memory(ACCUMULATORS)
    width = 2 if settings["staged"] else ACCUMULATOR_BYTES
    region = source_region(sources.name, width, fields, state.registers)
    raw = sources.gather(region).view(f"<i{width}")
    raw = raw.reshape(shape[::-1]).T if region.dims else raw.reshape(shape)
    bias = residual = None
    if settings["bias"]:
        bias = state.memories["bbuf"].read(4 * fields["bias"], 4 * shape[0]).view("<i4")
    if settings["residual"]:
        residual = staging.read(2 * fields["dst"], 2 * count).view("<i2").reshape(shape)
    result = finish(raw, geo, bias, residual)
    state.scratch["ppu"] = result.values
    counters = {"ppu_ops": count, "ppu_saturated": result.saturated_count}
    return Cost(ppu_cycles(state.spec, count), counters)


def _ppu(state: State, inst: Instruction) -> None:
    state.memories["pbuf"].write(2 * inst.values()["dst"], state.scratch["ppu"])


def _ppool_cost(state: State, inst: Instruction) -> Cost:
    """Compute the result too, for the saturations; `_ppool` finds it in scratch.

    The PPU reads every tap of a window, also one in the padding.
    """
    window: dict[str, int] = state.register(Pwin).values()
    geo: Pgeo = state.register(Pgeo)
    fields, staging = inst.values(), state.memories["pbuf"]
    chans, oy0, rows = fields["chans"], fields["oy0"], fields["rows"]
    count = chans * rows * window["OW"]
    _check_pool(window, geo, fields, staging.capacity_bytes)
    band = read_band(staging, 2 * fields["src"], chans, window, oy0, rows, fields["row0"])
    pooled = pool_band(
        band,
        window,
        oy0,
        rows,
        is_average=bool(fields["op"]),
        counts_padding=bool(fields["incpad"]),
    )
    residual = None
    if geo.values()["residual"]:
        raw = staging.read(2 * fields["dst"], 2 * count)
        residual = raw.view("<i2").reshape(pooled.values.shape)
    result = finish(pooled.values, geo, residual=residual)
    state.scratch["ppool"] = result.values
    counters = {
        "pool_ops": pooled.op_count,
        "ppu_ops": count,
        "ppu_saturated": result.saturated_count,
    }
    return Cost(ppu_cycles(state.spec, count * window["R"] * window["S"]), counters)


def _check_pool(
    window: dict[str, int], geo: Pgeo, fields: dict[str, int], capacity_bytes: int
) -> None:
    """Refuse registers and fields that a pool cannot run with."""
    settings = geo.values()
    if not settings["staged"] or settings["bias"]:
        raise TrapError(
            f"pgeo has staged={settings['staged']} bias={settings['bias']}",
            hint="a pool finishes 16-bit values without a bias: staged=1 bias=0",
        )
    chans, rows = fields["chans"], fields["rows"]
    if not chans or not rows:
        raise TrapError(f"chans={chans} rows={rows} asks for no values")
    # Before any value is computed: the fields can ask for more than the host has.
    nbytes = 2 * chans * rows * window["OW"]
    if nbytes > capacity_bytes:
        raise TrapError(
            f"{chans} channels x {rows} rows x OW={window['OW']} need {nbytes} bytes, but pbuf "
            f"has {capacity_bytes}",
            hint="cut the output rows into more bands",
        )


def _ppool(state: State, inst: Instruction) -> None:
    state.memories["pbuf"].write(2 * inst.values()["dst"], state.scratch["ppool"])


BASE_SEMANTICS: dict[type[Instruction], Semantics] = {
    Dim: check_dim,
    Ld: _ld,
    St: _st,
    Pgeo: check_pgeo,
    Ppu: _ppu,
    Pwin: refuse_zero("pt", "pl"),
    Ppool: _ppool,
}
"""What the base machine's instructions do; configuration instructions are only checked."""

BASE_COSTS: dict[type[Instruction], CostRule] = {
    Ld: _ld_cost,
    St: _st_cost,
    Ppu: _ppu_cost,
    Ppool: _ppool_cost,
}
"""What they cost."""
