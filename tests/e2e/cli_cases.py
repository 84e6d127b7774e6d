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
