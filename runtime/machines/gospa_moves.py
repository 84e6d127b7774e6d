"""GoSPA's loads: boxes of activations, weight streams (gospa sheet, sections 3 and 5)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import EncodingError, TrapError
from ...isa.formats import gospa_vectors
from ...isa.formats.gospa_vectors import Halfwords, Masks, bitmap_halfwords
from ...isa.targets.gospa import CHUNK, MOST_TAPS, GospaSpec, Lda, Ldw, Map
from ..base import dma_cycles, require
from ..machine import Cost, State
from .gospa_memories import Places, check_rows, filter_halfwords, forget_weights


def lda_cost(state: State, inst: Lda) -> Cost:
    """Pack the boxes, for the non-zero values; `lda` finds them in scratch."""
    spec, strides = state.spec, state.register(Map)
    bits = inst.bh * inst.bw
    require(
        0 < inst.rows < 1 << spec.n_apu,
        f"rows={inst.rows:#x} is no mask of {spec.n_apu} rows",
    )
    require(
        inst.nch > 0 and bits > 0,
        f"nch={inst.nch} bh={inst.bh} bw={inst.bw} asks for no activations",
    )
    bitmaps = inst.nch * bitmap_halfwords(bits)
    _require_room(spec, bitmaps)
    source = inst.source(strides.rowstr, strides.chstr)
    raw = state.dram.gather(source).view("<i2").reshape(inst.nch, inst.bh, inst.chunks * CHUNK)
    boxes = raw[:, :, inst.x0 : inst.x0 + inst.bw].reshape(inst.nch, bits)
    state.scratch["boxes"] = packed = gospa_vectors.encode(boxes)
    _require_room(spec, packed.size)
    masks = inst.nch * inst.bh * inst.chunks
    nbytes = 2 * (masks + packed.size - bitmaps)
    return Cost(dma_cycles(spec, nbytes), {"dram_act_bytes": nbytes})


def _require_room(spec: GospaSpec, halfwords: int) -> None:
    require(
        halfwords <= spec.act_half,
        f"the boxes take {halfwords} halfwords, but half an activation buffer has {spec.act_half}",
        "load fewer channels at a time",
    )


def lda(state: State, inst: Lda) -> None:
    """Write the boxes into the half of every row in the mask."""
    places = Places(state.spec)
    for row in range(state.spec.n_apu):
        if inst.rows >> row & 1:
            state.memories["act"].write(places.half(row, inst.half), state.scratch["boxes"])


class _Group(NamedTuple):
    """A filter group: its streams [filters, halfwords of the longest], sizes, static filters."""

    streams: Halfwords
    sizes: list[int]
    filters: Masks


def ldw_cost(state: State, inst: Ldw) -> Cost:
    """Find the streams' ends, for the bytes; `ldw` finds them in scratch."""
    spec, room = state.spec, inst.room
    check_rows(spec, inst.nf, inst.a_s)
    require(
        1 <= inst.rs <= MOST_TAPS and inst.nch > 0 and room > 0,
        f"nch={inst.nch} rs={inst.rs} room={room} asks for no weights, or for more than "
        f"{MOST_TAPS} kernel positions",
    )
    require(
        bool(inst.behind) or inst.base + room <= 2 * spec.w_half,
        f"base={inst.base} and room={room} end beyond a PE's {2 * spec.w_half} halfwords",
    )
    data = _behind(state, 2 * inst.daddr)
    where = f"dram[{2 * inst.daddr}]"
    try:
        found = gospa_vectors.measure(data, inst.nf, inst.nch, inst.rs, spec.cols)
    except EncodingError as error:
        raise TrapError(error.message, f"{where}, {error.where}") from error
    starts = np.concatenate((np.zeros(1, np.int64), found.ends[:-1]))
    longest = int((found.ends - starts).max())
    require(
        longest <= room,
        f"a stream takes {longest} halfwords, more than room={room}",
    )
    nbytes = 2 * int(found.ends[-1])
    state.dram.read(2 * inst.daddr, nbytes)
    groups: list[_Group] = []
    for group, union in enumerate(found.unions):
        mine = range(group * spec.cols, min((group + 1) * spec.cols, inst.nf))
        sizes = [int(found.ends[q] - starts[q]) for q in mine]
        streams = np.zeros((len(mine), max(sizes)), np.uint16)
        for at, (q, size) in enumerate(zip(mine, sizes, strict=True)):
            streams[at, :size] = data[starts[q] : found.ends[q]]
        groups.append(_Group(streams, sizes, union))
    state.scratch["groups"] = groups
    return Cost(dma_cycles(spec, nbytes), {"dram_weight_bytes": nbytes})


def _behind(state: State, address: int) -> Halfwords:
    """What lies behind an address: looked at, not moved; the streams' bitmaps tell their end."""
    dram = state.dram
    end = dram.constant_bytes if address < dram.constant_bytes else dram.capacity_bytes
    count = (end - address) // 2
    require(count > 0, f"the streams begin at the end of DRAM, dram[{end}]")
    data: npt.NDArray[Any] = dram.tensor(address, (2 * count,), (1,), "uint8")
    return data.view("<u2")


def ldw(state: State, inst: Ldw) -> None:
    """Write the streams into their PEs, and the groups' static sparsity filters."""
    places = Places(state.spec)
    groups: list[_Group] = state.scratch["groups"]
    first = filter_halfwords(inst.base, inst.rs) if inst.behind else inst.base
    forget_weights(state, first, 2 * state.spec.w_half if inst.behind else first + inst.room)
    for rk, group in enumerate(groups):
        raw = group.filters.astype("<u8").view("<u2").reshape(inst.nch, -1)
        kept = raw[:, : bitmap_halfwords(inst.rs)]
        count, longest = group.streams.shape
        for row in range(rk * inst.a_s, (rk + 1) * inst.a_s):
            if inst.behind:
                _write_behind(state, inst, row, group)
            else:
                region = places.streams(row, inst.base, longest, count)
                state.memories["wmem"].scatter(region, group.streams)
            state.memories["ssf"].write(places.filters(row, first), kept)


def _write_behind(state: State, inst: Ldw, row: int, group: _Group) -> None:
    """Write each stream behind those of the `base` channels that its PE has already."""
    memory, places, room = state.memories["wmem"], Places(state.spec), 2 * state.spec.w_half
    for pe, (stream, size) in enumerate(zip(group.streams, group.sizes, strict=True)):
        address = places.streams(row, 0, 0, 0).base + pe * places.pe_bytes
        held: Any = memory.tensor(address, (room,), (2,), "uint16")
        try:
            start = int(gospa_vectors.measure(held, 1, inst.base, inst.rs, 1).ends[0])
        except EncodingError as error:
            where = f"weight memory of row {row}, PE {pe}, {error.where}"
            raise TrapError(error.message, where, "base counts the channels before") from error
        require(
            start + size <= room,
            f"PE {pe} has {start} of {room} halfwords in use: a stream of {size} does not fit",
        )
        memory.write(address + 2 * start, stream[:size])
