"""spcc: compile, run, check, report."""

from __future__ import annotations

import sys
from argparse import Namespace

from .cli import run
from .conflicts import check_options
from .options import DEFAULT_TARGET, parser


def main(argv: list[str] | None = None) -> int:
    """Run the tool.

    Returns:
        The exit code of docs/cli.md.
    """
    args = parser().parse_args(argv)
    return run(lambda: body(args), debug=args.debug)


def body(args: Namespace) -> int:
    """Do what the options ask for."""
    from . import listing

    if args.list_targets:
        return listing.targets()
    if args.list_ops:
        return listing.operators(args.target or DEFAULT_TARGET)
    if args.print_config:
        return listing.configuration(args.target or DEFAULT_TARGET, args.config, args.set)
    check_options(args)
    from .workflow import Workflow

    return Workflow(args, tuple(sys.argv[1:])).run()


if __name__ == "__main__":
    sys.exit(main())
