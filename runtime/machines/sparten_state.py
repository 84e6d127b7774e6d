"""What SparTen's memories hold: tags, records and tables, read and checked (sections 3 and 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...isa.errors import TrapError
from ...isa.footprint import Region
from ...isa.formats.sparsemap import chunk_widths
from ...isa.targets.sparten import PER_CHUNK, Cfg, Map, pixel_bytes
from ...isa.targets.sparten_shape import TAG_BYTES, Positions, Shape
from ..base import require
from ..machine import State
from .sparten_cache import Kept, recall

Bytes = npt.NDArray[np.uint8]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_PROBLEMS = ("leaves its memory", "has a mask bit beyond the channels", "has a 0 among its values")


class _Held(NamedTuple):
    """A layer and the registers that it stands for."""

    registers: tuple[Cfg, Map]
    layer: Layer


class Taps(NamedTuple):
    """What lies under each tap of some positions.

    Args:
        pixels: int64 [positions, taps], pixels of the map, -1 outside.
        low: Least row in the map; there is none if it is beyond `high`.
        high: Greatest row.
    """

    pixels: Int64s
    low: int
    high: int


@dataclass(frozen=True)
class Block:
    """A block of positions of one share.

    Args:
        share: Which share.
        first: Its first position, of all.
        count: Positions.
    """

    share: int
    first: int
    count: int


@dataclass(frozen=True, eq=False)
class Layer:
    """The registers of a layer, as plain numbers.

    Args:
        cfg: Values of `sp.cfg`.
        geo: Values of `sp.map`.
        shape: The machine's shape.
        taps: What `taps_of` found: all groups and batches work on the same blocks.
    """

    cfg: dict[str, int]
    geo: dict[str, int]
    shape: Shape
    taps: Kept

    @classmethod
    def of(cls, state: State) -> Layer:
        """The registers as they stand."""
        registers = state.register(Cfg), state.register(Map)
        held: _Held | None = state.cache.get(cls)
        if held is None or held.registers != registers:
            cfg, geo = (each.values() for each in registers)
            held = _Held(registers, cls(cfg, geo, Shape.of(state.spec), Kept()))
            state.cache[cls] = held
        return held.layer

    @property
    def pixel_bytes(self) -> int:
        """Room of a pixel's records."""
        return pixel_bytes(self.shape, self.cfg["nc"], self.cfg["cg"])

    @property
    def chunk_count(self) -> int:
        """Chunks of a filter."""
        return self.cfg["r"] * self.cfg["s"] * self.cfg["nc"]

    @property
    def is_per_chunk(self) -> bool:
        """Whether filters change their CU from chunk to chunk."""
        return self.cfg["gb"] == PER_CHUNK

    def widths(self, lo: int, hi: int) -> Int64s:
        """Channels of chunks lo..hi-1."""
        return chunk_widths(self.cfg["cg"], self.shape.chunk)[np.arange(lo, hi) % self.cfg["nc"]]


