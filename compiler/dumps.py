"""The IR between passes, on files and on stderr, and the way back from a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.parser import Parser

from ..isa.files import replacing
from .context import CompilerContext
from .untrusted import blaming, check_values, read_text
from .weights import WEIGHTS_ATTRIBUTE, WeightStore, load_for_module

Dump = Callable[[int, str, ModuleOp, WeightStore], None]
"""Called with (stage number, pass name, module, store) after the import and after every pass."""
_START = b"builtin.module"


def print_ir(number: int, name: str, module: ModuleOp, store: WeightStore) -> None:
    """Print a stage on stderr, as MLIR's --mlir-print-ir-after-all does."""
    del number, store
    print(f"// -----// IR Dump After {name} //----- //\n{module!s}", file=sys.stderr)


@dataclass
class DumpFolder:
    """Writes one `.mlir` per pass and, at the end, one weights.npz for all of them.

    One is enough, as arrays never change. The folder holds one compilation: stages of an earlier
    one, whose weights are replaced, are removed.
    """

    folder: Path
    store: WeightStore | None = None

    def __call__(self, number: int, name: str, module: ModuleOp, store: WeightStore) -> None:
        """Write a stage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if number == 0:
            self._remove_stages()
        self.store = store
        module.attributes[WEIGHTS_ATTRIBUTE] = StringAttr("weights.npz")
        with replacing(self.folder / f"{number:02d}-{name}.mlir") as temporary:
            temporary.write_text(str(module) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Write the weights that the stages name.

        Raises:
            OSError: The disk is full, or the folder not writable; names the file.
        """
        if self.store is None:
            return
        path = self.folder / "weights.npz"
        try:
            self.store.save(path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error

    def _remove_stages(self) -> None:
        for path in self.folder.glob("[0-9][0-9]-*.mlir"):
            with path.open("rb") as file:
                is_ours = file.read(len(_START)) == _START
            if is_ours:
                path.unlink()


def read_module(path: Path, ctx: CompilerContext) -> ModuleOp:
    """Read an IR file and the weights it names into a context.

    Raises:
        PassError: The text does not parse or verify, or its weights are missing.
    """
    text = read_text(path)
    with blaming(str(path)):
        module = Parser(ctx, text, name=str(path)).parse_module()
        module.verify()
        ctx.store = load_for_module(module, path)
        check_values(module, ctx.store, str(path))
    return module
