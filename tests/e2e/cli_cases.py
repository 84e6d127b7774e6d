"""What the command-line tests share: small models, and the tools in this process or in another."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from spcc.isa.program import Program
from spcc.tools.targets import find_target

FLOAT = TensorProto.FLOAT
LINK = Path(__file__).parent.parent.parent / ".links"
MODULES = {"spcc": "spcc", "spcc-opt": "opt", "spcc-run": "run", "spcc-as": "asm"}
MODULES["spcc-objdump"] = "objdump"
node = helper.make_node


def value(name: str, shape: Sequence[int | str | None] | None, elem: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, elem, shape)


def normal(*shape: int, seed: int = 0) -> Any:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.3).astype(np.float32)


def constant(name: str, array: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(array), name)


def model(
    nodes: Iterable[NodeProto],
    inputs: Iterable[ValueInfoProto],
    outputs: Iterable[ValueInfoProto],
    constants: Iterable[TensorProto] = (),
    opset: int = 17,
    ir_version: int = 8,
    domains: Mapping[str, int] | None = None,
) -> ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(constants))
    opsets = [helper.make_opsetid(d, v) for d, v in {"": opset, **(domains or {})}.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def conv_relu(batch: int | str = 1, **weights: Any) -> ModelProto:
    """A convolution with ReLU: x [batch, 3, 8, 8] to y [batch, 4, 8, 8]."""
    w, b = weights.get("w", normal(4, 3, 3, 3)), weights.get("b", normal(4, seed=1))
    return model(
        [
            node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["y"], "relu"),
        ],
        [value("x", [batch, 3, 8, 8])],
        [value("y", [batch, 4, 8, 8])],
        [constant("w", w), constant("b", b)],
    )


def host_only() -> ModelProto:
    """A model that no accelerator has a kernel for."""
    return model([node("Sigmoid", ["x"], ["y"])], [value("x", [2, 3])], [value("y", [2, 3])])


def save(model: ModelProto, path: str | Path) -> Path:
    Path(path).write_bytes(model.SerializeToString())
    return Path(path)


def call(tool: str, *argv: object) -> int:
    """Run a tool in this process; its exit code, that of argparse included."""
    main = importlib.import_module(f"spcc.tools.{MODULES[tool]}").main
    try:
        return main([str(word) for word in argv])
    except SystemExit as stop:
        return int(stop.code or 0)


def command(tool: str, *argv: object) -> list[str]:
    """The words that start a tool in a process of its own."""
    words = [os.fsdecode(w) if isinstance(w, bytes) else str(w) for w in argv]
    return [sys.executable, "-m", f"spcc.tools.{MODULES[tool]}", *words]


def environment(**more: str) -> dict[str, str]:
    names = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return {**names, "PYTHONPATH": str(LINK), "OMP_NUM_THREADS": "1", **more}


def spawn(tool: str, *argv: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a tool in a process of its own, to its end."""
    options = {"capture_output": True, "timeout": 120, "env": environment(), **options}
    return subprocess.run(command(tool, *argv), check=False, **options)


def load(path: str | Path) -> Program:
    return Program.load(path, lambda name: find_target(name).isa())


def files(folder: str | Path = ".") -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    folder = Path(folder)
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


def assert_sentence(err: str, *parts: str) -> None:
    """The last error is a sentence of ours with these parts, and nothing looks like a crash."""
    assert "Traceback" not in err
    assert "bug in spcc" not in err
    assert "error: " in err
    for part in parts:
        assert part in err, (part, err)


# Classifiers as torchvision writes them ----------------------------------------------------------


