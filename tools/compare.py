"""spcc-compare: networks on targets and configurations, in one table."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .. import __version__
from .cli import run
from .option_types import count, path
from .options import model_options, run_options

DESCRIPTION = "Compile, run and check every network on every target, and compare with one of them."
EPILOG = """\
A target is NAME, NAME:VARIANT or either with @FILE.toml behind it, which holds its parameters.
Settings are for all targets (B=16) or for one (spots.NR=64, spots@small.NR=64). The exit code is
that of the gravest failure: 70, 4, 1, 2 or 3 (see spcc --help)."""


def parser() -> argparse.ArgumentParser:
    """The argument parser."""
    p = argparse.ArgumentParser(
        "spcc-compare", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False
    )
    p.add_argument("model", nargs="*", help="ONNX files, or networks that ship (default: digits)")
    p.add_argument("--version", action="version", version=f"spcc-compare {__version__}")
    g = p.add_argument_group("targets")
    g.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="A,B,...",
        help="what to compare; may be repeated (default: every target)",
    )
    g.add_argument("--baseline", metavar="A", help="what ratios refer to (default: the first)")
    g.add_argument("--config", type=path, metavar="F.toml", help="parameters, a table per target")
    g.add_argument(
        "--set", action="append", default=[], metavar="[A.]KEY=VALUE", help="one parameter"
    )
    model_options(p.add_argument_group("model"))
    run_options(p.add_argument_group("run and check"))
    g = p.add_argument_group("output")
    g.add_argument(
        "-o",
        type=path,
        dest="output",
        metavar="DIR",
        default=Path("spcc-out/compare"),
        help="default: %(default)s",
    )
    g.add_argument(
        "-j", "--workers", type=count, metavar="N", help="runs at a time (default: processors)"
    )
    g.add_argument("--resume", action="store_true", help="do not repeat runs that are kept there")
    g.add_argument(
        "--report", type=path, metavar="FILE.html", help="default: compare.html in the folder"
    )
    g.add_argument("--no-report", action="store_true", help="make no report")
    g.add_argument(
        "--pictures", choices=("svg", "png"), help="write the report's pictures as files too"
    )
    g.add_argument("--no-layers", action="store_true", help="print networks, not their layers")
    g.add_argument("--debug", action="store_true", help="traceback for errors too")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the tool.

    Returns:
        The exit code of docs/cli.md.
    """
    args = parser().parse_args(argv)
    return run(lambda: body(args), debug=args.debug)


def body(args: argparse.Namespace) -> int:
    """Do what the options ask for."""
    from .compare_flow import compare

    args.workers = args.workers or len(os.sched_getaffinity(0))
    return compare(args, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
