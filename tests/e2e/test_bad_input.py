"""Wrong models, dumps, programs and assembly: a sentence and an exit code, and nothing written."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, TensorProto, helper
from spcc.tests.e2e.cli_cases import (
    assert_sentence,
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


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Dumps of the IR ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with m.onnx, m.spx and the dumps of its compilation in ir/."""
    folder = tmp_path_factory.mktemp("dumped")
    save(conv_relu(), folder / "m.onnx")
    argv = [folder / "m.onnx", "-c", "-o", folder / "m.spx", "--dump-ir", folder / "ir"]
    assert call("spcc", *argv) == 0
    return folder


def test_every_stage_resumes_to_the_same_program(dumped: Path) -> None:
    stages = sorted((dumped / "ir").glob("*.mlir"))
    assert [stage.name[:2] for stage in stages] == [f"{n:02}" for n in range(len(stages))]
    assert len(stages) > 10
    for stage in stages:
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 0
        assert Path("m.spx").read_bytes() == (dumped / "m.spx").read_bytes(), stage.name


def test_resumed_dumps_resume(dumped: Path) -> None:
    middle = next((dumped / "ir").glob("05-*.mlir"))
    assert call("spcc", "--resume-from", middle, "-c", "--dump-ir", "ir") == 0
    stages = sorted(Path("ir").glob("*.mlir"))
    assert [stage.name for stage in stages] == [
        stage.name for stage in sorted((dumped / "ir").glob("*.mlir"))[6:]
    ]
    for stage in stages:
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 0
        assert Path("m.spx").read_bytes() == (dumped / "m.spx").read_bytes(), stage.name


