"""How much memory there is, and a bound for this process: it fails before the machine does."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path

from ..isa.errors import UnsupportedError

_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
_VALUE_BYTES, _LARGEST_BYTES = 16, 64
"""Measured: per element of all tensors (image, taps, reference), and of the largest one (inputs are
drawn and layers computed in double precision)."""


class TooLargeError(UnsupportedError):
    """The tensors do not fit the memory that is free at this moment (exit code 3)."""


def check_size(shapes: Iterable[tuple[int, ...]], where: str) -> None:
    """Refuse a network whose tensors this machine cannot hold, before it tries to.

    Raises:
        TooLargeError: It is too large.
    """
    counts = [prod(shape) for shape in shapes]
    needed = _VALUE_BYTES * sum(counts) + _LARGEST_BYTES * max(counts, default=0)
    available = available_bytes()
    if available is not None and needed > available:
        raise TooLargeError(
            f"tensors of {sum(counts)} elements need about {needed >> 30} GiB to compile and run, "
            f"{available >> 30} GiB are free",
            where,
            "use a smaller --batch or --shape",
        )


def available_bytes() -> int | None:
    """Memory that can be had now without swapping; None where the system does not say."""
    found = [_lines("/proc/meminfo").get("MemAvailable")]
    for limit, usage in _CGROUPS:
        with suppress(OSError, ValueError):
            found.append(int(Path(limit).read_text()) - int(Path(usage).read_text()))
    return min((each for each in found if each is not None), default=None)


@contextmanager
def bounded_memory() -> Generator[None]:
    """Let allocations beyond the available memory fail with MemoryError.

    Linux promises more memory than it has and then kills some process. A model may claim tensors
    of any size, so the process gets a limit of its own, on the memory it can write to.
    """
    available = available_bytes()
    held = _lines("/proc/self/status").get("VmData")
    if available is None or held is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [each for each in (soft, hard) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([held + available, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _lines(path: str) -> dict[str, int]:
    """The `Name: 123 kB` lines of a file of /proc, in bytes; none where there is no such file."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in Path(path).read_text(encoding="ascii", errors="replace").splitlines():
            words = line.split()
            if len(words) == 3 and words[2] == "kB":
                found[words[0].rstrip(":")] = int(words[1]) * 1024
    return found
