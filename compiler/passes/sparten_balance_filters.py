"""Give every filter its place and its compute unit (sparten sheet, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.passes import ModulePass

from ...isa.errors import UnsupportedError
from ...isa.targets.sparten import SpartenSpec
from ..backend.window import weight_matrix
from ..context import context_of, target_of
from ..dialects.program import to_attribute
from ..dialects.sparse_tensor import SumsOp, ints
from ..layer_weights import tiled_layers, weight_key
from ..targets.sparten_layers import ARRAYS, SEGMENTS, problem_of
from ..targets.sparten_mapping import Balance, Problem, balance
from ..weights import WeightStore

SUMMARY, LISTING = "sparten_balance", "sparten_listing"
"""Attributes of a layer: what balancing did, and in small layers every filter's CU."""


@dataclass(frozen=True)
class SpartenBalanceFiltersPass(ModulePass):
    """Order the filters of every layer by their nonzeros and share CUs between two (`gb`).

    Requires tiling; ensures the sets' order, their CUs per chunk and their segments.

    Args:
        listing: Layers with at most so many table entries, chunks times filters, list them.
    """

    name = "sparten-balance-filters"
    listing: int = 256

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Balance layer after layer."""
        _, spec = target_of(ctx, op)
        store = context_of(ctx).store
        for layer in tiled_layers(op):
            self._balance(spec, layer, store)

    def _balance(self, spec: SpartenSpec, layer: SumsOp, store: WeightStore) -> None:
        key, problem = weight_key(layer.weight), problem_of(layer)
        try:
            result = balance(spec, problem, weight_matrix(layer, store[key]))
        except UnsupportedError as error:
            raise UnsupportedError(error.message, layer.label, error.hint) from error
        layer.attributes[ARRAYS] = to_attribute(
            {
                name: store.add(store.fresh_key(key, f"sparten_{name}"), array)
                for name, array in (("order", result.order), ("cus", result.cus))
            }
        )
        layer.attributes[SEGMENTS] = ArrayAttr([ints(*ends) for ends in result.segments])
        layer.attributes[SUMMARY] = to_attribute(summary(spec, problem, result))
        if result.cus.size <= self.listing:
            layer.attributes[LISTING] = to_attribute(listing(spec, problem, result))


def summary(spec: SpartenSpec, problem: Problem, result: Balance) -> dict[str, int | str]:
    """How many sets, segments and moved filters a layer has."""
    return {
        "gb": spec.gb,
        "sets": len(result.segments),
        "segments": sum(map(len, result.segments)),
        "moved_filters": int(np.count_nonzero(result.order != np.arange(result.order.size))),
        "table_rows": len(result.cus),
    }


def listing(spec: SpartenSpec, problem: Problem, result: Balance) -> list[str]:
    """Each set's filters, and each chunk's filters by CU, in words."""
    lines: list[str] = []
    place = 0
    for group in range(problem.groups):
        for index, (low, high) in enumerate(problem.sets(spec)):
            filters = result.order[place : place + high - low].tolist()
            lines.append(f"group {group} set {index}: filters {' '.join(map(str, filters))}")
            for row, cus in enumerate(result.cus[:, place : place + high - low].tolist()):
                chunk = f"chunk {row}" if spec.gb == "H" else "every chunk"
                lines.append(f"  {chunk}: {_users(filters, cus)}")
            place += high - low
    return lines


def _users(filters: list[int], cus: list[int]) -> str:
    """The filters of each CU."""
    by_cu: dict[int, list[str]] = {}
    for number, cu in zip(filters, cus, strict=True):
        by_cu.setdefault(cu, []).append(str(number))
    return "; ".join(f"CU {cu}: {' '.join(by_cu[cu])}" for cu in sorted(by_cu))
