"""`spcc-objdump`: look into a program file, or turn it back into assembly text."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from .cli import run
from .option_types import path
from .outputs import placing, refuse_overwriting
from .targets import find_target

if TYPE_CHECKING:  # programs need numpy, which --help does not
    from ..isa.encoding import InstructionSet
    from ..isa.program import Program

_SHOWN = ("disassemble", "section_headers", "all_headers", "asm")


def main(argv: list[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="spcc-objdump",
        add_help=False,
        allow_abbrev=False,
        description="Show what a program file holds. As in GNU objdump, -h lists the sections.",
    )
    parser.add_argument("program", type=path, metavar="FILE.spx", help="the program file")
    parser.add_argument("--help", action="help", help="show this help")
    flag = "store_true"
    parser.add_argument("-d", "--disassemble", action=flag, help="layer labels, pc, word, text")
    parser.add_argument("-h", "--section-headers", action=flag, help="the table of sections")
    parser.add_argument("-x", "--all-headers", action=flag, help="target, config, tensors, layers")
    parser.add_argument("-s", "--section", metavar="SECTION", help="the bytes of a section")
    parser.add_argument("--start", type=address, default=0, help="with -s: first byte")
    parser.add_argument("--stop", type=address, help="with -s: one past the last byte")
    parser.add_argument(
        "--asm", action=flag, help="text that spcc-as turns back into the same file"
    )
    parser.add_argument("-o", "--output", type=path, metavar="FILE.s", help="with --asm: a file")
    args = parser.parse_args(argv)
    if not any(getattr(args, name) for name in _SHOWN) and args.section is None:
        parser.error("say what to show: -d, -h, -x, -s SECTION or --asm")
    if args.output and not args.asm:
        parser.error("-o goes with --asm")
    if args.section is None and (args.start or args.stop is not None):
        parser.error("--start and --stop go with -s")
    return run(lambda: dump_file(args))


def dump_file(args: argparse.Namespace) -> int:
    """Print what was asked for.

    Raises:
        ProgramError: The file is not a valid program.
        UsageError: There is no such section.
    """
    from ..isa.program import Program
    from ..isa.source import save_source

    program = Program.load(args.program, isa_of)
    isa = isa_of(program.target)
    if args.output:
        refuse_overwriting([args.output], [args.program])
        with placing(args.output):
            save_source(program, isa, args.output)
    out: TextIO = sys.stdout
    if isinstance(out, io.TextIOWrapper):  # names may hold any character
        out.reconfigure(encoding="utf-8", errors="backslashreplace")
    out.writelines(f"{line}\n" for line in lines(program, isa, args))
    out.flush()
    return 0


def lines(program: Program, isa: InstructionSet, args: argparse.Namespace) -> Iterator[str]:
    """The lines to print, in the order of GNU objdump: headers, sections, bytes, listing."""
    from ..isa.dump import byte_lines, header_lines, listing_lines, section_lines
    from ..isa.source import source_lines

    if args.all_headers:
        yield from header_lines(program)
    if args.section_headers:
        yield from section_lines(program)
    if args.section is not None:
        yield from byte_lines(program, args.section, args.start, args.stop)
    if args.disassemble:
        yield from listing_lines(program, isa)
    if args.asm and not args.output:
        yield from source_lines(program, isa)


def isa_of(name: str) -> InstructionSet:
    """The instruction set of a target."""
    return find_target(name).isa()


def address(text: str) -> int:
    """A byte address of the command line, decimal or hexadecimal.

    Raises:
        ValueError: It is not one.
    """
    value = int(text, 0)
    if value < 0:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    sys.exit(main())
