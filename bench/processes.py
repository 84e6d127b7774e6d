"""Cold processes: their wall-clock time, processor time and peak memory.

Import nothing heavy here: Linux counts the memory of the parent at the fork to the child's peak.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Finished:
    """A process that is done.

    Args:
        seconds: Wall-clock time from start to end.
        cpu_seconds: Processor time of all its threads, system time included.
        peak_bytes: Largest resident memory.
        output: What it wrote to stdout and stderr.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str


def run(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> Finished:
    """Run a program to its end.

    Raises:
        RuntimeError: It failed; the message is its output.
    """
    with TemporaryFile("w+", encoding="utf-8") as output:
        started = perf_counter()
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(os.environ, **environment or {}),
            cwd=folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} gave {process.returncode}:\n{text}")
    return Finished(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def run_tool(tool: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Finished:
    """Run one of our console scripts, by its module in `spcc.tools`, from a folder that is none."""
    command = (sys.executable, "-m", f"spcc.tools.{tool}", *arguments)
    return run(command, {"PYTHONPATH": str(ROOT / ".links"), **(environment or {})}, Path("/"))


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
