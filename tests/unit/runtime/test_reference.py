"""The float reference: intermediates, replaced constants, external data, versions, errors."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from spcc.isa.errors import FrontendError, UnsupportedError, UsageError
from spcc.runtime import onnx_constants
from spcc.runtime.reference import Reference

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(3)
WEIGHT = RNG.standard_normal((4, 3)).astype(np.float32)
BIAS = RNG.standard_normal(4).astype(np.float32)
X = RNG.standard_normal((2, 3)).astype(np.float32)
SUM = X @ WEIGHT.T + BIAS
RESULT = np.maximum(SUM, 0)


def value(name: str, *shape: int, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def network(**options: Any) -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w", "b"], ["sum"], name="fc", transB=1),
            helper.make_node("Relu", ["sum"], ["y"], name="act"),
        ],
        "g",
        [value("x", 2, 3)],
        [value("y", 2, 4)],
        [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(BIAS, "b")],
    )
    defaults: dict[str, Any] = {
        "ir_version": 10,
        "opset_imports": [helper.make_opsetid("", 17)],
    }
    return helper.make_model(graph, **{**defaults, **options})


@pytest.fixture(params=["file", "bytes", "proto", "external"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    model = network()
    path = tmp_path / "net.onnx"
    match request.param:
        case "file":
            onnx.save_model(model, str(path))
            return path
        case "bytes":
            return model.SerializeToString()
        case "external":
            onnx.save_model(
                model, str(path), save_as_external_data=True, location="w.bin", size_threshold=0
            )
            return str(path)
        case _:
            return model


@pytest.fixture(params=[onnx_constants.LARGE_BYTES, 1])
def _large_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_constants, "LARGE_BYTES", request.param)


@pytest.mark.usefixtures("_large_bytes")
def test_outputs_intermediates_inputs_and_constants(source: Any) -> None:
    reference = Reference(source)
    assert reference.inputs == ("x",)
    assert reference.outputs == ("y",)
    (y,) = reference.run({"x": X}).values()
    np.testing.assert_allclose(y, RESULT, rtol=1e-5, atol=1e-6)
    found = reference.run({"x": X}, {"sum", "x", "w", "y"})
    assert found.keys() == {"sum", "x", "w", "y"}
    np.testing.assert_allclose(found["sum"], SUM, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["w"], WEIGHT)
    np.testing.assert_array_equal(found["x"], X)


@pytest.mark.usefixtures("_large_bytes")
def test_replaced_weights_are_used(source: Any) -> None:
    pruned = np.where(np.abs(WEIGHT) > 0.5, WEIGHT, np.float32(0))
    reference = Reference(source, {"w": pruned})
    assert reference.inputs == ("x",), "replaced constants are not the caller's to feed"
    found = reference.run({"x": X}, ["sum", "w"])
    np.testing.assert_allclose(found["sum"], X @ pruned.T + BIAS, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["w"], pruned)
    np.testing.assert_allclose(reference.run({"x": X})["y"], np.maximum(found["sum"], 0))


def test_the_callers_model_stays_as_it_was() -> None:
    model = network()
    before = model.SerializeToString(deterministic=True)
    Reference(model, {"w": WEIGHT * 2}).run({"x": X}, {"sum"})
    assert model.SerializeToString(deterministic=True) == before


def test_node_output_can_be_replaced() -> None:
    given = np.full((2, 4), -1.5, np.float32)
    given[1, 2] = 3
    found = Reference(network(), {"sum": given}).run({"x": X}, ["y", "sum"])
    np.testing.assert_array_equal(found["y"], np.maximum(given, 0))
    np.testing.assert_array_equal(found["sum"], given)


def test_constants_listed_as_inputs_are_not_asked_for() -> None:
    model = network(ir_version=3)
    model.graph.input.extend([value("w", 4, 3), value("b", 4)])
    assert Reference(model).inputs == ("x",)
    found = Reference(model, {"w": np.zeros_like(WEIGHT)}).run({"x": X}, ["sum"])
    np.testing.assert_allclose(found["sum"], np.broadcast_to(BIAS, (2, 4)))


def test_newer_versions_are_pinned(tmp_path: Path) -> None:
    model = network(ir_version=14, opset_imports=[helper.make_opsetid("", 28)])
    path = tmp_path / "new.onnx"
    onnx.save_model(model, str(path))
    for kind in (model, path):
        np.testing.assert_allclose(Reference(kind).run({"x": X})["y"], RESULT, rtol=1e-5, atol=1e-6)


def test_subgraphs_see_outer_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_constants, "LARGE_BYTES", 1)
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(op, ["x", "w"], [f"{name}_y"])], name, [], [value(f"{name}_y", 2, 3)]
        )
        for name, op in (("then", "Add"), ("else", "Sub"))
    }
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], **branches)],
        "g",
        [value("x", 2, 3), value("c", kind=TensorProto.BOOL)],
        [value("y", 2, 3)],
        [numpy_helper.from_array(X, "w")],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    feeds = {"x": X, "c": np.array(True)}
    np.testing.assert_array_equal(Reference(model).run(feeds)["y"], 2 * X)
    replaced = Reference(model, {"w": -X}).run({"x": X, "c": np.array(False)})
    np.testing.assert_array_equal(replaced["y"], 2 * X)
    with pytest.raises(UsageError, match="main graph has no tensor then_y"):
        Reference(model).run(feeds, {"then_y"})


def test_optimisations_are_off() -> None:
    """A fused or folded graph would not have this tensor's own rounding: (x + 1e8) - 1e8."""
    big = np.array(1e8, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "big"], ["a"]),
            helper.make_node("Identity", ["a"], ["i"]),
            helper.make_node("Sub", ["i", "big"], ["y"]),
        ],
        "g",
        [value("x", 2, 3)],
        [value("y", 2, 3)],
        [numpy_helper.from_array(big, "big")],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    found = Reference(model).run({"x": X}, ["i", "y"])
    np.testing.assert_array_equal(found["y"], (X + big) - big)


