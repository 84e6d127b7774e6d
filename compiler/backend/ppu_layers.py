"""Layers that the base machine's PPU runs by itself."""

from __future__ import annotations

from xdsl.ir import Operation

from ...isa.base import BaseSpec
from ..dialects.sparse_tensor import ElementwiseOp, PoolOp
from .epilogue import lower_elementwise
from .pooling import lower_pool
from .schedule import Schedule


def lower_on_ppu(schedule: Schedule, spec: BaseSpec, op: Operation) -> None:
    """Append the instructions of an add, a clip, a copy or a pool."""
    match op:
        case ElementwiseOp():
            lower_elementwise(schedule, op)
        case PoolOp():
            lower_pool(schedule, spec, op)
        case _:
            raise AssertionError(op.name)
