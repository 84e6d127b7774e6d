"""Models that onnxruntime takes: they compile, run and pass the check."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from onnx import ModelProto
from spcc.tests.e2e.cli_cases import (
    call,
    constant,
    conv_relu,
    files,
    host_only,
    inception,
    load,
    mobilenet,
    model,
    node,
    normal,
    resnet,
    save,
    squeeze_excite,
    value,
)
from spcc.tests.e2e.model_cases import (
    BOOL,
    F16,
    F64,
    I32,
    I64,
    IMAGE,
    MAP,
    U8,
    X,
    Y,
    body,
    branch,
    chain,
    classifier,
    fan,
    gemm,
    old_inputs,
    shared,
    typed,
)

pytestmark = pytest.mark.usefixtures("own_folder")


VALID: dict[str, Callable[[], ModelProto]] = {
    "resnet": resnet,
    "mobilenet": mobilenet,
    "mobilenet v3": lambda: mobilenet("HardSwish"),
    "squeeze-excite": squeeze_excite,
    "squeeze-excite v3": lambda: squeeze_excite("HardSigmoid"),
    "inception": inception,
    "host only": host_only,
    "no nodes": lambda: model([], X, X),
    "output is an input": lambda: model([node("Relu", ["x"], ["y"])], X, [*Y, *X]),
    "output is an initializer": lambda: model(
        [node("Relu", ["x"], ["y"])], X, [*Y, value("w", [2, 3])], [constant("w", normal(2, 3))]
    ),
    "only an initializer": lambda: model(
        [], [], [value("w", [2, 3])], [constant("w", normal(2, 3))]
    ),
    "no inputs": lambda: model([node("Relu", ["w"], ["y"])], [], Y, [constant("w", normal(2, 3))]),
    "scalar": lambda: model([node("Relu", ["x"], ["y"])], [value("x", [])], [value("y", [])]),
    "shared weight": shared,
    "folded weight": lambda: model(
        [node("Mul", ["w", "w"], ["v"]), node("Conv", ["x", "v"], ["y"])],
        IMAGE,
        MAP,
        [constant("w", normal(4, 3, 3, 3))],
    ),
    "weight that is an input": lambda: model(
        [node("Conv", ["x", "w"], ["y"])], [*IMAGE, value("w", [4, 3, 3, 3])], MAP
    ),
    "gemm with alpha and beta": lambda: gemm(normal(7), alpha=0.5, beta=2.0, transB=1),
    "gemm with alpha 0": lambda: gemm(normal(7), alpha=0.0),
    "gemm with A transposed": lambda: gemm(normal(7), transA=1),
    "gemm with a matrix C": lambda: gemm(normal(2, 7), beta=-3.0),
    "gemm with a column C": lambda: gemm(normal(2, 1)),
    "gemm with a scalar C": lambda: gemm(np.float32(0.3)),
    "zero weights": lambda: conv_relu(w=np.zeros((4, 3, 3, 3), np.float32), b=np.zeros(4, "f4")),
    "denormal weights": lambda: conv_relu(w=normal(4, 3, 3, 3) * np.float32(1e-40)),
    "denormal weights alone": lambda: conv_relu(
        w=normal(4, 3, 3, 3) * np.float32(1e-40), b=np.zeros(4, "f4")
    ),
    "large weights": lambda: conv_relu(w=normal(4, 3, 3, 3) * np.float32(1e36)),
    "weights of all sizes": lambda: conv_relu(
        w=normal(4, 3, 3, 3) * np.array([1e10, 1, 1e-10, 1e-30], "f4").reshape(4, 1, 1, 1)
    ),
    "half precision": lambda: typed(F16, "float16"),
    "double precision": lambda: model(
        [node("Relu", ["x"], ["y"])], [value("x", [2, 3], F64)], [value("y", [2, 3], F64)]
    ),
    "bytes": lambda: model(
        [node("Cast", ["x"], ["f"], to=1), node("Conv", ["f", "w"], ["y"])],
        [value("x", [1, 3, 8, 8], U8)],
        MAP,
        [constant("w", normal(4, 3, 3, 3))],
    ),
    "integers": lambda: model(
        [node("Add", ["x", "x"], ["y"])], [value("x", [3], I32)], [value("y", [3], I32)]
    ),
    "indices": lambda: model(
        [node("Gather", ["w", "x"], ["y"])],
        [value("x", [3], I64)],
        [value("y", [3, 4])],
        [constant("w", normal(10, 4))],
    ),
    "truth": lambda: model([node("Cast", ["x"], ["y"], to=1)], [value("x", [2, 3], BOOL)], Y),
    "if with constant branches": lambda: model(
        [
            node("ReduceSum", ["x"], ["s"], keepdims=0),
            node("Greater", ["s", "zero"], ["c"]),
            node("If", ["c"], ["v"], then_branch=branch("t"), else_branch=branch("ee")),
            node("Add", ["x", "v"], ["y"]),
        ],
        X,
        Y,
        [constant("zero", np.float32(0))],
    ),
    "loop": lambda: model(
        [node("Loop", ["n", "go", "x"], ["y"], body=body())],
        X,
        Y,
        [constant("n", np.int64(3)), constant("go", np.array(True))],
    ),
    "operator of onnxruntime's": lambda: model(
        [node("Gelu", ["x"], ["y"], domain="com.microsoft")], X, Y, domains={"com.microsoft": 1}
    ),
    "operator of classical machine learning": lambda: model(
        [node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[0.1] * 3, scale=[1.0] * 3)],
        X,
        Y,
        domains={"ai.onnx.ml": 3},
    ),
    "deep": lambda: chain(500),
    "deep on the host": lambda: chain(30, "Sigmoid"),
    "wide": lambda: fan(100),
    "initializers as inputs": old_inputs,
    **{f"opset {version}": partial(classifier, version) for version in (7, 8, 9, 11, 13, 17)},
    **{f"opset {version}": partial(classifier, version) for version in (18, 21, 24, 26)},
}


@pytest.mark.parametrize("name", VALID)
def test_valid_models(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    save(VALID[name](), "m.onnx")
    assert call("spcc", "m.onnx") == 0, capsys.readouterr().err
    seen = capsys.readouterr()
    assert "agrees with the reference" in seen.out
    assert "Traceback" not in seen.err
    expected = {"layers.csv", "m.spots.spx", "report.json", "summary.csv"}
    assert set(files("spcc-out/m-spots")) == expected


def test_a_maximum_of_nothing_is_the_lowest_number(capsys: pytest.CaptureFixture[str]) -> None:
    """Both taps of every window lie beyond the only row; onnxruntime has no infinity either."""
    pool = {"kernel_shape": [2, 2], "dilations": [2, 2], "pads": [1] * 4}
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("MaxPool", ["a"], ["b"], "pool", **pool),
        node("Relu", ["b"], ["y"]),
    ]
    save(model(nodes, [value("x", [1, 3, 1, 4])], [value("y", [1, 3, 1, 4])]), "m.onnx")
    assert call("spcc", "m.onnx", "--check-layers", "-v") == 0, capsys.readouterr().err
    assert "node 'pool' (MaxPool): one of its windows lies wholly" in capsys.readouterr().err


@pytest.mark.parametrize("version", range(3, 14))
def test_ir_versions(version: int) -> None:
    proto = conv_relu()
    proto.ir_version, proto.opset_import[0].version = version, 11
    if version == 3:
        proto.graph.input.extend(value(t.name, t.dims) for t in proto.graph.initializer)
    save(proto, "m.onnx")
    assert call("spcc", "m.onnx", "-c") == 0


@pytest.mark.parametrize("prune", ["group=0.5", "magnitude=0.7"])
@pytest.mark.parametrize("name", ["shared weight", "gemm with alpha and beta", "mobilenet"])
def test_valid_models_pruned(name: str, prune: str, capsys: pytest.CaptureFixture[str]) -> None:
    save(VALID[name](), "m.onnx")
    assert call("spcc", "m.onnx", "--prune", prune) == 0, capsys.readouterr().err


def test_batches_of_a_dynamic_model(capsys: pytest.CaptureFixture[str]) -> None:
    save(resnet(), "m.onnx")
    for batch in (1, 3):
        assert call("spcc", "m.onnx", "--batch", batch) == 0, capsys.readouterr().err
        assert load("spcc-out/m-spots/m.spots.spx").inputs[0].shape == (batch, 3, 32, 32)
    assert call("spcc", "m.onnx", "--shape", "image=2x3x32x32", "-c") == 0


@pytest.mark.slow
@pytest.mark.parametrize("proto", [chain(10_000), fan(3000)], ids=["deep", "wide"])
def test_very_deep_and_very_wide(proto: ModelProto) -> None:
    save(proto, "m.onnx")
    assert call("spcc", "m.onnx") == 0
