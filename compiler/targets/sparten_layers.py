"""What SparTen's passes and lowering know of a layer: its problem, plan, balance and image."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ...isa.formats import sparsemap
from ...isa.targets.sparten import SpartenSpec
from ..backend.window import Window, groups_of, weight_matrix, window_of
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import MatmulOp, SumsOp, shape_of
from .base import PackedWeights
from .sparten_mapping import Balance, Plan, Problem, filter_chunks

Weights = npt.NDArray[np.int16]

ARRAYS, SEGMENTS = "sparten_arrays", "sparten_segments"
"""Attributes of a balanced layer: the keys of its arrays, and its sets' segments."""


def problem_of(op: SumsOp) -> Problem:
    """A layer in the sheet's terms."""
    window, (K, Cg, *_) = window_of(op), shape_of(op.weight)
    if isinstance(op, MatmulOp):
        window = Window(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1)
    groups = groups_of(op)
    return Problem(window, shape_of(op.input)[0], groups, Cg, K // groups)


def plan_of(op: SumsOp) -> Plan:
    """The plan in a layer's tiling."""
    (plain,) = from_attribute(op.properties["tiling"])
    return Plan(**plain)


def segments_of(op: SumsOp) -> list[list[tuple[int, int]]]:
    """First chunk, and one past the last, of each set's segments, group by group."""
    ends = from_attribute(op.attributes[SEGMENTS])
    return [list(pairwise((0, *each))) for each in ends]


def balance_of(op: SumsOp, store: Mapping[str, Any]) -> Balance:
    """A layer's balance out of the store."""
    keys = from_attribute(op.attributes[ARRAYS])
    segments = [list(ends) for ends in from_attribute(op.attributes[SEGMENTS])]
    return Balance(store[keys["order"]], store[keys["cus"]], segments)


def encode_layer(
    spec: SpartenSpec,
    op: SumsOp,
    weights: Weights,
    bias: npt.NDArray[np.int32] | None,
    result: Balance,
) -> PackedWeights:
    """Make the images of a layer: table and records of each segment of each set, the biases.

    Biases are in the order in which a set's sums are drained.
    """
    problem, matrix = problem_of(op), weight_matrix(op, weights)
    images: list[npt.NDArray[Any]] = []
    biases: list[npt.NDArray[np.int32]] = []
    first, sets = 0, iter(result.segments)
    for group in range(problem.groups):
        for low, high in problem.sets(spec):
            places = slice(first, first + high - low)
            first = places.stop
            order = result.order[places]
            outputs = (order - group * problem.filters).astype("<u2")
            chunks = filter_chunks(matrix[order], spec.chunk)
            for lo, hi in pairwise((0, *next(sets))):
                rows = slice(lo, hi) if spec.gb == "H" else slice(None)
                cus = np.ascontiguousarray(result.cus[rows, places])
                images.append(np.concatenate((outputs.view(np.uint8), cus.reshape(-1))))
                records = chunks[:, lo:hi].reshape(-1, spec.chunk)
                images.append(sparsemap.encode(records))
            if bias is not None:
                biases.append(bias[np.sort(order)])
    if bias is not None:
        images.append(np.concatenate(biases).astype("<i4"))
    return PackedWeights.of(images)