@pytest.mark.parametrize(
    ("feeds", "want", "kind", "text"),
    [
        ({}, None, UsageError, "missing or unknown: x"),
        ({"x": X, "z": X}, None, UsageError, "missing or unknown: z"),
        ({"x": X}, ["nothing"], UsageError, "main graph has no tensor nothing"),
        ({"x": X.astype(np.float64)}, None, FrontendError, "Unexpected input data type"),
        ({"x": X[:, :2]}, None, FrontendError, "invalid dimensions"),
    ],
)
def test_wrong_runs_are_sentences(feeds: Any, want: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        Reference(network()).run(feeds, want)


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"nothing": WEIGHT}, "no constant or node output 'nothing'"),
        ({"w": WEIGHT[:2]}, r"'w' is float32\[2, 3\], the original float32\[4, 3\]"),
        ({"w": WEIGHT.astype(np.float64)}, "'w' is float64"),
    ],
)
@pytest.mark.usefixtures("_large_bytes")
def test_wrong_replacements_are_sentences(overrides: Any, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Reference(network(), overrides)


def test_broken_models_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(FrontendError, match="not an ONNX model"):
        Reference(b"\x08\xff\xff")
    model = network()
    model.graph.node[0].op_type = "Gemmm"
    with pytest.raises(FrontendError, match=r"onnxruntime cannot run the model.*Gemmm"):
        Reference(model).run({"x": X})
    onnx.save_model(
        network(), str(tmp_path / "a.onnx"), save_as_external_data=True, location="w.bin",
        size_threshold=0,
    )  # fmt: skip
    (tmp_path / "w.bin").unlink()
    with pytest.raises(FrontendError, match="cannot run"):
        Reference(tmp_path / "a.onnx").run({"x": X})


def test_values_that_are_not_tensors_are_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x", "x"], ["s"])],
        "g",
        [value("x", 2, 3)],
        [helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(UnsupportedError, match="value of 's' is not a tensor"):
        Reference(model).run({"x": X})


@pytest.mark.usefixtures("_large_bytes")
def test_layers_are_computed_from_the_values_given(source: Any) -> None:
    given = {"sum": SUM + 1, "y": RESULT + 5, "x": X}
    found = Reference(source).run_layers({"x": X}, given)
    assert found.keys() == {"sum", "y"}, "no node makes x"
    np.testing.assert_allclose(found["sum"], SUM, rtol=1e-5)
    np.testing.assert_allclose(found["y"], np.maximum(SUM + 1, 0), rtol=1e-5)


def test_layers_that_only_copy_inputs_have_nothing_to_compute() -> None:
    assert Reference(network()).run_layers({"x": X}, {"x": X}) == {}
