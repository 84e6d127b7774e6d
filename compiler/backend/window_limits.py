"""Limits of a layer's window that follow from the fields of geometry instructions.

Each predicate's docstring is its sentence in docs/supported-ops.md. The fields are those of the
base machine's `pwin`; a target whose own geometry instruction is as wide shares the predicates.
"""

from __future__ import annotations

from ...isa.base import Pwin
from ..dialects.sparse_tensor import AffineOp, Conv2dOp, PoolOp, WindowOp, numbers
from .window import kernel_of, window_of


def kernel_fits(op: Conv2dOp | PoolOp) -> bool:
    """The kernel has at most 63 rows and 63 columns."""
    rows, columns = kernel_of(op)
    return rows <= Pwin.R.maximum and columns <= Pwin.S.maximum


def steps_fit(op: WindowOp) -> bool:
    """Strides and dilations are at most 15."""
    fields = (Pwin.sh, Pwin.sw, Pwin.dh, Pwin.dw)
    steps = (*numbers(op.strides), *numbers(op.dilations))
    return all(step <= field.maximum for step, field in zip(steps, fields, strict=True))


def pads_fit(op: WindowOp) -> bool:
    """At most 31 rows of padding at the top and 31 columns at the left."""
    top, left, bottom, right = numbers(op.pads)
    return 0 <= top <= Pwin.pt.maximum and 0 <= left <= Pwin.pl.maximum and min(bottom, right) >= 0


def map_fits(op: WindowOp | AffineOp) -> bool:
    """Input and output maps have at most 4095 rows and columns."""
    window = window_of(op)
    return max(window.H, window.OH) <= Pwin.H.maximum and max(window.W, window.OW) <= Pwin.W.maximum
