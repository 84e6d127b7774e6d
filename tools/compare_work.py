"""What a process of a comparison is told to do, and what it answers.

This module imports little: a new process reads it before it chooses its number of threads.
"""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli import EXIT_BUG, run

if TYPE_CHECKING:
    from .report_schema import Report
    from .sources import Model


@dataclass(frozen=True)
class Build:
    """A network to be built, once for all runs of it.

    Args:
        text: What the user calls it.
        name: Its short name.
        seed: Of its weights.
        batch: Its batch size.
    """

    text: str
    name: str
    seed: int
    batch: int


@dataclass(frozen=True)
class Built:
    """A network that was built.

    Args:
        name: Its short name.
        file: Where it is for a while.
        sha256: Of the file's bytes.
    """

    name: str
    file: Path
    sha256: str

    def load(self) -> Model:
        """Read it; it is no file of the user's, so that it keeps its published inputs."""
        import onnx

        from .sources import Model

        return Model(self.name, onnx.load_model_from_string(self.file.read_bytes()), self.sha256)


@dataclass(frozen=True)
class Result:
    """What became of a run, or of a network to be built.

    Args:
        code: The exit code that spcc would have, mismatches aside.
        text: What it would have written to stderr.
        report: The report, if there is one.
        warnings: Of the compilation.
        built: The network, if it was built.
        lacks_memory: It may work when nothing else runs.
    """

    code: int
    text: str
    report: Report | None = None
    warnings: tuple[str, ...] = ()
    built: Built | None = None
    lacks_memory: bool = False


@dataclass(frozen=True)
class RunTask:
    """Make the run that spcc would make if it were told these words.

    Args:
        words: The options, the model's name among them.
        built: The model where it is built already.
    """

    words: tuple[str, ...]
    built: Built | None = None

    def perform(self) -> Result:
        """Make the run.

        Raises:
            SystemExit: The process was told to end.
        """
        from .options import parser

        args = parser().parse_args(list(self.words))
        return _guarded(lambda found: self._evaluate(args, found))

    def _evaluate(self, args: Namespace, found: dict[str, Any]) -> None:
        from .workflow import Workflow

        flow = Workflow(args, self.words, self.built.load() if self.built else None)
        outcome = flow.compile()
        _, _, report = flow.evaluate(outcome)
        found |= {"report": report, "warnings": tuple(outcome.compiled.warnings)}


@dataclass(frozen=True)
class BuildTask:
    """Build a network into a file.

    Args:
        build: Which.
        file: Where; its folder is there.
    """

    build: Build
    file: Path

    def perform(self) -> Result:
        """Build it.

        Raises:
            SystemExit: The process was told to end.
        """
        return _guarded(self._write)

    def _write(self, found: dict[str, Any]) -> None:
        from .sources import find_model

        model = find_model(self.build.text, self.build.seed, self.build.batch)
        assert not isinstance(model.source, Path), self.build.text
        self.file.write_bytes(model.source.SerializeToString(deterministic=True))
        found["built"] = Built(self.build.name, self.file, model.sha256)


Task = RunTask | BuildTask


def _guarded(body: Callable[[dict[str, Any]], None]) -> Result:
    """Do something, with what it says to stderr and its exit code as part of the result.

    Args:
        body: Told where to put fields of the result.

    Raises:
        SystemExit: The process was told to end.
    """
    found: dict[str, Any] = {}

    def noticing() -> int:
        from .memory import TooLargeError

        try:
            body(found)
        except (MemoryError, TooLargeError):
            found["lacks_memory"] = True
            raise
        return 0

    errors, stderr = io.StringIO(), sys.stderr
    sys.stderr = errors
    try:
        code = run(noticing)
    finally:
        sys.stderr = stderr
    if code > EXIT_BUG:
        raise SystemExit(code)
    return Result(code, errors.getvalue().strip(), **found)
