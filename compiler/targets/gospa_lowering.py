"""GoSPA's loop nest of a layer (gospa sheet, sections 4 and 6, step 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from xdsl.ir import SSAValue

from ...isa.base import Ppu
from ...isa.targets.gospa import CHUNK_BYTES, Cfg, Drn, GospaSpec, Lda, Ldw, Run
from ...isa.targets.gospa import Map as MapStrides
from ...isa.targets.gospa import Tile as SetTile
from ..backend.layer_moves import Half, LayerMoves
from ..backend.schedule import Dims, Schedule, merged_runs
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import MatmulOp, SumsOp, residual_of
from ..layout import View, address_of, view_of
from .gospa_layers import mapping_of, order_of
from .gospa_mapping import Layer, OutputTile, tiles_of
from .gospa_order import BY_FILTERS, Block, Chunk, resident_bases

TileSet = list[OutputTile]


class _Boxes(NamedTuple):
    """Where a chunk's boxes lie: the fields of `gs.run`."""

    half: int
    skip: int = 0
    over: int = 0


@dataclass
class _Kept:
    """What lies in the weight memory and in the halves of the activation buffer."""

    weights: dict[int, tuple[int, tuple[int, int]]] = field(
        default_factory=dict[int, tuple[int, tuple[int, int]]]
    )
    """First halfword: (halfwords, (block, chunk)); both are channels if streams lie `behind`."""
    boxes: dict[int, tuple[int, int, int]] = field(default_factory=dict[int, tuple[int, int, int]])
    """Half: (tile set, first channel, one past the last)."""


