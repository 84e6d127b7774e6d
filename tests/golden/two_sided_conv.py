"""A convolution in the letters of the gospa and sparten sheets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .ddn_golden_plan import Ints


class UnmappableError(ValueError):
    """The machine cannot hold the layer; it goes to the host."""


def ceil_div(a: int, b: int) -> int:
    """Divide, rounding up."""
    return -(-a // b)


@dataclass(frozen=True)
class Conv:
    """A convolution: x [N][C][H][W], w [K][Cg][R][S]; pads top, left, bottom, right."""

    N: int
    C: int
    H: int
    W: int
    K: int
    R: int
    S: int
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        assert self.C % self.groups == self.K % self.groups == 0
        assert self.E > 0
        assert self.F > 0

    @property
    def Cg(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Channels of a conv group."""
        return self.C // self.groups

    @property
    def Kg(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Filters of a conv group."""
        return self.K // self.groups

    @property
    def E(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Output rows."""
        top, _, bottom, _ = self.pads
        return (self.H + top + bottom - (self.R - 1) * self.dilation[0] - 1) // self.stride[0] + 1

    @property
    def F(self) -> int:  # noqa: N802 - a dimension, which keeps its capital
        """Output columns."""
        _, left, _, right = self.pads
        return (self.W + left + right - (self.S - 1) * self.dilation[1] - 1) // self.stride[1] + 1

    @property
    def dense_macs(self) -> int:
        """Nominal MACs, those on padding included."""
        return self.N * self.K * self.E * self.F * self.Cg * self.R * self.S

    def under(self, e: int, f: int, r: int, s: int) -> tuple[int, int] | None:
        """Give the input row and column under a kernel position, None in the padding."""
        h = e * self.stride[0] - self.pads[0] + r * self.dilation[0]
        w = f * self.stride[1] - self.pads[1] + s * self.dilation[1]
        return (h, w) if 0 <= h < self.H and 0 <= w < self.W else None


def conv_of(
    x: Ints, w: Ints, stride: Sequence[int], pads: Sequence[int], dilation: Sequence[int],
    groups: int,
) -> Conv:  # fmt: skip
    """Describe a layer by its operands x [N][C][H][W], w [K][Cg][R][S]."""
    N, C, H, W = x.shape
    K, Cg, R, S = w.shape
    assert Cg * groups == C
    (uh, uw), (dh, dw), (top, left, bottom, right) = stride, dilation, pads
    return Conv(N, C, H, W, K, R, S, (uh, uw), (top, left, bottom, right), (dh, dw), groups)


def operand(values: Any) -> Ints:
    """Check that values are 16-bit integers and widen them."""
    array = np.asarray(values)
    wide = array.astype(np.int64)
    assert (wide == array).all()
    assert (wide == wide.astype(np.int16)).all()
    return wide


def clip(total: int, bits: int) -> int:
    """Saturate a sum to a signed width."""
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, total))
