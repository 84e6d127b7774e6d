"""Layers of the golden `gospa` as ONNX models on spcc's machine."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt
from spcc.tests.e2e.spots_layers import Layer, Quantised, model_of
from spcc.tests.golden import two_sided_cases as cases
from spcc.tests.golden.gospa_golden import Result
from spcc.tests.golden.spots_cases import seeded
from spcc.tools import api

MOST_TAPS, MOST_W_HALF = 128, 2047


def random_layer(rng: random.Random, limit: int) -> cases.GospaCase:
    """Choose a layer and a machine that spcc can have."""
    while True:
        case = cases.random_gospa_case(rng, limit)
        if case.spec.w_half <= MOST_W_HALF:
            return case


layers = seeded(random_layer)


def model_layer(layer: cases.Layer, shift: int) -> Layer:
    """The layer with integers of scale 1 and a result of scale 2^shift."""
    result = Quantised(-shift)
    x = layer.x.astype(np.float64)
    if layer.is_fc:
        return Layer(None, "Gemm", x[:, :, 0, 0], layer.w[:, :, 0, 0], result=result)
    return Layer(
        None,
        "Conv",
        x,
        layer.w,
        kernel=(layer.w.shape[2], layer.w.shape[3]),
        strides=layer.stride,
        pads=layer.pads,
        dilations=layer.dilation,
        groups=layer.groups,
        result=result,
    )


def compile_and_run(
    layer: Layer, config: dict[str, Any]
) -> tuple[Any, dict[str, Any], npt.NDArray[np.float32]]:
    """The program, the report of its only layer, and the output."""
    feeds = {"x": layer.x.astype(np.float32)}
    program = api.compile(model_of(layer), "gospa", config=config, inputs=feeds)
    session = api.InferenceSession(program)
    (output,) = session.run(None, feeds)
    (record,) = session.report["layers"]
    return program, record, output


def shift_of(wanted: Result) -> int:
    """The least scale at which the results fit 16 bits."""
    return max(0, int(np.abs(wanted.outputs).max(initial=0)).bit_length() - 15)