@dataclass
class SumsLowering:
    """Emits one convolution or matmul.

    Args:
        schedule: Where the instructions go.
        spec: Parameters.
        op: The layer, reordered and allocated.
    """

    schedule: Schedule
    spec: GospaSpec
    op: SumsOp

    def __post_init__(self) -> None:
        self.layer, self.mapping = Layer.of(self.op), mapping_of(self.op)
        self.order = order_of(self.op)
        tiles, a_s = tiles_of(self.layer, self.mapping), self.mapping.a_s
        self.sets = [tiles[at : at + a_s] for at in range(0, len(tiles), a_s)]
        self.moves = LayerMoves(self.schedule, self.op, Half("act", 0), Half("obuf", 0))
        self._bias_first = self._bias_last = self._bias_at = 0
        base = address_of(self.op)
        offsets = iter(from_attribute(self.op.attributes["tile_offsets"]))
        self._streams = [[base + next(offsets) for _ in b.chunks] for b in self.order]
        self._bases: dict[tuple[int, int], int] | None = None
        self._is_shared = self._is_behind = False
        self.kept = _Kept()

    def emit(self) -> None:
        """Append all instructions."""
        w, input_view = self.layer.window, self.input_view
        rowstr, chstr = (stride // CHUNK_BYTES for stride in input_view.strides[-2:0:-1])
        self.schedule.emit(MapStrides(rowstr=rowstr, chstr=chstr))
        self._set(Cfg(r=w.R, s=w.S, uh=w.sh, uw=w.sw, dh=w.dh, dw=w.dw, a_s=self.mapping.a_s))
        for group in range(self.layer.groups):
            mine = [(at, b) for at, b in enumerate(self.order) if b.group == group]
            self.kept = _Kept()
            if self.order.loops == BY_FILTERS:
                self._by_filters(mine)
            else:
                self._by_tiles(mine)

    def _by_filters(self, blocks: list[tuple[int, Block]]) -> None:
        """Every k-block over all tile sets; it loads the boxes anew, as section 6 counts."""
        for at, block in blocks:
            self.kept.boxes = {}
            for q in range(len(self.sets)):
                self._accumulate(at, block, q)

    def _by_tiles(self, blocks: list[tuple[int, Block]]) -> None:
        """All k-blocks over every tile set; they share its boxes if their chunks are few."""
        self._bases = self._resident(blocks)
        self._is_behind = blocks[0][1].group in self.order.behind
        if self._is_behind:
            self._load_behind(blocks)
        is_once = all(len(block.chunks) <= 2 for _, block in blocks)
        cuts = {tuple(chunk[:2] for chunk in block.chunks) for _, block in blocks}
        self._is_shared = is_once and len(cuts) > 1
        for q in range(len(self.sets)):
            for at, block in blocks:
                if not is_once:
                    self.kept.boxes = {}
                self._accumulate(at, block, q)

    def _set(self, configuration: Cfg | SetTile) -> None:
        """Set registers, also where they stand: they take a cycle of `pe` (section 6, step 7)."""
        self.schedule.registers.pop(configuration.register, None)
        self.schedule.emit(configuration)

    @cached_property
    def input_view(self) -> View:
        """The input as [image][channel][row][column]; features of a matmul are folded."""
        view = view_of(self.op.input)
        if not isinstance(self.op, MatmulOp):
            return view
        row = 2 * self.layer.window.W
        return View(view.offset, (view.strides[0], row, row, view.strides[1]))

    def _resident(self, blocks: list[tuple[int, Block]]) -> dict[tuple[int, int], int] | None:
        bases = resident_bases(self.spec, [block for _, block in blocks])
        if bases is None:
            return None
        return {
            (at, chunk): base
            for (at, _), mine in zip(blocks, bases, strict=True)
            for chunk, base in enumerate(mine)
        }

    def _load_behind(self, blocks: list[tuple[int, Block]]) -> None:
        """Load all streams of a conv group at once, one behind the other in every PE."""
        self._bases, channels = {}, 0
        for at, block in blocks:
            for index, chunk in enumerate(block.chunks):
                self._bases[at, index] = channels
                channels += chunk.c1 - chunk.c0
                self._load_weights(at, index, chunk, block.f1 - block.f0)

    def _accumulate(self, at: int, block: Block, q: int) -> None:
        """Run a k-block on a tile set, drain and finish it."""
        tiles, nf = self.sets[q], block.f1 - block.f0
        bank = self.schedule.slot("acc", 2, 1)
        for index, chunk in enumerate(block.chunks):
            base = self._load_weights(at, index, chunk, nf)
            boxes = self._find_boxes(block.group, q, chunk)
            if not index:
                self._set_tiles(tiles)
            self.schedule.emit(
                Run(
                    base=base,
                    half=boxes.half,
                    nch=chunk.c1 - chunk.c0,
                    bank=bank,
                    clear=int(index == 0),
                    nf=nf,
                    nt=len(tiles),
                    skip=boxes.skip,
                    over=boxes.over,
                    behind=int(self._is_behind),
                )
            )
        words = nf * sum(tile.area for tile in tiles)
        oaddr = self.schedule.slot("obuf", self.spec.obuf_words, words)
        self.schedule.emit(Drn(bank=bank, nf=nf, nt=len(tiles), oaddr=oaddr))
        self._finish(block, tiles, oaddr)

    # Loads ---------------------------------------------------------------------------------------

    def _load_weights(self, at: int, index: int, chunk: Chunk, nf: int) -> int:
        """Bring a chunk's streams into the weight memory, if they are not there; the base."""
        key = (at, index)
        for base, (_, held) in self.kept.weights.items():
            if held == key:
                return base
        size = chunk.c1 - chunk.c0 if self._is_behind else chunk.room
        if self._bases is not None:
            base = self._bases[key]
        else:
            base = self.schedule.slot("wmem", 2 * self.spec.w_half, size)
        self.kept.weights = {
            other: entry
            for other, entry in self.kept.weights.items()
            if other + entry[0] <= base or base + size <= other
        }
        self.kept.weights[base] = size, key
        self.schedule.emit(
            Ldw(
                daddr=self._streams[at][index] // 2,
                base=base,
                behind=int(self._is_behind),
                nch=chunk.c1 - chunk.c0,
                nf=nf,
                a_s=self.mapping.a_s,
                rs=self.layer.taps,
                room=chunk.room,
            )
        )
        return base

    def _find_boxes(self, group: int, q: int, chunk: Chunk) -> _Boxes:
        """Where a tile set's boxes of a chunk lie; they are loaded if they are nowhere.

        K-blocks whose chunks differ share what one load of all channels brought (section 6,
        step 6): as many as fit in a half, the others in the other one.
        """
        if not self._is_shared:
            return _Boxes(self._load_boxes(group, q, chunk.c0, chunk.c1))
        channels = self.layer.Cg
        split = min(channels, self.spec.act_half // self.mapping.slot_halfwords)
        cuts = (0, channels) if split == channels else (0, split, channels)
        halves = [self._load_boxes(group, q, c0, c1) for c0, c1 in pairwise(cuts)]
        if chunk.c0 >= split:
            return _Boxes(halves[1], chunk.c0 - split)
        return _Boxes(halves[0], chunk.c0, max(0, chunk.c1 - split))

    def _load_boxes(self, group: int, q: int, c0: int, c1: int) -> int:
        """Bring channels of a tile set's boxes into a half, if they are not in one; the half."""
        key = (q, c0, c1)
        for half, held in self.kept.boxes.items():
            if held == key:
                return half
        half = self.schedule.slot("act", 2, 1)
        self.kept.boxes[half] = key
        for rs, tile in enumerate(self.sets[q]):
            self._load_box(group * self.layer.Cg + c0, c1 - c0, rs, tile, half)
        return half

    def _load_box(self, channel: int, nch: int, rs: int, tile: OutputTile, half: int) -> None:
        rows, columns = tile.rows(self.layer.window), tile.columns(self.layer.window)
        if not rows.size or not columns.size:
            return
        view = self.input_view
        at = (tile.image, channel, rows.low, columns.low)
        address = view.offset + sum(n * stride for n, stride in zip(at, view.strides, strict=True))
        self.schedule.emit(
            Lda(
                rows=sum(1 << (rk * self.mapping.a_s + rs) for rk in range(self.mapping.a_k)),
                half=half,
                nch=nch,
                bh=rows.size,
                bw=columns.size,
                x0=address % CHUNK_BYTES // 2,
                daddr=address // CHUNK_BYTES,
            )
        )

    def _set_tiles(self, tiles: TileSet) -> None:
        for rs, tile in enumerate(tiles):
            rows, columns = tile.rows(self.layer.window), tile.columns(self.layer.window)
            self._set(
                SetTile(
                    rs=rs,
                    eh=tile.e1 - tile.e0,
                    ew=tile.f1 - tile.f0,
                    bh=rows.size,
                    bw=columns.size,
                    oh=rows.offset,
                    ow=columns.offset,
                )
            )

    # Results -------------------------------------------------------------------------------------

    def _finish(self, block: Block, tiles: TileSet, source: int) -> None:
        """Finish what a drain left in the output buffer, row by row of the PE array."""
        filters = self.order.true_filters(block)
        self.schedule.emit(self.moves.epilogue.registers())
        for at in range(0, len(filters), self.spec.cols):
            group = filters[at : at + self.spec.cols]
            for tile in tiles:
                for first, count in _neighbours(group):
                    bias = self._bias(first, count, block)
                    self._finish_tile(tile, first, count, source, bias)
                    source += count * tile.area

    def _bias(self, first: int, count: int, block: Block) -> int:
        """The bbuf word of a filter's bias, loaded with as many others as there is use for."""
        if self.op.bias is None:
            return 0
        if not self._bias_first <= first <= first + count <= self._bias_last:
            K = self.layer.groups * self.layer.Kg
            low, high = first, first + count
            if 4 * K <= self.spec.BCAP:
                low, high = 0, K
            elif not self.order.filters:
                low, high = block.f0, block.f1
            self._bias_at = self.moves.load_bias(low, high - low)
            self._bias_first, self._bias_last = low, high
        return self._bias_at + first - self._bias_first

    def _finish_tile(
        self, tile: OutputTile, first: int, count: int, source: int, bias: int
    ) -> None:
        """Finish the sums [filter][e][f] of neighbouring filters and store them."""
        half_words = self.spec.PCAP // 4
        height, width = tile.e1 - tile.e0, tile.f1 - tile.f0
        residual = residual_of(self.op)
        for c, y, x, cn, yn, xn in _pieces(count, height, width, half_words):
            target = self.schedule.slot("pbuf", 2 * half_words, half_words)
            corner = (tile.image, first + c, tile.e0 + y, tile.f0 + x)
            if residual is not None:
                self.schedule.load("pbuf", 2 * target, *_block(residual, corner, (cn, yn, xn)))
            word = source + (c * height + y) * width + x
            self.schedule.emit(
                Ppu(src=word, dst=target, chans=cn, len=yn * xn, bias=bias + c * bool(self.op.bias))
            )
            dram, run, dims = _block(self.op.result, corner, (cn, yn, xn))
            self.schedule.store("pbuf", 2 * target, dram, run, dims)


def _neighbours(filters: list[int]) -> Iterator[tuple[int, int]]:
    """Runs (first, count) of filters that follow one another in the model."""
    first = 0
    for at in range(1, len(filters) + 1):
        if at == len(filters) or filters[at] != filters[at - 1] + 1:
            yield filters[first], at - first
            first = at


def _pieces(
    count: int, height: int, width: int, room: int
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Cut [count][height][width] into blocks of `room` values: their corners, then their sizes."""
    area = height * width
    if area <= room:
        step = room // area
        for c in range(0, count, step):
            yield c, 0, 0, min(step, count - c), height, width
        return
    rows, columns = max(1, room // width), min(width, room)
    for c in range(count):
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                yield c, y, x, 1, min(rows, height - y), min(columns, width - x)


def _block(
    value: SSAValue, corner: tuple[int, int, int, int], sizes: tuple[int, int, int]
) -> tuple[int, int, Dims]:
    """First address, run and dims of a block (channels, rows, columns) of a value in DRAM."""
    view = view_of(value)
    strides = view.strides if len(view.strides) == 4 else (*view.strides, 0, 2)
    base = view.offset + sum(n * stride for n, stride in zip(corner, strides, strict=True))
    repeats = (sizes[1], strides[2]), (sizes[0], strides[1])
    return base, *merged_runs(2 * sizes[2], repeats)
