"""How much memory there is, and a bound for this process: it fails before the machine does."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
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
