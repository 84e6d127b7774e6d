"""What sparten sheet, section 11, expects of AlexNet's convolutions with random masks."""

from typing import Any

import msgspec
import numpy as np
import pytest
from spcc.isa.targets.sparten import SpartenSpec
from spcc.models.builder import GraphBuilder
from spcc.tools.compile_flow import Request, compile_request
from spcc.tools.run_flow import run_program
from spcc.tools.sources import Model
from spcc.tools.targets import find_target

ALEXNET = (
    (3, 96, 11, 227, 4, 0, 1, 0.84, 1.0),
    (96, 256, 5, 27, 1, 2, 2, 0.38, 0.88),
    (256, 384, 3, 13, 1, 1, 1, 0.35, 0.52),
    (384, 384, 3, 13, 1, 1, 2, 0.37, 0.37),
    (384, 256, 3, 13, 1, 1, 2, 0.37, 0.40),
)
"""Channels, filters, kernel, map, stride, padding, groups; densities of weights and activations
(Han et al. 2015)."""


def record(layer: tuple[Any, ...], spec: SpartenSpec) -> dict[str, Any]:
    """Run a layer with masks of its densities."""
    C, K, kernel, size, stride, pad, groups, weights, values = layer
    rng = np.random.default_rng(0)

    def masked(*shape: int, density: float) -> Any:
        return (rng.standard_normal(shape) * (rng.random(shape) < density)).astype(np.float32)

    build = GraphBuilder("layer")
    filters = masked(K, C // groups, kernel, kernel, density=weights)
    attributes: dict[str, Any] = {"strides": [stride] * 2, "pads": [pad] * 4, "group": groups}
    model = build.model(build.conv(build.input(1, C, size, size), filters, None, **attributes))
    feeds = {"x": masked(1, C, size, size, density=values)}
    request = Request(Model("m", model, ""), find_target("sparten"), spec, inputs=feeds)
    outcome = compile_request(request)
    return run_program(outcome.compiled.program, outcome.feeds).session.report["layers"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "utilisation", "speed_up"),
    [
        ({}, 0.70, 2.3),
        ({"gb": "S"}, 0.66, None),
        ({"gb": "none"}, 0.67, None),
        ({"join_bubble": 0}, 0.82, 2.7),
    ],
)
def test_alexnet(settings: dict[str, Any], utilisation: float, speed_up: float | None) -> None:
    spec = msgspec.convert(settings, SpartenSpec)
    records = [record(layer, spec) for layer in ALEXNET]
    slots = sum(each["cycles"] for each in records) * spec.clusters * spec.cus
    matches = sum(each["counters"]["macs_effectual"] for each in records)
    dense = sum(each["counters"]["macs_dense"] for each in records)
    assert matches / slots == pytest.approx(utilisation, abs=0.02)
    if speed_up is not None:
        assert dense / slots == pytest.approx(speed_up, abs=0.06)
