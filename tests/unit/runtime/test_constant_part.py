"""What nodes make of constants alone is zeroed like a constant; anything else is not computed."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from spcc.runtime.onnx_constants import LARGE_BYTES, constant_part
from spcc.runtime.reference import Reference


def model(*nodes: onnx.NodeProto, elements: int = 4) -> onnx.ModelProto:
    """The model y = x + w, where nodes make w of the constants a = 1, 2, 3... and two."""
    values = np.arange(1, elements + 1, dtype=np.float32)
    graph = helper.make_graph(
        [*nodes, helper.make_node("Add", ["x", "w"], ["y"])],
        "constants",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [elements])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [elements])],
        [numpy_helper.from_array(values, "a"), numpy_helper.from_array(np.float32(2), "two")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


DOUBLED = (helper.make_node("Mul", ["a", "two"], ["d"]), helper.make_node("Neg", ["d"], ["w"]))


@pytest.mark.parametrize("elements", [4, LARGE_BYTES // 4], ids=["stored", "fed"])
def test_a_computed_constant_keeps_its_values_where_the_mask_is_not_zero(elements: int) -> None:
    mask = np.ones(elements, np.float32)
    mask[[0, -1]] = 0
    reference = Reference(model(*DOUBLED, elements=elements), zeros={"w": mask * 0.3})
    found = reference.run({"x": np.zeros(elements, np.float32)})["y"]
    np.testing.assert_array_equal(found, np.arange(1, elements + 1) * -2.0 * mask)


def test_a_part_has_the_nodes_that_are_needed_and_no_more() -> None:
    part = constant_part(model(*DOUBLED, helper.make_node("Exp", ["w"], ["unused"])), (), "w")
    assert part is not None
    assert [node.op_type for node in part.graph.node] == ["Mul", "Neg"]
    assert [tensor.name for tensor in part.graph.initializer] == ["a", "two"]
    onnx.shape_inference.infer_shapes(part, strict_mode=True)


def test_what_needs_an_input_or_has_subgraphs_is_no_constant() -> None:
    mixed = model(helper.make_node("Mul", ["a", "x"], ["w"]))
    assert constant_part(mixed, (), "w") is None
    assert constant_part(mixed, ("x",), "w") is not None
    branch = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [4])],
    )
    choice = helper.make_node("If", ["two"], ["w"], then_branch=branch, else_branch=branch)
    assert constant_part(model(choice), (), "w") is None
    mask = np.array([0, 5, 0, 7], np.float32)
    reference = Reference(mixed, zeros={"w": mask})
    np.testing.assert_array_equal(reference.run({"x": np.ones(4, np.float32)})["y"], mask + 1)
