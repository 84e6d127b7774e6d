"""The properties of layer ops: what every layer has, and what is left when two become one."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, Operation

from .dialects.sparse_tensor import LayerOp, bounds, names

NOMINAL_MACS = "nominal_macs"
"""Attribute of a layer whose weights have zeros that are none of the model's: its MACs there."""
NO_TENSOR = StringAttr("")
"""Of a layer whose result lies between two tensors of the model."""
_EPILOGUE = ("nodes", "tensor", "clip", "operandSegmentSizes")


def layer_properties(
    nodes: Sequence[str], tensor: str, op_type: str, placement: str = "native"
) -> dict[str, Attribute]:
    """The properties that every layer op has; `tensor` as in the IR, empty for none."""
    return {
        "nodes": names(*nodes),
        "tensor": StringAttr(tensor),
        "op_type": StringAttr(op_type),
        "placement": StringAttr(placement),
    }


def merged_properties(first: Operation, second: Operation) -> dict[str, Attribute]:
    """The first op's properties, for the nodes of both, producing the second's tensor."""
    assert isinstance(first, LayerOp)
    assert isinstance(second, LayerOp)
    kept = {key: value for key, value in first.properties.items() if key not in _EPILOGUE}
    nodes = ArrayAttr([*first.nodes.data, *second.nodes.data])
    # The second clip of the first one's bounds: right where the ranges lie apart, too.
    floor, ceiling = second.clip_range()
    low, high = (min(max(bound, floor), ceiling) for bound in first.clip_range())
    clip = {"clip": bounds(low, high)} if (low, high) != (-float("inf"), float("inf")) else {}
    return kept | {"nodes": nodes, "tensor": second.tensor} | clip
