"""Networks whose weights come through DequantizeLinear, in the forms that exporters write."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from spcc.models.builder import GraphBuilder

Array = npt.NDArray[Any]
ACTIVATION_SCALE = 2.0**-4


@dataclass
class QuantisedBuilder:
    """Builds a graph with fake quantisation.

    Args:
        build: The graph.
        bits: Of activations and weights, 8 or 16.
    """

    build: GraphBuilder
    bits: int = 8

    @property
    def dtype(self) -> type[Any]:
        return np.int8 if self.bits == 8 else np.int16

    def activation(self, source: str, scale: float = ACTIVATION_SCALE) -> str:
        """Quantise and dequantise a computed tensor."""
        build = self.build
        limits = build.constant(np.float32(scale)), build.constant(self.dtype(0))
        integers = build.node("QuantizeLinear", source, *limits)
        return build.node("DequantizeLinear", integers, *limits)

    def weights(
        self,
        integers: Array,
        scale: Any = 2.0**-6,
        zero: Any = 0,
        name: str = "",
        **attributes: Any,
    ) -> str:
        """Dequantise integers, with one scale or more."""
        build, scale = self.build, np.asarray(scale, np.float32)
        zeros = np.full(scale.shape, zero, integers.dtype)
        constants = build.constant(integers, name), build.constant(scale), build.constant(zeros)
        return build.node("DequantizeLinear", *constants, **attributes)

    def fake_quantised(
        self, values: Array, scale: Any = 2.0**-6, name: str = "", **attributes: Any
    ) -> str:
        """Quantise a float constant and dequantise it."""
        build, scale = self.build, np.asarray(scale, np.float32)
        limits = build.constant(scale), build.constant(np.zeros(scale.shape, self.dtype))
        source = build.constant(np.asarray(values, np.float32), name)
        integers = build.node("QuantizeLinear", source, *limits, **attributes)
        return build.node("DequantizeLinear", integers, *limits, **attributes)


def integers(*shape: int, seed: int = 0, peak: int = 127, dtype: Any = np.int8) -> Array:
    """Integers without zeros in -peak..peak."""
    rng = np.random.default_rng(seed)
    return (rng.integers(1, peak + 1, shape) * rng.choice([-1, 1], shape)).astype(dtype)


def begin(name: str, *shape: int, bits: int = 8) -> tuple[GraphBuilder, QuantisedBuilder, str]:
    """A builder, and its quantised input."""
    build = GraphBuilder(name)
    quantised = QuantisedBuilder(build, bits)
    return build, quantised, quantised.activation(build.input(*shape))


__all__ = ["QuantisedBuilder", "begin", "integers"]
