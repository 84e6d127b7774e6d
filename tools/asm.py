"""`spcc-as`: assembly text to a program file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .cli import run
from .option_types import path
from .outputs import placing, refuse_overwriting
from .targets import find_target

if TYPE_CHECKING:
    from ..isa.encoding import InstructionSet


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="spcc-as",
        description="Assemble a whole program. `spcc-objdump --asm` writes such text.",
        allow_abbrev=False,
    )
    parser.add_argument("source", type=path, metavar="FILE.s", help="the assembly file")
    parser.add_argument(
        "-o", "--output", type=path, metavar="FILE.spx", help="default: the same name with .spx"
    )
    args = parser.parse_args(argv)
    return run(lambda: assemble_file(args.source, args.output))


def assemble_file(source: Path, output: Path | None) -> int:
    """Assemble `source` into `output`, which appears whole or not at all.

    Raises:
        ProgramError: The text is malformed, or the program cannot run.
        UsageError: The output is the source.
    """
    from ..isa.source import load_source  # with numpy and the grammar: --help does without

    refuse_overwriting([output], [source])

    def isa_of(name: str) -> InstructionSet:
        return find_target(name).isa()

    program = load_source(source, isa_of)
    program.spec(find_target(program.target).spec())
    output = output or source.with_suffix(".spx")
    with placing(output):
        program.save(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
