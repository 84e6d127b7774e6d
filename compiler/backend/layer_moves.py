"""What the loop nests of all targets load and store: input bands, weight tiles, biases, results."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from xdsl.ir import Operation, SSAValue

from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import MatmulOp, PoolOp, residual_of
from ..layout import address_of, view_of
from .epilogue import epilogue_of, frac_of, image_plane
from .schedule import Epilogue, Plane, Schedule
from .window import Window, WindowLayer, window_of


class Half(NamedTuple):
    """A memory used half by half in turn (whole by what needs more), so that loads overlap work.

    Args:
        memory: Its name.
        capacity: Its bytes.
    """

    memory: str
    capacity: int


_NONE = Half("", 0)


class Band(NamedTuple):
    """An input band on chip: its first byte and its first row."""

    addr: int
    row0: int


@dataclass
class LayerMoves:
    """Loads what a layer's loops need, nothing twice in a row, and finishes what they compute.

    Args:
        schedule: Where the instructions go.
        op: The layer, tiled, packed and allocated.
        inputs: Where input bands go, [channel][row][column], 16 bits.
        sums: Where the compute unit leaves its sums, 32 bits: the PPU's source.
        weights: Where weight tiles go; a pool has none.
    """

    schedule: Schedule
    op: WindowLayer
    inputs: Half
    sums: Half
    weights: Half = _NONE
    _band: tuple[tuple[int, ...], int] = field(default=((), 0), init=False)
    _tile: tuple[int, int] = field(default=(-1, 0), init=False)

    @cached_property
    def window(self) -> Window:
        """The layer's geometry."""
        return window_of(self.op)

    @cached_property
    def _tile_bounds(self) -> tuple[int, ...]:
        offsets = from_attribute(self.op.attributes["tile_offsets"])
        return (*offsets, from_attribute(self.op.attributes["packed_bytes"]))

    @cached_property
    def epilogue(self) -> Epilogue:
        """What the PPU does to the layer's sums."""
        if isinstance(self.op, PoolOp):
            return epilogue_of(self.op, frac_of(self.op.input))
        frac = frac_of(self.op.input) + frac_of(self.op.weight) - self.product_shift
        return epilogue_of(self.op, frac, bias=self.op.bias is not None)

    @property
    def product_shift(self) -> int:
        """By how many bits the sums are shifted right against the exact ones."""
        assert not isinstance(self.op, PoolOp)
        assert self.op.product_shift is not None, "quantize runs first"
        return self.op.product_shift.value.data

    def load_band(self, image: int, channels: tuple[int, int], oy0: int, rows: int) -> Band:
        """Load what output rows oy0..oy0+rows-1 need of some channels.

        Args:
            image: Of the batch; a matmul has only image 0.
            channels: First, and one past the last.
            oy0: First output row.
            rows: Output rows.
        """
        (first, last), W = channels, self.window.W
        low, high = self.window.input_rows(oy0, rows)
        key = (image, first, last, low, high)
        if key != self._band[0]:
            addr = self._next(self.inputs, 2 * (last - first) * (high - low) * W)
            plane = self.plane(self.op.input, image)
            dram, run, dims = plane.runs(first, low * W, last - first, (high - low) * W)
            self.schedule.load(self.inputs.memory, addr, dram, run, dims)
            self._band = key, addr
        return Band(self._band[1], low)

    def load_weights(self, index: int) -> int:
        """Load a packed weight tile; returns its first byte."""
        if index != self._tile[0]:
            low, high = self._tile_bounds[index : index + 2]
            addr = self._next(self.weights, high - low)
            self.schedule.load(self.weights.memory, addr, address_of(self.op) + low, high - low)
            self._tile = index, addr
        return self._tile[1]

    def load_bias(self, first: int, count: int) -> int:
        """Load the biases of some filters, if there are any; returns the bbuf word."""
        if isinstance(self.op, PoolOp) or self.op.bias is None:
            return 0
        assert isinstance(self.op.bias.owner, Operation)
        addr = self._next(Half("bbuf", self.schedule.spec.BCAP), 4 * count)
        self.schedule.load("bbuf", addr, address_of(self.op.bias.owner) + 4 * first, 4 * count)
        return addr // 4

    def next_sums(self, chans: int, rows: int) -> int:
        """The word where the next block of sums goes."""
        return self._next(self.sums, 4 * chans * rows * self.window.OW) // 4

    def finish(
        self,
        source: int,
        image: int,
        filters: tuple[int, int],
        oy0: int,
        rows: int,
        bias: int = 0,
        *,
        pitch: int = 0,
    ) -> None:
        """Finish a block of sums [filter][row][column] and store it.

        Args:
            source: Its first word.
            image: Of the batch.
            filters: First, and one past the last; channels of a pool.
            oy0: First output row.
            rows: Output rows.
            bias: First bbuf word.
            pitch: Words from one position to the next, if the sums are [row][column][filter].
        """
        (first, last), OW = filters, self.window.OW
        residual = residual_of(self.op)

        def block(value: SSAValue) -> Plane:
            return self.plane(value, image).moved(first, oy0 * OW)

        self.schedule.finish(
            self.epilogue,
            last - first,
            rows * OW,
            block(self.op.result),
            source=source,
            pitch=pitch,
            bias=bias,
            residual=None if residual is None else block(residual),
        )

    def plane(self, value: SSAValue, image: int) -> Plane:
        """Channels and positions of one image of an operand or result in DRAM."""
        if isinstance(self.op, MatmulOp):  # [N, C] is a map of one row, N columns wide
            view = view_of(value)
            return Plane(view.offset, view.strides[1], view.strides[0])
        return image_plane(value, image)

    def _next(self, half: Half, size: int) -> int:
        return self.schedule.slot(half.memory, half.capacity, size)
