"""What spcc-compare does with its options: plan, run, tabulate, write, print."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from ..isa.errors import UsageError
from ..isa.files import replacing
from .cli import EXIT_BUG, EXIT_INPUT, EXIT_MISMATCH, EXIT_UNSUPPORTED, EXIT_USAGE
from .compare_csv import layers_csv, summary_csv
from .compare_jobs import Job, Network, find_networks, make_jobs, shared_words
from .compare_plan import Configuration, configurations, find_baseline
from .compare_pool import Pool
from .compare_report import EXTRA, lacking, report_html
from .compare_rows import Outcome, layer_rows, mean_rows, network_row
from .compare_schema import SCHEMA_VERSION, Comparison, Failure, ModelInfo, encode
from .compare_store import StoredRun, load_run, save_run
from .compare_table import failures, print_comparison, warnings
from .compare_work import Result
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
    comparison = run_comparison(args, machines, base)
    contents = (layers_csv(comparison), summary_csv(comparison), encode(comparison))
    for name, content in zip(FILES, contents, strict=True):
        with placing(folder / name), replacing(folder / name) as temporary:
            temporary.write_bytes(content)
    written = [folder / name for name in FILES] + _illustrate(comparison, report, args)
    print_comparison(comparison, stdout, layers=not args.no_layers)
    warn([*warnings(comparison)])
    for sentence in failures(comparison):
        print(f"error: {sentence}", file=sys.stderr)
    print(f"written: {', '.join(map(str, written))}", file=sys.stderr)
    return gravest([comparison])


def run_comparison(
    args: Namespace, machines: Sequence[Configuration], base: Configuration
) -> Comparison:
    """Make the runs and hold them against each other; only the runs are written.

    Raises:
        SpccError: An option or a model is wrong, before anything runs.
        OSError: A file cannot be read or written.
    """
    networks = find_networks(args)
    jobs = make_jobs(networks, machines, args)
    with placing_in(args.output / "runs"):
        outcomes = _outcomes(jobs, args, args.output)
    return _comparison(args, networks, machines, base, outcomes)


def gravest(comparisons: Iterable[Comparison]) -> int:
    """The exit code of the gravest failure, 0 if there is none."""
    rows = (row for each in comparisons for row in each.networks)
    codes = {row.failure.exit_code for row in rows if row.failure}
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
    made, failed = _make(missing, len(wanted), args, folder)
    # Another make of processor may have built another network, in last digits, than is kept.
    built = {job.model: made[job.file].report.model_sha256 for job in missing if job.file in made}
    stale = [
        wanted[file]
        for file, run in kept.items()
        if built.get(wanted[file].model, run.report.model_sha256) != run.report.model_sha256
    ]
    if stale:
        again, failed_again = _make(stale, len(wanted), args, folder)
        made, failed = made | again, failed | failed_again
    runs = {file: run for file, run in (kept | made).items() if file not in failed}
    return [_outcome(job, runs, failed, args.check_layers) for job in jobs]


def _make(
    jobs: Sequence[Job], total: int, args: Namespace, folder: Path
) -> tuple[dict[str, StoredRun], dict[str, Failure]]:
    """Make runs and keep those that have a result.

    Args:
        jobs: The runs.
        total: How many there are with those that are kept already.
        args: The options.
        folder: Where they are kept.

    Returns:
        The results by file, and the failures of the others.
    """
    made: dict[str, StoredRun] = {}
    failed: dict[str, Failure] = {}
    with (
        progress_bar("compare") as progress,
        TemporaryDirectory(prefix=".spcc-", dir=folder) as scratch,
    ):

        def tell(what: str = "") -> None:
            done = total - len(jobs) + len(made) + len(failed)
            if progress:
                progress(done, total, f"{done} of {total} runs{what}")

        tell()
        size = min(args.workers, len(jobs))
        with Pool(size, Path(scratch), lambda name: tell(f": building {name}")) as pool:
            for job, result in pool.results(jobs):
                if result.report is not None:
                    made[job.file] = save_run(folder, job, result.report, result.warnings)
                else:
                    failed[job.file] = _failure(result)
                tell(f": {job.model} on {job.machine}")
    return made, failed


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
        network.name: [each for each in outcomes if each.model == network.name]
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
        models=tuple(_info(network, by_model[network.name]) for network in networks),
        networks=tuple(rows),
        means=tuple(mean_rows(rows, [machine.label for machine in machines], base.label)),
        layers=tuple(
            row for model, own in by_model.items() for row in layer_rows(own, bases[model])
        ),
    )


def _info(network: Network, outcomes: Sequence[Outcome]) -> ModelInfo:
    """A network's name and hash; that of one that is built is in the reports of its runs."""
    reported = (each.run.report.model_sha256 for each in outcomes if each.run)
    digest = next(reported, "") if network.build else network.digests[0]
    return ModelInfo(name=network.name, sha256=digest)
