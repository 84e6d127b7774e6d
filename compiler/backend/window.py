"""The geometry of layers that slide a window: convolution, pool, matmul as a 1x1 convolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.encoding import Instruction
from ...isa.window import input_rows
from ..dialects.sparse_tensor import AffineOp, Conv2dOp, MatmulOp, PoolOp, SumsOp, shape_of

WindowLayer = SumsOp | PoolOp
"""The layers that have a window, and a tiling."""
Weights = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Window:
    """The geometry of a layer: kernel R x S on an H x W map, OH x OW outputs, per image.

    Strides sh and sw, dilations dh and dw, padding pt at the top and pl at the left.
    """

    R: int
    S: int
    sh: int
    sw: int
    dh: int
    dw: int
    pt: int
    pl: int
    H: int
    W: int
    OH: int
    OW: int

    def values(self) -> dict[str, int]:
        """The letters and their values, as a geometry instruction's fields."""
        return asdict(self)

    def registers(self, kind: type[Instruction], **others: int) -> Instruction:
        """The geometry instruction of a target: the values it has fields for, and others."""
        mine = {name: value for name, value in self.values().items() if name in kind.fields}
        fields: dict[str, Any] = mine | others
        return kind(**fields)

    def fits(self, kind: type[Instruction]) -> bool:
        """Whether each value that such an instruction has a field for fits there."""
        values, fields = self.values(), kind.fields
        shared = values.keys() & fields.keys()
        return all(fields[k].minimum <= values[k] <= fields[k].maximum for k in shared)

    def bands(self, height: int) -> Iterator[tuple[int, int]]:
        """First output row and row count of each band of so many output rows."""
        for oy0 in range(0, self.OH, height):
            yield oy0, min(height, self.OH - oy0)

    def input_rows(self, oy0: int, rows: int) -> tuple[int, int]:
        """First input row and one past the last that output rows oy0..oy0+rows-1 use."""
        return input_rows(self.values(), oy0, rows)

    def input_row_count(self, output_rows: int) -> int:
        """Most input rows that a band of output rows needs."""
        return min(self.H, (output_rows - 1) * self.sh + (self.R - 1) * self.dh + 1)


def window_of(op: Operation) -> Window:
    """The geometry a layer runs with.

    A matmul is a 1x1 convolution on C x 1 x N; so is an affine on its map, or on C x 1 x elements,
    which it becomes (lower-affine) where no convolution can take it up.
    """
    if isinstance(op, MatmulOp):
        return _pointwise(1, shape_of(op.input)[0])
    if isinstance(op, AffineOp):
        inner = shape_of(op.input)[2:]
        return _pointwise(*inner) if len(inner) == 2 else _pointwise(1, prod(inner))
    assert isinstance(op, Conv2dOp | PoolOp)
    (H, W), (OH, OW) = shape_of(op.input)[2:], shape_of(op.result)[2:]
    return Window(
        *kernel_of(op), *_pair(op.strides), *_pair(op.dilations), *_pair(op.pads), H, W, OH, OW
    )


def _pointwise(H: int, W: int) -> Window:
    """A 1x1 kernel on an H x W map."""
    return Window(1, 1, 1, 1, 1, 1, 0, 0, H, W, H, W)


def kernel_of(op: Conv2dOp | PoolOp) -> tuple[int, int]:
    """Rows and columns of the kernel."""
    if isinstance(op, Conv2dOp):
        rows, columns = shape_of(op.weight)[2:]
        return rows, columns
    return _pair(op.kernel)


def image_count(op: WindowLayer) -> int:
    """How often the window slides over a map: once for a matmul, whose batch is the map's width."""
    return 1 if isinstance(op, MatmulOp) else shape_of(op.input)[0]


def groups_of(op: Operation) -> int:
    """Groups of a convolution, 1 for anything else."""
    return op.groups.value.data if isinstance(op, Conv2dOp) else 1


def weight_matrix(op: Operation, weights: Weights) -> Weights:
    """Weights as [K, C/groups, R, S]."""
    return weights.reshape(*weights.shape[:2], 1, 1) if isinstance(op, MatmulOp) else weights


def _pair(array: Any) -> tuple[int, int]:
    """The first two values of a DenseArrayBase, which xDSL types by an element we do not state."""
    one, other, *_ = array.get_values()
    return int(one), int(other)
