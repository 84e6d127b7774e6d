"""spcc-papers: holds what the papers print against what our programs measure."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ...isa.files import replacing
from ...tools.cli import EXIT_MISMATCH, run
from ...tools.option_types import count, path
from .figures import SHIPPED, read_figures, select

EPILOG = """\
Figures that are arithmetic on shapes, formats and parameters must be the same: one that is not ends
the command with exit code 4. Others are reported with their ratio, and a word where they differ.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the tool.

    Returns:
        The exit code of docs/cli.md.
    """
    args = parser().parse_args(argv)
    return run(lambda: body(args), debug=args.debug)


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    p = argparse.ArgumentParser(
        "spcc-papers", description=__doc__, epilog=EPILOG, allow_abbrev=False
    )
    p.add_argument("id", nargs="*", metavar="ID", help="figures, such as gospa.* (default: all)")
    p.add_argument("--system", action="append", default=[], metavar="NAME", help="figures about it")
    p.add_argument("--use", action="append", default=[], metavar="USE", help="static, relative, ..")
    p.add_argument("--no-runs", action="store_true", help="only what needs no run of a network")
    p.add_argument("--list", action="store_true", help="print the published figures and stop")
    p.add_argument("--figures", type=path, metavar="F.toml", default=SHIPPED, help="other figures")
    p.add_argument(
        "-o", type=path, dest="output", metavar="DIR", default=Path("spcc-out/papers"),
        help="default: %(default)s",
    )  # fmt: skip
    p.add_argument("-j", "--workers", type=count, metavar="N", help="runs at a time")
    p.add_argument("--resume", action="store_true", help="do not repeat runs that are kept there")
    p.add_argument("--debug", action="store_true", help="traceback for errors too")
    return p


def body(args: argparse.Namespace) -> int:
    """Do what the options ask for."""
    from .flow import hold
    from .lab import Lab
    from .pages import as_csv, as_json, as_markdown, print_table
    from .verdicts import Verdict

    figures = select(read_figures(args.figures), args.id, args.system, args.use)
    if args.list:
        print_table([Verdict(figure, "not run") for figure in figures], sys.stdout)
        return 0
    workers = args.workers or len(os.sched_getaffinity(0))
    lab = Lab(args.output, workers, resume=args.resume)
    verdicts, code = hold(figures, lab, without_runs=args.no_runs)
    pages = {"papers.csv": as_csv, "papers.json": as_json, "papers.md": as_markdown}
    args.output.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        with replacing(args.output / name) as part:
            part.write_bytes(page(verdicts))
    print_table(verdicts, sys.stdout)
    print(f"written: {', '.join(str(args.output / name) for name in pages)}", file=sys.stderr)
    return EXIT_MISMATCH if any(each.word == "WRONG" for each in verdicts) else code


if __name__ == "__main__":
    sys.exit(main())
