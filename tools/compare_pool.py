"""Runs in processes of their own: a crash of one is a result, and not the end of the others.

This module imports little: a new process reads it before it chooses its number of threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli import EXIT_BUG, EXIT_INPUT
from .compare_queue import Queue
from .compare_work import Build, BuildTask, Result, Task

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from .compare_jobs import Job

_END_SECONDS = 15.0
"""A process that is told to end may be in a library's call; then it is killed."""
_SPAWN = multiprocessing.get_context("spawn")  # a fork would share threads and locks


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
        folder: Where networks are kept that are built for several runs.
        building: Told the name of a network when its building begins.
    """

    size: int
    folder: Path
    building: Callable[[str], None] | None = None
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
        queue, count = Queue(jobs, self.folder), min(size, len(jobs))
        busy: dict[Any, tuple[_Worker, Job | Build]] = {}
        idle = self._workers[:count]
        for worker in self._workers[count:]:  # their memory is for the others
            worker.process.terminate()
            self._end(worker)
        self._workers = idle[:]
        while queue or busy:
            while len(busy) < count and (item := queue.take()) is not None:
                worker = idle.pop() if idle else self._start()
                self._send(worker, queue.task(item))
                busy[worker.pipe] = (worker, item)
            for pipe in wait(list(busy)):
                worker, item = busy.pop(pipe)
                result = self._receive(worker)
                if worker in self._workers:
                    idle.append(worker)
                yield from queue.finish(item, result)

    def _send(self, worker: _Worker, task: Task) -> None:
        if self.building and isinstance(task, BuildTask):
            self.building(task.build.name)
        with suppress(BrokenPipeError):  # it died: seen when its answer is read
            worker.pipe.send(task)

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
        text = f"{text}\n  hint: use a smaller batch or shape"
        return Result(EXIT_INPUT, text, lacks_memory=True)
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Result(EXIT_BUG, f"the run's process died ({how})", lacks_memory=True)


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
                task: Task = pipe.recv()
            except EOFError:
                return
            pipe.send(task.perform())
