"""GoSPA: parameters and instructions (gospa sheet, sections 2 and 5).

What `gs.lda`, `gs.ldw`, `gs.run` and `gs.drn` touch on chip depends on the machine's parameters, so
their footprints count in what is handed over as a whole: a half of the activation buffer, a bank of
accumulators, a halfword of every PE's weight memory.
"""

from collections.abc import Mapping
from typing import Any

from ..base import ACCUMULATOR_BYTES, BASE_INSTRUCTIONS, BaseSpec
from ..encoding import Field, Instruction, InstructionSet, register
from ..errors import UsageError
from ..footprint import SELF_DELIMITING, Footprint, Region

CHUNK = 16
"""Columns of a chunk slot."""
CHUNK_BYTES = 2 * CHUNK
"""Bytes that a chunk slot has in the DRAM image, where values lie uncompressed."""
FEATURES = 64
"""Features of a fully connected layer that are folded into a channel (section 6, step 1)."""
MOST_TAPS = 128
"""Kernel positions (R*S) that a static sparsity filter has bits for."""


ANYWHERE = Region("wmem", 0, 1 << 12)
"""The streams that lie behind others: only the PEs know where."""


class GospaSpec(BaseSpec, frozen=True, kw_only=True):
    """GoSPA's parameters under the sheet's names (section 2)."""

    n_apu: int = 4
    """Activation processing units, rows of the PE array."""
    cols: int = 32
    """PEs per row, one multiplier each."""
    acc_entries: int = 64
    """Accumulators per PE and bank: outputs of a tile; there are two banks."""
    ring_entries: int = 2048
    """Activations in an APU's ring."""
    ring_slots: int = 16
    """Channels in an APU's ring."""
    bm_bits: int = 64
    """Bits of a box bitmap that an APU scans per cycle."""
    act_rd: int = 4
    """Non-zero activations that an APU reads per cycle."""
    pipe: int = 4
    """Cycles to fill and empty the pipeline, per `gs.run`."""
    act_half: int = 32768
    """Halfwords of an APU's activation buffer, each of two halves."""
    w_half: int = 1536
    """Halfwords of half a PE's weight memory."""
    acc_bits: int = 32
    """Accumulator width in bits; sums saturate when drained."""
    tile_ov: int = 16
    """Cost of a tile in the mapping search, beside its outputs."""
    sort_filters: int = 0
    """1: filters of similar non-zero count share a group; 0: natural order."""
    obuf: int = 0
    """Words of the output buffer; 0: both banks of all PEs."""
    MHZ: int = 800
    """Clock in MHz."""

    def __post_init__(self) -> None:
        BaseSpec.__post_init__(self)
        self.require("n_apu", 1, Cfg.a_s.maximum)
        self.require("cols", 1, Run.nf.maximum)
        self.require("acc_entries", 1, 1 << 10)
        self.require("ring_entries", 2, 1 << 24)
        self.require("ring_slots", 1, 1 << 16)
        self.require("bm_bits", 1, 1 << 16)
        self.require("act_rd", 1, 1 << 16)
        self.require("pipe", 0, 1 << 16)
        self.require("act_half", 2, 1 << 20)
        self.require("w_half", 1, Ldw.room.maximum)
        self.require("acc_bits", 16, 8 * ACCUMULATOR_BYTES)
        self.require("tile_ov", 0, 1 << 20)
        self.require("sort_filters", 0, 1)
        self.require("obuf", 0, Drn.oaddr.maximum + 1)
        self.require("MHZ", 1, 10000)
        if self.n_apu * self.cols > Run.nf.maximum:
            raise UsageError(
                f"n_apu*cols = {self.n_apu * self.cols} PEs are more than {Run.nf.maximum}",
                "configuration",
                "an instruction has eight bits for the filters of a run",
            )
        self.require("BCAP", 4 * self.n_apu * self.cols, 1 << 14)
        bank = self.n_apu * self.cols * self.acc_entries
        if self.obuf_words < bank:
            raise UsageError(
                f"obuf = {self.obuf_words} words do not hold the {bank} sums of a bank",
                "configuration",
            )

    @property
    def obuf_words(self) -> int:
        """32-bit words of the output buffer."""
        both = 2 * self.n_apu * self.cols * self.acc_entries
        return self.obuf or min(both, Drn.oaddr.maximum + 1)


