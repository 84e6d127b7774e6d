"""Bit-Tactical's weight-skipping front end on DaDianNao++: parameters and instructions.

Sections 2 and 5 of the tct sheet; the rest of the machine is `dadiannao`'s.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from ..base import BASE_INSTRUCTIONS
from ..encoding import Field, Instruction, InstructionSet
from ..errors import UsageError
from ..footprint import Footprint, Region
from ..formats.tct_image import MOST_ENTRIES, ImageForm
from ..formats.tct_metadata import MetadataForm
from . import dadiannao as ddn
from .tct_connectivity import (
    MAX_AHEAD,
    MAX_ASIDE,
    UNBOUNDED_ADVANCE,
    Connection,
    code_bits,
    connections,
    parse_name,
    scan_order,
)

variant = parse_name
"""The parameters behind `tct:NAME`, a connectivity pattern as T8h2,5i."""
MAX_LANES = 64
"""The scheduler keeps a PE's row in a machine word."""
SYNCS = ("tile", "accel", "pe")
"""Which lanes share a row pointer; the number of each in `tct.cfg`."""
COUNT_BYTES, UNIT_BYTES = 4, 4
"""Of a half's headers on chip: the slots, then for each unit count:12, row0:20."""


class TctSpec(ddn.DadiannaoSpec, frozen=True, kw_only=True):
    """Bit-Tactical's parameters under the sheet's names (section 2), after those of dadiannao."""

    shape: Literal["T", "L"] = "T"
    """Connectivity: trident or L."""
    h: int = 2
    """Lookahead depth: rows ahead from which a lane takes its own weights."""
    d: int = 5
    """Lookaside connections, to other lanes."""
    order: Literal["ahead", "ahead_far", "aside", "near"] = "ahead"
    """Order in which the scheduler tries connections."""
    scheduler: Literal["alg2", "alg2_one", "greedy"] = "alg2"
    """Algorithm 2; with one promotion per PE and pass; without counting candidates."""
    sync: Literal["tile", "accel", "pe"] = "tile"
    """Lanes that share a row pointer."""
    adv_max: int | None = None
    """Most rows that the window advances per cycle; 0: 256; none: h + 1."""
    shuffle: Literal["off", "on"] = "off"
    """Filters sorted by non-zero weights before they are cut into warps."""

    def __post_init__(self) -> None:
        ddn.DadiannaoSpec.__post_init__(self)
        self.require("h", 0, MAX_AHEAD)
        self.require("d", 0, MAX_ASIDE)
        self.require("lanes", 1, MAX_LANES)
        self.require("wm_rows", 2, 2 * MOST_ENTRIES, 2)
        if self.adv_max is not None:
            self.require("adv_max", 0, UNBOUNDED_ADVANCE)
        if self.d and not self.h:
            raise UsageError(
                f"d = {self.d} lookasides need rows ahead, but h = 0",
                "configuration",
                "choose h >= 1 or d = 0",
            )
        widest = max((abs(pair.aside) for pair in self.pairs), default=0)
        if widest >= self.lanes:
            raise UsageError(
                f"a lookaside of {widest} lanes does not fit PEs of lanes = {self.lanes}",
                "configuration",
                "choose a smaller d or more lanes",
            )
        form, units = self.image_form, self.unit_slots(self.warp_filters)
        largest = form.most_bytes(units, self.half_rows)
        if largest > Ldw.bytes.maximum:
            raise UsageError(
                f"the image of a chunk may have {largest} bytes, more than {Ldw.bytes.maximum}",
                "configuration",
                "choose fewer wm_rows",
            )

    @property
    def pairs(self) -> tuple[Connection, ...]:
        """The connections; the select code of one is 1 + its index."""
        return connections(self.shape, self.h, self.d)

    @property
    def scan(self) -> tuple[int, ...]:
        """Indices of the connections in the order in which they are tried."""
        return scan_order(self.pairs, self.order)

    @property
    def advance(self) -> int:
        """Most rows that the window advances from one entry to the next."""
        if self.adv_max is None:
            return self.h + 1
        return self.adv_max or UNBOUNDED_ADVANCE

    @property
    def image_form(self) -> ImageForm:
        """What all weight images have in common."""
        return ImageForm(self.lanes, len(self.pairs), self.advance, self.wcomp == "rlc")

    @property
    def metadata_form(self) -> MetadataForm:
        """What all words of MM have in common."""
        return metadata_form(ddn.Cfg.of(self), Cfg.of(self))

    def unit_slots(self, slots: int) -> tuple[int, ...]:
        """Slots of each unit of a warp with so many filters."""
        return unit_slots(ddn.Cfg.of(self), SYNCS.index(self.sync), slots)


class Cfg(Instruction):
    """State the front end that the program's images are for; another one traps."""

    mnemonic = "tct.cfg"
    opcode = 0x20
    unit = "cu"
    is_config = True
    h = Field(87, 85, "lookahead depth", unit="rows")
    ni = Field(84, 81, "connections")
    wsb = Field(80, 78, "width of a select code", unit="bits")
    alcb = Field(77, 74, "width of an advance code", unit="bits")
    adv = Field(73, 65, "largest advance", unit="rows")
    sync = Field(64, 63, "lanes that share a row pointer; 0: tile, 1: all, 2: PE")

    @classmethod
    @cache
    def of(cls, spec: TctSpec) -> "Cfg":
        """The front end of given parameters."""
        return cls(
            h=spec.h,
            ni=len(spec.pairs),
            wsb=code_bits(1 + len(spec.pairs)),
            alcb=code_bits(spec.advance),
            adv=spec.advance,
            sync=SYNCS.index(spec.sync),
        )


