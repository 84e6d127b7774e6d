"""DaDianNao++: parameters and instructions (sheet sections 2 and 5; Bit-Tactical, section III).

Words of the activation memory, rows of the weight memory and windows of the partial-sum buffer are
counted in fields of the instructions; how many bytes they have follows from `ddn.cfg`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import msgspec

from ..base import BASE_INSTRUCTIONS, BaseSpec, Pgeo, transfer_dims
from ..encoding import Field, Instruction, InstructionSet, register
from ..errors import UsageError
from ..footprint import Footprint, Region
from .dadiannao_places import input_words

PLAIN, PACKED = 0, 1
"""Modes of the DMA instructions: values as they are, or as `isa.formats.ddn_words` codes them."""
SUM_BYTES = 6
"""A partial sum of up to 48 bits in the PB."""
HEADER_BYTES = 8
"""What WM keeps of each half: two int32, rows and slots."""

VARIANTS: Mapping[str, Mapping[str, int]] = {
    "ddn-2014": {"tiles": 16, "wm_rows": 4096, "am_words": 131072}
}
"""Named settings; ddn-2014 is the machine of the MICRO 2014 paper, the baseline of Cnvlutin."""


def variant(name: str) -> Mapping[str, int]:
    """The parameters of a published configuration.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in VARIANTS:
        known = ", ".join(VARIANTS)
        raise UsageError(f"dadiannao has no variant '{name}'", "--target", f"there is {known}")
    return VARIANTS[name]


