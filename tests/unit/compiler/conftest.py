"""A network on its way through the passes: imported, calibrated, and any pipeline applied."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from spcc.compiler.context import CompilerContext, attach_target, main_of, target_of
from spcc.compiler.dialects.onnx import INPUTS_ATTRIBUTE, names_of
from spcc.compiler.driver import attach_calibration, new_context, parse_pipeline
from spcc.compiler.frontend.onnx import import_model
from spcc.compiler.targets.base import TargetCompiler
from spcc.tools.targets import TARGETS
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

Array = npt.NDArray[Any]


def compiler_of(name: str) -> TargetCompiler:
    return TARGETS[name].compiler()


@dataclass
class Lowering:
    """A module with its context and the inputs it is calibrated on."""

    ctx: CompilerContext
    module: ModuleOp
    feeds: Mapping[str, Array]

    def run(self, passes: str) -> "Lowering":
        """Apply passes, verifying after each."""
        target, _ = target_of(self.ctx, self.module)
        for step in parse_pipeline(passes, target).passes:
            step.apply(self.ctx, self.module)
            self.module.verify()
        return self

    @property
    def main(self) -> FuncOp:
        return main_of(self.module)

    @property
    def input_names(self) -> tuple[str, ...]:
        return names_of(self.main, INPUTS_ATTRIBUTE)

    def ops(self, kind: type[Any]) -> list[Any]:
        return [op for op in self.module.walk() if isinstance(op, kind)]

    def reparsed(self) -> ModuleOp:
        return Parser(self.ctx, str(self.module)).parse_module()


Start = Callable[..., Lowering]


@pytest.fixture
def start() -> Start:
    """Import a model for a target and its settings, calibrated on seeded inputs."""

    def begin(model: onnx.ModelProto, target: str = "spots", **settings: Any) -> Lowering:
        imported, record = import_model(model), TARGETS[target]
        ctx = new_context(compiler_of, record.compiler())
        ctx.store = imported.store
        rng = np.random.default_rng(7)
        feeds = {
            name: rng.standard_normal(kind.shape).astype(kind.dtype)
            for name, kind in imported.inputs.items()
        }
        attach_target(imported.module, target, record.spec()(**settings))
        attach_calibration(imported.module, ctx.store, [feeds], tuple(feeds))
        return Lowering(ctx, imported.module, feeds)

    return begin
