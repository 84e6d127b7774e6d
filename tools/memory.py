"""How much memory there is, and a bound for this process: it fails before the machine does."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path

from ..isa.errors import UnsupportedError

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_LIMIT_FILES = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)
"""A control group's limit and what it uses: of version 2, and of version 1."""
_RECLAIMABLE = ("inactive_file", "active_file"), ("total_inactive_file", "total_active_file")
"""The same for its cached files in memory.stat; they count as used, but make room when asked."""
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
            f"tensors of {sum(counts)} elements need about {_gib(needed)} GiB to compile and run, "
            f"{_gib(available)} GiB are free",
            where,
            "use a smaller --batch or --shape",
        )


def _gib(count: int) -> str:
    """In integers: a model may claim more than a float holds."""
    tenths = count * 10 >> 30
    return f"{tenths // 10}.{tenths % 10}"


def available_bytes() -> int | None:
    """Memory that can be had now without swapping; None where the system does not say."""
    found = [_lines(_PROC / "meminfo").get("MemAvailable")]
    for version, folder in _control_groups():
        limit, usage = _LIMIT_FILES[version]
        with suppress(OSError, ValueError):  # "max": no limit
            room = int((folder / limit).read_text()) - int((folder / usage).read_text())
            stat = _lines(folder / "memory.stat", "")
            found.append(room + sum(stat.get(name, 0) for name in _RECLAIMABLE[version]))
    known = [each for each in found if each is not None]
    return max(0, min(known)) if known else None


def _control_groups() -> Iterator[tuple[int, Path]]:
    """Index in `_LIMIT_FILES` and folder of every group that this process is in, to the root.

    A container may see its own group as the root; folders that are not there do no harm.
    """
    try:
        lines = (_PROC / "self" / "cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number != "0" and "memory" not in controllers.split(","):
            continue
        version, root = (0, _CGROUPS) if number == "0" else (1, _CGROUPS / "memory")
        folder = root / path.lstrip("/")
        yield version, folder
        yield from ((version, each) for each in folder.parents if each.is_relative_to(root))


@contextmanager
def bounded_memory() -> Generator[None]:
    """Let allocations beyond the available memory fail with MemoryError.

    Linux promises more memory than it has and then kills some process. A model may claim tensors
    of any size, so the process gets a limit of its own, on the memory it can write to: what is
    reserved but not writable (threads' heaps) does not count. protobuf and OpenBLAS do not survive
    a refused allocation; there the limit only protects the others on the machine.
    """
    available = available_bytes()
    held = _lines(_PROC / "self" / "status").get("VmData")
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


def _lines(path: Path, unit: str = "kB") -> dict[str, int]:
    """The `Name: 123 kB` lines of a file, or `name 123` without a unit, in bytes.

    None where there is no such file.
    """
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            name, *value = line.split() or [""]
            if len(value) == 1 + bool(unit) and value[0].isdigit() and value[1:] in ([], [unit]):
                found[name.rstrip(":")] = int(value[0]) * (1024 if unit else 1)
    return found