class Map(Instruction):
    """Set how far rows and channels of the input lie apart in DRAM; takes a cycle of `ld`."""

    mnemonic = "gs.map"
    opcode = 0x10
    unit = "ld"
    is_config = True
    rowstr = Field(87, 76, "from one input row to the next", unit="chunk slots")
    chstr = Field(75, 52, "from one channel to the next", unit="chunk slots")


class Lda(Instruction):
    """Load a box of each of some channels, compressed, into a half of the activation buffers.

    Every row in the mask gets the same: channel by channel the box's bitmap, then its non-zero
    values. The DMA moves the masks of the chunks that the box touches, and its non-zero values.
    """

    mnemonic = "gs.lda"
    opcode = 0x11
    unit = "ld"
    rows = Field(87, 80, "mask of the rows that get the box")
    half = Field(79, 79, "half of the activation buffers")
    nch = Field(78, 66, "channels")
    bh = Field(65, 55, "rows of the box", unit="rows")
    bw = Field(54, 44, "columns of the box", unit="columns")
    x0 = Field(43, 40, "first column within its chunk", unit="columns")
    daddr = Field(27, 0, "chunk slot of the first channel, row and column", unit="chunk slots")

    @property
    def chunks(self) -> int:
        """Chunks of a row that the box touches."""
        return -(-(self.x0 + self.bw) // CHUNK)

    def source(self, rowstr: int, chstr: int) -> Region:
        """The chunk slots in DRAM."""
        dims = ((self.bh, CHUNK_BYTES * rowstr), (self.nch, CHUNK_BYTES * chstr))
        return Region("dram", CHUNK_BYTES * self.daddr, CHUNK_BYTES * self.chunks, dims)

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read DRAM from the first chunk slot to the last; write the half, of any row."""
        strides = register(registers, Map, self.mnemonic)
        source = self.source(strides.rowstr, strides.chstr)
        spanned = Region("dram", source.base, source.end - source.base)
        return Footprint((spanned,), (Region("act", self.half, 1),))


class Ldw(Instruction):
    """Load weight streams of `nf` filters and form the static sparsity filters of their groups.

    The stream of filter q goes to rows rk*as .. rk*as+as-1, rk = q div cols, in column q mod cols,
    from halfword `base` of the PE's weight memory on, or, with `behind`, behind the streams of
    `base` channels that begin at halfword 0, which end at another place in every PE.
    """

    mnemonic = "gs.ldw"
    opcode = 0x12
    unit = "ld"
    daddr = Field(87, 56, "first stream in DRAM", unit="halfwords")
    behind = Field(55, 55, "1: `base` counts channels, not halfwords")
    base = Field(54, 43, "first halfword of the weight memory", unit="halfwords")
    nch = Field(42, 30, "channels of a stream")
    nf = Field(29, 22, "filters")
    a_s = Field(21, 19, "rows that work on the same filters, the sheet's `as`")
    rs = Field(18, 11, "kernel positions (R*S)")
    room = Field(10, 0, "what the longest stream may take", unit="halfwords")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the streams, whose bitmaps tell their length; write their room in any PE."""
        del registers
        room = ANYWHERE if self.behind else Region("wmem", self.base, self.room)
        return Footprint((Region("dram", 2 * self.daddr, 1),), (room,))


class Cfg(Instruction):
    """Set a layer's geometry; takes a cycle of `pe`."""

    mnemonic = "gs.cfg"
    opcode = 0x13
    unit = "pe"
    is_config = True
    r = Field(87, 80, "kernel rows")
    s = Field(79, 72, "kernel columns")
    uh = Field(71, 68, "vertical stride")
    uw = Field(67, 64, "horizontal stride")
    dh = Field(63, 60, "vertical dilation")
    dw = Field(59, 56, "horizontal dilation")
    a_s = Field(55, 53, "rows that work on the same filters, the sheet's `as`")


class Tile(Instruction):
    """Set the geometry of tile rs of the tile set; takes a cycle of `pe`."""

    mnemonic = "gs.tile"
    opcode = 0x14
    unit = "pe"
    is_config = True
    rs = Field(87, 85, "which tile of the set")
    eh = Field(84, 77, "output rows", unit="rows")
    ew = Field(76, 69, "output columns", unit="columns")
    bh = Field(68, 58, "rows of the box", unit="rows")
    bw = Field(57, 47, "columns of the box", unit="columns")
    oh = Field(46, 39, "rows of padding above the box", unit="rows")
    ow = Field(38, 31, "columns of padding left of the box", unit="columns")

    @property
    def register(self) -> Any:
        """One register per tile of a set."""
        return (Tile, self.rs)

    @property
    def area(self) -> int:
        """Outputs of the tile."""
        return self.eh * self.ew


class Run(Instruction):
    """Multiply a chunk of channels: row rk*as+rs is active if cols*rk < nf and rs < nt.

    Rows do not depend on each other; the run ends with the last of them. `skip` and `over` let
    k-blocks that cut their chunks at different channels run on the same boxes.
    """

    mnemonic = "gs.run"
    opcode = 0x15
    unit = "pe"
    base = Field(87, 75, "first halfword of the weight memory", unit="halfwords")
    half = Field(74, 74, "half of the activation buffers")
    nch = Field(73, 61, "channels")
    bank = Field(60, 60, "bank of accumulators")
    clear = Field(59, 59, "1: set the bank to zero first")
    nf = Field(58, 51, "filters")
    nt = Field(50, 48, "tiles")
    skip = Field(47, 35, "channels that lie in the half before the chunk")
    over = Field(34, 22, "the chunk's last channels, that lie at the start of the other half")
    behind = Field(21, 21, "1: `base` counts channels, as that of `gs.ldw`")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the half and what `gs.ldw` wrote from `base` on; add to the bank."""
        del registers
        bank = Region("acc", self.bank, 1)
        halves = Region("act", 0, 2) if self.over else Region("act", self.half, 1)
        streams = ANYWHERE if self.behind else Region("wmem", self.base, SELF_DELIMITING)
        reads = (halves, streams)
        return Footprint(reads if self.clear else (*reads, bank), (bank,))


class Drn(Instruction):
    """Clip a bank's sums and move them to the output buffer, row by row: [filter][e][f]."""

    mnemonic = "gs.drn"
    opcode = 0x16
    unit = "drn"
    bank = Field(87, 87, "bank of accumulators")
    nf = Field(86, 79, "filters")
    nt = Field(78, 76, "tiles")
    oaddr = Field(75, 60, "first word of the output buffer", unit="words")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the bank, write the words of all active rows one after the other."""
        tiles = (register(registers, Tile, self.mnemonic, (Tile, rs)) for rs in range(self.nt))
        words = self.nf * sum(tile.area for tile in tiles)
        first, size = ACCUMULATOR_BYTES * self.oaddr, ACCUMULATOR_BYTES * words
        return Footprint((Region("acc", self.bank, 1),), (Region("obuf", first, size),))


MEMORIES = ("obuf", "pbuf", "bbuf")
"""The memories that `ld`, `st` and `ppu` address; the others have instructions of their own."""

ISA = InstructionSet(
    "gospa",
    2,
    (*BASE_INSTRUCTIONS, Map, Lda, Ldw, Cfg, Tile, Run, Drn),
    {"memories": MEMORIES},
)
