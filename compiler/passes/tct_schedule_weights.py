"""Move non-zero weights forward in time into slots that would multiply by zero (tct sheet, 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp
from xdsl.ir import Attribute
from xdsl.passes import ModulePass

from ...isa.targets.tct import TctSpec
from ..context import context_of, target_of
from ..dialects.program import from_attribute, to_attribute
from ..dialects.sparse_tensor import SumsOp, ints
from ..layer_weights import tiled_layers, weight_key
from ..requirements import require
from ..targets.ddn_tiling import warps_of
from ..targets.tct_layers import (
    LISTING,
    LONGEST_AHEAD,
    SCHEDULE,
    SUMMARY,
    Summary,
    Units,
    from_arrays,
    listing,
    longest_ahead,
    schedule_layer,
    to_arrays,
)
from ..weights import WeightStore


@dataclass(frozen=True)
class TctScheduleWeightsPass(ModulePass):
    """Schedule the weights of every layer by Algorithm 2.

    Requires tiling; ensures the schedule's arrays in the store and a summary in the IR.

    Args:
        listing: Layers with at most so many weight slots, padding included, also list every
            promotion.
    """

    name = "tct-schedule-weights"
    listing: int = 256

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Schedule layer after layer."""
        _, spec = target_of(ctx, op)
        store = context_of(ctx).store
        for layer in tiled_layers(op):
            self._schedule(spec, layer, store)

    def _schedule(self, spec: TctSpec, layer: SumsOp, store: WeightStore) -> None:
        key, warps = weight_key(layer.weight), warps_of(layer)
        schedules = schedule_layer(spec, layer, store[key])
        layer.attributes[SCHEDULE] = to_attribute(
            {
                name: store.add(store.fresh_key(key, f"tct_{name}"), array)
                for name, array in to_arrays(schedules).items()
            }
        )
        layer.attributes[LONGEST_AHEAD] = ints(*longest_ahead(spec, layer, store[key]))
        layer.attributes[SUMMARY] = _to_attribute(Summary.of(spec, warps, schedules))
        if sum(warp.rows * warp.slots for warp in warps) * spec.lanes <= self.listing:
            layer.attributes[LISTING] = to_attribute(list(listing(spec, schedules)))


def _to_attribute(summary: Summary) -> Attribute:
    """A summary as the IR keeps it; lists of numbers as arrays, which print short."""
    attributes = {name: to_attribute(value) for name, value in vars(summary).items()}
    attributes["entries"] = ArrayAttr([ints(*units) for units in summary.entries])
    attributes |= {name: ints(*getattr(summary, name)) for name in ("promoted", "advances")}
    return DictionaryAttr(attributes)


def summary_of(layer: SumsOp) -> dict[str, Any]:
    """What a layer's schedule did, by the names of `Summary`."""
    require(SUMMARY in layer.attributes, "it is not scheduled", layer.label, "tct-schedule-weights")
    return from_attribute(layer.attributes[SUMMARY])


def schedule_of(spec: TctSpec, layer: SumsOp, store: WeightStore) -> list[Units]:
    """A layer's schedule out of the store."""
    entries = summary_of(layer)["entries"]
    keys: dict[str, str] = from_attribute(layer.attributes[SCHEDULE])
    arrays = {name: store[key] for name, key in keys.items()}
    return from_arrays(spec, warps_of(layer), entries, arrays)
