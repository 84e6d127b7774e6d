"""Runs in processes of their own: a crash of one is a result, and not the end of the others.

This module imports little: a new process reads it before it chooses its number of threads.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from .cli import EXIT_BUG, EXIT_INPUT, run

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from .compare_jobs import Job
    from .report_schema import Report

_END_SECONDS = 15.0
"""A process that is told to end may be in a library's call; then it is killed."""
_SPAWN = multiprocessing.get_context("spawn")  # a fork would share threads and locks


@dataclass(frozen=True)
class Result:
    """What became of a run.

    Args:
        code: The exit code that spcc would have, mismatches aside.
        text: What it would have written to stderr.
        report: The report, if there is one.
        warnings: Of the compilation.
        lacks_memory: It may work when nothing else runs.
    """

    code: int
    text: str
    report: Report | None = None
    warnings: tuple[str, ...] = ()
    lacks_memory: bool = False


@dataclass
class _Worker:
    """A process with our end of its pipe."""

    process: SpawnProcess
    pipe: Connection


@dataclass
class Pool:
    """Processes that make runs; as a context manager it ends them all.

    Args:
        size: How many at most.
    """

    size: int
    _workers: list[_Worker] = field(default_factory=list[_Worker])

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()

    def results(self, jobs: Sequence[Job]) -> Generator[tuple[Job, Result]]:
        """Make runs and give each result when it is there.

        A run that lacked memory is made again at the end, when nothing else runs: what comes out
        does not depend on the number of processes.
        """
        again: list[Job] = []
        for job, result in self._all(jobs, self.size):
            if result.lacks_memory and self.size > 1:
                again.append(job)
            else:
                yield job, result
        yield from self._all(again, 1)

    def _all(self, jobs: Sequence[Job], size: int) -> Generator[tuple[Job, Result]]:
        waiting, count = deque(jobs), min(size, len(jobs))
        busy: dict[Any, tuple[_Worker, Job]] = {}
        idle = self._workers[:count]
        for worker in self._workers[count:]:  # their memory is for the others
            worker.process.terminate()
            self._end(worker)
        self._workers = idle[:]
        while waiting or busy:
            while waiting and len(busy) < count:
                worker = idle.pop() if idle else self._start()
                job = waiting.popleft()
                with suppress(BrokenPipeError):  # it died: seen when its answer is read
                    worker.pipe.send(job.words)
                busy[worker.pipe] = (worker, job)
            for pipe in wait(list(busy)):
                worker, job = busy.pop(pipe)
                result = self._receive(worker)
                if worker in self._workers:
                    idle.append(worker)
                yield job, result

    def _receive(self, worker: _Worker) -> Result:
        try:
            return worker.pipe.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            self._end(worker)
            return _epitaph(worker.process.exitcode or 0)

    def _start(self) -> _Worker:
        ours, theirs = _SPAWN.Pipe()
        threads = max(1, len(os.sched_getaffinity(0)) // self.size)
        process = _SPAWN.Process(target=_serve, args=(theirs, threads), name="spcc-compare run")
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        worker.pipe.close()
        worker.process.join(_END_SECONDS)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _epitaph(code: int) -> Result:
    """The result of a run whose process died."""
    if code == -signal.SIGKILL:
        text = "the run was killed: the system was probably out of memory"
        return Result(EXIT_INPUT, f"{text}\n  hint: use a smaller batch or shape", None, (), True)
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Result(EXIT_BUG, f"the run's process died ({how})", None, (), True)


def _serve(pipe: Connection, thread_count: int) -> None:
    """Make runs until the other end closes."""
    # Ctrl-C reaches every process of the terminal; the parent ends its own, in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Sums of floats depend on how many threads share them: one, however many processes there are.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("NUMBA_NUM_THREADS", str(thread_count))
    with pipe:
        while True:
            try:
                words: tuple[str, ...] = pipe.recv()
            except EOFError:
                return
            pipe.send(perform(words))


def perform(words: Sequence[str]) -> Result:
    """Make the run that spcc would make if it were told these words.

    Raises:
        SystemExit: The process was told to end.
    """
    from .options import parser

    args = parser().parse_args(list(words))
    found: dict[str, Any] = {}
    errors, stderr = io.StringIO(), sys.stderr
    sys.stderr = errors
    try:
        code = run(lambda: _evaluate(args, tuple(words), found))
    finally:
        sys.stderr = stderr
    if code > EXIT_BUG:
        raise SystemExit(code)
    return Result(code, errors.getvalue().strip(), **found)


def _evaluate(args: Namespace, words: tuple[str, ...], found: dict[str, Any]) -> int:
    from .memory import TooLargeError
    from .workflow import Workflow

    try:
        flow = Workflow(args, words)
        outcome = flow.compile()
        _, _, report = flow.evaluate(outcome)
    except (MemoryError, TooLargeError):
        found["lacks_memory"] = True
        raise
    found |= {"report": report, "warnings": tuple(outcome.compiled.warnings)}
    return 0
