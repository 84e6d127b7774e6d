"""spcc-opt: xdsl-opt's command line with our dialects and passes, and the weights beside the IR."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.targets.mlir import MLIRTarget
from xdsl.utils.exceptions import ArgSpecParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from ..compiler.context import CompilerContext
from ..compiler.dialects import all_dialects
from ..compiler.dialects.target import make_dialect
from ..compiler.passes import all_passes
from ..compiler.untrusted import blaming
from ..compiler.weights import WEIGHTS_ATTRIBUTE, load_for_module
from ..isa.errors import UsageError
from ..isa.files import replacing
from .cli import run
from .compile_flow import compiler_of
from .option_types import path
from .outputs import placing
from .targets import all_targets


class SpccOpt(xDSLOptMain):
    """The optimizer driver; only what is registered differs from xDSL's."""

    def __init__(self, args: Sequence[str] | None = None) -> None:
        self.collected = Collected()
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
        """Add --weights to xDSL's options; words are not abbreviated."""
        arg_parser.prog, arg_parser.allow_abbrev = "spcc-opt", False
        super().register_all_arguments(arg_parser)
        arg_parser.add_argument(
            "--weights",
            type=path,
            metavar="FILE.npz",
            help="write the weights there and name the file in the output",
        )

    def setup_pipeline(self) -> None:
        """Read the option -p.

        Raises:
            UsageError: It names an unknown pass or option.
        """
        try:
            super().setup_pipeline()
        except (ValueError, TypeError, ArgSpecParseError) as error:
            hint = "spcc-opt --help lists the passes that -p takes, with their options"
            raise UsageError(str(error), hint=hint) from error

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        """Open the input.

        Raises:
            UsageError: Its name ends in something else than .mlir.
        """
        try:
            return super().prepare_input()
        except ValueError as error:
            raise UsageError(str(error), self.get_input_name(), "IR ends in .mlir") from error

    def prepare_output(self) -> IO[str]:
        """Collect the output of a file; `write_output` puts it there once all is well."""
        return self.collected if self.args.output_file is not None else sys.stdout

    def write_output(self) -> None:
        """Write the file of -o, whole or not at all; it may be the input."""
        if self.args.output_file is None:
            return
        output = path(self.args.output_file)
        with placing(output), replacing(output) as temporary:
            temporary.write_text(self.collected.text, encoding="utf-8")

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
            with placing(self.args.weights):
                self.ctx.store.save(self.args.weights)
            prog.attributes[WEIGHTS_ATTRIBUTE] = StringAttr(self.args.weights.name)
        return super().output_resulting_program(prog)


class Collected(io.StringIO):
    """Text that is still there after `close`, which xDSL calls at the end."""

    text = ""

    def close(self) -> None:
        """Keep the text."""
        self.text = self.getvalue()


def main(argv: list[str] | None = None) -> int:
    """Run the tool."""
    return run(lambda: body(argv))


def body(argv: list[str] | None) -> int:
    """Run the passes; xDSL's own errors become sentences."""
    driver = SpccOpt(argv)
    passes = f" -p {driver.args.passes}" if driver.args.passes else ""
    with np.errstate(all="ignore"), blaming(f"{driver.get_input_name()}{passes}"):
        driver.run()
    driver.write_output()
    return 0


if __name__ == "__main__":
    sys.exit(main())
