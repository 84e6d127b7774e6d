"""spcc-run: run a program file; the compiler is not needed."""

from __future__ import annotations

import argparse
import sys

from .cli import run
from .option_types import count, path, seed


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    p = argparse.ArgumentParser(
        "spcc-run", description="Run a .spx program on its machine.", allow_abbrev=False
    )
    p.add_argument("program", type=path, help="the program file")
    p.add_argument("--input", action="append", default=[], metavar="NAME=F.npy")
    p.add_argument("--seed", type=seed, default=0, help="of inputs that are not given")
    p.add_argument(
        "--output", action="append", default=[], metavar="NAME=F.npy", help="write an output"
    )
    p.add_argument(
        "--expected", action="append", default=[], metavar="NAME=F.npy", help="compare one"
    )
    p.add_argument("--check", metavar="MODEL", help="compare with this model on onnxruntime")
    p.add_argument("--out-dir", type=path, metavar="DIR", help="write report.json and tables there")
    p.add_argument("--trace", type=path, metavar="F.json", help="write a Perfetto trace")
    p.add_argument("--profile", action="store_true", help="print the layer table")
    p.add_argument("--max-cycles", type=count, metavar="N", help="stop a run that takes longer")
    p.add_argument("--debug", action="store_true", help="traceback for errors too")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the tool."""
    args = parser().parse_args(argv)
    return run(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> int:
    from .run_program import run_file

    return run_file(args, ("spcc-run", *sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
