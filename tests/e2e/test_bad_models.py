"""Models that cannot be compiled: a sentence and an exit code, and nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from spcc.tests.e2e.cli_cases import (
    assert_sentence,
    call,
    constant,
    conv_relu,
    files,
    model,
    node,
    normal,
    save,
    squeeze_excite,
    value,
)
from spcc.tests.e2e.model_cases import BOOL, IMAGE, MAP, X, Y, classifier

pytestmark = pytest.mark.usefixtures("own_folder")


def with_values(dtype: str, **values: Any) -> ModelProto:
    """The convolution with some weights replaced."""
    w, b = normal(4, 3, 3, 3), normal(4)
    for name, value_ in values.items():
        (w if name == "w" else b).flat[0] = value_
    return conv_relu(w=w.astype(dtype), b=b.astype(dtype))


def norm(variance: float, epsilon: float = 1e-5) -> ModelProto:
    call = node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], "norm", epsilon=epsilon)
    arrays = {"s": [1.0], "b": [0.0], "m": [0.0], "v": [variance]}
    constants = [constant(name, np.array(a, np.float32)) for name, a in arrays.items()]
    return model([call], [value("x", [1, 1, 4, 4])], [value("y", None)], constants)


def one(op_type: str, constants: dict[str, Any], x: Any = None, **attributes: Any) -> ModelProto:
    """One node on x [1, 3, 8, 8] and some constants."""
    call = node(op_type, ["x", *constants], ["y"], "one", **attributes)
    inputs = IMAGE if x is None else [value("x", x)]
    return model([call], inputs, MAP, [constant(n, a) for n, a in constants.items()])


def external(location: str) -> ModelProto:
    proto = conv_relu()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return proto


def circle() -> ModelProto:
    nodes = [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])]
    return model(nodes, X, [value("b", [2, 3])])


def captured() -> ModelProto:
    inner = helper.make_graph([node("Relu", ["x"], ["t"])], "t", [], [value("t", [2, 3])])
    choose = node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    return model([choose], [*X, value("c", [], BOOL)], Y)


W = {"w": normal(4, 3, 3, 3)}
SEQUENCE = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [2]))
OPTIONAL = helper.make_optional_type_proto(helper.make_tensor_type_proto(1, [2]))
INVALID: dict[str, tuple[int, str, Callable[[], ModelProto]]] = {
    "no outputs": (1, "no outputs", lambda: model([node("Relu", ["x"], ["y"])], X, [])),
    "output of nothing": (
        1,
        "'z'",
        lambda: model([node("Relu", ["x"], ["y"])], X, [value("z", [1])]),
    ),
    "missing initializer": (1, "'w'", lambda: model([node("Conv", ["x", "w"], ["y"])], IMAGE, MAP)),
    "cycle": (1, "a cycle", circle),
    "itself": (1, "a cycle", lambda: model([node("Add", ["x", "y"], ["y"])], X, Y)),
    "two writers": (1, "'y'", lambda: model([node("Relu", ["x"], ["y"])] * 2, X, Y)),
    "unknown operator": (1, "no operator", lambda: model([node("Foo", ["x"], ["y"])], X, Y)),
    "unknown domain": (
        1,
        "Foo",
        lambda: model([node("Foo", ["x"], ["y"], domain="d")], X, Y, domains={"d": 1}),
    ),
    "undeclared domain": (1, "'d'", lambda: model([node("Foo", ["x"], ["y"], domain="d")], X, Y)),
    "opset of the future": (
        3,
        "opset 99",
        lambda: model([node("Relu", ["x"], ["y"])], X, Y, (), 99),
    ),
    "opset 0": (1, "opset 0", lambda: model([node("Relu", ["x"], ["y"])], X, Y, (), 0)),
    "opset of the past": (3, "opset 1", lambda: classifier(1)),
    "IR of the future": (1, "IR version", lambda: model([], X, X, ir_version=99)),
    "negative dimension": (1, "'x'", lambda: one("Relu", {}, [-3, 3])),
    "no elements": (3, "no elements", lambda: one("Relu", {}, [0, 3])),
    "huge input": (1, "more than", lambda: one("Relu", {}, [1 << 40, 3])),
    "huge inputs": (1, "more than", lambda: one("Relu", {}, [65536, 65536, 65536])),
    "huge padding": (1, "elements", lambda: one("Conv", W, pads=[10**6] * 4)),
    "huge tiling": (1, "elements", lambda: one("Tile", {"r": np.array([1, 1, 1 << 20, 1 << 20])})),
    "huge dilation": (1, "larger than", lambda: one("Conv", W, dilations=[10**9, 1])),
    "no stride": (1, "strides", lambda: one("Conv", W, strides=[0, 1])),
    "no group": (1, "group", lambda: one("Conv", W, group=0)),
    "negative padding": (1, "pads", lambda: one("Conv", W, pads=[-1] * 4)),
    "no kernel": (1, "empty", lambda: one("Conv", {"w": np.zeros((3, 3, 0, 0), "f4")})),
    "other channels": (1, "channels", lambda: one("Conv", {"w": normal(4, 5, 3, 3)})),
    "wrong gemm": (1, "dimensions", lambda: one("Gemm", {"w": normal(4, 5)}, [2, 3])),
    "wrong reshape": (1, "'one'", lambda: one("Reshape", {"s": np.array([7, -1])})),
    "wrong axis": (1, "axis", lambda: one("Softmax", {}, axis=9)),
    "strings": (3, "STRING", lambda: model([], [value("x", [1], 8)], [value("x", [1], 8)])),
    "complex": (3, "COMPLEX64", lambda: model([], [value("x", [1], 14)], [value("x", [1], 14)])),
    "sequence": (
        3,
        "sequence",
        lambda: model([], [helper.make_value_info("x", SEQUENCE)], [value("x", None)]),
    ),
    "optional": (
        3,
        "optional",
        lambda: model([], [helper.make_value_info("x", OPTIONAL)], [value("x", None)]),
    ),
    "captured value": (3, "outer graph", captured),
    "nan weights": (1, "infinite or undefined", lambda: with_values("f4", w=np.nan)),
    "nan bias": (1, "infinite or undefined", lambda: with_values("f4", b=np.nan)),
    "infinite weights": (1, "infinite or undefined", lambda: with_values("f4", w=np.inf)),
    "weights that overflow": (
        1,
        "infinite",
        lambda: conv_relu(w=np.full((4, 3, 3, 3), 3e38, "f4")),
    ),
    "negative variance": (1, "infinite or undefined", lambda: norm(-1.0)),
    "no variance": (1, "infinite or undefined", lambda: norm(0.0, 0.0)),
    "division by zero": (1, "infinite", lambda: one("Div", {"c": np.float32(0)})),
    "division by nearly zero": (1, "infinite", lambda: one("Div", {"c": np.float32(1e-42)})),
    "infinite alpha": (
        1,
        "infinite",
        lambda: one("Gemm", {"w": normal(3, 5)}, [2, 3], alpha=np.inf),
    ),
    "external data": (1, "external data", lambda: external("weights.bin")),
    "external data elsewhere": (1, "inside the model's folder", lambda: external("../secret.bin")),
    "external data anywhere": (1, "inside the model's folder", lambda: external("/etc/passwd")),
    "external data through a link": (1, "symbolic link", lambda: external("link.bin")),
    "external data in a folder": (1, "plain file", lambda: external("folder")),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_models(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, part, build = INVALID[name]
    Path("here/folder").mkdir(parents=True)
    Path("secret.bin").write_bytes(bytes(4 * 108))
    Path("here/link.bin").symlink_to("../secret.bin")
    save(build(), "here/m.onnx")
    before = files()
    assert call("spcc", "here/m.onnx") == code, capsys.readouterr().err
    err = capsys.readouterr().err
    assert_sentence(err, part, "hint")
    assert "Warning" not in err
    assert files() == before


def test_fail_on_host(capsys: pytest.CaptureFixture[str]) -> None:
    save(squeeze_excite(), "m.onnx")
    assert call("spcc", "m.onnx", "--fail-on-host") == 3
    assert_sentence(capsys.readouterr().err, "would run on the host", "Sigmoid", "hint")
    assert set(files()) == {"m.onnx"}


def test_cut_models(capsys: pytest.CaptureFixture[str]) -> None:
    whole = conv_relu().SerializeToString()
    for size in range(0, len(whole), 7):
        Path("m.onnx").write_bytes(whole[:size])
        assert call("spcc", "m.onnx", "-c") in (1, 3), size
        assert_sentence(capsys.readouterr().err, "m.onnx", "hint")
    assert set(files()) == {"m.onnx"}


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n", bytes(range(256)), b"\x0a" * 99]
)
def test_files_that_are_no_models(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.onnx").write_bytes(content)
    assert call("spcc", "m.onnx") == 1
    assert_sentence(capsys.readouterr().err, "m.onnx", "hint")
    assert set(files()) == {"m.onnx"}


def test_claims_beyond_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    proto = conv_relu()
    proto.graph.initializer[0].dims[:] = [1 << 30, 1]
    save(proto, "m.onnx")
    assert call("spcc", "m.onnx") == 1
    assert_sentence(capsys.readouterr().err, "initializer 'w'", "hint")
    proto.graph.initializer[0].dims[:] = [4, 3, -3, -3]
    save(proto, "m.onnx")
    assert call("spcc", "m.onnx") == 1
    assert_sentence(capsys.readouterr().err, "negative dimension", "hint")


def test_networks_beyond_the_memory(capsys: pytest.CaptureFixture[str]) -> None:
    save(one("Relu", {}, [1, 3, 25_000, 25_000]), "m.onnx")
    assert call("spcc", "m.onnx") == 3
    assert_sentence(capsys.readouterr().err, "GiB are free", "--batch or --shape")
    assert set(files()) == {"m.onnx"}
