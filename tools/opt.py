"""spcc-opt: xdsl-opt's command line with our dialects and passes, and the weights beside the IR."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.targets.mlir import MLIRTarget
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    VerifyException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from ..compiler.context import CompilerContext
from ..compiler.dialects import all_dialects
from ..compiler.dialects.target import make_dialect
from ..compiler.passes import all_passes
from ..compiler.weights import WEIGHTS_ATTRIBUTE, load_for_module
from ..isa.errors import PassError
from .cli import run
from .compile_flow import compiler_of
from .targets import all_targets


class SpccOpt(xDSLOptMain):
    """The optimizer driver; only what is registered differs from xDSL's."""

    def __init__(self, args: Sequence[str] | None = None) -> None:
        super().__init__("spcc's modular optimizer driver", args)

    def register_all_dialects(self) -> None:
        """Register our dialects, and every target's."""
        ctx = CompilerContext(find_compiler=compiler_of)
        self.ctx = ctx
        for name, load in all_dialects().items():
            ctx.register_dialect(name, load)
        for name, target in all_targets().items():
            ctx.register_dialect(name, lambda target=target: make_dialect(target.isa()))

    def register_all_passes(self) -> None:
        """Register our passes, and every target's own."""
        passes = all_passes()
        for target in all_targets().values():
            passes |= all_passes(target.compiler().passes)
        for name, load in passes.items():
            self.register_pass(name, load)

    def register_all_targets(self) -> None:
        """Offer the textual form only, with all of its printing options."""
        self.available_targets["mlir"] = lambda: MLIRTarget

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        """Add --weights to xDSL's options."""
        super().register_all_arguments(arg_parser)
        arg_parser.add_argument(
            "--weights",
            type=Path,
            metavar="FILE.npz",
            help="write the weights there and name the file in the output",
        )

    def parse_chunk(
        self, chunk: IO[bytes], file_extension: str, start_offset: int = 0
    ) -> ModuleOp | None:
        """Parse a module and open the weights that it names."""
        module = super().parse_chunk(chunk, file_extension, start_offset)
        if module is not None:
            assert isinstance(self.ctx, CompilerContext)
            self.ctx.store = load_for_module(module, Path(self.args.input_file or "."))
        return module

    def output_resulting_program(self, prog: ModuleOp) -> str:
        """Print the module; with --weights, write the arrays first."""
        if self.args.weights is not None:
            assert isinstance(self.ctx, CompilerContext)
            self.ctx.store.save(self.args.weights)
            prog.attributes[WEIGHTS_ATTRIBUTE] = StringAttr(self.args.weights.name)
        return super().output_resulting_program(prog)


def main(argv: list[str] | None = None) -> int:
    """Run the tool."""
    return run(lambda: body(argv))


def body(argv: list[str] | None) -> int:
    """Run the passes; xDSL's own errors become sentences."""
    try:
        SpccOpt(argv).run()
    except (ParseError, VerifyException, DiagnosticException) as error:
        raise PassError(str(error)) from error
    except (ValueError, TypeError, ArgSpecParseError) as error:
        raise PassError(str(error), hint="spcc-opt --help lists the passes") from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
