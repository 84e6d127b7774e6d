"""The order of runs: each behind the building of its network, which happens once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .compare_work import Build, BuildTask, Built, Result, RunTask, Task

if TYPE_CHECKING:
    from .compare_jobs import Job


@dataclass
class Queue:
    """Jobs that wait, and the networks that are built for them.

    A network is built when the first of its jobs is next, and its file goes with the last one.

    Args:
        jobs: In the order in which they are to start.
        folder: Where networks are kept meanwhile.
    """

    jobs: Iterable[Job]
    folder: Path
    _waiting: list[Job] = field(init=False)
    _left: Counter[Build] = field(init=False)
    _started: set[Build] = field(default_factory=set[Build])
    _built: dict[Build, Built] = field(default_factory=dict[Build, Built])

    def __post_init__(self) -> None:
        self._waiting = [*self.jobs]
        self._left = Counter(job.build for job in self._waiting if job.build)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> Job | Build | None:
        """What to start next: a job, or the building of its network; None if all have to wait."""
        for index, job in enumerate(self._waiting):
            if job.build is None or job.build in self._built:
                return self._waiting.pop(index)
            if job.build not in self._started:
                self._started.add(job.build)
                return job.build
        return None

    def task(self, item: Job | Build) -> Task:
        """What a process is told to do for something that was taken."""
        if isinstance(item, Build):
            return BuildTask(item, self._file(item))
        return RunTask(item.words, self._built[item.build] if item.build else None)

    def finish(self, item: Job | Build, result: Result) -> list[tuple[Job, Result]]:
        """Note a result; what became of jobs by it: of all of a network that cannot be built."""
        if not isinstance(item, Build):
            self._count_down(item)
            return [(item, result)]
        if result.built is not None:
            self._built[item] = result.built
            return []
        failed = [job for job in self._waiting if job.build == item]
        self._waiting = [job for job in self._waiting if job.build != item]
        for job in failed:
            self._count_down(job)
        return [(job, result) for job in failed]

    def _count_down(self, job: Job) -> None:
        if job.build is None:
            return
        self._left[job.build] -= 1
        if not self._left[job.build]:
            self._file(job.build).unlink(missing_ok=True)

    def _file(self, build: Build) -> Path:
        return self.folder / f"{build.name}.onnx"
