"""An `onnx.backend.base.Backend` over spcc: compile for a target, run on its interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.base import Backend, BackendRep

from .api import InferenceSession, compile

TARGET = "spots"
_PARAMETER_OPS = {
    "BatchNormalization", "Clip", "Conv", "DequantizeLinear", "Gemm", "MatMul", "QuantizeLinear",
    "Reshape", "Squeeze", "Unsqueeze",
}  # fmt: skip
"""Operators whose inputs after the first are parameters, which spcc needs at compile time."""


class SpccRep(BackendRep):
    """A model, compiled at its first run: that run's inputs calibrate it and are its parameters."""

    def __init__(self, model: onnx.ModelProto, target: str) -> None:
        self.model, self.target = model, target
        bound = {t.name for t in model.graph.initializer}
        self.inputs = [v.name for v in model.graph.input if v.name not in bound]
        self.parameters = parameter_inputs(model).intersection(self.inputs)
        self._compiled: tuple[dict[str, bytes], InferenceSession] | None = None

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Run on inputs in the graph's order, or by name.

        Raises:
            SpccError: The model or an input is refused.
        """
        del kwargs
        if not isinstance(inputs, Mapping):
            inputs = dict(zip(self.inputs, inputs, strict=True))
        named = cast("Mapping[str, Any]", inputs)
        feeds = {name: np.asarray(value) for name, value in named.items()}
        bound = {name: feeds.pop(name) for name in self.parameters}
        session = self._session(bound, feeds)
        return tuple(session.run(None, {p.name: feeds[p.name] for p in session.get_inputs()}))

    def _session(self, bound: dict[str, Any], feeds: dict[str, Any]) -> InferenceSession:
        key = {name: value.tobytes() for name, value in bound.items()}
        if self._compiled is None or self._compiled[0] != key:
            model = with_constants(self.model, bound)
            shapes = {name: value.shape for name, value in feeds.items()}
            program = compile(model, self.target, inputs=feeds, shapes=shapes)
            self._compiled = key, InferenceSession(program)
        return self._compiled[1]


class SpccBackend(Backend):
    """Runs models on the accelerator `TARGET`."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> SpccRep:
        """Take a model; it is compiled at the first run."""
        del device
        return SpccRep(model, kwargs.get("target", TARGET))

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any
    ) -> Any:
        """Compile and run."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Tell whether a device is one of ours: the interpreter runs on the CPU."""
        return device == "CPU"


def parameter_inputs(model: onnx.ModelProto) -> set[str]:
    """Names that are used only as parameters of operators."""
    parameters: set[str] = set()
    data: set[str] = set()
    for node in model.graph.node:
        is_parametric = node.op_type in _PARAMETER_OPS
        data.update(node.input[:1] if is_parametric else node.input)
        parameters.update(node.input[1:] if is_parametric else ())
    return parameters - data


def with_constants(model: onnx.ModelProto, constants: dict[str, Any]) -> onnx.ModelProto:
    """The model with some of its inputs turned into initializers."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kept: Sequence[onnx.ValueInfoProto] = [v for v in model.graph.input if v.name not in constants]
    del changed.graph.input[:]
    changed.graph.input.extend(kept)
    changed.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in constants.items())
    return changed
