"""Name the accelerator, and its parameters, that a module is compiled for."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...isa.config import apply_settings
from ..context import attach_target, context_of


@dataclass(frozen=True)
class AttachTargetPass(ModulePass):
    """Write target and configuration into the module. Ensures what every later pass requires.

    `set` holds parameters that differ from the default, as `"NR=64;POLICY=best"`.
    """

    name = "attach-target"
    target: str
    set: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Attach the attributes."""
        compiler = context_of(ctx).find_compiler(self.target)
        settings = [item.strip() for item in self.set.split(";") if item.strip()]
        attach_target(op, self.target, apply_settings(compiler.spec_type, {}, settings))
