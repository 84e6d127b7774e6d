"""What spcc-compare does with its options: plan, run, tabulate, write, print."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from ..isa.errors import UsageError
from ..isa.files import replacing
from .cli import EXIT_BUG, EXIT_INPUT, EXIT_MISMATCH, EXIT_UNSUPPORTED, EXIT_USAGE
from .compare_csv import layers_csv, summary_csv
from .compare_jobs import Job, Network, find_networks, make_jobs, shared_words
from .compare_plan import Configuration, configurations, find_baseline
from .compare_pool import Pool, Result
from .compare_report import EXTRA, lacking, report_html
from .compare_rows import Outcome, layer_rows, mean_rows, network_row
from .compare_schema import SCHEMA_VERSION, Comparison, Failure, encode
from .compare_store import StoredRun, load_run, save_run
from .compare_table import failures, print_comparison, warnings
from .compile_flow import warn
from .outputs import placing, placing_in, refuse_overwriting
from .progress import progress_bar
from .report import versions
from .report_schema import Report

GRAVEST = (EXIT_BUG, EXIT_MISMATCH, EXIT_INPUT, EXIT_USAGE, EXIT_UNSUPPORTED)
"""Exit codes of failed runs: the first that occurs is the comparison's."""
FILES = ("compare.csv", "summary.csv", "compare.json")


def compare(args: Namespace, stdout: TextIO) -> int:
    """Do the job.

    Returns:
        0, or the exit code of the gravest failure.

    Raises:
        SpccError: An option or a model is wrong, before anything runs.
        OSError: A file cannot be read or written.
    """
    machines = configurations(args)
    base = find_baseline(args.baseline, machines)
    folder: Path = args.output
    files = [machine.file for machine in machines]
    arrays = [pair.partition("=")[2] or None for pair in args.input]
    inputs = [*args.model, args.calibration, *files, *arrays]
    report = wanted_report(args)
    refuse_overwriting([*(folder / name for name in FILES), report], inputs)
    with progress_bar("networks") as progress:
        networks = find_networks(args, progress)
    jobs = make_jobs(networks, machines, args)
    with placing_in(folder / "runs"):
        outcomes = _outcomes(jobs, args, folder)
        comparison = _comparison(args, networks, machines, base, outcomes)
        contents = (layers_csv(comparison), summary_csv(comparison), encode(comparison))
        for name, content in zip(FILES, contents, strict=True):
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
    written = [folder / name for name in FILES] + _illustrate(comparison, report, args)
    print_comparison(comparison, stdout, layers=not args.no_layers)
    warn([*warnings(comparison)])
    for sentence in failures(comparison):
        print(f"error: {sentence}", file=sys.stderr)
    print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    codes = {outcome.failure.exit_code for outcome in outcomes if outcome.failure}
    return next((code for code in GRAVEST if code in codes), 0)


def wanted_report(args: Namespace) -> Path | None:
    """Where the report goes; None: there is none.

    Raises:
        UsageError: Options exclude each other, or ask for what needs libraries that are missing.
    """
    if args.no_report and args.report:
        raise UsageError("excludes --no-report", "--report", "leave one of them out")
    for name in ("report", "pictures"):
        if getattr(args, name) and (reason := lacking(name)):
            raise UsageError(f"cannot be made: {reason}", f"--{name}", EXTRA)
    if args.no_report:
        return None
    if reason := lacking("report"):
        print(f"note: there will be no report: {reason} ({EXTRA})", file=sys.stderr)
        return None
    return args.report or args.output / "compare.html"


def _illustrate(comparison: Comparison, report: Path | None, args: Namespace) -> list[Path]:
    """Write the report and the pictures that are wanted; the files."""
    contents: dict[Path, bytes] = {}
    if report is not None:
        contents[report] = report_html(comparison)
    if args.pictures:
        from .compare_pictures import picture_files

        found = picture_files(comparison, args.pictures)
        contents |= {args.output / "pictures" / name: each for name, each in found.items()}
    for path, content in contents.items():
        with placing(path), replacing(path) as temporary:
            temporary.write_bytes(content)
    return [*([report] if report else []), *([args.output / "pictures"] if args.pictures else [])]


