"""SPOTS' machine: its memories; what `conv` and `pool` read, cost and write (sections 3 and 5)."""

import numpy as np
import numpy.typing as npt

from ...isa.encoding import Instruction
from ...isa.errors import EncodingError, TrapError
from ...isa.formats.spots_tile import TileView, decode_from
from ...isa.targets.spots import ISA, Conv, Pool, Sgemm, Sgeo, SpotsSpec
from ..base import BASE_COSTS, BASE_SEMANTICS, ppu_memories
from ..machine import BASE_UNITS, Cost, CostRule, Machine, MemorySpec, Semantics, State
from ..window import read_band
from .spots_checks import check_channels, check_conv, check_geometry, check_pool
from .spots_core import Result, run_conv, run_pool
from .spots_energy import entries, rates
from .spots_geometry import Gemm, Geometry

ALIGNMENT = 8
"""Bytes per unit of the address fields fm and wt."""
BUSY = ("gemm_busy", "psum_busy", "im2col_busy")
STALLS = ("stall_gemm", "stall_im2col")
COUNTERS = (
    "items", "skip_w", "skip_a", "skip_both", "mac_effectual", "mac_gated", "mac_skipped",
    "idle_slots", "fmap_rd", "ring_xfer", "res_rd", "res_wr", "patch_elems", "ibuf_wr", "ibuf_rd",
    "fsram_rd_m1", "fsram_rd_m2", "fsram_rd_a", "fifo_act", "fifo_wt", "fifo_work", "obuf_wr",
    "obuf_rd", "pool_ops", "saturated", "dram_wt", "dram_in", "dram_out",
)  # fmt: skip
"""What sheet section 8 counts; a layer on the array reports all of them, zeros too."""


def memories(spec: SpotsSpec) -> tuple[MemorySpec, ...]:
    """The SRAMs that `ld` and `st` address (sheet section 3)."""
    return (
        MemorySpec("obuf", spec.OCAP, banks=16, width_bits=32),
        MemorySpec("fmap", spec.FCAP, banks=16, width_bits=16, stream="dram_in"),
        MemorySpec(
            "filter",
            spec.WCAP,
            banks=max(1, spec.NR * spec.NREG // spec.G),
            width_bits=16 * spec.G,
            stream="dram_wt",
        ),
        *ppu_memories(spec),
    )


def _check_sgeo(_: State, inst: Instruction) -> None:
    check_geometry(Geometry.of(inst))


def _check_sgemm(_: State, inst: Instruction) -> None:
    check_channels(Gemm.of(inst))


def _conv_cost(state: State, inst: Instruction) -> Cost:
    """Compute the sums too, for the saturations; `_store` finds them in scratch."""
    spec: SpotsSpec = state.spec
    geo, gemm = Geometry.of(state.register(Sgeo)), Gemm.of(state.register(Sgemm))
    fields = inst.values()
    check_conv(spec, geo, gemm, fields["rows"])
    band = _read_band(state, geo, gemm.Ct, fields)
    tile = _read_tile(state, gemm.Kt, gemm.Ct * geo.taps, ALIGNMENT * fields["wt"])
    sums = None
    if fields["acc"]:
        shape = (gemm.Kt, fields["rows"], geo.OW)
        nbytes = 4 * gemm.Kt * fields["rows"] * geo.OW
        raw = state.memories["obuf"].read(4 * fields["ob"], nbytes)
        sums = raw.view("<i4").reshape(shape)
    return _cost(state, run_conv(spec, geo, gemm, band, tile, fields["oy0"], fields["rows"], sums))


def _pool_cost(state: State, inst: Instruction) -> Cost:
    """Compute the values too; `_store` finds them in scratch."""
    spec: SpotsSpec = state.spec
    geo, gemm = Geometry.of(state.register(Sgeo)), Gemm.of(state.register(Sgemm))
    fields = inst.values()
    check_pool(spec, geo, gemm, fields["rows"])
    band = _read_band(state, geo, gemm.Ct, fields)
    result = run_pool(
        spec,
        geo,
        gemm,
        band,
        fields["oy0"],
        fields["rows"],
        is_average=bool(fields["op"]),
        counts_padding=bool(fields["incpad"]),
    )
    return _cost(state, result)


def _cost(state: State, result: Result) -> Cost:
    state.scratch["array"] = result.sums
    found = dict.fromkeys((*COUNTERS, *BUSY, *STALLS), 0) | result.counters
    busy, stalls = ({name: found.pop(name) for name in part} for part in (BUSY, STALLS))
    return Cost(result.cycles, found, busy, stalls)


def _store(state: State, inst: Instruction) -> None:
    """Write the sums or pooled values to the OBUF."""
    state.memories["obuf"].write(4 * inst.values()["ob"], state.scratch["array"])


def _read_band(
    state: State, geo: Geometry, Ct: int, fields: dict[str, int]
) -> npt.NDArray[np.int16]:
    """The input band [Ct, rows, W]."""
    return read_band(
        state.memories["fmap"],
        ALIGNMENT * fields["fm"],
        Ct,
        geo._asdict(),
        fields["oy0"],
        fields["rows"],
        fields["row0"],
    )


def _read_tile(state: State, Kt: int, Kred: int, addr: int) -> TileView:
    memory = state.memories["filter"]

    def read(offset: int, nbytes: int) -> npt.NDArray[np.uint8]:
        return memory.read(addr + offset, nbytes)

    try:
        return decode_from(read, Kt, Kred, state.spec.G)
    except EncodingError as error:
        raise TrapError(
            error.message,
            f"filter[{addr}], {error.where}",
            f"the tile should have Kt={Kt} filters, Ct*R*S={Kred} columns and G={state.spec.G}",
        ) from error


SEMANTICS: dict[type[Instruction], Semantics] = {
    **BASE_SEMANTICS,
    Sgeo: _check_sgeo,
    Sgemm: _check_sgemm,
    Conv: _store,
    Pool: _store,
}
COSTS: dict[type[Instruction], CostRule] = {**BASE_COSTS, Conv: _conv_cost, Pool: _pool_cost}

MACHINE = Machine(
    "spots",
    ISA,
    SpotsSpec,
    units=(*BASE_UNITS, "array"),
    memories=memories,
    semantics=SEMANTICS,
    costs=COSTS,
    energy=entries,
    rates=rates,
)
"""The machine of target `spots`."""
