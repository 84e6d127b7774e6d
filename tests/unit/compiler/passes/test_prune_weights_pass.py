"""Pruning of whole networks: what stays is unchanged, what was quantised is compared as real."""

import numpy as np
import pytest
from spcc.compiler.dialects.encoding import encoding_of
from spcc.compiler.dialects.sparse_tensor import Conv2dOp, MatmulOp, WeightOp
from spcc.compiler.passes.prune_weights import SCHEMES, PruneWeightsPass
from spcc.isa.errors import PassError
from spcc.models.small import BUILDERS, qdq_conv

CONVERT = "convert-onnx-to-sparse-tensor"


def arrays(lowering) -> list[np.ndarray]:
    """The weights of convolutions and matmuls, in order."""
    layers = [op for op in lowering.main.body.block.ops if isinstance(op, Conv2dOp | MatmulOp)]
    return [lowering.ctx.store[op.weight.owner.key.data] for op in layers]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model", ["residual_block", "mlp", "shuffle"])
def test_every_layer_is_pruned_and_nothing_else_changes(start, scheme: str, model: str):
    lowering = start(BUILDERS[model]()).run(CONVERT)
    before = [array.copy() for array in arrays(lowering)]
    lowering.run(f"prune-weights{{scheme={scheme} amount=0.4}}")
    after = arrays(lowering)
    assert len(after) == len(before) > 1
    for old, new in zip(before, after, strict=True):
        assert new.dtype == old.dtype
        assert new.shape == old.shape
        kept = new != 0
        assert (new[kept] == old[kept]).all()
        if scheme == "threshold":
            assert (np.abs(old[~kept]) < 0.4).all()
            assert (np.abs(old[kept]) >= 0.4).all()
        else:
            assert 0.4 <= (~kept).mean() < 1
    keys = [op.key.data for op in lowering.ops(WeightOp)]
    assert sum(key.endswith(".pruned") for key in keys) == len(after)


def test_nothing_is_pruned_by_none(start):
    lowering = start(BUILDERS["mlp"]()).run(CONVERT)
    before = arrays(lowering)
    lowering.run("prune-weights{amount=0}")
    assert all((a == b).all() for a, b in zip(before, arrays(lowering), strict=True))


def test_a_threshold_is_a_real_number_for_quantised_weights_too(start):
    """Integers -18..17 in steps of 2^-4: a threshold of 0.5 keeps those from 8 on."""
    integers = np.arange(-18, 18).reshape(2, 2, 3, 3)
    model = qdq_conv((1, 2, 5, 5), integers, w_scale=2.0**-4)
    lowering = start(model).run(f"{CONVERT},prune-weights{{scheme=threshold amount=0.5}}")
    (weight,) = [w for w in lowering.ops(WeightOp) if encoding_of(w.result) is not None]
    expected = np.where(np.abs(integers) >= 8, integers, 0)
    assert (lowering.ctx.store[weight.key.data] == expected).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amount": -0.1}, "amount = -0.1 is"),
        ({"amount": 1.1}, "amount = 1.1 is outside 0..1"),
        ({"amount": float("nan")}, "amount = nan is"),
        ({"scheme": "threshold", "amount": float("nan")}, "amount = nan is"),
        ({"scheme": "threshold", "amount": float("inf")}, "amount = inf is"),
        ({"scheme": "threshold", "amount": -1.0}, "amount = -1.0 is"),
        ({"scheme": "other"}, "unknown scheme 'other'"),
        ({"block": 0}, "block = 0 is not at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options, message: str):
    with pytest.raises(PassError, match=message):
        PruneWeightsPass(**options)


def test_a_threshold_may_be_above_one():
    assert PruneWeightsPass("threshold", 3.5).keep(np.array([[3.0, -4.0]])).tolist() == [
        [False, True]
    ]