class Band(NamedTuple):
    """Input rows, decoded.

    Args:
        values: float64 [pixels, channels].
        masks: uint64 [pixels, chunks, words].
        counts: int64 [pixels, chunks], nonzeros.
        row0: First row.
        rows: Rows.
    """

    values: Floats
    masks: Words
    counts: Int64s
    row0: int
    rows: int

    @classmethod
    def empty(cls, layer: Layer) -> Band:
        """No rows."""
        chunks, words = layer.cfg["nc"], -(-layer.shape.mask_bytes // 8)
        masks, counts = np.zeros((0, chunks, words), np.uint64), np.zeros((0, chunks), np.int64)
        return cls(np.zeros((0, layer.cfg["cg"])), masks, counts, 0, 0)


class Table(NamedTuple):
    """A set's table.

    Args:
        outputs: int64 [filters], the output channel of each.
        cus: uint8 [chunks or 1, filters], the CU of each.
        lo: First chunk of the segment.
        hi: One past the last.
    """

    outputs: Int64s
    cus: Bytes
    lo: int
    hi: int

    def by_cu(self) -> Int64s:
        """The records chunk * filters + filter in the order in which the CUs hold them.

        CU after CU, a CU's chunks ascending, a chunk's filters ascending.
        """
        count = self.hi - self.lo
        cus = np.broadcast_to(self.cus, (count, self.outputs.size))
        return np.argsort(cus.reshape(-1), kind="stable")


class Filters(NamedTuple):
    """A segment of a set's filters, decoded.

    Args:
        values: float64 [filters, values of the chunks].
        masks: uint64 [chunks, words, filters].
        table: The set's table.
    """

    values: Floats
    masks: Words
    table: Table


def read_tag(state: State, slot: Region) -> list[int]:
    """The numbers at the beginning of a slot, looked at before the slot is read."""
    memory = state.memories[str(slot.memory)]
    return memory.tensor(slot.base, (TAG_BYTES // 4,), (4,), "<i4").tolist()


def read_slot(state: State, slot: Region, nbytes: int) -> Bytes:
    """So many bytes behind a slot's tag."""
    return state.memories[str(slot.memory)].read(slot.base, TAG_BYTES + nbytes)[TAG_BYTES:]


def tag(*numbers: int) -> Bytes:
    """A slot's tag."""
    padded = np.zeros(TAG_BYTES // 4, "<i4")
    padded[: len(numbers)] = numbers
    return padded.view(np.uint8)


def blocks_of(layer: Layer, p0: int, most: int) -> list[Block]:
    """Block p0 / most of every share that has it."""
    require(p0 % most == 0, f"p0={p0} is no multiple of np={most}")
    per_image = layer.geo["e"] * layer.geo["f"]
    cut = Positions(layer.geo["n"] * per_image, per_image, layer.cfg["as"], most)
    blocks = [Block(q, *cut.part(q, p0 // most)) for q in range(cut.shares)]
    blocks = [block for block in blocks if block.count]
    require(bool(blocks), f"no share has block {p0 // most}")
    return blocks


def taps_of(layer: Layer, block: Block) -> Taps:
    """The pixels under each tap of a block."""
    if (held := layer.taps.entries.get((block,))) is not None:
        return Taps(*held.value)
    cfg, geo = layer.cfg, layer.geo
    within = (block.first + np.arange(block.count, dtype=np.int64)) % (geo["e"] * geo["f"])
    tap = np.arange(cfg["r"] * cfg["s"], dtype=np.int64)
    y = (within // geo["f"] * cfg["uh"] - cfg["pt"])[:, None] + tap // cfg["s"] * cfg["dh"]
    x = (within % geo["f"] * cfg["uw"] - cfg["pl"])[:, None] + tap % cfg["s"] * cfg["dw"]
    inside = (y >= 0) & (y < geo["h"]) & (x >= 0) & (x < geo["w"])
    low = int(y.min(initial=geo["h"], where=inside))
    high = int(y.max(initial=-1, where=inside))
    found = Taps(np.where(inside, y * geo["w"] + x, -1), low, high)
    layer.taps.keep((block,), (), found)
    return found


def read_band(state: State, layer: Layer, share: int, half: int, image: int) -> Band:
    """The input rows in a half of a share's input memory, of an image."""
    cfg, w, shape = layer.cfg, layer.geo["w"], layer.shape
    slot = shape.slot("ibuf", share, half)
    held = read_tag(state, slot)
    wanted = [1, image, *held[2:4], w, cfg["cg"], cfg["nc"]]
    require(
        held[:7] == wanted,
        f"half {half} of the input memory of share {share} does not hold rows of image {image}",
        "sp.lda must load them under the same sp.cfg and sp.map",
    )
    row0, rows = held[2:4]
    data = read_slot(state, slot, rows * w * layer.pixel_bytes)

    def decode() -> Band:
        return _decode_band(layer, data, row0, rows, share)

    return recall(state, ("band", *held), (data,), decode)


def _decode_band(layer: Layer, data: Bytes, row0: int, rows: int, share: int) -> Band:
    from ...isa.formats.sparsemap_kernels import GOOD, KINDS, unpack

    cfg, shape = layer.cfg, layer.shape
    pixels, nc, chunk = rows * layer.geo["w"], cfg["nc"], shape.chunk
    length = shape.mask_bytes
    pixel = np.arange(pixels, dtype=np.int64)[:, None]
    part = np.arange(nc, dtype=np.int64)
    starts = pixel * layer.pixel_bytes + part * (length + 2 * chunk)
    widths = np.tile(chunk_widths(cfg["cg"], chunk), pixels)
    values = np.zeros((pixels, cfg["cg"]))
    masks = np.empty((pixels * nc, -(-length // 8)), np.uint64)
    counts = np.empty(pixels * nc, np.int64)
    targets = (pixel * cfg["cg"] + part * chunk).reshape(-1)
    code = unpack(
        data, starts.reshape(-1), length, widths, targets, values.reshape(-1), masks, counts
    )
    if code != GOOD:
        _refuse(code, KINDS, f"pixel {code // KINDS // nc} of the input memory of share {share}")
    return Band(values, masks.reshape(pixels, nc, -1), counts.reshape(pixels, nc), row0, rows)


def read_table(state: State, layer: Layer, z: int, half: int) -> Table:
    """A set's table."""
    slot = layer.shape.slot("asg", z, half)
    filters, lo, hi, rows = read_tag(state, slot)[:4]
    require(
        filters > 0 and rows == (hi - lo if layer.is_per_chunk else 1),
        f"half {half} holds no table of set {z} for this sp.cfg",
        "sp.asg must load it",
    )
    raw = read_slot(state, slot, filters * (2 + rows))
    outputs = raw[: 2 * filters].view("<u2").astype(np.int64)
    return Table(outputs, raw[2 * filters :].reshape(rows, filters), lo, hi)


def read_filters(state: State, layer: Layer, z: int, half: int) -> Filters:
    """A segment of a set's filters, out of the CUs' memories."""
    table = read_table(state, layer, z, half)
    slot, filters = layer.shape.slot("fbuf", z, half), table.outputs.size
    *held, size = read_tag(state, slot)[:4]
    require(
        held == [filters, table.lo, table.hi],
        f"half {half} of the filter memories does not hold chunks {table.lo}..{table.hi - 1} of "
        f"{filters} filters of set {z}",
        "sp.asg and sp.ldf must load the same segment",
    )
    data = read_slot(state, slot, size)

    def decode() -> tuple[Floats, Words]:
        return _decode_filters(layer, data, table, z)

    key = ("filters", z, half, *held, layer.cfg["cg"], layer.cfg["nc"])
    return Filters(*recall(state, key, (data, table.cus), decode), table)


def _decode_filters(layer: Layer, data: Bytes, table: Table, z: int) -> tuple[Floats, Words]:
    """Values and masks, as `Filters` has them."""
    from ...isa.formats.sparsemap_kernels import GOOD, KINDS, scan, unpack

    filters, count = table.outputs.size, table.hi - table.lo
    order, length = table.by_cu(), layer.shape.mask_bytes
    starts = np.empty(order.size + 1, np.int64)
    code = scan(data, length, starts)
    require(code == GOOD, f"record {code} of set {z} leaves the filter memories")
    chunk, index = np.divmod(order, filters)
    widths = layer.widths(table.lo, table.hi)
    ends = np.cumsum(widths)
    values = np.zeros((filters, int(ends[-1])))
    targets = index * ends[-1] + (ends - widths)[chunk]
    masks = np.empty((order.size, -(-length // 8)), np.uint64)
    code = unpack(
        data, starts[:-1], length, widths[chunk], targets, values.reshape(-1), masks,
        np.empty(order.size, np.int64),
    )  # fmt: skip
    if code != GOOD:
        at = code // KINDS
        _refuse(code, KINDS, f"chunk {table.lo + int(chunk[at])} of filter {int(index[at])}")
    by_chunk = np.empty_like(masks)
    by_chunk[order] = masks
    words = by_chunk.reshape(count, filters, -1).transpose(0, 2, 1)
    return values, np.ascontiguousarray(words)


def _refuse(code: int, kinds: int, what: str) -> None:
    raise TrapError(f"the record of {what} {_PROBLEMS[code % kinds]}")
