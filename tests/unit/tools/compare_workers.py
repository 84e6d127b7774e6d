"""Processes that stand in for the pool's, with what each is to do in the words of a run."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from spcc.tools.compare_work import BuildTask, Built, Result, RunTask, Task

_SECONDS = 20.0


def serve(pipe: Connection, thread_count: int) -> None:
    """Answer, die, or lack memory; a run leaves a file while it lasts: `busy-<pid>`.

    Args:
        pipe: Where actions come from: "answer"; "die" SIGNAL; "lack memory"; "killed once" FILE and
            "short once" FILE, which fail beside another run, leave the file, and succeed when it is
            there and they are alone; "wait" FILE; "read", which answers with the network's text. A
            network is its name, but "broken" cannot be built; `built` tells which ones were.
        thread_count: Ignored.
    """
    del thread_count
    mine = Path(f"busy-{os.getpid()}")
    with pipe:
        while True:
            try:
                task: Task = pipe.recv()
            except EOFError:
                return
            mine.touch()
            result = _build(task) if isinstance(task, BuildTask) else _run(task)
            mine.unlink()
            pipe.send(result)


def _run(task: RunTask) -> Result:
    if task.words == ("read",):
        return Result(0, task.built.file.read_text() if task.built else "")
    return _perform(*task.words)


def _perform(action: str, word: str = "") -> Result:
    if action == "wait":
        _wait(Path(word).exists)
    elif action == "lack memory":
        return Result(1, action, lacks_memory=True)
    elif action == "die":
        _die(int(word))
    elif action in ("killed once", "short once"):
        if Path(word).exists():
            return Result(0 if _running() == 1 else 5, action)
        _wait(lambda: _running() > 1)
        Path(word).touch()
        if action == "short once":
            return Result(1, action, lacks_memory=True)
        _die(signal.SIGKILL)
    return Result(0, action)


def _build(task: BuildTask) -> Result:
    with Path("built").open("a") as log:
        log.write(f"{task.build.name}\n")
    if task.build.name == "broken":
        return Result(1, "error: broken")
    task.file.write_text(task.build.name)
    return Result(0, "", built=Built(task.build.name, task.file, "hash"))


def _running() -> int:
    return len(list(Path().glob("busy-*")))


def _die(number: int) -> None:
    Path(f"busy-{os.getpid()}").unlink()
    os.kill(os.getpid(), number)


def _wait(is_there: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not is_there() and time.monotonic() < end:
        time.sleep(0.002)
