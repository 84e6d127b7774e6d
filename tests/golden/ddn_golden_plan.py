"""How `dadiannao` cuts a layer: warps, rows, passes, blocks, chunks (sheet, section 4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Rows = list[list[list[int]]]
"""[rows][slots][lanes]."""


@dataclass(frozen=True)
class Machine:
    """The parameters of sheet section 2, under the names given there."""

    tiles: int = 4
    pes: int = 16
    lanes: int = 16
    wm_rows: int = 128
    pb_windows: int = 256
    am_words: int = 131072
    acc_bits: int = 48
    fill: int = 4
    wcomp: str = "none"
    acomp: str = "none"

    @property
    def K(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Filters of a full warp."""
        return self.tiles * self.pes

    @property
    def chunk_rows(self) -> int:
        """Rows of half a weight memory."""
        return self.wm_rows // 2


@dataclass(frozen=True)
class Shape:
    """A convolution: x [n][C][H][W], w [F][Cg][KH][KW]; pads top, left, bottom, right."""

    n: int
    C: int
    H: int
    W: int
    F: int
    KH: int
    KW: int
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        assert self.C % self.groups == self.F % self.groups == 0
        assert self.OH > 0
        assert self.OW > 0

    @property
    def Cg(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Channels of a group."""
        return self.C // self.groups

    @property
    def OH(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Output rows."""
        (top, _, bottom, _) = self.pads
        return (self.H + top + bottom - (self.KH - 1) * self.dilation[0] - 1) // self.stride[0] + 1

    @property
    def OW(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Output columns."""
        (_, left, _, right) = self.pads
        return (self.W + left + right - (self.KW - 1) * self.dilation[1] - 1) // self.stride[1] + 1

    @property
    def windows(self) -> int:
        """Windows of all images."""
        return self.n * self.OH * self.OW

    def place(self, window: int) -> tuple[int, int, int]:
        """Give image, output row and output column of a window."""
        image, rest = divmod(window, self.OH * self.OW)
        return image, rest // self.OW, rest % self.OW

    def tap(self, window: int, ky: int, kx: int) -> tuple[int, int] | None:
        """Give the input row and column under a tap, None in the padding."""
        _, oy, ox = self.place(window)
        y = oy * self.stride[0] - self.pads[0] + ky * self.dilation[0]
        x = ox * self.stride[1] - self.pads[1] + kx * self.dilation[1]
        return (y, x) if 0 <= y < self.H and 0 <= x < self.W else None


@dataclass(frozen=True)
class Warp:
    """Filters that the PEs work on at the same time.

    Attributes:
        filters: the filter of every slot.
        b0, nb: first channel block and number of channel blocks.
        rows: [R][nf][N] weights, padding included; row (ky*KW + kx)*nb + j.
    """

    index: int
    filters: list[int]
    b0: int
    nb: int
    rows: Rows

    @property
    def nf(self) -> int:
        """Slots that have a filter."""
        return len(self.filters)

    @property
    def R(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Rows."""
        return len(self.rows)

    def tap_of(self, row: int, KW: int) -> tuple[int, int, int]:
        """Give ky, kx and the channel block of a row."""
        tap, block = divmod(row, self.nb)
        return tap // KW, tap % KW, self.b0 + block


@dataclass(frozen=True)
class Pass:
    """What is on chip at the same time: output rows of some images and the input rows they need.

    Attributes:
        images: images of the pass.
        out_rows: output rows of each image.
        in_rows: input rows of each image; empty if the strip lies in the padding.
        windows: window numbers.
    """

    images: range
    out_rows: range
    in_rows: range
    windows: range


def blocks_of(count: int, lanes: int) -> int:
    """Channel blocks of a tensor."""
    return -(-count // lanes)


def active_tiles(machine: Machine, nf: int) -> int:
    """Tiles that have a filter."""
    return -(-nf // machine.pes)


def warp_of(machine: Machine, shape: Shape, w: Ints, index: int, filters: list[int]) -> Warp:
    """Build the rows of one warp (section 4, rule 2)."""
    N, Cg = machine.lanes, shape.Cg
    group_of = [f // (shape.F // shape.groups) for f in filters]
    touched = {c for g in group_of for c in range(g * Cg, (g + 1) * Cg)}
    b0 = min(touched) // N
    nb = max(touched) // N - b0 + 1
    rows: Rows = []
    for ky in range(shape.KH):
        for kx in range(shape.KW):
            for j in range(nb):
                row = [[0] * N for _ in filters]
                for s, (f, g) in enumerate(zip(filters, group_of, strict=True)):
                    for lane in range(N):
                        c = (b0 + j) * N + lane
                        if g * Cg <= c < (g + 1) * Cg:
                            row[s][lane] = int(w[f, c - g * Cg, ky, kx])
                rows.append(row)
    return Warp(index, filters, b0, nb, rows)


def warps(
    machine: Machine, shape: Shape, w: Ints, order: Sequence[int] | None = None
) -> list[Warp]:
    """Cut the filters, in the given order, into warps (section 4, rule 1)."""
    filters = list(range(shape.F)) if order is None else list(order)
    return [
        warp_of(machine, shape, w, index, filters[at : at + machine.K])
        for index, at in enumerate(range(0, shape.F, machine.K))
    ]


def is_resident(machine: Machine, shape: Shape) -> bool:
    """Whether input and output each fit half of the AM (section 4, rule 3)."""
    half = machine.am_words // 2
    CB, FB = (blocks_of(count, machine.lanes) for count in (shape.C, shape.F))
    return shape.n * shape.H * shape.W * CB <= half and shape.windows * FB <= half


def strip_rows(machine: Machine, shape: Shape) -> int:
    """Largest number of output rows of a strip; raises ValueError if one does not fit."""
    quarter = machine.am_words // 4
    CB, FB = (blocks_of(count, machine.lanes) for count in (shape.C, shape.F))

    def fits(SH: int) -> bool:
        span = (SH - 1) * shape.stride[0] + (shape.KH - 1) * shape.dilation[0] + 1
        return min(shape.H, span) * shape.W * CB <= quarter and quarter >= shape.OW * FB * SH

    fitting = [SH for SH in range(1, shape.OH + 1) if fits(SH)]
    if not fitting:
        raise ValueError("one output row does not fit a quarter of the AM")
    return max(fitting)


def passes(machine: Machine, shape: Shape) -> list[Pass]:
    """One pass with everything, or strips image by image."""
    if is_resident(machine, shape):
        return [Pass(range(shape.n), range(shape.OH), range(shape.H), range(shape.windows))]
    SH = strip_rows(machine, shape)
    found: list[Pass] = []
    for image in range(shape.n):
        for o0 in range(0, shape.OH, SH):
            o1 = min(shape.OH, o0 + SH)
            y0 = max(0, o0 * shape.stride[0] - shape.pads[0])
            last = (o1 - 1) * shape.stride[0] - shape.pads[0]
            y1 = min(shape.H - 1, last + (shape.KH - 1) * shape.dilation[0]) + 1
            base = image * shape.OH
            windows = range((base + o0) * shape.OW, (base + o1) * shape.OW)
            in_rows = range(y0, y1) if y1 > y0 else range(0)
            found.append(Pass(range(image, image + 1), range(o0, o1), in_rows, windows))
    return found


def blocks(machine: Machine, windows: range) -> list[range]:
    """Consecutive windows, as many as the PB holds (section 4, rule 4)."""
    size = machine.pb_windows
    return [windows[at : at + size] for at in range(0, len(windows), size)]


@dataclass
class Residency:
    """Which two chunks the WM holds: the older one is overwritten."""

    held: list[tuple[int, int] | None] = field(default_factory=lambda: [None, None])
    next_half: int = 0

    def claim(self, chunk: tuple[int, int]) -> tuple[int, bool]:
        """Give the half of a chunk (warp, index), and whether it must be loaded."""
        if chunk in self.held:
            return self.held.index(chunk), False
        half, self.next_half = self.next_half, 1 - self.next_half
        self.held[half] = chunk
        return half, True


@dataclass
class Step:
    """One instruction.

    Attributes:
        fields: as in the sheet's section 5; `block` and `warp` tell where it belongs and are not
            encoded.
        cycles: filled in by the stepper; DMAs take 0 here (unlimited DRAM).
    """

    op: str
    fields: dict[str, int]
    cycles: int = 0
    warp: int = -1
    chunk: int = -1
    block: int = -1

    def text(self) -> str:
        """The instruction as in the sheet's listing."""
        words = [f"{k}={v:#x}" if k == "dram" else f"{k}={v}" for k, v in self.fields.items()]
        return " ".join([self.op, *words])