class Mux(Instruction):
    """Set the connection behind a select code."""

    mnemonic = "tct.mux"
    opcode = 0x21
    unit = "cu"
    is_config = True
    idx = Field(87, 84, "select code")
    ahead = Field(83, 80, "rows ahead", unit="rows")
    aside = Field(79, 74, "lanes aside, modulo the lanes of the PE", unit="lanes", signed=True)

    @property
    def register(self) -> Any:
        """One register per select code."""
        return (Mux, self.idx)


class Ldw(Instruction):
    """Load the entries of a (warp, chunk): weights into a half of WM, selects and advances into MM.

    The image says how many entries each unit has; see the tct image format.
    """

    mnemonic = "tct.ldw"
    opcode = 0x22
    unit = "ld"
    half = Field(87, 87, "half of WM and MM")
    units = Field(86, 76, "row pointers of the warp")
    slots = Field(75, 65, "PEs that have a filter")
    bytes = Field(64, 41, "length of the image", unit="bytes")
    mode = Field(40, 40, "0: plain, 1: run-length coded")
    dram = Field(39, 0, "DRAM address of the image", unit="bytes")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the image; write the halves, of which it may fill all rows, and the headers."""
        ddn_cfg = ddn.register(registers, ddn.Cfg, self.mnemonic)
        form = metadata_form(ddn_cfg, ddn.register(registers, Cfg, self.mnemonic))
        return Footprint(
            (Region("dram", self.dram, self.bytes),),
            (
                ddn_cfg.half(self.half, ddn_cfg.rows, self.slots),
                metadata_half(ddn_cfg, form, self.half),
                headers(ddn_cfg, self.half, self.units),
            ),
        )


class Conv(Instruction):
    """Multiply a chunk's entries with windows win0..win0+nwin-1; the sums go to PB.

    Row r holds tap r / nb (kernel rows outermost) and channel block b0 + r % nb.
    """

    mnemonic = "tct.conv"
    opcode = 0x23
    unit = "cu"
    half = Field(87, 87, "half of WM and MM")
    first = Field(86, 86, "1: overwrite the sums in PB, 0: add to them")
    b0 = Field(85, 75, "first channel block of the warp")
    nb = Field(74, 64, "channel blocks of the warp")
    win0 = Field(63, 40, "first window", unit="windows")
    nwin = Field(39, 30, "windows")
    bank = Field(29, 29, "bank of PB")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        """Read the halves, the headers and the input rows; write the sums, add unless first.

        The headers say how many entries there are and for how many slots: up to all of them.
        """
        cfg = ddn.register(registers, ddn.Cfg, self.mnemonic)
        form = metadata_form(cfg, ddn.register(registers, Cfg, self.mnemonic))
        slots = cfg.tiles * cfg.pes
        weights = (
            headers(cfg, self.half, slots),
            cfg.half(self.half, cfg.rows, slots),
            metadata_half(cfg, form, self.half),
        )
        ker = ddn.register(registers, ddn.Ker, self.mnemonic)
        every_row = self.over_every_row(ker.values())
        return ddn.conv_footprint(registers, ker, every_row, self.mnemonic, weights)

    def over_every_row(self, ker: Mapping[str, int]) -> dict[str, int]:
        """The fields of a `ddn.conv` over all rows of the filters, of which a chunk may have any.

        Args:
            ker: Values of `ddn.ker`.
        """
        return {**self.values(), "row0": 0, "rows": ker["kh"] * ker["kw"] * self.nb}


def metadata_form(cfg: ddn.Cfg, front: Cfg) -> MetadataForm:
    """What a word of MM is made of."""
    pointers = cfg.pes if SYNCS[front.sync] == "pe" else 1
    return MetadataForm(cfg.pes, cfg.lanes, front.wsb, front.alcb, pointers)


def metadata_half(cfg: ddn.Cfg, form: MetadataForm, half: int) -> Region:
    """A half of MM: [row][tile] words."""
    size = cfg.rows * cfg.tiles * form.word_bytes
    return Region("mm", half * size, size)


def headers(cfg: ddn.Cfg, half: int, units: int) -> Region:
    """The headers of a half's units, behind the number of its slots."""
    size = COUNT_BYTES + UNIT_BYTES * cfg.tiles * cfg.pes
    return Region("uh", half * size, COUNT_BYTES + UNIT_BYTES * units)


def unit_slots(cfg: ddn.Cfg, sync: int, slots: int) -> tuple[int, ...]:
    """Slots of each unit of a warp with so many filters."""
    size = {"tile": cfg.pes, "accel": cfg.tiles * cfg.pes, "pe": 1}[SYNCS[sync]]
    return tuple(min(size, slots - at) for at in range(0, slots, size))


INSTRUCTIONS: tuple[type[Instruction], ...] = (
    *(cls for cls in ddn.INSTRUCTIONS if cls not in (ddn.Ldw, ddn.Conv)),
    *(Cfg, Mux, Ldw, Conv),
)

ISA = InstructionSet(
    "tct",
    version=1,
    instructions=(*BASE_INSTRUCTIONS, *INSTRUCTIONS),
    symbols={"memories": ddn.MEMORIES},
)