class Net:
    """Collects the nodes and weights of a network, layer after layer."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op_type}{len(self.nodes)}"
        self.nodes.append(node(op_type, list(inputs), [f"{name}_y"], name, **attributes))
        return f"{name}_y"

    def constant(self, array: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(constant(name, array))
        return name

    def conv(self, x: str, C: int, K: int, size: int = 3, stride: int = 1, group: int = 1) -> str:
        fan_in = C // group * size * size
        weights = normal(K, C // group, size, size, seed=len(self.nodes)) / 0.3
        w = self.constant((weights * (2 / fan_in) ** 0.5).astype(np.float32))
        window = {"pads": [size // 2] * 4, "strides": [stride] * 2, "kernel_shape": [size] * 2}
        return self.norm(self.add("Conv", x, w, group=group, **window), K)

    def norm(self, x: str, C: int) -> str:
        rng = np.random.default_rng(len(self.nodes))
        scale, bias, mean = (rng.normal(at, 0.2, C).astype(np.float32) for at in (1, 0, 0))
        variance = rng.uniform(0.5, 2, C).astype(np.float32)
        parameters = [self.constant(each) for each in (scale, bias, mean, variance)]
        return self.add("BatchNormalization", x, *parameters)

    def classify(self, x: str, C: int, classes: int = 10) -> str:
        flat = self.add("Flatten", self.add("GlobalAveragePool", x), axis=1)
        w, b = self.constant(normal(classes, C)), self.constant(normal(classes))
        return self.add("Gemm", self.add("Dropout", flat), w, b, transB=1)

    def model(self, y: str, batch: int | str = 1, size: int = 32) -> ModelProto:
        inputs = [value("image", [batch, 3, size, size])]
        return model(self.nodes, inputs, [value(y, None)], self.constants)


def resnet() -> ModelProto:
    """Residual blocks, one of them with a strided shortcut."""
    net = Net()
    x = net.add("Relu", net.conv("image", 3, 8, 7, 2))
    x = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    y = net.conv(net.add("Relu", net.conv(x, 8, 8)), 8, 8)
    x = net.add("Relu", net.add("Add", y, x))
    y = net.conv(net.add("Relu", net.conv(x, 8, 16, stride=2)), 16, 16)
    x = net.add("Relu", net.add("Add", y, net.conv(x, 8, 16, 1, 2)))
    return net.model(net.classify(x, 16), "N")


def mobilenet(activation: str = "Clip") -> ModelProto:
    """Inverted residuals: depthwise convolutions, ReLU6 or HardSwish."""
    net = Net()
    bounds = [net.constant(np.float32(v)) for v in (0, 6)] if activation == "Clip" else []

    def act(x: str) -> str:
        return net.add(activation, x, *bounds)

    x = act(net.conv("image", 3, 8, 3, 2))
    y = act(net.conv(act(net.conv(x, 8, 16, 1)), 16, 16, group=16))
    x = net.add("Add", x, net.conv(y, 16, 8, 1))
    y = act(net.conv(act(net.conv(x, 8, 24, 1)), 24, 24, stride=2, group=24))
    return net.model(net.classify(net.conv(y, 24, 12, 1), 12))


def squeeze_excite(gate: str = "Sigmoid") -> ModelProto:
    """A channel gate that is computed, which the host multiplies with."""
    net = Net()
    x = net.add("Relu", net.conv("image", 3, 8))
    s = net.add("GlobalAveragePool", x)
    s = net.add("Relu", net.add("Conv", s, net.constant(normal(4, 8, 1, 1))))
    s = net.add(gate, net.add("Conv", s, net.constant(normal(8, 4, 1, 1))))
    return net.model(net.classify(net.add("Mul", x, s), 8), 2, 12)


def inception() -> ModelProto:
    """Branches that are concatenated, and one pooled."""
    net = Net()
    x = net.add("Relu", net.conv("image", 3, 6))
    a, b = net.add("Relu", net.conv(x, 6, 4, 1)), net.add("Relu", net.conv(x, 6, 5))
    c = net.conv(net.add("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4), 6, 3, 1)
    return net.model(net.classify(net.add("Concat", a, b, c, axis=1), 12), 1, 12)
