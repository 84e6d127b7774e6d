"""Worked examples of the sheets through the command line: `spcc` on a layer, then `spcc-run`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from spcc.tests.e2e.spots_layers import Array, Layer, model_of
from spcc.tools import run, spcc


def conv(x: Array, w: Array, **attributes: Any) -> Layer:
    """A convolution of scale 1; `x` is [N, C, H, W], `w` [K, C/groups, R, S]."""
    kernel = (int(w.shape[2]), int(w.shape[3]))
    return Layer(None, "Conv", x.astype(np.float64), w, kernel=kernel, **attributes)


def setting_options(settings: Mapping[str, object]) -> list[str]:
    """Parameters of the machine as options."""
    return [f"--set={name}={value}" for name, value in settings.items()]


def config_options(folder: Path, parameters: Mapping[str, object]) -> list[str]:
    """Parameters of the machine as a file, and the option that names it."""
    path = folder / "machine.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in parameters.items()]
    path.write_text("\n".join(lines))
    return ["--config", str(path)]


def spcc_run(folder: Path, layer: Layer, target: str, *options: str) -> dict[str, Any]:
    """Run `spcc` on a layer's files; give its report."""
    onnx.save(model_of(layer), folder / "layer.onnx")
    np.save(folder / "x.npy", layer.x.astype(np.float32))
    code = spcc.main([
        str(folder / "layer.onnx"), "--target", target, "--input", f"x={folder / 'x.npy'}",
        "--out-dir", str(folder / "out"), *options,
    ])  # fmt: skip
    assert code == 0
    return json.loads((folder / "out" / "report.json").read_text())


def outputs_of(folder: Path) -> Array:
    """Run the program that `spcc` wrote with `spcc-run`; give its output."""
    (program,) = (folder / "out").glob("*.spx")
    name = onnx.load(folder / "layer.onnx").graph.output[0].name
    code = run.main([
        str(program), "--input", f"x={folder / 'x.npy'}", "--output", f"{name}={folder / 'y.npy'}",
    ])  # fmt: skip
    assert code == 0
    return np.load(folder / "y.npy")
