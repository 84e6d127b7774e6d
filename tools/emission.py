"""--emit: print one stage of the compilation and stop."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..isa.files import replacing
from ..isa.program import Program
from ..isa.source import save_source, source_lines
from .compile_flow import Request, compile_request
from .targets import find_target

LAST_PASS = {"onnx": "import", "sparse": "allocate", "target": "insert-semaphores"}
"""The stage that each --emit choice shows."""


def emit_stage(args: Namespace, request: Request) -> int:
    """Print the IR after one stage."""
    from ..compiler.driver import StopCompilation

    try:
        compile_request(request, stop_after=LAST_PASS[args.emit])
    except StopCompilation as stopped:
        write_text(stopped.text, args.output)
    return 0


def write_assembly(program: Program, output: Path | None) -> int:
    """Write the assembly text of a program; with a file, large sections go beside it."""
    isa = find_target(program.target).isa()
    if output is None:
        write_text("\n".join(source_lines(program, isa)), None)
    else:
        save_source(program, isa, output)
    return 0


def write_text(text: str, output: Path | None) -> None:
    """Write to a file, whole or not at all, or to stdout."""
    if output is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    with replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
