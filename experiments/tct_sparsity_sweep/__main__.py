"""python -m spcc.experiments.tct_sparsity_sweep: table, picture and findings in about a minute."""

from __future__ import annotations

import csv
import io
import sys
from argparse import ArgumentParser
from pathlib import Path

from ...isa.files import replacing
from ...tools.cli import run
from ...tools.option_types import count, path
from .findings import Finding, findings
from .picture import draw
from .sweep import SPARSITIES, Speedups, speedups

SEEDS = 4


def main(argv: list[str] | None = None) -> int:
    """Run the experiment."""
    parser = ArgumentParser("tct_sparsity_sweep", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "-o", type=path, dest="out", default=Path("spcc-out/tct_sparsity_sweep"), metavar="DIR"
    )
    parser.add_argument("--seeds", type=count, default=SEEDS, help=f"masks each (default {SEEDS})")
    args = parser.parse_args(argv)
    return run(lambda: experiment(args.out, args.seeds))


def experiment(out: Path, seeds: int) -> int:
    """Measure, write table.csv, speedup.svg and report.md, print the report."""
    out.mkdir(parents=True, exist_ok=True)
    found = speedups(seeds, _tell if sys.stderr.isatty() else lambda done, of: None)
    text = report(found, findings(found))
    _write(out / "table.csv", table(found))
    with replacing(out / "speedup.svg") as part:
        draw(found, part)
    _write(out / "report.md", text)
    print(text)
    return 0


def table(found: Speedups) -> str:
    """The speed-ups as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("sync", "pattern", "scheduler", "order", *SPARSITIES))
    for s, line in found.items():
        writer.writerow((s.sync, s.pattern, s.method, s.order, *(f"{value:.4f}" for value in line)))
    return text.getvalue()


def report(found: Speedups, results: list[Finding]) -> str:
    """The table and the findings as Markdown."""
    head = "".join(f" {sparsity:g} |" for sparsity in SPARSITIES)
    lines = [
        "# Bit-Tactical on random masks",
        "",
        "Speed-up over DaDianNao++ by weight sparsity; ![curves](speedup.svg)",
        "",
        f"| row pointer, pattern, scheduler/order |{head}",
        "|---|" + "---|" * len(SPARSITIES),
        *(f"| {s.label} | " + " | ".join(f"{v:.2f}" for v in f) + " |" for s, f in found.items()),
        "",
        "| the paper | measured | | why |",
        "|---|---|---|---|",
    ]
    for each in results:
        verdict = "agrees" if each.agrees else "**differs**"
        lines.append(f"| {each.published} | {each.measured} | {verdict} | {each.why} |")
    return "\n".join(lines) + "\n"


def _write(place: Path, text: str) -> None:
    with replacing(place) as part:
        part.write_text(text, encoding="utf-8")


def _tell(done: int, of: int) -> None:
    print(f"\r{done}/{of} settings", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
