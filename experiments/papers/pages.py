"""Verdicts as a table on a terminal, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any, TextIO

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...tools.report import versions
from ...tools.report_table import PLAIN_COLUMNS
from .figures import Number
from .verdicts import Verdict

SCHEMA_VERSION = 1


def published(verdict: Verdict) -> str:
    """The printed number with how it binds, such as `<= 6 %`."""
    figure = verdict.figure
    text = _numbers(figure.value if isinstance(figure.value, tuple) else (figure.value,))
    if figure.value_hi is not None:
        text = f"{text} to {figure.value_hi:g}"
    return text if figure.op == "=" else f"{figure.op} {text}"


def ours(verdict: Verdict) -> str:
    """Ours, or a dash."""
    return _numbers(verdict.measured.values) if verdict.measured else "-"


def ratio(verdict: Verdict) -> str:
    """Ours over theirs, or a dash."""
    return "-" if verdict.ratio is None else f"{verdict.ratio:.3g}"


def _numbers(values: Sequence[Number]) -> str:
    return ", ".join(_number(value) for value in values)


def _number(value: Number) -> str:
    if value == int(value):
        return f"{int(value)}"
    return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def explanation(verdict: Verdict) -> str:
    """Why ours differs or is not there; empty where nothing needs a word."""
    match verdict.word:
        case "differs" | "known" | "WRONG":
            return verdict.figure.why or "not explained yet"
        case "exact" | "agrees":
            return ""
        case _:
            return verdict.reason


def print_table(verdicts: Sequence[Verdict], file: TextIO) -> None:
    """A line for each figure, the differences in words, then the counts of the verdicts."""
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=PLAIN_COLUMNS, no_color=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("figure", "metric", "published", "ours", "unit", "ratio", "verdict"):
        is_number = name in ("published", "ours", "ratio")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for each in verdicts:
        cells = (each.figure.id, each.figure.metric, published(each), ours(each))
        table.add_row(*map(escape, (*cells, each.figure.unit, ratio(each), each.word)))
    console.print(table)
    for each in verdicts:
        if each.word in ("differs", "known", "WRONG", "failed"):
            text = f"{each.figure.id}: {explanation(each)}"
            console.print(escape(text), soft_wrap=not console.is_terminal)
    console.print(counts(verdicts), soft_wrap=True)


def counts(verdicts: Sequence[Verdict]) -> str:
    """How many figures have which verdict."""
    found = Counter(verdict.word for verdict in verdicts)
    return f"{len(verdicts)} figures: " + ", ".join(f"{n} {word}" for word, n in found.items())


def rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Every verdict under the names of its columns."""
    return [
        {
            "id": each.figure.id,
            "source": each.figure.source,
            "where": each.figure.where,
            "system": each.figure.ours,
            "baseline": each.figure.theirs,
            "networks": " ".join(each.figure.networks),
            "metric": each.figure.metric,
            "unit": each.figure.unit,
            "use": each.figure.use,
            "published": published(each),
            "ours": list(each.measured.values) if each.measured else [],
            "ratio": each.ratio,
            "verdict": each.word,
            "config": each.figure.config,
            "detail": each.measured.detail if each.measured else each.reason,
            "note": each.figure.note,
            "why": explanation(each),
        }
        for each in verdicts
    ]


def as_csv(verdicts: Sequence[Verdict]) -> bytes:
    """A line for each figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for index, (row, each) in enumerate(zip(rows(verdicts), verdicts, strict=True)):
        cells = row | {"ours": ours(each), "ratio": ratio(each)}
        if index == 0:
            writer.writerow(cells)
        writer.writerow(cells.values())
    return text.getvalue().encode()


def as_json(verdicts: Sequence[Verdict]) -> bytes:
    """The same, with the versions that measured."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "versions": versions(),
        "figures": rows(verdicts),
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def as_markdown(verdicts: Sequence[Verdict]) -> bytes:
    """A table for each publication, with every reason."""
    lines = ["# Published figures beside ours", "", counts(verdicts)]
    for source in dict.fromkeys(each.figure.source for each in verdicts):
        lines += ["", f"## {source}", ""]
        lines += ["| figure | metric | published | ours | unit | ratio | | why, how |"]
        lines += ["|---|---|---:|---:|---|---:|---|---|"]
        lines += [_line(each) for each in verdicts if each.figure.source == source]
    return ("\n".join(lines) + "\n").encode()


def _line(verdict: Verdict) -> str:
    figure, measured = verdict.figure, verdict.measured
    words = (explanation(verdict), measured.detail if measured else "", figure.note)
    why = "; ".join(part for part in words if part)
    cells = (figure.id, figure.metric, published(verdict), ours(verdict), figure.unit)
    text = " | ".join(map(_literal, (*cells, ratio(verdict), verdict.word, why)))
    return f"| {text} |"


def _literal(text: str) -> str:
    """Text of which Markdown makes neither another cell nor emphasis."""
    return text.replace("|", r"\|").replace("*", r"\*")
