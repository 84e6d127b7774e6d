"""A layer's schedule in the store: there and back, listed, and resumed from a dump."""

from typing import Any

import numpy as np
import pytest
from spcc.compiler.dialects.sparse_tensor import Conv2dOp
from spcc.compiler.passes.tct_schedule_weights import schedule_of, summary_of
from spcc.compiler.targets.ddn_tiling import warps_of
from spcc.compiler.targets.tct import COMPILER
from spcc.compiler.targets.tct_layers import (
    LISTING,
    Summary,
    listing,
    schedule_layer,
)
from spcc.isa.errors import PassError
from spcc.isa.targets.tct import TctSpec
from spcc.models.builder import GraphBuilder

BEFORE = (
    "convert-onnx-to-sparse-tensor,fold-affine,lower-affine,fuse-epilogue{residual=false},"
    "insert-copies,quantize,assign-format,assign-layout,tile"
)
MACHINE: dict[str, Any] = {"tiles": 2, "pes": 2, "lanes": 4, "wm_rows": 4, "pb_windows": 16}


def model_of(density: float = 0.2, K: int = 7) -> Any:
    build = GraphBuilder("layer", seed=3, density=density)
    value = build.conv(build.input(1, 9, 5, 5), build.weights(K, 9, 3, 3), pads=[1] * 4)
    return build.model(value)


@pytest.mark.parametrize("sync", ["tile", "accel", "pe"])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.2])
def test_the_store_keeps_the_schedule(start: Any, sync: str, density: float) -> None:
    lowering = start(model_of(density), "tct", **MACHINE, sync=sync)
    lowering.run(f"{BEFORE},tct-schedule-weights")
    spec = TctSpec(**MACHINE, sync=sync)
    (layer,) = lowering.ops(Conv2dOp)
    weights = lowering.ctx.store[layer.weight.owner.key.data]
    wanted = schedule_layer(spec, layer, weights)
    found = schedule_of(spec, layer, lowering.ctx.store)
    for one, other in zip(wanted, found, strict=True):
        for unit, kept in zip(one, other, strict=True):
            assert kept.bubbles == unit.bubbles
            for name in ("rows", "weights", "selects"):
                np.testing.assert_array_equal(getattr(kept, name), getattr(unit, name))
    summary = Summary.of(spec, warps_of(layer), wanted)
    assert summary_of(layer) == vars(summary)
    assert summary.own + sum(summary.promoted) == np.count_nonzero(weights)
    entries = sum(map(sum, summary.entries))
    assert summary.dropped == summary.rows - (entries - summary.bubbles)
    assert sum(summary.advances) == sum(max(0, e - 1) for units in summary.entries for e in units)


def test_the_listing_names_every_promotion_and_bubble(start: Any) -> None:
    lowering = start(model_of(0.05), "tct", **MACHINE)
    lowering.run(f"{BEFORE},tct-schedule-weights{{listing=100000}}")
    spec = TctSpec(**MACHINE)
    (layer,) = lowering.ops(Conv2dOp)
    summary = summary_of(layer)
    lines = [line.data for line in layer.attributes[LISTING].data]
    assert lines == list(listing(spec, schedule_of(spec, layer, lowering.ctx.store)))
    assert len(lines) == sum(map(sum, summary["entries"]))
    assert sum(line.count("<-") for line in lines) == sum(summary["promoted"])
    assert sum(line.endswith("bubble") for line in lines) == summary["bubbles"] > 0


def test_packing_needs_a_schedule(start: Any) -> None:
    lowering = start(model_of(), "tct", **MACHINE).run(BEFORE)
    with pytest.raises(PassError, match="it is not scheduled"):
        lowering.run("tct-pack-weights")


def test_scheduling_needs_tiles(start: Any) -> None:
    lowering = start(model_of(), "tct", **MACHINE).run(BEFORE.removesuffix(",tile"))
    with pytest.raises(PassError, match="it is not tiled"):
        lowering.run("tct-schedule-weights")


def test_images_are_those_of_the_target_without_a_store(start: Any) -> None:
    lowering = start(model_of(), "tct", **MACHINE)
    lowering.run(f"{BEFORE},tct-schedule-weights,tct-pack-weights")
    (layer,) = lowering.ops(Conv2dOp)
    store = lowering.ctx.store
    packed = COMPILER.pack(TctSpec(**MACHINE), layer, store[layer.weight.owner.key.data])
    np.testing.assert_array_equal(store[layer.attributes["packed"].data], packed.image)
    assert tuple(layer.attributes["tile_offsets"].get_values()) == packed.offsets
