"""What passes work with beside the IR: the weights, and the target the module is compiled for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp

from ..isa.base import BaseSpec
from ..isa.errors import PassError
from .dialects.program import from_attribute, to_attribute
from .targets.base import TargetCompiler
from .weights import WeightStore

TARGET_KEY, CONFIG_KEY = "spcc.target", "spcc.config"
CALIBRATION_KEY = "spcc.calibration"
"""Module attribute: for each calibration run, the store's key of every graph input, in order."""


def _no_target(name: str) -> TargetCompiler:
    raise PassError(f"no target '{name}' is known here", CONFIG_KEY)


@dataclass
class CompilerContext(Context):
    """An xDSL context that also carries the weight arrays and finds targets by name.

    Args:
        store: The arrays that the module's weight ops name.
        find_compiler: Finds the compiler half of a target.
    """

    store: WeightStore = field(default_factory=WeightStore)
    find_compiler: Callable[[str], TargetCompiler] = _no_target


def context_of(ctx: Context) -> CompilerContext:
    """Our context, as every pass of ours needs it."""
    assert isinstance(ctx, CompilerContext), "spcc passes run in a CompilerContext"
    return ctx


def attach_target(module: ModuleOp, target: str, spec: BaseSpec) -> None:
    """Write the target and its whole configuration into the module, where dumps keep it."""
    module.attributes[TARGET_KEY] = StringAttr(target)
    module.attributes[CONFIG_KEY] = to_attribute(msgspec.to_builtins(spec))


def target_of(ctx: Context, module: ModuleOp) -> tuple[TargetCompiler, Any]:
    """The target's compiler and the machine's parameters that a module is compiled for.

    Raises:
        PassError: The module names no target, or its configuration is not legal.
    """
    name, config = module.attributes.get(TARGET_KEY), module.attributes.get(CONFIG_KEY)
    if not isinstance(name, StringAttr) or not isinstance(config, DictionaryAttr):
        raise PassError(
            f"the module does not say what it is compiled for ({TARGET_KEY}, {CONFIG_KEY})",
            "module",
            "start the pipeline with attach-target{target=spots}",
        )
    compiler = context_of(ctx).find_compiler(name.data)
    try:
        return compiler, msgspec.convert(from_attribute(config), compiler.spec_type)
    except msgspec.ValidationError as error:
        raise PassError(f"the configuration is not legal: {error}", CONFIG_KEY) from error


def main_of(module: ModuleOp) -> FuncOp:
    """The network's function.

    Raises:
        PassError: The module has no function `main`.
    """
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == "main":
            return op
    raise PassError("the module has no function @main", "module", "was it lowered already?")
