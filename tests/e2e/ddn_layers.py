"""Layers of the golden `dadiannao` and `tct` as ONNX models on spcc's machines."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from spcc.isa.targets.dadiannao import DadiannaoSpec
from spcc.tests.e2e.spots_layers import Layer, Quantised, model_of
from spcc.tests.golden.ddn_cases import Case, random_case
from spcc.tests.golden.spots_cases import seeded
from spcc.tools import api

SHAPES = ((2, 2, 4), (1, 4, 2), (3, 2, 3), (2, 3, 2), (1, 5, 5), (3, 4, 4), (1, 2, 2), (4, 1, 2))
"""Tiles, PEs and lanes: K filters fill whole words, as the machine asks."""
AM_LIMIT = 131072


def random_layer(rng: random.Random, limit: int) -> Case:
    """Choose a layer and a machine that spcc can have."""
    while True:
        tiles, pes, lanes = rng.choice(SHAPES)
        # Lookasides stay below the lane count: `tct` cases draw their front end from it.
        case = random_case(rng, limit, tiles=tiles, pes=pes, lanes=lanes, h=0, d=0, adv_max=None)
        if case.machine.am_words <= AM_LIMIT:
            return case


layers = seeded(random_layer)


def spec_of(case: Case) -> DadiannaoSpec:
    """The machine."""
    return DadiannaoSpec(**vars(case.dense))


def model_layer(case: Case) -> Layer:
    """The layer with integers of scale 1 and a result of scale 2^shift."""
    return Layer(
        None,
        "Conv",
        case.x.astype(np.float64),
        case.w,
        np.array(case.bias) if case.bias else None,
        kernel=(case.w.shape[2], case.w.shape[3]),
        strides=case.stride,
        pads=case.pads,
        dilations=case.dilation,
        groups=case.groups,
        result=Quantised(-case.shift),
    )


def compile_and_run(
    case: Case, target: str, config: dict[str, Any]
) -> tuple[Any, dict[str, Any], npt.NDArray[np.float32]]:
    """The program, the report of its only layer, and the output as integers."""
    layer = model_layer(case)
    feeds = {"x": layer.x.astype(np.float32)}
    program = api.compile(model_of(layer), target, config=config, inputs=feeds)
    session = api.InferenceSession(program)
    (output,) = session.run(None, feeds)
    (record,) = session.report["layers"]
    return program, record, np.ldexp(output, -case.shift)


__all__ = ["compile_and_run", "layers", "spec_of", "st"]