def test_resumed_stage_is_emitted_run_and_checked(
    dumped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = dumped / "ir" / "00-import.mlir"
    assert call("spcc", "--resume-from", first, "--emit", "sparse") == 0
    assert "sparse_tensor.conv2d" in capsys.readouterr().out
    assert call("spcc", "--resume-from", first, "--emit", "asm", "-o", "m.s") == 0
    assert Path("m.s").read_text().startswith(".target spots")
    assert call("spcc", dumped / "m.onnx", "--resume-from", first, "--check-layers") == 0
    assert "agrees with the reference" in capsys.readouterr().out
    assert call("spcc", "--resume-from", first, "--check-layers") == 2
    assert_sentence(capsys.readouterr().err, "needs the model")
    later = next((dumped / "ir").glob("05-*.mlir"))
    assert call("spcc", "--resume-from", later, "--emit", "onnx") == 2
    assert_sentence(capsys.readouterr().err, "has the pass import behind it")
    save(conv_relu(w=normal(4, 3, 3, 3, seed=5)), "other.onnx")
    assert call("spcc", "other.onnx", "--resume-from", first) == 2
    assert_sentence(capsys.readouterr().err, "another model")


def test_pruned_dumps_are_checked_while_they_can_be(
    dumped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(dumped / "m.onnx", "m.onnx")
    assert call("spcc", "m.onnx", "-c", "--prune", "group=0.5", "--dump-ir", "ir") == 0
    assert call("spcc", "m.onnx", "--resume-from", "ir/01-convert-onnx-to-sparse-tensor.mlir") == 0
    assert "agrees with the reference" in capsys.readouterr().out
    assert call("spcc", "m.onnx", "--resume-from", "ir/03-fold-affine.mlir") == 0
    seen = capsys.readouterr()
    assert "not checked" in seen.err
    assert "agrees" not in seen.out


def test_dump_folder_holds_one_compilation(dumped: Path) -> None:
    shutil.copy(dumped / "m.onnx", "m.onnx")
    Path("ir").mkdir()
    Path("ir/99-mine.mlir").write_text("// not a dump of ours\n")
    assert call("spcc", "m.onnx", "-c", "--prune", "group=0.5", "--dump-ir", "ir") == 0
    assert "02-prune-weights.mlir" in files("ir")
    assert call("spcc", "m.onnx", "-c", "--dump-ir", "ir") == 0
    assert set(files("ir")) == {*files(dumped / "ir"), "99-mine.mlir"}


def test_dumps_without_their_weights(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ir").mkdir()
    for stage in (dumped / "ir").glob("*.mlir"):
        shutil.copy(stage, "ir")
    for stage in sorted(Path("ir").glob("*.mlir")):
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 1
        assert_sentence(capsys.readouterr().err, "weights.npz", "hint")
    Path("ir/weights.npz").write_bytes((dumped / "ir/weights.npz").read_bytes()[:-100])
    for stage in sorted(Path("ir").glob("*.mlir")):
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 1
        assert_sentence(capsys.readouterr().err, "weights.npz", "hint")
    assert not Path("m.spx").exists()


CHANGES = {
    "another stage": (r"spcc.stage = \d+", "spcc.stage = 77"),
    "negative stage": (r"spcc.stage = \d+", "spcc.stage = -1"),
    "stage that is no number": (r"spcc.stage = \d+ : i64", 'spcc.stage = "x"'),
    "unknown pass": (r'spcc.pipeline = "', 'spcc.pipeline = "nonsense,'),
    "no pipeline": (r"spcc.pipeline", "spcc.nothing"),
    "no stage": (r"spcc.stage", "spcc.nothing"),
    "no target": (r"spcc.target", "spcc.nothing"),
    "unknown target": (r'spcc.target = "spots"', 'spcc.target = "other"'),
    "illegal configuration": (r"NR = 128", "NR = 7"),
    "configuration with another name": (r"NR = 128", "NRR = 128"),
    "no info": (r"spcc.info", "spcc.nothing"),
    "info of numbers": (r'seed = "0"', "seed = 0 : i64"),
    "other weights": (r'spcc.weights = "weights.npz"', 'spcc.weights = "../weights.npz"'),
    "weights that are no name": (r'spcc.weights = "weights.npz"', "spcc.weights = 3 : i64"),
    "cut text": (r"(?s)\}\s*\Z", ""),
    "unknown op": (r"builtin.module", "builtin.nonsense"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_dumps(name: str, dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dumped / "ir", "ir")
    pattern, replacement = CHANGES[name]
    for stage in sorted(Path("ir").glob("*.mlir")):
        text, count = re.subn(pattern, replacement, stage.read_text(), count=1)
        assert count, stage
        stage.write_text(text)
        code = call("spcc", "--resume-from", stage, "-c", "-o", "m.spx")
        assert code in (1, 2), stage
        assert_sentence(capsys.readouterr().err, "hint")
        assert not Path("m.spx").exists()


SIZES = [
    ("import", r"tensor<1x3x8x8xf32>", "tensor<1x3x99999999x99999999xf32>"),
    ("import", r"tensor<1x3x8x8xf32>", "tensor<1x3x?x8xf32>"),
    ("import", r"tensor<4x3x3x3xf32>", "tensor<4x3x5x5xf32>"),
    ("import", r"onnx.Initializer \"w\"", 'onnx.Initializer "v"'),
    ("fuse-epilogue", r"strides = array<i64: 1, 1>", "strides = array<i64: 0, 1>"),
    ("fuse-epilogue", r"pads = array<i64: 1, 1, 1, 1>", "pads = array<i64: -9, 1, 1, 1>"),
    ("quantize", r"frac = \d+", "frac = 99999999999"),
    ("quantize", r"bits = 16", "bits = 7"),
    ("tile", r"tiling = \[\{", "tiling = [{nonsense = 1 : i64, "),
    ("allocate", r"packed_dram = \d+", "packed_dram = 123456789012345678"),
    ("convert-sparse-tensor-to-target", r"bytes = \d+ : i64", "bytes = 1 : i64"),
    ("convert-sparse-tensor-to-target", r"constants = \d+", "constants = 99999999999999"),
    ("convert-sparse-tensor-to-target", r"program.layer", "program.nonsense"),
    ("insert-semaphores", r"wait\(\d+", "wait(31"),
    ("insert-semaphores", r"spots.halt", "spots.conv"),
]


@pytest.mark.parametrize(("stage", "pattern", "replacement"), SIZES)
def test_changed_values(
    stage: str,
    pattern: str,
    replacement: str,
    dumped: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(dumped / "ir", "ir")
    path = next(Path("ir").glob(f"*-{stage}.mlir"))
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count
    path.write_text(text)
    assert call("spcc", "--resume-from", path, "-c", "-o", "m.spx") == 1
    assert_sentence(capsys.readouterr().err, "hint")
    assert not Path("m.spx").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"// \xe9",
        b"\0" * 100,
        b"builtin.module {" * 3000,
        b"builtin.module attributes {a = " + b"[" * 4000,
        b"builtin.module {}",
        b'"builtin.module"() ({ "a.b"() : () -> () }) : () -> ()',
    ],
)
def test_text_that_is_no_dump(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.mlir").write_bytes(content)
    assert call("spcc", "--resume-from", "x.mlir", "-c", "-o", "m.spx") == 1
    assert_sentence(capsys.readouterr().err, "x.mlir", "hint")
    code = call("spcc-opt", "x.mlir", "-p", "quantize", "-o", "y.mlir")
    assert code == 1
    assert_sentence(capsys.readouterr().err, "hint")
    assert set(files()) == {"x.mlir"}


# spcc-opt ----------------------------------------------------------------------------------------

OPT = {
    "m.mlir -p nonsense": (2, "Unrecognized passes"),
    "m.mlir -p quantize{x=1}": (2, "not found"),
    "m.mlir -p quantize{": (2, "argument name"),
    "m.mlir -p quantize": (1, "what it is compiled for"),
    "m.mlir --quant": (2, "unrecognized arguments"),
    "m.mlir -o folder": (1, "folder: "),
    "m.mlir -o /dev/full": (1, "/dev/full: "),
    "m.mlir --weights folder": (1, "folder: "),
    "m.mlir --weights=": (2, "the path is empty"),
    "m.mlir -t llvm": (2, "invalid choice"),
    "m.onnx": (2, "IR ends in .mlir"),
    "folder": (1, "folder"),
    "nothing.mlir": (1, "nothing.mlir"),
    "ir/00-import.mlir -p convert-sparse-tensor-to-target": (1, "spcc.image"),
}


@pytest.mark.parametrize("line", OPT)
def test_spcc_opt_errors(line: str, dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dumped / "ir", "ir")
    shutil.copy(dumped / "m.onnx", "m.onnx")
    Path("folder").mkdir()
    Path("m.mlir").write_text("builtin.module {\n}\n")
    before = files()
    code, part = OPT[line]
    assert call("spcc-opt", *line.split()) == code
    assert_sentence(capsys.readouterr().err, part)
    assert files() == before


def test_spcc_opt_works_in_place(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dumped / "ir", "ir")
    convert = "convert-onnx-to-sparse-tensor"
    path = Path("ir/00-import.mlir")
    assert call("spcc-opt", path, "-p", convert, "-o", path) == 0
    assert "sparse_tensor.conv2d" in path.read_text()
    good = path.read_bytes()
    assert call("spcc-opt", path, "-p", "allocate,quantize", "-o", path) == 1
    assert_sentence(capsys.readouterr().err)
    assert path.read_bytes() == good


# Models that onnxruntime takes: they compile, run and pass the check -----------------------------

F16, F64, I8, I32, I64, U8, BOOL = (
    getattr(TensorProto, name)
    for name in ("FLOAT16", "DOUBLE", "INT8", "INT32", "INT64", "UINT8", "BOOL")
)
X, Y = [value("x", [2, 3])], [value("y", [2, 3])]
IMAGE, MAP = [value("x", [1, 3, 8, 8])], [value("y", None)]


def branch(name: str) -> GraphProto:
    """A branch of If that is a constant."""
    made = node("Constant", [], [name], value=constant("v", normal(2, 3, seed=len(name))))
    return helper.make_graph([made], name, [], [value(name, [2, 3])])


def body() -> GraphProto:
    """A body of Loop that adds a value to itself."""
    nodes = [node("Identity", ["go"], ["going"]), node("Add", ["a", "a"], ["b"])]
    inputs = [value("i", [], I64), value("go", [], BOOL), value("a", [2, 3])]
    return helper.make_graph(nodes, "body", inputs, [value("going", [], BOOL), value("b", [2, 3])])


def typed(elem: int, dtype: str) -> ModelProto:
    proto = conv_relu(w=normal(4, 3, 3, 3).astype(dtype), b=normal(4).astype(dtype))
    for each in (proto.graph.input[0], proto.graph.output[0]):
        each.type.tensor_type.elem_type = elem
    return proto


def gemm(c: Any, **attributes: Any) -> ModelProto:
    b = normal(7, 5) if attributes.get("transB") else normal(5, 7)
    shape = [5, 2] if attributes.get("transA") else [2, 5]
    call = node("Gemm", ["x", "b", "c"], ["y"], **attributes)
    constants = [constant("b", b), constant("c", c)]
    return model([call], [value("x", shape)], [value("y", [2, 7])], constants)


def chain(count: int, op_type: str = "Relu") -> ModelProto:
    names = ["x", *(f"t{i}" for i in range(1, count)), "y"]
    nodes = [node(op_type, [a], [b]) for a, b in pairwise(names)]
    return model(nodes, X, Y)


def fan(count: int) -> ModelProto:
    outputs = [value(f"y{i}", [2, 3]) for i in range(count)]
    return model([node("Relu", ["x"], [o.name]) for o in outputs], X, outputs)


def classifier(opset: int) -> ModelProto:
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4, kernel_shape=[3, 3]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "v", "d"], ["y"], transB=1),
    ]
    arrays = {"w": normal(4, 3, 3, 3), "b": normal(4), "v": normal(5, 64), "d": normal(5)}
    constants = [constant(name, array) for name, array in arrays.items()]
    return model(nodes, IMAGE, [value("y", [1, 5])], constants, opset, 4 if opset < 11 else 8)


def shared() -> ModelProto:
    """Two layers with one weight."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], "first", pads=[1] * 4),
        node("Conv", ["a", "w"], ["y"], "second", pads=[1] * 4),
    ]
    return model(nodes, [value("x", [1, 4, 8, 8])], MAP, [constant("w", normal(4, 4, 3, 3))])


def old_inputs() -> ModelProto:
    """IR version 3: initializers are graph inputs too."""
    proto = conv_relu()
    proto.ir_version = 3
    proto.opset_import[0].version = 8
    proto.graph.input.extend(value(t.name, t.dims) for t in proto.graph.initializer)
    return proto


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


# Models that cannot be compiled ------------------------------------------------------------------


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
