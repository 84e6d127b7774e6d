"""A growing list of instructions, and the moves every target needs: DMA and PPU epilogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ...isa.base import BaseSpec, Dim, Ld, Pgeo, Ppu, Psrc, St
from ...isa.encoding import Instruction, InstructionSet
from ...isa.errors import PassError
from ..dialects.target import InstructionOp, instruction_ops

LD, ST = 0, 1

Dims = tuple[tuple[int, int], ...]
"""Up to two (count, stride in bytes) pairs, inner first."""


@dataclass(frozen=True)
class Plane:
    """Where values of a [channel][position] block lie in DRAM.

    Args:
        base: Byte address of channel 0, position 0.
        channel_stride: Bytes between channels.
        position_stride: Bytes between positions.
        row: Positions per row, if rows have gaps between them; their values then lie together.
        row_stride: Bytes between rows with gaps.
    """

    base: int
    channel_stride: int
    position_stride: int = 2
    row: int = 0
    row_stride: int = 0

    def moved(self, channel: int, position: int) -> Plane:
        """The same plane from a channel and a position on, the first of a row if rows have gaps."""
        base = self.base + channel * self.channel_stride
        if not self.row:
            return replace(self, base=base + position * self.position_stride)
        assert position % self.row == 0
        return replace(self, base=base + position // self.row * self.row_stride)

    def runs(self, channel: int, position: int, chans: int, length: int) -> tuple[int, int, Dims]:
        """First address, run length in bytes and dims of a sub-block, in as few runs as can be.

        Where rows have gaps the block is whole rows, or one channel's part of a row.
        """
        y, x = divmod(position, self.row) if self.row else (0, position)
        base = self.moved(channel, y * self.row).base + x * self.position_stride
        if not chans * length:
            return base, 0, ()
        inner, outer = (length, self.position_stride), (chans, self.channel_stride)
        run = 2
        if self.row and x + length > self.row:
            assert not x
            assert not length % self.row
            run, inner = 2 * self.row, (length // self.row, self.row_stride)
        elif self.row:
            run, inner = 2 * length, (1, 0)
        return base, *merged_runs(run, (inner, outer))


def merged_runs(run: int, repeats: Iterable[tuple[int, int]]) -> tuple[int, Dims]:
    """The same bytes in as few dimensions as can be: repeats that follow one another are one run.

    Args:
        run: Bytes that lie together.
        repeats: How often (count, stride), innermost first.
    """
    dims: list[tuple[int, int]] = []
    for count, stride in repeats:
        if count == 1:
            continue
        if stride == run and not dims:
            run *= count
        else:
            dims.append((count, stride))
    return run, tuple(dims)


@dataclass(frozen=True)
class Epilogue:
    """How the PPU finishes a layer; see the `pgeo` instruction for the arithmetic.

    Args:
        shift: Right shift of the source.
        lo: Lower clip bound.
        hi: Upper clip bound.
        residual_shift: Right shift of the residual, None without one.
        bias: Whether a bias per channel is added.
        staged: Whether the source is 16-bit values in pbuf instead of sums.
    """

    shift: int
    lo: int
    hi: int
    residual_shift: int | None = None
    bias: bool = False
    staged: bool = False

    def registers(self) -> Pgeo:
        """The instruction that sets it."""
        return Pgeo(
            shift=self.shift,
            rshift=self.residual_shift or 0,
            lo=self.lo,
            hi=self.hi,
            staged=int(self.staged),
            residual=int(self.residual_shift is not None),
            bias=int(self.bias),
        )


@dataclass
class Schedule:
    """Instructions in program order, each with its layer; configuration is written on change."""

    isa: InstructionSet
    spec: BaseSpec
    ops: list[InstructionOp] = field(default_factory=list[InstructionOp])
    layer: int | None = None
    registers: dict[Any, Instruction] = field(default_factory=dict[Any, Instruction])
    _turns: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self._op_of = instruction_ops(self.isa)

    def emit(self, instruction: Instruction) -> None:
        """Append an instruction; a configuration that stands already is left out."""
        if instruction.is_config:
            if self.registers.get(instruction.register) == instruction:
                return
            self.registers[instruction.register] = instruction
        self.ops.append(self._op_of[type(instruction)].of(instruction, self.layer))

    def slot(self, memory: str, capacity: int, size: int) -> int:
        """The address for the next item of a memory: its halves in turn, or 0 for what needs more.

        The turn goes on from layer to layer, so a layer's first loads overlap the one before.

        Raises:
            PassError: The item is larger than the memory: a tiling that does not fit.
        """
        if size > capacity:
            raise PassError(
                f"{size} bytes do not fit {memory} of {capacity} bytes",
                "lowering",
                f"the tiling of target {self.isa.name} must keep to the memories",
            )
        if size > capacity // 2:
            return 0
        self._turns[memory] = 1 - self._turns.get(memory, 1)
        return capacity // 2 * self._turns[memory]

    def memory(self, name: str) -> int:
        """The index of an SRAM in the instruction set's table."""
        return self.isa.symbols["memories"].index(name)

    def load(self, memory: str, addr: int, dram: int, run: int, dims: Dims = ()) -> None:
        """Load runs of DRAM bytes into consecutive SRAM bytes."""
        if run:
            self.set_dims(LD, dims)
            self.emit(Ld(mem=self.memory(memory), addr=addr, dram=dram, bytes=run))

    def store(self, memory: str, addr: int, dram: int, run: int, dims: Dims = ()) -> None:
        """Store consecutive SRAM bytes as runs in DRAM."""
        if run:
            self.set_dims(ST, dims)
            self.emit(St(mem=self.memory(memory), addr=addr, dram=dram, bytes=run))

    def set_dims(self, channel: int, dims: Dims) -> None:
        """Set the dimensions of the transfers of `ld` or `st`, where they do not stand already."""
        for level in (0, 1):
            wanted = dims[level] if level < len(dims) else None
            key = (Dim, channel, level)
            if wanted is None:
                standing = self.registers.get(key)
                if standing is None or standing.values()["count"] == 1:
                    continue  # both levels are 1 at start
                wanted = (1, 0)
            self.emit(Dim(channel=channel, level=level, count=wanted[0], stride=wanted[1]))

    def finish(
        self,
        epilogue: Epilogue,
        chans: int,
        length: int,
        output: Plane,
        *,
        source: int = 0,
        pitch: int = 0,
        bias: int = 0,
        residual: Plane | None = None,
        staged: Plane | None = None,
    ) -> None:
        """Run a block [chans][length] through the PPU and store it, a half of pbuf at a time.

        Args:
            epilogue: The arithmetic.
            chans: Channels.
            length: Values per channel.
            output: Where the results go.
            source: First accumulator word.
            pitch: Words from one position's sums to the next's, if a position's channels lie side
                by side; 0 if the sums lie channel after channel.
            bias: First bbuf word.
            residual: Where the residual operand lies.
            staged: Where the source lies if it is not in the accumulators.
        """
        self.emit(epilogue.registers())
        self._lay_sources(0 if staged is not None else pitch)
        half_words = self.spec.PCAP // 4
        both = staged is not None and residual is not None
        room = half_words // 2 if both else half_words
        row = max(plane.row for plane in (output, residual, staged) if plane is not None)
        for c, p, cn, pn in cut_pieces(chans, length, room, row):
            target = self.slot("pbuf", 2 * half_words, half_words)
            first = target + room if both else target
            if residual is not None:
                self._stage(target, residual, c, p, cn, pn)
            src = source + c + p * pitch if pitch else source + c * length + p
            if staged is not None:
                self._stage(first, staged, c, p, cn, pn)
                src = first
            word = bias + c if epilogue.bias else 0
            self.emit(Ppu(src=src, dst=target, chans=cn, len=pn, bias=word))
            self.store("pbuf", 2 * target, *output.runs(c, p, cn, pn))

    def _lay_sources(self, pitch: int) -> None:
        standing = self.registers.get(Psrc)
        if pitch != (standing.values()["pitch"] if standing else 0):  # 0 at start
            self.emit(Psrc(pitch=pitch))

    def _stage(self, word: int, plane: Plane, c: int, p: int, cn: int, pn: int) -> None:
        dram, run, dims = plane.runs(c, p, cn, pn)
        self.load("pbuf", 2 * word, dram, run, dims)


def cut_pieces(
    chans: int, length: int, room: int, row: int = 0
) -> Iterator[tuple[int, int, int, int]]:
    """Cut [chans][length] into blocks (channel, position, channels, positions) of `room` values.

    With rows of `row` positions, a block is whole rows or a part of one.
    """
    if length <= room:
        step = max(1, room // max(1, length))
        for c in range(0, chans, step):
            yield c, 0, min(step, chans - c), length
        return
    if row > room:
        for c in range(chans):
            for y in range(0, length, row):
                for x in range(0, row, room):
                    yield c, y + x, 1, min(room, row - x)
        return
    step = room // row * row if row else room
    for c in range(chans):
        for p in range(0, length, step):
            yield c, p, 1, min(step, length - p)
