"""toydot's parameters and instructions."""

from typing import Any

from spcc.isa.base import BASE_INSTRUCTIONS, BaseSpec
from spcc.isa.encoding import Field, Instruction, InstructionSet
from spcc.isa.footprint import Footprint, Region
from spcc.isa.window import band_bytes


class ToydotSpec(BaseSpec, frozen=True, kw_only=True):
    """toydot's parameters."""

    M: int = 64  # multipliers
    CAP: int = 128 * 1024  # bytes of each of the memories act, wgt and acc

    def __post_init__(self) -> None:
        BaseSpec.__post_init__(self)
        self.require("M", 1, 1 << 16)
        self.require("CAP", 64, 1 << 19, multiple=16)


class Geo(Instruction):
    """Set the geometry of a layer."""

    opcode, unit, is_config = 0x10, "mac", True
    R = Field(87, 83, "kernel rows")
    S = Field(82, 78, "kernel columns")
    sh = Field(77, 74, "vertical stride")
    sw = Field(73, 70, "horizontal stride")
    dh = Field(69, 66, "vertical dilation")
    dw = Field(65, 62, "horizontal dilation")
    pt = Field(61, 58, "rows of padding at the top")
    pl = Field(57, 54, "columns of padding at the left")
    H = Field(53, 42, "input rows")
    W = Field(41, 30, "input columns")
    OW = Field(29, 18, "output columns")
    C = Field(17, 4, "channels of a filter")
    psh = Field(3, 0, "right shift of a sum, rounded half to even", unit="bits")


class Dot(Instruction):
    """Compute rows oy0..oy0+rows-1 of K outputs: dot products of C*R*S terms, M terms a cycle."""

    opcode, unit = 0x11, "mac"
    act = Field(87, 72, "address in act of the input band", unit="8 bytes")
    wgt = Field(71, 56, "address in wgt of the filters, [K][C][R][S]", unit="8 bytes")
    acc = Field(55, 39, "first word in acc of the sums, [K][rows][OW]", unit="words")
    oy0 = Field(38, 27, "first output row", unit="rows")
    rows = Field(26, 15, "output rows", unit="rows")
    K = Field(14, 0, "filters")

    def footprint(self, registers: Any) -> Footprint:
        """Read the input band and the filters, write the sums."""
        geo = registers[Geo].values()
        filters = 2 * self.K * geo["C"] * geo["R"] * geo["S"]
        band = Region("act", 8 * self.act, band_bytes(geo, geo["C"], self.oy0, self.rows))
        sums = Region("acc", 4 * self.acc, 4 * self.K * self.rows * geo["OW"])
        return Footprint((band, Region("wgt", 8 * self.wgt, filters)), (sums,))


MEMORIES = ("acc", "act", "wgt", "pbuf", "bbuf")
ISA = InstructionSet("toydot", 1, (*BASE_INSTRUCTIONS, Geo, Dot), {"memories": MEMORIES})
