"""The measurements as Markdown tables."""

from collections.abc import Iterable, Iterator
from typing import Any

Entry = dict[str, Any]

OTHERS = (
    ("StartUp", "time_process", "`{}`"),
    ("Kernels", "time_import", "import of the kernels, {}"),
    ("EndToEnd", "time_process", "compile, run and check {}, no kernels cached"),
)
RUN = ("spcc s", "CPU s", "ORT s", "ratio", "Mcycles", "instr/s", "effectual MMAC/s", "SQNR dB")


def tables(document: Entry) -> Iterator[str]:
    """Lines of Markdown."""
    machine, results = document["machine"], document["results"]
    yield (
        f"Commit {document['commit']}; {machine['processors']} x {machine['processor']}, "
        f"{machine['memory_bytes'] / 1e9:.0f} GB, load average {machine['load_average']:.1f}; "
        f"Python {machine['python']}, onnxruntime {machine['onnxruntime']}, "
        f"numba {machine['numba']}, numpy {machine['numpy']}."
    )
    runs = results["Execution"].items()
    yield from table(("run", *RUN, "peak MB"), (execution(*item) for item in runs))
    compilations = results["Compilation"]
    columns = ("compile", "s", "CPU s", "model MB", "peak MB", "4 x model + 300", "program MB")
    yield from table(columns, (compilation(*item) for item in compilations.items()))
    seconds = {name: entry["track_pass_seconds"] for name, entry in compilations.items()}
    yield from table(("pass, s", *seconds), passes(seconds))
    yield from table(("process", "s", "CPU s"), others(results))
    columns = ("Algorithm 2, VGG-19's shapes at 70 % zeros", "s", "CPU s", "M weights/s")
    yield from table(columns, (scheduling(*item) for item in results["Scheduling"].items()))


def execution(name: str, entry: Entry) -> tuple[str, ...]:
    """The row of a run."""
    ours, theirs, facts = (
        entry["time_machine"],
        entry["time_onnxruntime"],
        entry["track_simulation"],
    )
    return (
        name,
        f"{ours['median']:.3f}",
        f"{ours['cpu_median']:.3f}",
        f"{theirs['median']:.4f}",
        f"{ours['median'] / theirs['median']:.1f}",
        f"{facts['cycles'] / 1e6:.3f}",
        f"{facts['instructions'] / ours['median']:,.0f}",
        f"{facts['effectual_macs'] / ours['median'] / 1e6:,.0f}",
        f"{facts['sqnr_db']:.1f}",
        f"{facts['peak_bytes'] / 1e6:,.0f}",
    )


def compilation(name: str, entry: Entry) -> tuple[str, ...]:
    """The row of a compilation."""
    times, memory = entry["time_process"], entry["track_memory"]
    sizes = (memory["model"], memory["peak"], 4 * memory["model"] + 300e6, memory["program"])
    return (
        name,
        f"{times['median']:.2f}",
        f"{times['cpu_median']:.2f}",
        *(f"{size / 1e6:,.1f}" for size in sizes),
    )


def passes(seconds: dict[str, dict[str, float]]) -> Iterator[tuple[str, ...]]:
    """The rows of the passes, in the order of the compilation that has most."""
    for step in max(seconds.values(), key=len, default={}):
        yield step, *(f"{s[step]:.2f}" if step in s else "" for s in seconds.values())


def others(results: dict[str, dict[str, Entry]]) -> Iterator[tuple[str, ...]]:
    """The rows of everything else."""
    for suite, key, label in OTHERS:
        for parameter, entry in results[suite].items():
            times = entry[key]
            yield (
                label.format(parameter),
                f"{times['median']:.2f}",
                f"{times['cpu_median']:.2f}",
            )


def scheduling(sync: str, entry: Entry) -> tuple[str, ...]:
    """The row of a schedule."""
    times = entry["time_schedule"]
    return (
        f"sync={sync}",
        f"{times['median']:.2f}",
        f"{times['cpu_median']:.2f}",
        f"{entry['track_weights'] / times['median'] / 1e6:.0f}",
    )


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table, numbers to the right, after an empty line; nothing without rows."""
    rows = list(rows)
    if not rows:
        return
    yield ""
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
