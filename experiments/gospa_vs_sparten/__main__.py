"""python -m spcc.experiments.gospa_vs_sparten: compares both on the papers' networks."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...isa.errors import UsageError
from ...isa.files import replacing
from ...tools.cli import run
from ...tools.compare import body as compare
from ...tools.compare import parser as compare_parser
from ...tools.compare_schema import Comparison, NetworkRow
from ...tools.compare_store import StoredRun
from ...tools.option_types import count, path
from ...tools.report_schema import Report
from .pages import Found, report, table
from .published import PUBLISHED, Published
from .ratios import pairs, whole
from .words import BALANCINGS

GOSPA = "gospa"


def main(argv: list[str] | None = None) -> int:
    """Run the experiment."""
    known = {each.name.partition(".")[0]: each for each in PUBLISHED}
    p = ArgumentParser("gospa_vs_sparten", description=__doc__, allow_abbrev=False)
    p.add_argument("network", nargs="*", help=f"of {', '.join(known)} (default: all)")
    p.add_argument(
        "--gb",
        default=",".join(BALANCINGS),
        metavar="A,B,...",
        help="SparTen's balancings, the first shown in full (default: %(default)s)",
    )
    p.add_argument(
        "-o", type=path, dest="out", default=Path("spcc-out/gospa_vs_sparten"), metavar="DIR"
    )
    p.add_argument("--resume", action="store_true", help="do not repeat runs that are kept there")
    p.add_argument(
        "-j", "--workers", type=count, metavar="N", help="runs at a time (default: processors)"
    )
    args = p.parse_args(argv)

    def body() -> int:
        if unknown := [name for name in args.network if name not in known]:
            hint = f"the networks are {', '.join(known)}"
            raise UsageError(f"there is no network '{unknown[0]}' here", "NETWORK", hint)
        balancings = list(dict.fromkeys(args.gb.split(",")))
        if unknown := [gb for gb in balancings if gb not in BALANCINGS]:
            hint = f"they are {', '.join(BALANCINGS)}"
            raise UsageError(f"there is no balancing '{unknown[0]}'", "--gb", hint)
        chosen = [known[name] for name in args.network] or list(PUBLISHED)
        return experiment(chosen, args.out, balancings, resume=args.resume, workers=args.workers)

    return run(body)


def experiment(
    chosen: Sequence[Published],
    out: Path,
    balancings: Sequence[str],
    *,
    resume: bool,
    workers: int | None = None,
) -> int:
    """Run every network on both machines, write layers.csv and report.md, print the report."""
    machines = {gb: _machine(out, gb) for gb in balancings}
    words = [each.name for each in chosen]
    for target in (GOSPA, *machines.values()):
        words += ["--target", target]
    words += ["--baseline", machines[balancings[0]], "-o", str(out), "--no-layers"]
    words += ["--resume"] if resume else []
    words += ["--workers", str(workers)] if workers else []
    code = compare(compare_parser().parse_args(words))
    comparison = msgspec.json.decode((out / "compare.json").read_bytes(), type=Comparison)
    found: dict[Published, Found] = {}
    for network, model in zip(chosen, comparison.models, strict=True):
        rows = {row.target: row for row in comparison.networks if row.model == model.name}
        if all(row.failure is None for row in rows.values()):
            found[network] = _found(out, rows, machines)
    text = report(found)
    _write(out / "layers.csv", table(found))
    _write(out / "report.md", text)
    print(text)
    return code


def _machine(out: Path, gb: str) -> str:
    """A configuration of SparTen, whose file lies among the results."""
    file = out / "machines" / f"{gb}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, f'[sparten]\ngb = "{gb}"\n')
    return f"sparten@{file}"


def _found(out: Path, rows: dict[str, NetworkRow], machines: dict[str, str]) -> Found:
    """What was measured of a network."""
    ours = _report(out, rows[GOSPA])
    theirs = {gb: _report(out, rows[f"sparten@{gb}"]) for gb in machines}
    first = next(iter(theirs.values()))
    layers = {gb: pairs(ours, each) for gb, each in theirs.items()}
    return Found(layers, whole(first) / whole(ours))


def _report(out: Path, row: NetworkRow) -> Report:
    return msgspec.json.decode((out / row.run).read_bytes(), type=StoredRun).report


def _write(place: Path, text: str) -> None:
    with replacing(place) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
