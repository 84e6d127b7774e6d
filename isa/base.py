"""The base machine's instructions and parameters; every target is this plus its own units.

Units: `ld` moves DRAM to SRAM, `st` SRAM to DRAM, `ppu` finishes sums (bias, requantise, residual
add, clip) and pools; `host` drains the machine. The `ppu` writes 16-bit results into the staging
buffer `pbuf`, where `ld` has placed the residual operand and a pool's input band, and from where
`st` takes the result; its biases are in `bbuf`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from .encoding import Field, Instruction
from .errors import UsageError
from .footprint import Footprint, Region
from .window import WindowForm, band_bytes

ACCUMULATORS = 0
"""The PPU's 32-bit source is the first memory of the instruction set's table."""
ACCUMULATOR_BYTES = 4
"""Accumulator memories hold 32-bit words whatever the accumulator's own width."""


class BaseSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the base machine (DRAM and PPU); a target adds its own by subclassing."""

    B: int = 0
    """DRAM bytes per cycle and direction; 0 is unlimited (compute-only)."""
    L: int = 0
    """DRAM latency in cycles per DMA."""
    P: int = 16
    """Elements per cycle through the PPU."""
    PCAP: int = 65536
    """Bytes of the PPU's staging buffer `pbuf` (16-bit words)."""
    BCAP: int = 8192
    """Bytes of the PPU's bias buffer `bbuf` (32-bit words)."""

    def __post_init__(self) -> None:
        self.require("B", 0, 1 << 20)
        self.require("L", 0, 1 << 20)
        self.require("P", 1, 1 << 16)
        self.require("PCAP", 64, 1 << 17)
        self.require("BCAP", 16, 1 << 14)

    def require(self, name: str, low: int, high: int, multiple: int = 1) -> None:
        """Check one parameter's range.

        Raises:
            UsageError: The value is outside low..high or not a multiple.
        """
        value = getattr(self, name)
        if not low <= value <= high or value % multiple:
            step = f" in steps of {multiple}" if multiple > 1 else ""
            raise UsageError(
                f"{name} = {value} is outside {low}..{high}{step}",
                "configuration",
                "`spcc --print-config` shows every parameter and its default",
            )


class Dim(Instruction):
    """Set a dimension of the transfers of `ld` or `st`: `count` repeats of the run, `stride` apart.

    The DRAM side is strided, the SRAM side consecutive. Level 0 is the inner dimension. Both levels
    are 1 at start and keep their value until set again.
    """

    opcode = 0x01
    unit = "ld"
    is_config = True
    channel = Field(87, 87, "0: of ld, 1: of st")
    level = Field(86, 86, "0: inner dimension, 1: outer dimension")
    count = Field(85, 64, "repetitions, at least 1")
    stride = Field(39, 0, "distance in DRAM", unit="bytes")

    @property
    def queue(self) -> str:
        """The unit of the channel."""
        return "st" if self.channel else "ld"

    @property
    def register(self) -> Any:
        """One register per channel and level."""
        return (Dim, self.channel, self.level)


def transfer_dims(
    registers: Mapping[Any, Instruction], channel: int
) -> tuple[tuple[int, int], ...]:
    """The (count, stride) pairs of a channel, inner first, as its `Dim` registers stand."""
    dims: list[tuple[int, int]] = []
    for level in (0, 1):
        standing = registers.get((Dim, channel, level))
        if isinstance(standing, Dim) and standing.count != 1:
            dims.append((standing.count, standing.stride))
    return tuple(dims)


class TransferForm(Instruction):
    """A run of bytes between an SRAM and DRAM."""

    mem = Field(87, 84, "SRAM", symbols="memories")
    addr = Field(83, 62, "first SRAM address", unit="bytes")
    dram = Field(61, 22, "first DRAM address", unit="bytes")
    bytes = Field(21, 0, "length of a run", unit="bytes")


class Ld(TransferForm):
    """Load runs of DRAM bytes, laid one after the other, into an SRAM."""

    opcode = 0x02
    unit = "ld"

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the DRAM runs, write the SRAM bytes."""
        source = Region("dram", self.dram, self.bytes, transfer_dims(registers, 0))
        return Footprint((source,), (Region(self.mem, self.addr, source.size_bytes),))


class St(TransferForm):
    """Store consecutive SRAM bytes as runs in DRAM."""

    opcode = 0x03
    unit = "st"

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the SRAM bytes, write the DRAM runs."""
        target = Region("dram", self.dram, self.bytes, transfer_dims(registers, 1))
        return Footprint((Region(self.mem, self.addr, target.size_bytes),), (target,))


