"""Runs for the figures: each network on each machine once, made by spcc-compare and kept."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...isa.files import replacing
from ...tools.compare import parser as compare_parser
from ...tools.compare_flow import gravest, run_comparison
from ...tools.compare_plan import configurations
from ...tools.compare_schema import Comparison, NetworkRow
from ...tools.compare_store import StoredRun
from ...tools.compare_table import failures
from ...tools.report_schema import Report

MACHINES: dict[str, dict[str, str | int]] = {
    "tct@shuffle": {"shuffle": "on"},
    "tct@greedy": {"scheduler": "greedy", "order": "aside"},
    "spots@no-reuse": {"REUSE": 0},
}
"""Machines that differ from a target's default, by label: TARGET@NAME."""


class Run(NamedTuple):
    """A run that a figure needs.

    Args:
        network: Of the zoo, NETWORK.SET.
        machine: Label: a target, one of its variants, or one of `MACHINES`.
        batch: Images.
    """

    network: str
    machine: str
    batch: int = 1


class LackingError(Exception):
    """A run did not give a result to trust; its text says why."""


class Lab:
    """Makes runs and hands out their reports.

    Args:
        folder: Where runs are kept, and all else that is written.
        workers: Runs at a time.
        resume: Do not repeat runs that are kept there.
    """

    def __init__(self, folder: Path, workers: int, *, resume: bool) -> None:
        self._folder, self._workers, self._resume = folder, workers, resume
        self._reports: dict[Run, Report] = {}
        self._failures: dict[Run, str] = {}

    def make(self, runs: Iterable[Run]) -> int:
        """Make runs.

        Returns:
            0, or the exit code of the gravest failure: that of spcc-compare.
        """
        machines: dict[tuple[str, int], set[str]] = defaultdict(set)
        for run in runs:
            machines[run.network, run.batch].add(run.machine)
        networks: dict[tuple[tuple[str, ...], int], list[str]] = defaultdict(list)
        for (network, batch), labels in machines.items():
            networks[tuple(sorted(labels)), batch].append(network)
        comparisons = [
            self._compare(sorted(names), labels, batch)
            for (labels, batch), names in networks.items()
        ]
        for sentence in chain.from_iterable(map(failures, comparisons)):
            print(f"error: {sentence}", file=sys.stderr)
        return gravest(comparisons)

    def report(self, run: Run) -> Report:
        """The report of a run.

        Raises:
            LackingError: It failed, or was not made.
        """
        if run in self._reports:
            return self._reports[run]
        where = f"{run.network} on {run.machine}"
        raise LackingError(f"{where}: {self._failures.get(run, 'was not run')}")

    def _compare(self, networks: list[str], labels: tuple[str, ...], batch: int) -> Comparison:
        args = self._arguments(networks, labels, batch)
        machines = configurations(args)
        comparison = run_comparison(args, machines, machines[0])
        names = dict(zip((m.name for m in comparison.models), networks, strict=True))
        for row in comparison.networks:
            self._keep(Run(names[row.model], row.target, batch), row)
        return comparison

    def _keep(self, run: Run, row: NetworkRow) -> None:
        if row.failure is None:
            raw = (self._folder / row.run).read_bytes()
            self._reports[run] = msgspec.json.decode(raw, type=StoredRun).report
        else:
            self._failures[run] = row.failure.sentence

    def _arguments(self, networks: list[str], labels: tuple[str, ...], batch: int) -> Namespace:
        """The options of spcc-compare; machines of our own become files of parameters."""
        words = [*networks, "-o", str(self._folder), "-j", str(self._workers)]
        for label in labels:
            words += ["--target", self._target(label)]
        if batch > 1:
            words += ["--batch", str(batch)]
        return compare_parser().parse_args([*words, *(["--resume"] if self._resume else [])])

    def _target(self, label: str) -> str:
        if label not in MACHINES:
            return label
        target, _, name = label.partition("@")
        place = self._folder / "machines" / f"{name}.toml"
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{key} = {value!r}".replace("'", '"') for key, value in MACHINES[label].items()]
        with replacing(place) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return f"{target}@{place}"
