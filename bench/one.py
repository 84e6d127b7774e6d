"""Run one class of benchmarks with one parameter and print the measurements as JSON.

python bench/one.py CLASS PARAMETER
"""

import json
import resource
import statistics
import sys
from time import perf_counter
from typing import Any

import suites

REPEATS = 5


def measure(suite: Any, parameter: str) -> dict[str, Any]:
    """Set up, warm up, time every `time_*` in turn, then collect every `track_*`.

    Returns:
        For each `time_*` the median wall-clock seconds, all of them, and the median processor time
        of this process and its children; for each `track_*` what it returns.
    """
    if hasattr(suite, "setup"):
        suite.setup(parameter)
    results: dict[str, Any] = {}
    for name in (name for name in dir(suite) if name.startswith("time_")):
        if getattr(suite, "warm_up", True):
            getattr(suite, name)(parameter)
        count = getattr(suite, "repeats", REPEATS)
        results[name] = timings(getattr(suite, name), parameter, count)
    for name in (name for name in dir(suite) if name.startswith("track_")):
        results[name] = getattr(suite, name)(parameter)
    return results


def timings(function: Any, parameter: str, count: int) -> dict[str, Any]:
    """Time some calls."""
    seconds: list[float] = []
    cpu: list[float] = []
    for _ in range(count):
        started, cpu_started = perf_counter(), cpu_seconds()
        function(parameter)
        seconds.append(perf_counter() - started)
        cpu.append(cpu_seconds() - cpu_started)
    return {
        "median": statistics.median(seconds),
        "cpu_median": statistics.median(cpu),
        "all": seconds,
    }


def cpu_seconds() -> float:
    """Processor time so far, of this process and of the children that are done."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


if __name__ == "__main__":
    print(json.dumps(measure(getattr(suites, sys.argv[1])(), sys.argv[2])))
