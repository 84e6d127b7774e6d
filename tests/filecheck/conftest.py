"""Collects `*.mlir` files: every `// RUN:` line is a test, run inside this process.

The lines are lit's, quoted as in a shell: `spcc-opt %s ARGS | spcc-opt ARGS | filecheck %s ARGS`.
`%s` is the file itself. A plain lit run (lit.cfg.py) takes the same files, one process per tool.
"""

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import parse_argv_options
from filecheck.parser import Parser, pattern_for_opts
from spcc.tools.opt import main

_RUN = re.compile(r"//\s*RUN:\s*(.*)")


class RunLineError(Exception):
    """A tool failed, or its output is not what the CHECK lines say."""


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    return MlirFile.from_parent(parent, path=file_path) if file_path.suffix == ".mlir" else None


class MlirFile(pytest.File):
    """An .mlir file."""

    def collect(self) -> Iterator[pytest.Item]:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        runs = [(n, m[1]) for n, line in enumerate(lines, 1) if (m := _RUN.match(line))]
        if not runs:
            raise self.CollectError(f"{self.path} has no RUN line")
        for number, command in runs:
            yield RunLine.from_parent(self, name=f"line{number}", number=number, command=command)


class RunLine(pytest.Item):
    """One RUN line."""

    def __init__(self, *, number: int, command: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number, self.command = number, command

    def runtest(self) -> None:
        words = shlex.shlex(self.command, posix=True, punctuation_chars="|")
        words.whitespace_split = True
        stages: list[list[str]] = [[]]
        for word in words:
            if word == "|":
                stages.append([])
            else:
                stages[-1].append(word.replace("%s", str(self.path)))
        if any(stage[:1] != ["spcc-opt"] for stage in stages[:-1]) or stages[-1][0] != "filecheck":
            raise RunLineError("expected: spcc-opt .. | filecheck ..")
        text = ""
        for stage in stages[:-1]:
            text = _run_tool(stage[1:], text)
        _check(stages[-1], text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, RunLineError):
            return f"{self.path}:{self.number}: {self.command}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.number - 1, f"RUN: {self.command}"


def _run_tool(argv: list[str], stdin: str) -> str:
    """Run spcc-opt on a text; returns what it prints."""
    output, errors = io.StringIO(), io.StringIO()
    source = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    with redirect_stdout(output), redirect_stderr(errors), patch("sys.stdin", source):
        try:
            code = main(argv)
        except SystemExit as stop:  # argparse
            code = stop.code
    if code:
        raise RunLineError(f"spcc-opt exits with {code}\n{errors.getvalue()}{output.getvalue()}")
    return output.getvalue()


def _check(argv: list[str], text: str) -> None:
    """Match a text against the CHECK lines of a file."""
    options, errors = parse_argv_options(list(argv)), io.StringIO()
    checks = io.StringIO(Path(options.match_filename).read_text(encoding="utf-8"))
    parser = Parser(options, checks, *pattern_for_opts(options))
    source = FInput("the output of spcc-opt", FInput.canonicalize_line_ends(text))
    with redirect_stderr(errors), redirect_stdout(errors):
        code = Matcher(options, source, parser).run()
    if code:
        raise RunLineError(f"{errors.getvalue()}\nThe output:\n{text}")
