"""GoSPA's `gs.run` and `gs.drn` (gospa sheet, sections 4, 5, 7 and 8)."""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import EncodingError, TrapError
from ...isa.formats import gospa_vectors
from ...isa.formats.gospa_vectors import Halfwords, Masks
from ...isa.targets.gospa import MOST_TAPS, Cfg, Drn, Run, Tile
from ..base import require
from ..machine import Cost, State
from .gospa_core import (
    FEW,
    Boxes,
    Geometry,
    Int64s,
    Weights,
    clock,
    exact_sums,
    few_sums,
    patches,
)
from .gospa_memories import (
    BOXES,
    PATCHES,
    WEIGHTS,
    Decoded,
    Places,
    check_rows,
    filter_halfwords,
)


class Row(NamedTuple):
    """An active row: its number, its tile, how many of its PEs have a filter."""

    number: int
    rs: int
    filters: int


def active_rows(state: State, inst: Run | Drn) -> list[Row]:
    """The rows of a run or drain, ascending.

    Raises:
        TrapError: There are no such rows, or no such tiles.
    """
    spec, a_s = state.spec, state.register(Cfg).a_s
    check_rows(spec, inst.nf, a_s)
    require(1 <= inst.nt <= a_s, f"nt={inst.nt} is outside 1..{a_s}, the tiles of as={a_s}")
    return [
        Row(rk * a_s + rs, rs, min(spec.cols, inst.nf - rk * spec.cols))
        for rk in range(-(-inst.nf // spec.cols))
        for rs in range(inst.nt)
    ]


def geometry_of(state: State, rs: int) -> Geometry:
    """The geometry of a tile, its registers together."""
    tile = state.registers.get((Tile, rs))
    if not isinstance(tile, Tile):
        raise TrapError(
            f"the registers of tile {rs} are not set", hint=f"a {Tile.mnemonic} must come first"
        )
    require(
        tile.area <= state.spec.acc_entries,
        f"tile {rs} has {tile.area} outputs, but a bank {state.spec.acc_entries} accumulators",
    )
    cfg, t = state.register(Cfg), tile
    return Geometry(
        cfg.r, cfg.s, cfg.uh, cfg.uw, cfg.dh, cfg.dw, t.eh, t.ew, t.bh, t.bw, t.oh, t.ow
    )


def check_cfg(state: State, inst: Cfg) -> None:
    """Refuse a geometry that the machine has no bits or rows for."""
    for name, value in inst.values().items():
        require(value > 0, f"{name} is 0", f"{inst.mnemonic} needs at least 1 there")
    taps = inst.r * inst.s
    require(taps <= MOST_TAPS, f"a kernel of {taps} positions has more than {MOST_TAPS}")
    require(inst.a_s <= state.spec.n_apu, f"as={inst.a_s} is more than {state.spec.n_apu} rows")


@dataclass
class Chunk:
    """What a run works on.

    Args:
        state: The machine.
        inst: The run.
    """

    state: State
    inst: Run

    def __post_init__(self) -> None:
        self.rows = active_rows(self.state, self.inst)
        require(self.inst.nch > 0, "nch=0 asks for no products")
        self.geometries = [geometry_of(self.state, rs) for rs in range(self.inst.nt)]
        self.places = Places(self.state.spec)
        taps = self.geometries[0].taps
        base = self.inst.base
        self.first = filter_halfwords(base, taps) if self.inst.behind else base
        spare = 2 * self.state.spec.w_half - self.first
        require(
            filter_halfwords(self.inst.nch, taps) <= spare,
            f"nch={self.inst.nch} bitmaps of {taps} bits do not fit the {spare} halfwords from "
            f"base={base} on",
        )

    @cached_property
    def weights(self) -> list[Weights]:
        """The weights of each active row; rows whose streams are the same share them."""
        tiles, found = self.inst.nt, list[Weights]()
        for at in range(0, len(self.rows), tiles):
            found += self._group_weights(self.rows[at : at + tiles])
        return found

    def _group_weights(self, rows: list[Row]) -> list[Weights]:
        """The weights of rows that work on the same filters."""
        inst, memory, first = self.inst, self.state.memories["wmem"], rows[0]
        base, passed = (0, inst.base) if inst.behind else (inst.base, 0)
        shape = (first.filters, passed + inst.nch, self.geometries[0].taps)
        start = self.places.streams(first.number, base, 0, 0).base
        pitch, length = self.places.pe_bytes, 2 * self.state.spec.w_half - base
        steps = (self.state.spec.cols * pitch, pitch, 2)
        view: Any = memory.tensor(start, (len(rows), first.filters, length), steps, "uint16")
        key = WEIGHTS, first.number, base, passed
        held = self.state.cache.get(key)
        if not held or held.shape != shape or not _stands(view, held.raw):
            held = _decode_streams(view, shape, first.number)
            self.state.cache[key] = held
        longest = held.raw.shape[-1]
        for row in rows:
            memory.log.read(self.places.streams(row.number, base, longest, row.filters))
        return [weights.behind(passed) for weights in held.value]

    @cached_property
    def filters(self) -> list[Masks]:
        """The static sparsity filters [nch, 2] of each active row.

        Raises:
            TrapError: They do not cover a row's weights: the streams were loaded by halves.
        """
        found: list[Masks] = []
        size = 2 * filter_halfwords(self.inst.nch, self.geometries[0].taps)
        for row, weights in zip(self.rows, self.weights, strict=True):
            address = self.places.filters(row.number, self.first)
            raw = self.state.memories["ssf"].read(address, size).tobytes()
            masks = weights.filters_of(raw)
            require(
                masks is not None,
                f"the static sparsity filters of row {row.number} do not cover its weights",
                "a gs.ldw must load all streams of a row at once",
            )
            assert masks is not None
            found.append(masks)
        return found

    @cached_property
    def boxes(self) -> list[Boxes]:
        """The activations of each active row; rows that hold the same share them."""
        inst = self.inst
        require(
            inst.over < inst.nch,
            f"over={inst.over} leaves none of nch={inst.nch} channels in the half",
        )
        own = self._half_boxes(inst.half, inst.skip + inst.nch - inst.over)
        if not inst.skip and not inst.over:
            return own
        rest = self._half_boxes(1 - inst.half, inst.over) if inst.over else own
        joined = {
            (id(a), id(b)): a.part(inst.skip, b if inst.over else None)
            for a, b in zip(own, rest, strict=True)
        }
        return [joined[id(a), id(b)] for a, b in zip(own, rest, strict=True)]

    def _half_boxes(self, half: int, nch: int) -> list[Boxes]:
        """The first channels that a half of each active row holds."""
        found: list[Boxes] = []
        of_tile: dict[int, Decoded] = {}
        for row in self.rows:
            of_tile[row.rs] = held = self._row_boxes(row, half, nch, of_tile.get(row.rs))
            found.append(held.value)
        return found

    def _row_boxes(self, row: Row, half: int, nch: int, other: Decoded | None) -> Decoded:
        memory = self.state.memories["act"]
        shape = (nch, self.geometries[row.rs].bits)
        # Before anything is decoded: the fields can ask for more than the host has.
        bitmaps = nch * gospa_vectors.bitmap_halfwords(shape[1])
        room = self.state.spec.act_half
        require(
            bitmaps <= room,
            f"the bitmaps of {nch} boxes take {bitmaps} halfwords, but half an "
            f"activation buffer has {room}",
        )
        start = self.places.half(row.number, half)
        view: Any = memory.tensor(start, (self.state.spec.act_half,), (2,), "uint16")
        key = BOXES, row.number, half
        candidates = (self.state.cache.get(key), other)
        held = next(
            (h for h in candidates if h and h.shape == shape and _stands(view, h.raw)), None
        )
        if held is None:
            held = _decode_boxes(view, shape, row.number)
        self.state.cache[key] = held
        memory.read(start, 2 * held.raw.size)
        return held

    @cached_property
    def clocks(self) -> tuple[int, dict[str, int]]:
        """Cycles of the run, and its counters."""
        from .gospa_kernels import COUNTERS

        spec, slowest = self.state.spec, 0
        counts = np.zeros(len(COUNTERS) + 1, np.int64)
        for row, boxes, filters, weights in zip(
            self.rows, self.boxes, self.filters, self.weights, strict=True
        ):
            result = clock(spec, self.geometries[row.rs], boxes, filters, weights)
            largest = int(result.counts[-1])
            require(
                largest <= spec.ring_entries,
                f"a slot of {largest} activations does not fit ring_entries={spec.ring_entries}",
            )
            slowest = max(slowest, result.cycles)
            counts += result.counts
        return slowest + spec.pipe, dict(zip(COUNTERS, counts.tolist(), strict=False))

    def sums(self) -> list[Int64s]:
        """The sums [filters, outputs] of each active row."""
        tiles = len(self.geometries)
        if max(geometry.area for geometry in self.geometries) * tiles <= FEW:
            return [
                few_sums(weights, boxes, self.geometries[row.rs])
                for row, boxes, weights in zip(self.rows, self.boxes, self.weights, strict=True)
            ]
        found: list[Int64s] = []
        ends = accumulate((geometry.area for geometry in self.geometries), initial=0)
        bounds = list(pairwise(ends))
        for at in range(0, len(self.rows), tiles):
            columns = self._patches(self.boxes[at : at + tiles])
            mine = self.weights[at : at + tiles]
            if all(weights is mine[0] for weights in mine):
                sums = exact_sums(mine[0], columns)
                found += [sums[:, low:high] for low, high in bounds]
            else:
                found += [
                    exact_sums(weights, columns[:, low:high])
                    for weights, (low, high) in zip(mine, bounds, strict=True)
                ]
        return found

    def _patches(self, boxes: list[Boxes]) -> npt.NDArray[np.float64]:
        """The im2col matrix of a tile set; k-blocks that run on the same boxes share it."""
        key = PATCHES, self.inst.half
        held = self.state.cache.get(key)
        if held is not None:
            others, geometries, columns = held
            is_same = geometries == self.geometries and len(others) == len(boxes)
            if is_same and all(a is b for a, b in zip(others, boxes, strict=True)):
                return columns
        columns = patches(boxes, self.geometries)
        self.state.cache[key] = boxes, self.geometries, columns
        return columns


def _stands(view: Halfwords, raw: Halfwords) -> bool:
    """Whether a memory holds the halfwords that were decoded, at the beginning of its rows."""
    if raw.shape[:-1] != view.shape[:-1] or raw.shape[-1] > view.shape[-1]:
        return False
    return bool((raw == view[..., : raw.shape[-1]]).all())


def _decode_streams(view: Halfwords, shape: tuple[int, int, int], row: int) -> Decoded:
    """The weights [filters, nch, taps] of each of the rows [rows, filters, halfwords]."""
    found: list[Weights] = []
    longest, size = 0, 0
    for at, streams in enumerate(view):
        if at and _stands(streams, view[0, :, :longest]):
            found.append(found[0])
            continue
        try:
            values, size = gospa_vectors.decode_streams(streams, shape[1], shape[2])
        except EncodingError as error:
            raise TrapError(
                error.message,
                f"weight memory of row {row + at}, {error.where}",
                "a gs.ldw of as many channels must come first",
            ) from error
        found.append(Weights(values))
        longest = max(longest, size)
    return Decoded(view[:, :, :longest].copy(), shape, found)


def _decode_boxes(view: Halfwords, shape: tuple[int, int], row: int) -> Decoded:
    """The activations [nch, bits] of a row."""
    try:
        decoded = gospa_vectors.decode(view, *shape)
    except EncodingError as error:
        raise TrapError(
            error.message,
            f"activation buffer of row {row}, {error.where}",
            "a gs.lda of as many channels and the tile's box must come first",
        ) from error
    boxes = Boxes(decoded.values, decoded.masks)
    return Decoded(view[: decoded.size].copy(), shape, boxes)


def run_cost(state: State, inst: Run) -> Cost:
    """Run both clocks; `run` finds the chunk in scratch."""
    spec = state.spec
    state.scratch["chunk"] = chunk = Chunk(state, inst)
    cycles, counters = chunk.clocks
    products = sum(row.filters * chunk.geometries[row.rs].area for row in chunk.rows)
    dense = products * inst.nch * chunk.geometries[0].taps
    macs = counters["macs_effectual"]
    counters |= {
        "runs": 1,
        "dram_act_bytes": 0,  # all tiles of a layer may lie in the padding
        "apu_dropped": counters["apu_scanned"] - counters["apu_kept"],
        "macs_dense": dense,
        "macs_skipped": dense - macs,
        "macs_ineffectual": 0,
        "macs_gated": 0,
        "ring_writes": counters["apu_kept"],
        "ring_reads": macs,
        "acc_reads": macs,
        "acc_writes": macs,
        "pe_idle": cycles * spec.n_apu * spec.cols - macs - counters["empty_slot_cycles"],
    }
    return Cost(cycles, counters)


def run(state: State, inst: Run) -> None:
    """Add the sums to the bank."""
    chunk: Chunk = state.scratch["chunk"]
    places, spec, memory = Places(state.spec), state.spec, state.memories["acc"]
    for row, sums in zip(chunk.rows, chunk.sums(), strict=True):
        address = places.sums(row.number, inst.bank)
        if not inst.clear:
            memory.read(address, places.bank_bytes)
        bank = memory.reserve(address, places.bank_bytes).view("<i8")
        if inst.clear:
            bank[:] = 0
        bank.reshape(spec.cols, spec.acc_entries)[: row.filters, : sums.shape[1]] += sums


class _Drained(NamedTuple):
    """A bank's sums as they leave it, and how many were clipped."""

    words: npt.NDArray[np.int32]
    saturated: int


def _drain(state: State, inst: Drn) -> tuple[_Drained, int]:
    """The words of all active rows, and the outputs of their tiles."""
    places, spec = Places(state.spec), state.spec
    limit = 1 << (spec.acc_bits - 1)
    parts: list[Int64s] = []
    outputs = 0
    for row in active_rows(state, inst):
        area = geometry_of(state, row.rs).area
        raw = state.memories["acc"].read(places.sums(row.number, inst.bank), places.bank_bytes)
        sums = raw.view("<i8").reshape(spec.cols, spec.acc_entries)
        parts.append(sums[: row.filters, :area].reshape(-1))
        outputs += area
    exact = np.concatenate(parts)
    if -limit <= exact.min() and exact.max() < limit:
        return _Drained(exact.astype(np.int32), 0), outputs
    kept = np.clip(exact, -limit, limit - 1)
    return _Drained(kept.astype(np.int32), int(np.count_nonzero(kept != exact))), outputs


def drn_cost(state: State, inst: Drn) -> Cost:
    """Clip the sums, for the saturations; `drn` finds them in scratch."""
    drained, outputs = _drain(state, inst)
    state.scratch["words"] = drained.words
    counters = {"drain_words": drained.words.size, "acc_saturated": drained.saturated}
    return Cost(outputs, counters)


def drn(state: State, inst: Drn) -> None:
    """Write the words to the output buffer."""
    state.memories["obuf"].write(4 * inst.oaddr, state.scratch["words"])
