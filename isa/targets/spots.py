"""SPOTS: parameters and instructions (sheet sections 2 and 5; Rutgers DCS-TR-756)."""

from collections.abc import Mapping
from typing import Any, Literal

from ..base import BASE_INSTRUCTIONS, BaseSpec
from ..encoding import Field, Instruction, InstructionSet
from ..errors import UsageError
from ..footprint import SELF_DELIMITING, Footprint, Region
from ..window import WindowForm, band_bytes


class SpotsSpec(BaseSpec, frozen=True, kw_only=True):
    """SPOTS' parameters under the sheet's names (section 2)."""

    NR: int = 128
    """PE rows of the tall array."""
    NC: int = 4
    """PE columns, and patch units per IM2COL unit."""
    UNITS: int = 4
    """Arrays of NR/UNITS x NC, and IM2COL units, in split mode."""
    NREG: int = 4
    """Accumulators per PE: the most filters per PE row."""
    ACC: int = 24
    """Accumulator width in bits; sums saturate."""
    G: int = 8
    """Block height: filters per block, also the pruning group."""
    SPLIT_LT: int = 128
    """A filter tile with fewer filters uses split mode."""
    POLICY: Literal["paper", "best"] = "paper"
    """Tiling policy of section 6.2."""
    INBW: int = 4
    """New elements per cycle and IM2COL unit out of the Fmap SRAM."""
    SLOT: int = 128
    """Reduction indices per hand-over chunk."""
    FCAP: int = 512 * 1024
    """Fmap SRAM bytes (`fmap`)."""
    WCAP: int = 1024 * 1024
    """Filter SRAM bytes (`filter`)."""
    ICAP: int = 1024 * 1024
    """IM2COL result buffer bytes (two slots)."""
    OCAP: int = 1024 * 1024
    """Output and partial-sum buffer bytes (`obuf`)."""
    RCAP: int = 32 * 1024
    """Reserved buffer bytes, all units together."""
    REUSE: Literal[0, 1] = 1
    """0: naive IM2COL, every patch element read from the Fmap SRAM (Fig. 19)."""
    MHZ: int = 500
    """Clock in MHz."""
    psh: int | None = None
    """Product shift forced on every layer, in bits; None: chosen by calibration (section 6.4)."""

    def __post_init__(self) -> None:
        BaseSpec.__post_init__(self)
        self.require("NC", 1, 64)
        self.require("UNITS", 1, 16)
        self.require("NR", self.UNITS, 4096, self.UNITS)
        self.require("NREG", 1, 7)
        self.require("ACC", 18, 31)
        self.require("G", 1, 64)
        self.require("SPLIT_LT", 0, 1 << 14)
        self.require("INBW", 1, 1 << 10)
        self.require("SLOT", 1, 1023)
        self.require("FCAP", 16, 1 << 19, 16)
        self.require("WCAP", 16, 1 << 20, 16)
        self.require("ICAP", 16, 1 << 24, 16)
        self.require("OCAP", 16, 1 << 20, 16)
        self.require("RCAP", 0, 1 << 24)
        self.require("MHZ", 1, 10000)
        if self.NR * self.NREG > 1023:
            raise UsageError(
                f"NR*NREG = {self.NR * self.NREG} filters per tile exceed 1023",
                "configuration",
                "the Kt field of sgemm has 10 bits: choose a smaller NR or NREG",
            )
        if self.psh is not None:
            self.require("psh", 0, 15)


class Sgeo(WindowForm):
    """Set the geometry registers of the IM2COL units."""

    opcode = 0x10
    unit = "array"


class Sgemm(Instruction):
    """Set the tile registers of the array."""

    opcode = 0x11
    unit = "array"
    is_config = True
    split = Field(87, 87, "0: one NR x NC array, 1: UNITS arrays of NR/UNITS x NC")
    F = Field(86, 84, "filters per PE row")
    Kt = Field(83, 74, "filters of the tile")
    Ct = Field(73, 58, "input channels of the tile")
    Q = Field(57, 48, "channels per hand-over chunk")
    cres = Field(47, 32, "channels whose rows stay in the reserved buffer")
    psh = Field(31, 28, "right shift of each product, rounded", unit="bits")


class Conv(Instruction):
    """Compute output rows oy0..oy0+rows-1 of a tile: IM2COL, skip, multiply, add into the OBUF."""

    opcode = 0x12
    unit = "array"
    fm = Field(87, 72, "Fmap SRAM address of input row row0", unit="8 bytes")
    row0 = Field(71, 60, "first input row of the band", unit="rows")
    oy0 = Field(59, 48, "first output row", unit="rows")
    rows = Field(47, 36, "output rows", unit="rows")
    wt = Field(35, 19, "Filter SRAM address of the weight tile", unit="8 bytes")
    ob = Field(18, 1, "first OBUF word", unit="words")
    acc = Field(0, 0, "1: start from the OBUF's sums, 0: from zero")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the input band and the weight tile; write the sums, with acc read them too.

        The weight tile's own bitmaps tell its length.
        """
        geo, gemm = registers[Sgeo].values(), registers[Sgemm].values()
        sums = Region("obuf", 4 * self.ob, 4 * gemm["Kt"] * self.rows * geo["OW"])
        reads = [
            Region("fmap", 8 * self.fm, band_bytes(geo, gemm["Ct"], self.oy0, self.rows)),
            Region("filter", 8 * self.wt, SELF_DELIMITING),
        ]
        return Footprint((*reads, sums) if self.acc else tuple(reads), (sums,))


class Pool(Instruction):
    """Pool output rows oy0..oy0+rows-1 in the patch units; 16-bit values in OBUF words."""

    opcode = 0x13
    unit = "array"
    op = Field(87, 87, "0: maximum, 1: average")
    incpad = Field(86, 86, "1: the average divides by R*S, padding included")
    fm = Field(85, 70, "Fmap SRAM address of input row row0", unit="8 bytes")
    row0 = Field(69, 58, "first input row of the band", unit="rows")
    oy0 = Field(57, 46, "first output row", unit="rows")
    rows = Field(45, 34, "output rows", unit="rows")
    ob = Field(33, 16, "first OBUF word", unit="words")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the input band, write the pooled values."""
        geo, gemm = registers[Sgeo].values(), registers[Sgemm].values()
        return Footprint(
            (Region("fmap", 8 * self.fm, band_bytes(geo, gemm["Ct"], self.oy0, self.rows)),),
            (Region("obuf", 4 * self.ob, 4 * gemm["Ct"] * self.rows * geo["OW"]),),
        )


MEMORIES = ("obuf", "fmap", "filter", "pbuf", "bbuf")
"""SRAMs that `ld` and `st` can address; the PPU reads the first."""

ISA = InstructionSet(
    "spots",
    version=1,
    instructions=(*BASE_INSTRUCTIONS, Sgeo, Sgemm, Conv, Pool),
    symbols={"memories": MEMORIES},
)
