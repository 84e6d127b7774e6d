"""--emit: one stage of the compilation, on standard output or in a file."""

from __future__ import annotations

from pathlib import Path

from ..isa.files import replacing
from ..isa.program import Program
from ..isa.source import save_source, source_lines
from .outputs import placing
from .targets import find_target

LAST_PASS = {"onnx": "import", "sparse": "allocate", "target": "insert-semaphores"}
"""The stage that each --emit choice shows."""


def write_assembly(program: Program, output: Path | None) -> int:
    """Write the assembly text of a program; with a file, large sections go beside it."""
    isa = find_target(program.target).isa()
    if output is None:
        write_text("\n".join(source_lines(program, isa)), None)
    else:
        with placing(output):
            save_source(program, isa, output)
    return 0


def write_text(text: str, output: Path | None) -> None:
    """Write to a file, whole or not at all, or to stdout."""
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    with placing(output), replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
