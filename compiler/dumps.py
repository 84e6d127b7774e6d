"""The IR between passes, on files and on stderr, and the way back from a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException, ParseError, VerifyException

from ..isa.errors import PassError
from ..isa.files import replacing
from .context import CompilerContext
from .weights import WEIGHTS_ATTRIBUTE, WeightStore, load_for_module

Dump = Callable[[int, str, ModuleOp, WeightStore], None]
"""Called with (stage number, pass name, module, store) after the import and after every pass."""


def print_ir(number: int, name: str, module: ModuleOp, store: WeightStore) -> None:
    """Print a stage on stderr, as MLIR's --mlir-print-ir-after-all does."""
    del number, store
    print(f"// -----// IR Dump After {name} //----- //\n{module!s}", file=sys.stderr)


@dataclass
class DumpFolder:
    """Writes one `.mlir` per pass and, at the end, one weights.npz for all of them.

    One is enough, as arrays never change.
    """

    folder: Path
    store: WeightStore | None = None

    def __call__(self, number: int, name: str, module: ModuleOp, store: WeightStore) -> None:
        """Write a stage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = store
        module.attributes[WEIGHTS_ATTRIBUTE] = StringAttr("weights.npz")
        with replacing(self.folder / f"{number:02d}-{name}.mlir") as temporary:
            temporary.write_text(str(module) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Write the weights that the stages name."""
        if self.store is not None:
            self.store.save(self.folder / "weights.npz")


def read_module(path: Path, ctx: CompilerContext) -> ModuleOp:
    """Read an IR file and the weights it names into a context.

    Raises:
        PassError: The text does not parse or verify.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PassError(f"cannot be read: {error.strerror}", str(path)) from error
    except UnicodeDecodeError as error:
        raise PassError("is not a text file", str(path)) from error
    try:
        module = Parser(ctx, text, name=str(path)).parse_module()
        module.verify()
    except (ParseError, VerifyException, DiagnosticException) as error:
        raise PassError(f"does not parse: {error}", str(path)) from error
    ctx.store = load_for_module(module, path)
    return module
