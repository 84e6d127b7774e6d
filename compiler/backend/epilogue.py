"""The PPU epilogue of a layer and the elementwise layers that need nothing else."""

from __future__ import annotations

from math import inf, prod

from xdsl.ir import SSAValue

from ...isa.errors import UnsupportedError
from ..dialects.encoding import encoding_of
from ..dialects.sparse_tensor import (
    ElementwiseOp,
    LayerOp,
    residual_of,
    shape_of,
)
from ..layout import is_row_major, view_of
from .schedule import Epilogue, Plane, Schedule

_SHIFT_LIMIT = 63
_MOST_LEFT = -30
"""Any value but 0, shifted left by 30 bits, saturates 16 bits: a longer shift gives the same."""


def frac_of(value: SSAValue) -> int:
    """Fraction bits of a fixed-point value."""
    encoding = encoding_of(value)
    assert encoding is not None
    return encoding.frac.value.data


def epilogue_of(
    op: LayerOp, source_frac: int, *, bias: bool = False, staged: bool = False
) -> Epilogue:
    """The arithmetic that brings a layer's sums to its result's scale and range.

    Raises:
        UnsupportedError: The scales differ by more than 63 bits.
    """
    result = op.results[0]
    encoding = encoding_of(result)
    assert encoding is not None
    frac, bits = encoding.frac.value.data, encoding.bits.value.data
    low, high = op.clip_range()
    limit = 1 << (bits - 1)
    residual = residual_of(op)
    shift = max(source_frac - frac, _MOST_LEFT)
    residual_shift = None if residual is None else max(frac_of(residual) - frac, _MOST_LEFT)
    if abs(shift) > _SHIFT_LIMIT or abs(residual_shift or 0) > _SHIFT_LIMIT:
        raise UnsupportedError(
            f"the scales of operand and result differ by 2^{shift}, more than 2^{_SHIFT_LIMIT}",
            op.label,
            "check the model for weights or biases of extreme size",
        )
    return Epilogue(
        shift=shift,
        lo=_bound(low, frac, limit),
        hi=_bound(high, frac, limit),
        residual_shift=residual_shift,
        bias=bias,
        staged=staged,
    )


def _bound(value: float, frac: int, limit: int) -> int:
    if value in (inf, -inf):
        return limit - 1 if value > 0 else -limit
    return max(-limit, min(limit - 1, round(value * 2.0**frac)))


def image_plane(value: SSAValue, image: int) -> Plane:
    """Channels and positions of one image of an [N, C, ...] tensor, wherever these lie."""
    view, inner = view_of(value), shape_of(value)[2:]
    strides = view.strides[2:]
    base = view.offset + image * view.strides[0]
    if len(inner) == 2 and inner[0] > 1 and strides[0] != inner[1] * strides[1]:
        assert strides[1] == 2, "only rows whose values lie together have gaps"
        return Plane(base, view.strides[1], row=inner[1], row_stride=strides[0])
    for at, stride in enumerate(strides[1:], 1):
        is_uniform = inner[at - 1] == 1 or strides[at - 1] == inner[at] * stride
        assert is_uniform, "the positions of a channel lie at one distance"
    step = strides[-1] if strides else 2
    return Plane(base, view.strides[1], step)


def lower_elementwise(schedule: Schedule, op: ElementwiseOp) -> None:
    """Append an elementwise layer: image by image through pbuf and the PPU."""
    shape = shape_of(op.result)
    epilogue = epilogue_of(op, frac_of(op.input), staged=True)
    images, chans, length = (shape[0], 1, prod(shape[1:])) if shape else (1, 1, 1)
    plane = _flat_plane
    values = [v for v in (op.input, op.result, op.residual) if v is not None]
    if not all(is_row_major(view_of(value), shape) for value in values):
        chans, length, plane = shape[1], prod(shape[2:]), image_plane
    for image in range(images):
        output, source = (plane(v, image) for v in (op.result, op.input))
        residual = None if op.residual is None else plane(op.residual, image)
        schedule.finish(epilogue, chans, length, output, staged=source, residual=residual)


def _flat_plane(value: SSAValue, image: int) -> Plane:
    view = view_of(value)
    stride = view.strides[0] if view.strides else 0
    return Plane(view.offset + image * stride, 0)
