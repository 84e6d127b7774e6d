"""Zero weights by one of the pruning schemes; values that stay do not change: no retraining."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.errors import PassError
from ..analysis import pruning
from ..context import context_of, main_of
from ..dialects.encoding import encoding_of
from ..dialects.sparse_tensor import SumsOp, WeightOp
from ..weight_update import WeightUpdate

SCHEMES = {
    "magnitude": "share of weights that become zero, the smallest first",
    "threshold": "weights of smaller magnitude become zero",
    "group": "share of weights that become zero, in groups of `block` filters x one column",
    "shape": "share of columns (one kernel position of one channel, all filters) that become zero",
}


@dataclass(frozen=True)
class PruneWeightsPass(ModulePass):
    """Zero weights of every convolution and matmul.

    Requires sparse_tensor; ensures new weight keys.
    """

    name = "prune-weights"
    scheme: str = "magnitude"
    amount: int | float = 0.5
    block: int = 8

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise PassError(
                f"unknown scheme '{self.scheme}'",
                self.name,
                f"the schemes are {', '.join(SCHEMES)}",
            )
        where = f"{self.name} {self.scheme}"
        if not (isfinite(self.amount) and self.amount >= 0):
            raise PassError(f"amount = {self.amount} is not a number of at least 0", where)
        if self.scheme != "threshold" and self.amount > 1:
            raise PassError(f"amount = {self.amount} is outside 0..1", where)
        if self.block < 1:
            raise PassError(f"block = {self.block} is not at least 1", self.name)

    def __str__(self) -> str:
        amount = format(Decimal(str(self.amount)), "f")  # the syntax has no exponents
        if isinstance(self.amount, float) and "." not in amount:
            amount += ".0"
        return f"{self.name}{{scheme={self.scheme} amount={amount} block={self.block}}}"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Prune each weight once, also where two layers share it."""
        main, store = main_of(op), context_of(ctx).store
        update = WeightUpdate.of(main, store)
        done: set[WeightOp] = set()
        for layer in main.body.block.ops:
            if not isinstance(layer, SumsOp):
                continue
            weight = layer.weight.owner
            if isinstance(weight, WeightOp) and weight not in done:
                done.add(weight)
                encoding = encoding_of(weight.result)
                frac = 0 if encoding is None else encoding.frac.value.data
                update.replace(weight, "pruned", self.pruned(store[weight.key.data], frac))

    def pruned(self, weights: np.ndarray, frac: int) -> np.ndarray:
        """Weights [K, ...], in steps of 2^-frac, with zeros where the scheme wants them."""
        keep = self.keep(weights.reshape(weights.shape[0], -1), frac)
        return np.multiply(weights, keep.reshape(weights.shape), dtype=weights.dtype)

    def keep(self, matrix: np.ndarray, frac: int = 0) -> pruning.Mask:
        """The keep mask of a weight matrix [K, Kred] in steps of 2^-frac."""
        match self.scheme:
            case "magnitude":
                return pruning.magnitude(matrix, self.amount)
            case "threshold":
                return pruning.threshold(matrix, self.amount * 2.0**frac)
            case "shape":
                return pruning.shape(matrix, self.amount)
            case _:
                return pruning.group(matrix, self.amount, self.block)