class DadiannaoSpec(BaseSpec, frozen=True, kw_only=True):
    """DaDianNao++'s parameters under the sheet's names (section 2)."""

    P: int = 0
    """Elements per cycle through the PPU; 0: one per PE, tiles*pes."""
    tiles: int = 4
    """Tiles (T)."""
    pes: int = 16
    """Processing elements, or filters, per tile (k)."""
    lanes: int = 16
    """Weights and activations per PE and cycle (N)."""
    am_words: int = 131072
    """Words of `lanes` activations in the activation memory, all tiles together (`am`)."""
    wm_rows: int = 128
    """Rows of tiles*pes*lanes weights in the weight memory's two halves (`wm`)."""
    pb_windows: int = 256
    """Windows in a bank of the partial-sum buffer (`pb`), two banks per tile."""
    acc_bits: int = 48
    """Accumulator width in bits; sums saturate when written to PB."""
    fill: int = 4
    """Cycles to fill the pipeline, per `ddn.conv` and `ddn.post`."""
    wcomp: Literal["none", "rlc"] = "none"
    """Weights in DRAM: as they are, or run-length coded."""
    acomp: Literal["none", "group"] = "none"
    """Activations to and from DRAM: as they are, or with as few bits as a word needs."""
    MHZ: int = 1000
    """Clock in MHz."""

    def __post_init__(self) -> None:
        if not self.P:
            msgspec.structs.force_setattr(self, "P", self.tiles * self.pes)
        self.require("tiles", 1, Post.tiles.maximum)
        self.require("pes", 1, Ldw.slots.maximum // self.tiles)
        BaseSpec.__post_init__(self)
        self.require("lanes", 1, Cfg.lanes.maximum)
        self.require("am_words", 4, Lda.am.maximum + 1)
        self.require("wm_rows", 2, 2 * Conv.rows.maximum, 2)
        self.require("pb_windows", 1, Conv.nwin.maximum)
        self.require("acc_bits", 16, 8 * SUM_BYTES)
        self.require("fill", 0, 1 << 10)
        self.require("MHZ", 1, 10000)
        if self.warp_filters % self.lanes:
            raise UsageError(
                f"tiles*pes = {self.warp_filters} filters are no whole number of words of "
                f"lanes = {self.lanes} channels",
                "configuration",
                "the outputs of K filters must fill words of the activation memory",
            )
        if 4 * self.warp_filters > self.BCAP:
            raise UsageError(
                f"BCAP = {self.BCAP} bytes do not hold the biases of {self.warp_filters} filters",
                "configuration",
            )

    @property
    def warp_filters(self) -> int:
        """Filters of a warp."""
        return self.tiles * self.pes

    @property
    def word_bytes(self) -> int:
        """Bytes of a word of the activation memory, and of a PE's weights in a row."""
        return 2 * self.lanes

    @property
    def half_rows(self) -> int:
        """Rows of a half of WM, the most of a chunk."""
        return self.wm_rows // 2

    @property
    def half_bytes(self) -> int:
        """Bytes of a half of WM."""
        return self.half_rows * self.warp_filters * self.word_bytes

    @property
    def bank_bytes(self) -> int:
        """Bytes of a tile's bank of PB."""
        return self.pb_windows * self.pes * SUM_BYTES


class Cfg(Instruction):
    """State the shape of the machine that the program's addresses are for; another one traps."""

    mnemonic = "ddn.cfg"
    opcode = 0x10
    unit = "cu"
    is_config = True
    tiles = Field(87, 83, "tiles")
    pes = Field(82, 72, "PEs per tile")
    lanes = Field(71, 65, "lanes per PE", unit="values")
    rows = Field(64, 52, "rows of a half of WM", unit="rows")
    windows = Field(51, 42, "windows of a bank of PB", unit="windows")

    @classmethod
    @cache
    def of(cls, spec: DadiannaoSpec) -> "Cfg":
        """The shape of a machine of given parameters."""
        return cls(
            tiles=spec.tiles,
            pes=spec.pes,
            lanes=spec.lanes,
            rows=spec.half_rows,
            windows=spec.pb_windows,
        )

    @property
    def word_bytes(self) -> int:
        """Bytes of a word."""
        return 2 * self.lanes

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of WM, all tiles together."""
        return self.tiles * self.pes * self.word_bytes

    def half(self, index: int, rows: int, slots: int) -> Region:
        """The rows of a half of WM, as far as filters occupy it."""
        used, base = slots * self.word_bytes, index * self.rows * self.row_bytes
        if used == self.row_bytes or rows == 1:
            return Region("wm", base, rows * used)
        return Region("wm", base, used, ((rows, self.row_bytes),))

    def bank(self, index: int, windows: int, tiles: int) -> Region:
        """The words of a bank of PB, [tile][window][pe]."""
        bank_bytes = self.windows * self.pes * SUM_BYTES
        dims = ((tiles, 2 * bank_bytes),) if tiles > 1 else ()
        return Region("pb", index * bank_bytes, windows * self.pes * SUM_BYTES, dims)


class In(Instruction):
    """Set where the input tensor lies in AM: word base + ((n*h + y - y0)*w + x)*cb + block."""

    mnemonic = "ddn.in"
    opcode = 0x11
    unit = "cu"
    is_config = True
    base = Field(87, 71, "first word", unit="words")
    h = Field(70, 58, "rows of the image")
    w = Field(57, 45, "columns of the image")
    cb = Field(44, 34, "blocks of channels")
    img = Field(33, 26, "images")
    y0 = Field(25, 13, "image row stored first", unit="rows")
    pt = Field(12, 7, "rows of padding at the top")
    pl = Field(6, 1, "columns of padding at the left")


class Ker(Instruction):
    """Set the geometry of the windows."""

    mnemonic = "ddn.ker"
    opcode = 0x12
    unit = "cu"
    is_config = True
    kh = Field(87, 82, "kernel rows")
    kw = Field(81, 76, "kernel columns")
    sy = Field(75, 72, "vertical stride")
    sx = Field(71, 68, "horizontal stride")
    dy = Field(67, 63, "vertical dilation")
    dx = Field(62, 58, "horizontal dilation")
    oh = Field(57, 45, "output rows")
    ow = Field(44, 32, "output columns")


class Out(Instruction):
    """Set where the output tensor lies in AM: word base + (window - y0*ow)*fb + block."""

    mnemonic = "ddn.out"
    opcode = 0x13
    unit = "ppu"
    is_config = True
    base = Field(87, 71, "first word", unit="words")
    fb = Field(70, 60, "blocks of channels")
    oh = Field(59, 47, "output rows")
    ow = Field(46, 34, "output columns")
    y0 = Field(33, 21, "output row stored first", unit="rows")


class WordsForm(Instruction):
    """Runs of words between AM and DRAM."""

    am = Field(87, 71, "first word of AM", unit="words")
    words = Field(70, 51, "length of a run", unit="words")
    mode = Field(50, 49, "0: plain, 1: group precision")
    dram = Field(48, 9, "first DRAM address", unit="bytes")


class Lda(WordsForm):
    """Load runs of words from DRAM, laid one after the other, into AM; `dim` as for `ld`."""

    mnemonic = "ddn.lda"
    opcode = 0x14
    unit = "ld"

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the DRAM runs, write the words."""
        source, words = activation_regions(registers, self.values(), 0, self.mnemonic)
        return Footprint((source,), (words,))


class Sta(WordsForm):
    """Store consecutive words of AM as runs in DRAM; `dim` as for `st`."""

    mnemonic = "ddn.sta"
    opcode = 0x18
    unit = "st"

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the words, write the DRAM runs."""
        target, words = activation_regions(registers, self.values(), 1, self.mnemonic)
        return Footprint((words,), (target,))


def activation_regions(
    registers: Mapping[Any, Instruction], fields: Mapping[str, int], channel: int, user: str
) -> tuple[Region, Region]:
    """Both sides, DRAM's and AM's, of a transfer of words."""
    word = register(registers, Cfg, user).word_bytes
    run, dims = fields["words"] * word, transfer_dims(registers, channel)
    outside = Region("dram", fields["dram"], run, dims)
    return outside, Region("am", fields["am"] * word, outside.size_bytes)


class Ldw(Instruction):
    """Load a chunk of a warp's weights, [row][slot][lane], into a half of WM."""

    mnemonic = "ddn.ldw"
    opcode = 0x15
    unit = "ld"
    half = Field(87, 87, "half of WM")
    rows = Field(86, 74, "rows of the chunk")
    slots = Field(73, 63, "PEs that have a filter")
    mode = Field(62, 61, "0: plain, 1: run-length coded")
    dram = Field(60, 21, "DRAM address of the image", unit="bytes")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the image, write the half and its header; a coded image's own runs tell its end."""
        cfg = register(registers, Cfg, self.mnemonic)
        image = 1 if self.mode == PACKED else self.rows * self.slots * cfg.word_bytes
        header = Region("wmh", HEADER_BYTES * self.half, HEADER_BYTES)
        return Footprint(
            (Region("dram", self.dram, image),),
            (cfg.half(self.half, self.rows, self.slots), header),
        )


class Conv(Instruction):
    """Multiply the rows of a half of WM with windows win0..win0+nwin-1; the sums go to PB.

    Row r holds tap r / nb (kernel rows outermost) and channel block b0 + r % nb.
    """

    mnemonic = "ddn.conv"
    opcode = 0x16
    unit = "cu"
    half = Field(87, 87, "half of WM")
    first = Field(86, 86, "1: overwrite the sums in PB, 0: add to them")
    b0 = Field(85, 75, "first channel block of the warp")
    nb = Field(74, 64, "channel blocks of the warp")
    row0 = Field(63, 48, "first row", unit="rows")
    rows = Field(47, 35, "rows")
    win0 = Field(34, 11, "first window", unit="windows")
    nwin = Field(10, 1, "windows")
    bank = Field(0, 0, "bank of PB")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the half and the input rows; write the sums, add to them unless first.

        How many PEs have a filter stands in the half's header: all of them may have one.
        """
        cfg = register(registers, Cfg, self.mnemonic)
        weights = (
            Region("wmh", HEADER_BYTES * self.half, HEADER_BYTES),
            cfg.half(self.half, self.rows, cfg.tiles * cfg.pes),
        )
        ker = register(registers, Ker, self.mnemonic)
        return conv_footprint(registers, ker, self.values(), self.mnemonic, weights)


def conv_footprint(
    registers: Mapping[Any, Instruction],
    ker: Ker,
    conv: Mapping[str, int],
    user: str,
    weights: tuple[Region, ...],
) -> Footprint:
    """What a convolution touches: its weights, the input rows, the sums; these it adds to or not.

    Args:
        registers: The configuration.
        ker: The geometry.
        conv: Rows, blocks, windows and bank by the names of `ddn.conv`.
        user: The instruction, for errors.
        weights: Where the weights are.
    """
    cfg, inp = register(registers, Cfg, user), register(registers, In, user)
    low, high = input_words(inp.values(), ker.values(), conv)
    word = cfg.word_bytes
    sums = cfg.bank(conv["bank"], conv["nwin"], cfg.tiles)
    reads = (*weights, Region("am", (inp.base + low) * word, (high - low) * word))
    return Footprint(reads if conv["first"] else (*reads, sums), (sums,))


class Post(Instruction):
    """Finish the sums of a block of windows, as `pgeo` says, into AM.

    Slot s is channel fb0*lanes + s; lanes of the last word that have no filter become 0.
    """

    mnemonic = "ddn.post"
    opcode = 0x17
    unit = "ppu"
    fb0 = Field(87, 77, "first channel block of the warp")
    tiles = Field(76, 72, "tiles that have a filter")
    slots = Field(71, 61, "PEs that have a filter")
    win0 = Field(60, 37, "first window", unit="windows")
    nwin = Field(36, 27, "windows")
    bias = Field(26, 11, "first bbuf word", unit="words")
    act = Field(10, 7, "0: clip as pgeo says, 1: ReLU, the lower bound is at least 0")
    bank = Field(6, 6, "bank of PB")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the sums and the biases, write the output words."""
        cfg = register(registers, Cfg, self.mnemonic)
        reads = [cfg.bank(self.bank, self.nwin, self.tiles)]
        if register(registers, Pgeo, self.mnemonic).bias:
            reads.append(Region("bbuf", 4 * self.bias, 4 * self.slots))
        out = register(registers, Out, self.mnemonic)
        return Footprint(tuple(reads), (output_words(cfg, out.values(), self.values()),))


def output_words(cfg: Cfg, out: Mapping[str, int], post: Mapping[str, int]) -> Region:
    """The words of AM that a `ddn.post` writes."""
    word = cfg.word_bytes
    first = out["base"] + (post["win0"] - out["y0"] * out["ow"]) * out["fb"] + post["fb0"]
    run = -(-post["slots"] // cfg.lanes) * word
    dims = ((post["nwin"], out["fb"] * word),) if post["nwin"] > 1 else ()
    return Region("am", first * word, run, dims)


INSTRUCTIONS: tuple[type[Instruction], ...] = (Cfg, In, Ker, Out, Lda, Ldw, Conv, Post, Sta)
MEMORIES = ("pb", "pbuf", "bbuf")
"""SRAMs in the base instructions' table; am and wm are moved by instructions of their own."""

ISA = InstructionSet(
    "dadiannao",
    version=1,
    instructions=(*BASE_INSTRUCTIONS, *INSTRUCTIONS),
    symbols={"memories": MEMORIES},
)
