"""SparTen: parameters and instructions (sparten sheet, sections 2 and 5).

Positions are the outputs (image, row, column) of a layer, row-major, cut into `as` contiguous
shares. Cluster (q, z) works on share q and on filter set z of a batch of `clusters / as` sets.
"""

from collections.abc import Mapping
from typing import Any, Literal

from ..base import BASE_INSTRUCTIONS, BaseSpec, transfer_dims
from ..encoding import Field, Instruction, InstructionSet, register
from ..footprint import Footprint, Region
from .sparten_shape import Shape

GB_CODES: Mapping[str, int] = {"none": 0, "S": 1, "H": 2}
"""The field `gb` of `sp.cfg` by the parameter's value."""
PER_CHUNK = GB_CODES["H"]
"""Filters change their CU from chunk to chunk."""
DRAIN_VALUES = 32
"""Sums per cycle and cluster share through `sp.drn`."""


class SpartenSpec(BaseSpec, frozen=True, kw_only=True):
    """SparTen's parameters under the sheet's names (section 2)."""

    clusters: int = 4
    """Clusters, which work in parallel."""
    cus: int = 32
    """Compute units per cluster, one multiplier each."""
    chunk: int = 128
    """Values of a chunk, mask bits."""
    gb: Literal["H", "S", "none"] = "H"
    """Greedy balancing: per chunk, per whole filter, none."""
    join_lat: int = 1
    """Cycles of a join without a match."""
    join_bubble: int = 1
    """Cycles between two joins of a CU."""
    bus_bits: int = 256
    """Bits per cycle of a cluster's broadcast."""
    perm_bw: int = 32
    """Psums per cycle through the permutation network."""
    pipe: int = 6
    """Cycles to fill and empty the pipeline, per run."""
    pos_block: int = 64
    """Positions per cluster and run, at most."""
    ibuf_bytes: int = 262144
    """Bytes of each half of a cluster's input memory."""
    fbuf_bytes: int = 16384
    """Bytes of each half of a CU's filter memory."""
    acc_bits: int = 32
    """Accumulator width in bits; sums are clipped when drained."""
    obuf_bytes: int = 131072
    """Bytes of the output buffer, used half by half; not in the sheet."""
    MHZ: int = 800
    """Clock in MHz."""

    def __post_init__(self) -> None:
        BaseSpec.__post_init__(self)
        self.require("clusters", 1, Lda.q.maximum)
        self.require("cus", 1, Ldf.nf.maximum // 2)
        self.require("chunk", 1, Shape.chunk.maximum)
        for name in ("join_lat", "join_bubble", "pipe"):
            self.require(name, 0, 1 << 10)
        for name in ("bus_bits", "perm_bw"):
            self.require(name, 1, 1 << 16)
        self.require("pos_block", 1, Run.np.maximum)
        self.require("ibuf_bytes", 1, Shape.ibuf.maximum)
        self.require("fbuf_bytes", 1, Shape.fbuf.maximum)
        self.require("acc_bits", 16, 32)
        block = 4 * self.clusters * self.pos_block * self.set_filters
        self.require("obuf_bytes", block, 4 * (Drn.oaddr.maximum + 1), 4)
        self.require("PCAP", 4 * self.set_filters, 1 << 17)
        self.require("BCAP", 4 * self.clusters * self.set_filters, 1 << 14)
        self.require("MHZ", 1, 10000)

    @property
    def set_filters(self) -> int:
        """Filters of a full set."""
        return self.cus if self.gb == "none" else 2 * self.cus


class Cfg(Instruction):
    """Set a layer's geometry."""

    mnemonic = "sp.cfg"
    opcode = 0x11
    unit = "cl"
    is_config = True
    r = Field(87, 80, "kernel rows")
    s = Field(79, 72, "kernel columns")
    uh = Field(71, 68, "vertical stride")
    uw = Field(67, 64, "horizontal stride")
    dh = Field(63, 60, "vertical dilation")
    dw = Field(59, 56, "horizontal dilation")
    pt = Field(55, 50, "rows of padding at the top")
    pl = Field(49, 44, "columns of padding at the left")
    nc = Field(43, 32, "chunks of a pixel's channels")
    gb = Field(31, 30, "balancing, 0: none, 1: per filter, 2: per chunk")
    # The sheet's name for the shares is a keyword of Python.
    vars()["as"] = Field(29, 26, "shares of the positions")
    cg = Field(25, 6, "channels of a pixel, in this group")


class Map(Instruction):
    """Set the sizes of the maps."""

    mnemonic = "sp.map"
    opcode = 0x12
    unit = "cl"
    is_config = True
    h = Field(87, 76, "input rows")
    w = Field(75, 64, "input columns")
    e = Field(63, 52, "output rows")
    f = Field(51, 40, "output columns")
    n = Field(39, 28, "images")


def shares(registers: Mapping[Any, Instruction], user: str) -> int:
    """How many shares the positions are cut into."""
    return register(registers, Cfg, user).values()["as"]


def dense_rows(
    registers: Mapping[Any, Instruction], channel: int, address: int, run: int
) -> Region:
    """The positions of a transfer in DRAM, as the channel's `dim` registers stand."""
    dims = transfer_dims(registers, channel)
    while dims and dims[0][1] == run:
        run, dims = run * dims[0][0], dims[1:]
    return Region("dram", address, run, dims)


class Lda(Instruction):
    """Make chunk records of input rows row0.. of an image, full width, for all clusters of a share.

    The positions (pixels) of the dense image lie as `dim` says, `cg` values each. Only masks and
    nonzeros are moved.
    """

    mnemonic = "sp.lda"
    opcode = 0x13
    unit = "ld"
    daddr = Field(87, 48, "first value of the first row in DRAM", unit="bytes")
    row0 = Field(47, 36, "first input row")
    rows = Field(35, 24, "input rows", unit="rows")
    img = Field(23, 12, "image")
    half = Field(11, 11, "half of the input memory")
    q = Field(10, 7, "share")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the positions, write their records."""
        shape = register(registers, Shape, self.mnemonic)
        cfg, geo = (register(registers, cls, self.mnemonic) for cls in (Cfg, Map))
        pixel = pixel_bytes(shape, cfg.values()["nc"], cfg.values()["cg"])
        size = min(self.rows * geo.values()["w"] * pixel, shape.ibuf)
        source = dense_rows(registers, 0, self.daddr, 2 * cfg.values()["cg"])
        return Footprint((source,), (shape.slot("ibuf", self.q, self.half, size),))


def pixel_bytes(shape: Shape, nc: int, cg: int) -> int:
    """Room that a pixel's records need in the input memory."""
    return nc * shape.mask_bytes + 2 * cg


class Asg(Instruction):
    """Load a set's table: each filter's output (16 bits), then a row of CUs (8 bits) per chunk.

    Unless filters change their CU from chunk to chunk, one row serves all chunks.
    """

    mnemonic = "sp.asg"
    opcode = 0x14
    unit = "ld"
    daddr = Field(87, 48, "the table in DRAM", unit="bytes")
    lo = Field(47, 36, "first chunk of the segment")
    hi = Field(35, 24, "one past its last chunk")
    nf = Field(23, 16, "filters of the set")
    z = Field(15, 12, "set of the batch")
    half = Field(11, 11, "half of the filter memories")

    def table_bytes(self, is_per_chunk: bool) -> int:
        """Bytes of the table."""
        rows = max(0, self.hi - self.lo) if is_per_chunk else 1
        return self.nf * (2 + rows)

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the table, write it."""
        shape = register(registers, Shape, self.mnemonic)
        is_per_chunk = register(registers, Cfg, self.mnemonic).values()["gb"] == PER_CHUNK
        table = Region("dram", self.daddr, self.table_bytes(is_per_chunk))
        return Footprint((table,), (shape.slot("asg", self.z, self.half),))


class Ldf(Instruction):
    """Load the records of chunks lo..hi-1 of a set's filters to the CUs that its table names.

    Filter after filter, chunks ascending; the records' own masks tell their lengths.
    """

    mnemonic = "sp.ldf"
    opcode = 0x15
    unit = "ld"
    daddr = Field(87, 48, "the records in DRAM", unit="bytes")
    lo = Field(47, 36, "first chunk of the segment")
    hi = Field(35, 24, "one past its last chunk")
    nf = Field(23, 16, "filters of the set")
    z = Field(15, 12, "set of the batch")
    half = Field(11, 11, "half of the filter memories")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the records and the table, write the filter memories."""
        shape = register(registers, Shape, self.mnemonic)
        source = Region("dram", self.daddr, 1)
        table = shape.slot("asg", self.z, self.half)
        return Footprint((source, table), (shape.slot("fbuf", self.z, self.half),))


class Run(Instruction):
    """Join a block of each share with a segment of each set, on all clusters.

    A set's segment is what `sp.ldf` loaded, inside lo..hi-1. A share is cut where an image ends,
    and every np positions from there: the block is its block p0 / np, which begins p0 positions
    behind the share's start unless an image ended before.
    """

    mnemonic = "sp.run"
    opcode = 0x16
    unit = "cl"
    p0 = Field(87, 64, "number of the block, times np")
    np = Field(63, 57, "positions of a block")
    lo = Field(56, 45, "first chunk")
    hi = Field(44, 33, "one past the last chunk")
    clear = Field(32, 32, "1: psums start at 0")
    last = Field(31, 31, "1: the psums are then complete, and `sp.drn` may have them")
    half = Field(30, 30, "half of the input memories")
    hf = Field(29, 29, "half of the filter memories")
    bank = Field(28, 28, "bank of the psums")
    sets = Field(27, 12, "bit z: set z takes part")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the records and the tables; write psums, add to them unless clear."""
        shape = register(registers, Shape, self.mnemonic)
        count = shares(registers, self.mnemonic)
        taking = [z for z in range(Run.sets.bits) if self.sets >> z & 1]
        reads = [shape.slot("ibuf", q, self.half) for q in range(count)]
        reads += [shape.slot(name, z, self.hf) for z in taking for name in ("fbuf", "asg")]
        sums = [shape.slot("psum", z * count + q, self.bank) for z in taking for q in range(count)]
        return Footprint((*reads, *sums) if not self.clear else tuple(reads), tuple(sums))


class Drn(Instruction):
    """Clip the psums of a set, in all shares, and write them to the output buffer.

    The filters are put in the order of their outputs: [share][position][filter], 32 bits.
    """

    mnemonic = "sp.drn"
    opcode = 0x17
    unit = "drn"
    p0 = Field(87, 64, "number of the block, times np")
    np = Field(63, 57, "positions of a block")
    z = Field(56, 53, "set of the batch")
    oaddr = Field(52, 37, "first word of the output buffer", unit="words")
    nf = Field(36, 29, "filters of the set")
    bank = Field(28, 28, "bank of the psums")
    half = Field(27, 27, "half of the tables")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the psums and the table, write the sums."""
        shape = register(registers, Shape, self.mnemonic)
        count = shares(registers, self.mnemonic)
        sums = [shape.slot("psum", self.z * count + q, self.bank) for q in range(count)]
        words = count * self.np * self.nf
        return Footprint(
            (*sums, shape.slot("asg", self.z, self.half)),
            (Region("obuf", 4 * self.oaddr, 4 * words),),
        )


class Sto(Instruction):
    """Store finished values [filter][position] from pbuf, each to its output channel.

    The filters are those of a set in the order of their outputs; the positions lie as `dim` of
    `st` says, and a group's channels side by side.
    """

    mnemonic = "sp.sto"
    opcode = 0x18
    unit = "st"
    addr = Field(87, 71, "first pbuf word", unit="words")
    nf = Field(70, 63, "filters of the set")
    z = Field(62, 59, "set of the batch")
    half = Field(58, 58, "half of the tables")
    row = Field(57, 42, "output channels of the group")
    daddr = Field(41, 2, "the group's first channel of the first position", unit="bytes")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the values and the table, write among the group's channels."""
        shape = register(registers, Shape, self.mnemonic)
        target = dense_rows(registers, 1, self.daddr, 2 * self.row)
        words = values_of(registers, 1, self.addr, self.nf)
        return Footprint((words, shape.slot("asg", self.z, self.half)), (target,))


class Ldr(Instruction):
    """Load the residual operands of a set's values into pbuf, [filter][position]; see `sp.sto`."""

    mnemonic = "sp.ldr"
    opcode = 0x19
    unit = "ld"
    addr = Field(87, 71, "first pbuf word", unit="words")
    nf = Field(70, 63, "filters of the set")
    z = Field(62, 59, "set of the batch")
    half = Field(58, 58, "half of the tables")
    row = Field(57, 42, "output channels of the group")
    daddr = Field(41, 2, "the group's first channel of the first position", unit="bytes")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read among the group's channels, and the table; write pbuf."""
        shape = register(registers, Shape, self.mnemonic)
        source = dense_rows(registers, 0, self.daddr, 2 * self.row)
        words = values_of(registers, 0, self.addr, self.nf)
        return Footprint((source, shape.slot("asg", self.z, self.half)), (words,))


def values_of(
    registers: Mapping[Any, Instruction], channel: int, word: int, filters: int
) -> Region:
    """The words of pbuf that a transfer of some filters' values touches."""
    count = filters
    for repeat, _ in transfer_dims(registers, channel):
        count *= repeat
    return Region("pbuf", 2 * word, 2 * count)


MEMORIES = ("obuf", "pbuf", "bbuf")
"""What `ld` and `st` can address; the clusters' own memories are filled by `sp.*`."""
ISA = InstructionSet(
    "sparten",
    1,
    (*BASE_INSTRUCTIONS, Shape, Cfg, Map, Lda, Asg, Ldf, Run, Drn, Sto, Ldr),
    {"memories": MEMORIES},
)