def _outcomes(jobs: Sequence[Job], args: Namespace, folder: Path) -> list[Outcome]:
    """Make the runs that are not kept, each once, and say what became of all."""
    wanted: dict[str, Job] = {}
    for job in jobs:
        wanted.setdefault(job.file, job)  # machines of other names may be equal
    kept: dict[str, StoredRun] = {}
    if args.resume:
        found = {file: load_run(folder, job) for file, job in wanted.items()}
        kept = {file: run for file, run in found.items() if run is not None}
    missing = [job for file, job in wanted.items() if file not in kept]
    failed: dict[str, Failure] = {}
    with progress_bar("compare") as progress, Pool(min(args.workers, len(missing))) as pool:
        if progress:
            progress(len(kept), len(wanted), f"{len(kept)} of {len(wanted)} runs")
        for done, (job, result) in enumerate(pool.results(missing), len(kept) + 1):
            if result.report is not None:
                kept[job.file] = save_run(folder, job, result.report, result.warnings)
            else:
                failed[job.file] = _failure(result)
            if progress:
                what = f"{done} of {len(wanted)} runs: {job.model} on {job.machine}"
                progress(done, len(wanted), what)
    return [_outcome(job, kept, failed, args.check_layers) for job in jobs]


def _outcome(
    job: Job, kept: Mapping[str, StoredRun], failed: Mapping[str, Failure], check_layers: bool
) -> Outcome:
    run = kept.get(job.file)
    failure = failed[job.file] if run is None else _mismatch(run.report, check_layers)
    return Outcome(job.model, job.machine, job.file, run, failure)


def _failure(result: Result) -> Failure:
    """The failure of a run without a report; that of a bug goes to stderr in full."""
    sentence, _, hint = result.text.removeprefix("error: ").partition("\n  hint: ")
    if result.code == EXIT_BUG and "\n" in sentence:
        print(result.text, file=sys.stderr)
        *_, sentence, last = sentence.splitlines()
        sentence = f"{sentence} ({last.removeprefix('error: ')})"
    return Failure(exit_code=result.code, sentence=sentence, hint=hint)


def _mismatch(report: Report, check_layers: bool) -> Failure | None:
    """The failure of a run whose values are not the reference's."""
    check = report.check
    if check is None:
        return None
    wrong = [f"output '{name}'" for name, error in check.outputs.items() if not error.passed]
    if check_layers:
        own = [(layer.name, layer.own_error) for layer in report.layers]
        wrong += [f"layer '{name}'" for name, error in own if error and not error.passed]
    if not wrong:
        return None
    verb = "differs" if len(wrong) == 1 else "differ"
    sentence = f"{', '.join(wrong)} {verb} from the reference"
    return Failure(exit_code=EXIT_MISMATCH, sentence=sentence, hint="")


def _comparison(
    args: Namespace,
    networks: Sequence[Network],
    machines: Sequence[Configuration],
    base: Configuration,
    outcomes: Sequence[Outcome],
) -> Comparison:
    by_model = {
        network.info.name: [each for each in outcomes if each.model == network.info.name]
        for network in networks
    }
    bases = {
        model: next(each for each in own if each.target == base.label)
        for model, own in by_model.items()
    }
    rows = [network_row(each, bases[each.model]) for each in outcomes]
    return Comparison(
        schema_version=SCHEMA_VERSION,
        versions=versions(),
        baseline=base.label,
        options=shared_words(args),
        configurations=tuple(machine.info for machine in machines),
        models=tuple(network.info for network in networks),
        networks=tuple(rows),
        means=tuple(mean_rows(rows, [machine.label for machine in machines], base.label)),
        layers=tuple(
            row for model, own in by_model.items() for row in layer_rows(own, bases[model])
        ),
    )