class Pgeo(Instruction):
    """Set how the PPU finishes values.

    y = clip(round(v + bias[channel], shift) + round(r, rshift), lo, hi), where round(x, s) is
    x / 2^s rounded half to even for s > 0 and x * 2^-s for s <= 0, v the source value and r the
    residual.
    """

    opcode = 0x04
    unit = "ppu"
    is_config = True
    shift = Field(87, 81, "right shift of source plus bias", unit="bits", signed=True)
    rshift = Field(80, 74, "right shift of the residual", unit="bits", signed=True)
    lo = Field(73, 58, "lower clip bound", signed=True)
    hi = Field(57, 42, "upper clip bound", signed=True)
    staged = Field(41, 41, "0: 32-bit source from the accumulator memory, 1: 16-bit from pbuf")
    residual = Field(40, 40, "1: add the 16-bit values found at the destination")
    bias = Field(39, 39, "1: add a 32-bit bias per channel from bbuf")


class Psrc(Instruction):
    """Set how the PPU's sources lie: channel after channel, or position after position.

    With pitch > 0, a position's channels lie side by side, `pitch` words before those of the next
    position. The pitch is 0 at start and keeps its value until set again.
    """

    opcode = 0x08
    unit = "ppu"
    is_config = True
    pitch = Field(21, 0, "from one position to the next; 0: channel after channel", unit="words")


def source_region(
    memory: str | int, width: int, ppu: Mapping[str, int], registers: Mapping[Any, Instruction]
) -> Region:
    """The words of `width` bytes that a `ppu` instruction reads as its sources."""
    first, chans, count = width * ppu["src"], ppu["chans"], ppu["len"]
    pitch = registers[Psrc].values()["pitch"] if Psrc in registers else 0
    if not pitch:
        return Region(memory, first, width * chans * count)
    return Region(memory, first, width * chans, ((count, width * pitch),))


class Ppu(Instruction):
    """Finish `chans` x `len` values into pbuf (16 bit), channel by channel; see `pgeo`, `psrc`."""

    opcode = 0x05
    unit = "ppu"
    src = Field(87, 66, "first source word (32-bit, or 16-bit if staged)", unit="words")
    dst = Field(65, 49, "first pbuf word (16-bit)", unit="words")
    chans = Field(48, 33, "channels")
    len = Field(32, 11, "values per channel")
    bias = Field(10, 0, "first bbuf word (32-bit)", unit="words")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read source, biases and residual; write the staging buffer."""
        geo = registers[Pgeo]
        count = self.chans * self.len
        out = Region("pbuf", 2 * self.dst, 2 * count)
        staged = bool(geo.values()["staged"])
        memory, width = ("pbuf", 2) if staged else (ACCUMULATORS, ACCUMULATOR_BYTES)
        reads = [source_region(memory, width, self.values(), registers)]
        if geo.values()["residual"]:
            reads.append(out)
        if geo.values()["bias"]:
            reads.append(Region("bbuf", 4 * self.bias, 4 * self.chans))
        return Footprint(tuple(reads), (out,))


class Pwin(WindowForm):
    """Set the window that `ppool` slides over an input map."""

    opcode = 0x09
    unit = "ppu"


class Ppool(Instruction):
    """Pool output rows oy0..oy0+rows-1 of `chans` channels and finish them into pbuf; see `pwin`.

    The values are pooled as 16-bit integers: padding takes no part in a maximum, nor, unless
    incpad, in an average; an average is rounded half up. Then they are finished as `pgeo` says,
    which must state staged=1 and bias=0.
    """

    opcode = 0x0A
    unit = "ppu"
    op = Field(87, 87, "0: maximum, 1: average")
    incpad = Field(86, 86, "1: the average divides by R*S, padding included")
    src = Field(85, 69, "first pbuf word of the input band, [channel][row][column]", unit="words")
    dst = Field(68, 52, "first pbuf word of the results, [channel][row][column]", unit="words")
    chans = Field(51, 36, "channels")
    row0 = Field(35, 24, "first input row of the band", unit="rows")
    oy0 = Field(23, 12, "first output row", unit="rows")
    rows = Field(11, 0, "output rows", unit="rows")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the input band and the residual, write the results."""
        geo = registers[Pwin].values()
        out = Region("pbuf", 2 * self.dst, 2 * self.chans * self.rows * geo["OW"])
        band = Region("pbuf", 2 * self.src, band_bytes(geo, self.chans, self.oy0, self.rows))
        reads = (band, out) if registers[Pgeo].values()["residual"] else (band,)
        return Footprint(reads, (out,))


class Host(Instruction):
    """Drain the machine and run an ONNX fragment on the host, on tensors of the DRAM image."""

    opcode = 0x06
    unit = "host"
    fragment = Field(15, 0, "index of the fragment in the program")


class Halt(Instruction):
    """End the program; must be its last word."""

    opcode = 0x07
    unit = "host"


BASE_INSTRUCTIONS: tuple[type[Instruction], ...] = (
    Dim,
    Ld,
    St,
    Pgeo,
    Ppu,
    Host,
    Halt,
    Psrc,
    Pwin,
    Ppool,
)
