"""Limits of a layer's window that follow from the fields of geometry instructions.

A predicate's docstring is its sentence in docs/supported-ops.md; the functions here make both of
a target's own fields. `kernel_fits` and the like are those of the base machine's `pwin`, for
targets whose geometry instruction is as wide.
"""

from __future__ import annotations

from collections.abc import Callable

from ...isa.base import Pwin
from ...isa.encoding import Field
from ..dialects.sparse_tensor import AffineOp, Conv2dOp, PoolOp, WindowOp, numbers
from .window import kernel_of, window_of

Pair = tuple[Field, Field]
"""Fields of rows and of columns."""


def kernel_within(rows: Field, columns: Field) -> Callable[[Conv2dOp | PoolOp], bool]:
    """The limit of kernels."""

    def fits(op: Conv2dOp | PoolOp) -> bool:
        height, width = kernel_of(op)
        return height <= rows.maximum and width <= columns.maximum

    fits.__doc__ = f"The kernel has at most {rows.maximum} rows and {columns.maximum} columns."
    return fits


def steps_within(strides: Pair, dilations: Pair) -> Callable[[WindowOp], bool]:
    """The limit of strides and dilations."""

    def fit(op: WindowOp) -> bool:
        steps = (*numbers(op.strides), *numbers(op.dilations))
        fields = (*strides, *dilations)
        return all(step <= field.maximum for step, field in zip(steps, fields, strict=True))

    stride, dilation = (min(field.maximum for field in pair) for pair in (strides, dilations))
    fit.__doc__ = f"Strides are at most {stride}, dilations at most {dilation}."
    if stride == dilation:
        fit.__doc__ = f"Strides and dilations are at most {stride}."
    return fit


def pads_within(top: Field, left: Field) -> Callable[[WindowOp], bool]:
    """The limit of padding before a map; behind it there may be any, but no cropping."""

    def fit(op: WindowOp) -> bool:
        above, before, *behind = numbers(op.pads)
        return 0 <= above <= top.maximum and 0 <= before <= left.maximum and min(behind) >= 0

    fit.__doc__ = (
        f"At most {top.maximum} rows of padding at the top and {left.maximum} columns at the left."
    )
    return fit


def map_within(rows: Field, columns: Field) -> Callable[[WindowOp | AffineOp], bool]:
    """The limit of input and output maps."""

    def fits(op: WindowOp | AffineOp) -> bool:
        window = window_of(op)
        height, width = max(window.H, window.OH), max(window.W, window.OW)
        return height <= rows.maximum and width <= columns.maximum

    most = f"{rows.maximum} rows and {columns.maximum} columns"
    if rows.maximum == columns.maximum:
        most = f"{rows.maximum} rows and columns"
    fits.__doc__ = f"Input and output maps have at most {most}."
    return fits


kernel_fits = kernel_within(Pwin.R, Pwin.S)
steps_fit = steps_within((Pwin.sh, Pwin.sw), (Pwin.dh, Pwin.dw))
pads_fit = pads_within(Pwin.pt, Pwin.pl)
map_fits = map_within(Pwin.H, Pwin.W)
