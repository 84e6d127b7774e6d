"""The loop nest of the DaDianNao family (dadiannao sheet, section 4), whatever its weights' form.

A front end (plain rows here, scheduled entries in `tct`) says how a warp's chunks are loaded and
multiplied; everything else is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from xdsl.ir import SSAValue

from ...isa.encoding import Instruction
from ...isa.targets.dadiannao import (
    PACKED,
    PLAIN,
    Cfg,
    DadiannaoSpec,
    In,
    Ker,
    Lda,
    Out,
    Post,
    Sta,
)
from ..backend.layer_moves import Half, LayerMoves
from ..backend.schedule import LD, ST, Dims, Schedule
from ..dialects.sparse_tensor import SumsOp, residual_of
from ..layout import view_of
from .ddn_tiling import Layer, Pass, Places, Warp, blocks, passes

_LOWEST = -(1 << 15)


class Front(Protocol):
    """What an architecture does with the weights of a layer's warps."""

    def chunk_count(self, warp: int) -> int:
        """Chunks of a warp, at least 1."""
        ...

    def load(self, warp: int, chunk: int, half: int) -> Instruction:
        """The instruction that brings a chunk into a half of WM."""
        ...

    def multiply(
        self, warp: int, chunk: int, half: int, block: tuple[int, int], bank: int
    ) -> Instruction:
        """The instruction that multiplies a chunk with a block (first window, count)."""
        ...


@dataclass
class WindowLowering:
    """Emits a tiled, packed and allocated layer.

    Args:
        schedule: Where the instructions go.
        spec: Parameters.
        op: The layer.
        warps: Its warps.
        front: What loads and multiplies.
    """

    schedule: Schedule
    spec: DadiannaoSpec
    op: SumsOp
    warps: Sequence[Warp]
    front: Front
    resident: list[tuple[tuple[int, int], int]] = field(
        default_factory=list[tuple[tuple[int, int], int]], init=False
    )
    """The chunks in WM and their halves, the older one first."""

    def __post_init__(self) -> None:
        self.layer = Layer.of(self.spec, self.op)
        self.places = Places.of(self.op)
        whole = Half("am", self.spec.am_words)
        self.moves = LayerMoves(self.schedule, self.op, whole, whole)
        assert residual_of(self.op) is None, "fuse-epilogue leaves residuals apart on this target"

    def emit(self) -> None:
        """Append the layer's instructions."""
        self.schedule.emit(Cfg.of(self.spec))
        act = self._emit_epilogue()
        strip = self.warps[0].strip
        for index, part in enumerate(passes(self.layer, strip)):
            source, target = self._addresses(strip, index)
            self.schedule.emit(self._input(part, source))
            self.schedule.emit(self._kernel())
            self.schedule.emit(self._output(part, target))
            if self.places.loads:
                self._load_inputs(part, source)
            for at, warp in enumerate(self.warps):
                bias = self.moves.load_bias(warp.f0, warp.slots)
                for block in blocks(self.spec, self.layer, part):
                    self._block(at, warp, block, bias, act)
            if self.places.stores:
                self._store_outputs(part, target)

    def _kernel(self) -> Instruction:
        w = self.layer.window
        return Ker(kh=w.R, kw=w.S, sy=w.sh, sx=w.sw, dy=w.dh, dx=w.dw, oh=w.OH, ow=w.OW)

    def _emit_epilogue(self) -> int:
        """Set the PPU's registers; returns the activation of `ddn.post`."""
        epilogue = self.moves.epilogue
        act = int(epilogue.lo == 0)
        self.schedule.emit(replace(epilogue, lo=_LOWEST if act else epilogue.lo).registers())
        return act

    def _addresses(self, strip: int, index: int) -> tuple[int, int]:
        """First words of a pass's input and output: halves of AM, quarters in turn for strips."""
        if not strip:
            half = self.spec.am_words // 2
            return self.places.source * half, self.places.result * half
        quarter = self.spec.am_words // 4
        return index % 2 * quarter, (2 + index % 2) * quarter

    def _input(self, part: Pass, base: int) -> Instruction:
        w = self.layer.window
        return In(
            base=base,
            h=w.H,
            w=w.W,
            cb=self.layer.blocks,
            img=part.images,
            y0=part.low,
            pt=w.pt,
            pl=w.pl,
        )

    def _output(self, part: Pass, base: int) -> Instruction:
        w = self.layer.window
        return Out(base=base, fb=self.layer.out_blocks, oh=w.OH, ow=w.OW, y0=part.o0)

    def _block(self, at: int, warp: Warp, block: tuple[int, int], bias: int, act: int) -> None:
        """Multiply all chunks of a warp with a block of windows, and finish the sums."""
        bank = self.schedule.slot("pb", 2, 1)
        for chunk in range(self.front.chunk_count(at)):
            half = self._load_chunk(at, chunk)
            self.schedule.emit(self.front.multiply(at, chunk, half, block, bank))
        self.schedule.emit(
            Post(
                fb0=warp.f0 // self.spec.lanes,
                tiles=-(-warp.slots // self.spec.pes),
                slots=warp.slots,
                win0=block[0],
                nwin=block[1],
                bias=bias,
                act=act,
                bank=bank,
            )
        )

    def _load_chunk(self, warp: int, chunk: int) -> int:
        """Load a chunk unless it is one of the last two loaded; returns its half of WM."""
        for key, half in self.resident:
            if key == (warp, chunk):
                return half
        half = self.schedule.slot("wm", 2, 1)
        self.resident = [*self.resident[-1:], ((warp, chunk), half)]
        self.schedule.emit(self.front.load(warp, chunk, half))
        return half

    def _load_inputs(self, part: Pass, base: int) -> None:
        W, rows = self.layer.window.W, part.high - part.low
        if rows:
            mode = PACKED if self.spec.acomp == "group" else PLAIN
            dram, run, dims = self._runs(
                self.op.input, self.layer.blocks, part, (part.low, rows, W)
            )
            self.schedule.set_dims(LD, dims)
            self.schedule.emit(Lda(am=base, words=run, mode=mode, dram=dram))

    def _store_outputs(self, part: Pass, base: int) -> None:
        mode = PACKED if self.spec.acomp == "group" else PLAIN
        rows = (part.o0, part.o1 - part.o0, self.layer.window.OW)
        dram, run, dims = self._runs(self.op.result, self.layer.out_blocks, part, rows)
        self.schedule.set_dims(ST, dims)
        self.schedule.emit(Sta(am=base, words=run, mode=mode, dram=dram))

    def _runs(
        self, value: SSAValue, words: int, part: Pass, rows: tuple[int, int, int]
    ) -> tuple[int, int, Dims]:
        """Where a pass's part of a tensor lies: first byte, words of a run, dims.

        Args:
            value: Input or result.
            words: Channel blocks.
            part: Which images.
            rows: First row, row count and columns.
        """
        (first, count, columns), strides = rows, view_of(value).strides
        image_step, steps = strides[0], (*strides[2:], 0, 0)
        row_step, column_step = (steps[0], steps[1])
        step = column_step if columns > 1 else row_step
        assert columns == 1 or count == 1 or row_step == columns * column_step
        dram = view_of(value).offset + part.image * image_step + first * row_step
        run, dims = words, list[tuple[int, int]]()
        for repeat, distance in ((count * columns, step), (part.images, image_step)):
            if repeat == 1:
                continue
            if not dims and distance == run * self.spec.word_bytes:
                run *= repeat
            else:
                dims.append((repeat, distance))
        return dram, run, tuple(dims)
