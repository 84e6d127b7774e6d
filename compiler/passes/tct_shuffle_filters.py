"""Sort filters by non-zero weights, so that those of a warp have about as many (tct sheet, 6).

A sorted layer's result has its channels in another order. It is taken up by the input channels of
the layers behind it, through elementwise layers, pools and reshapes; a layer whose result something
else sees is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..context import context_of, main_of, target_of
from ..dialects.sparse_tensor import (
    Conv2dOp,
    ElementwiseOp,
    PoolOp,
    ReshapeOp,
    SumsOp,
    ints,
    residual_of,
    shape_of,
)
from ..layer_weights import array_of, sums_layers, weight_encoding, weight_op
from ..layout import CHANNELS
from ..targets.tct_schedule import shuffled_filters
from ..weight_update import WeightUpdate

Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TctShuffleFiltersPass(ModulePass):
    """Sort the filters of layers by non-zero weights, most first, where shuffle = on.

    Requires quantised weights; ensures the order of reordered channels in the IR.
    """

    name = "tct-shuffle-filters"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Sort layer after layer."""
        _, spec = target_of(ctx, op)
        if spec.shuffle != "on":
            return
        store = context_of(ctx).store
        update = WeightUpdate.of(main_of(op), store)
        for layer in sums_layers(op):
            weight_encoding(layer)
            reach = _reach(layer)
            if reach is None:
                continue
            weights = array_of(layer.weight, store)
            counts = np.count_nonzero(weights.reshape(len(weights), -1), axis=1)
            order = shuffled_filters(counts.astype(np.int64))
            if (np.diff(order) == 1).all():
                continue
            _permute(update, layer.weight, order, 0)
            if layer.bias is not None:
                _permute(update, layer.bias, order, 0)
            for passed, repeats in reach.passed.items():
                passed.attributes[CHANNELS] = ints(*_repeated(order, repeats).tolist())
            for consumer, repeats in reach.consumers.items():
                _permute(update, consumer.weight, _repeated(order, repeats), 1)


@dataclass(frozen=True)
class _Reach:
    """How far the order of a layer's channels is seen.

    Args:
        passed: Ops whose results have the order (the layer's own too), and of how many positions
            along axis 1 each of its channels consists there.
        consumers: Layers that take it up, likewise.
    """

    passed: dict[Operation, int]
    consumers: dict[SumsOp, int]


def _reach(layer: SumsOp) -> _Reach | None:
    """The ops that see a layer's channel order; None if one of them cannot take it up."""
    if not _can_be_sorted(layer):
        return None
    reach = _Reach({layer: 1}, {})
    pending: list[tuple[SSAValue, int]] = [(layer.result, 1)]
    while pending:
        value, repeats = pending.pop()
        for use in value.uses:
            user = use.operation
            if isinstance(user, SumsOp):
                if user.input is not value or not _takes_up(user):
                    return None
                reach.consumers[user] = repeats
                continue
            wider = _passes_on(user)
            if wider is None:
                return None
            reach.passed[user] = repeats * wider
            pending.append((user.results[0], repeats * wider))
    return reach


def _can_be_sorted(layer: SumsOp) -> bool:
    """Whether the layer has one group, weights and biases of its own, and adds nothing else."""
    own = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    is_alone = all(value.has_one_use() for value in own) and layer.residual is None
    return is_alone and _groups(layer) == 1


def _takes_up(layer: SumsOp) -> bool:
    """Whether the input channels of a layer's weights can be reordered."""
    return layer.weight.has_one_use() and layer.residual is None and _groups(layer) == 1


def _groups(layer: SumsOp) -> int:
    return layer.groups.value.data if isinstance(layer, Conv2dOp) else 1


def _passes_on(op: Operation) -> int | None:
    """Positions of the result per channel of the input, None if the order gets lost or differs."""
    match op:
        case ElementwiseOp() | PoolOp() if residual_of(op) is None:
            return 1
        case ReshapeOp():
            before, after = shape_of(op.input), shape_of(op.result)
            if len(before) < 2 or before[0] != after[0] or len(after) < 2:
                return None
            rest = prod(before[2:])
            if after[1] == before[1]:
                return 1
            return rest if after[1:] == (before[1] * rest,) else None
        case _:
            return None


def _repeated(order: Order, repeats: int) -> Order:
    """The order of positions, of which each channel has so many."""
    return (order[:, None] * repeats + np.arange(repeats)).reshape(-1)


def _permute(update: WeightUpdate, value: SSAValue, order: Order, axis: int) -> None:
    """Bring a weight's array into another order along an axis."""
    array = np.ascontiguousarray(np.take(array_of(value, update.store), order, axis))
    update.replace(weight_op(value), "shuffled", array)
