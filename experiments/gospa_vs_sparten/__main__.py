"""python -m spcc.experiments.gospa_vs_sparten: compares both on the papers' networks."""

from __future__ import annotations

import csv
import io
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
from .published import NEAR, PUBLISHED, Published
from .ratios import Pair, pairs, total

HEAD = (
    "network", "layer", "gospa_cycles", "sparten_cycles", "speedup", "gospa_sram_per_mac",
    "sparten_sram_per_mac", "sram_ratio", "gospa_on_chip_uj", "sparten_on_chip_uj", "energy_ratio",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run the experiment."""
    known = {each.name.partition(".")[0]: each for each in PUBLISHED}
    p = ArgumentParser("gospa_vs_sparten", description=__doc__, allow_abbrev=False)
    p.add_argument("network", nargs="*", help=f"of {', '.join(known)} (default: all)")
    p.add_argument("--gb", choices=("H", "S", "none"), default="H", help="SparTen's balancing")
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
        chosen = [known[name] for name in args.network] or list(PUBLISHED)
        return experiment(chosen, args.out, args.gb, resume=args.resume, workers=args.workers)

    return run(body)


def experiment(
    chosen: Sequence[Published], out: Path, gb: str, *, resume: bool, workers: int | None = None
) -> int:
    """Run every network on both machines, write layers.csv and report.md, print the report."""
    words = [each.name for each in chosen]
    words += ["--target", "sparten,gospa", "--baseline", "sparten", "--set", f"sparten.gb={gb}"]
    words += ["-o", str(out), "--no-layers", *(["--resume"] if resume else [])]
    words += ["--workers", str(workers)] if workers else []
    code = compare(compare_parser().parse_args(words))
    comparison = msgspec.json.decode((out / "compare.json").read_bytes(), type=Comparison)
    found: dict[Published, list[Pair]] = {}
    for network, model in zip(chosen, comparison.models, strict=True):
        rows = {row.target: row for row in comparison.networks if row.model == model.name}
        if all(row.failure is None for row in rows.values()):
            found[network] = pairs(_report(out, rows["gospa"]), _report(out, rows["sparten"]))
    text = report(found, gb)
    _write(out / "layers.csv", table(found))
    _write(out / "report.md", text)
    print(text)
    return code


def _report(out: Path, row: NetworkRow) -> Report:
    return msgspec.json.decode((out / row.run).read_bytes(), type=StoredRun).report


def table(found: dict[Published, list[Pair]]) -> str:
    """Every layer and network as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for network, layers in found.items():
        for pair in (*layers, total("all convolutions", layers)):
            writer.writerow((network.name, *_cells(pair)))
    return text.getvalue()


def _cells(pair: Pair) -> tuple[str, ...]:
    ours, theirs = pair.gospa, pair.sparten
    return (
        pair.name,
        str(ours.cycles),
        str(theirs.cycles),
        f"{pair.speedup:.3f}",
        f"{ours.accesses_per_mac:.3f}",
        f"{theirs.accesses_per_mac:.3f}",
        f"{pair.access_ratio:.3f}",
        f"{ours.energy_uj:.3f}",
        f"{theirs.energy_uj:.3f}",
        f"{pair.energy_ratio:.3f}",
    )


def report(found: dict[Published, list[Pair]], gb: str) -> str:
    """Networks beside the slides, then every layer, as Markdown."""
    lines = [
        "# GoSPA over SparTen",
        "",
        f"Convolutions of the zoo's networks, one image; SparTen balances by gb={gb}. Speed-up in "
        "cycles at equal multipliers and clock; SRAM accesses on the way to the multipliers; "
        "on-chip energy by the common model.",
        "",
        "| network | speed-up | published | | energy efficiency | published | "
        "| SRAM accesses | why |",
        "|---|---:|---:|---|---:|---:|---|---:|---|",
    ]
    for network, layers in found.items():
        pair = total(network.title, layers)
        lines.append(
            f"| {network.title} ({network.name}) | {pair.speedup:.2f} | {network.speedup} "
            f"| {_verdict(pair.speedup, network.speedup)} | {pair.energy_ratio:.2f} "
            f"| {network.energy} | {_verdict(pair.energy_ratio, network.energy)} "
            f"| {pair.access_ratio:.2f} | {network.why} |"
        )
    for network, layers in found.items():
        lines += ["", f"## {network.title}", ""]
        lines += ["| layer | GoSPA cycles | SparTen cycles | speed-up | SRAM per MAC | | energy |"]
        lines += ["|---|---:|---:|---:|---:|---:|---:|"]
        for pair in (*layers, total("all", layers)):
            lines.append(
                f"| {pair.name} | {pair.gospa.cycles:,} | {pair.sparten.cycles:,} "
                f"| {pair.speedup:.2f} | {pair.gospa.accesses_per_mac:.2f} "
                f"| {pair.sparten.accesses_per_mac:.2f} | {pair.energy_ratio:.2f} |"
            )
    return "\n".join(lines) + "\n"


def _verdict(ours: float, published: float) -> str:
    return "agrees" if abs(ours / published - 1) <= NEAR else f"**{ours / published - 1:+.0%}**"


def _write(place: Path, text: str) -> None:
    with replacing(place) as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
