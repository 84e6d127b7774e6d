"""New arrays for weight ops, without holding the old ones longer than some op names them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp

from .dialects.sparse_tensor import WeightOp
from .weights import Array, WeightStore


@dataclass
class WeightUpdate:
    """Replaces the arrays of weight ops one by one; each old array goes with the last op it had.

    Args:
        store: The arrays.
        users: How many weight ops name each key.
    """

    store: WeightStore
    users: Counter[str]

    @classmethod
    def of(cls, main: FuncOp, store: WeightStore) -> WeightUpdate:
        """Begin, with the weight ops that a network has now."""
        ops = main.body.block.ops
        return cls(store, Counter(op.key.data for op in ops if isinstance(op, WeightOp)))

    def replace(self, op: WeightOp, suffix: str, array: Array) -> None:
        """Give an op a new array, under the old key with a suffix."""
        old = op.key.data
        key = self.store.add(self.store.fresh_key(old, suffix), array)
        op.properties["key"] = StringAttr(key)
        self.users[old] -= 1
        if not self.users[old]:
            self.store.release(old)
