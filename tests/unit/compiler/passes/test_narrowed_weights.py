"""Weights of a target without product shifts: as fine as its accumulators allow."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from spcc.compiler.analysis.fixed_point import best_frac
from spcc.compiler.dialects.encoding import encoding_of
from spcc.compiler.dialects.sparse_tensor import Conv2dOp, MatmulOp
from spcc.models.builder import GraphBuilder
from spcc.models.small import qdq_conv

FLOAT = "convert-onnx-to-sparse-tensor,fold-affine,lower-affine,fuse-epilogue,insert-copies"


def frac_of(value: Any) -> int:
    encoding = encoding_of(value)
    assert encoding is not None
    return encoding.frac.value.data


def dense(start: Any, weights: npt.NDArray[np.float32], **settings: int) -> Any:
    """The only layer of a network, quantised for gospa, and the lowering."""
    build = GraphBuilder("dense")
    model = build.model(build.node("Gemm", build.input(3, weights.shape[1]),
                                   build.constant(weights), transB=1))  # fmt: skip
    lowering = start(model, "gospa", **settings).run(f"{FLOAT},quantize")
    (layer,) = lowering.ops(MatmulOp)
    return lowering, layer


@pytest.mark.parametrize(("features", "bits"), [(1, 32), (40, 32), (400, 32), (400, 26)])
def test_calibrated_sums_leave_a_bit(start: Any, features: int, bits: int) -> None:
    weights = np.full((2, features), 0.9, np.float32)
    lowering, layer = dense(start, weights, acc_bits=bits)
    assert layer.product_shift.value.data == 0
    finest = best_frac(0.9)
    x = np.rint(np.ldexp(next(iter(lowering.feeds.values())), frac_of(layer.input))).astype(object)

    def largest(frac: int) -> int:
        integers = np.rint(np.ldexp(weights.astype(np.float64), frac)).astype(int).astype(object)
        return int(np.abs(x @ integers.T).max())

    frac = frac_of(layer.weight)
    integers = lowering.ctx.store[layer.weight.owner.key.data]
    np.testing.assert_array_equal(integers, np.rint(np.ldexp(weights, frac)))
    limit = 1 << (bits - 2)
    assert largest(frac) < limit * 1.001
    assert frac == finest or largest(frac + 1) >= limit * 0.999


def test_a_models_own_integers_are_left(start: Any) -> None:
    """They may saturate: the report counts it."""
    integers = np.full((1, 4, 1, 1), 32767)
    model = qdq_conv((1, 4, 2, 2), integers, bits=16, x_scale=2.0**-12)
    lowering = start(model, "gospa").run(f"{FLOAT},quantize")
    (conv,) = lowering.ops(Conv2dOp)
    assert (lowering.ctx.store[conv.weight.owner.key.data] == integers).all()
    assert conv.product_shift.value.data == 0
