"""How much memory is taken for available: the machine's, and what control groups leave of it."""

import resource
from contextlib import suppress
from pathlib import Path

import pytest
from spcc.tools import memory
from spcc.tools.memory import TooLargeError, available_bytes, bounded_memory, check_size

GIB = 1 << 30


class System:
    """A machine with 16 GiB free, and control groups as files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setattr(memory, "_PROC", folder / "proc")
        monkeypatch.setattr(memory, "_CGROUPS", folder / "cgroup")
        self.write("proc/meminfo", f"MemTotal: 99 kB\nMemAvailable: {16 << 20} kB\nHugePages: 0\n")

    def write(self, name: str, text: object) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def group(self, name: str, limit: object, used: int, stat: str = "") -> None:
        """A group of version 2."""
        self.write(f"cgroup/{name}/memory.max", limit)
        self.write(f"cgroup/{name}/memory.current", used)
        self.write(f"cgroup/{name}/memory.stat", stat)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    return System(tmp_path, monkeypatch)


def test_without_groups_it_is_the_machines(system: System) -> None:
    assert available_bytes() == 16 * GIB
    system.write("proc/self/cgroup", "0::/a")
    system.group("a", "max", 3 * GIB)
    assert available_bytes() == 16 * GIB


def test_cached_files_of_a_group_are_not_in_the_way(system: System) -> None:
    system.write("proc/self/cgroup", "0::/")
    stat = f"anon {GIB}\nfile {3 * GIB}\ninactive_file {2 * GIB}\nactive_file {GIB // 2}"
    system.group("", 4 * GIB, 4 * GIB, stat)
    assert available_bytes() == 2 * GIB + GIB // 2


def test_every_group_up_to_the_root_bounds_it(system: System) -> None:
    system.write("proc/self/cgroup", "0::/job/step/task")
    system.group("job", 3 * GIB, GIB)
    system.group("job/step", 8 * GIB, GIB)
    assert available_bytes() == 2 * GIB, "the limit of the job"
    system.group("job/step/task", GIB, 2 * GIB)
    assert available_bytes() == 0, "never negative"


def test_groups_of_version_1(system: System) -> None:
    system.write("proc/self/cgroup", "9:cpu,memory:/docker/1:2\n3:pids:/x\n0::/x")
    system.group("x", "max", 1)
    for name, text in {
        "limit_in_bytes": 2 * GIB,
        "usage_in_bytes": 2 * GIB,
        "stat": f"active_file 7\ntotal_active_file {GIB // 4}\ntotal_inactive_file 8",
    }.items():
        system.write(f"cgroup/memory/memory.{name}", text)  # a container sees its own as the root
    assert available_bytes() == GIB // 4 + 8


def test_a_system_that_says_nothing_is_not_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    assert available_bytes() is None
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory():
        assert resource.getrlimit(resource.RLIMIT_DATA) == before
    check_size([(1 << 40,)], "model")


def test_a_network_too_large_is_refused_in_words(system: System) -> None:
    system.write("proc/self/cgroup", "0::/")
    system.group("", 3 * GIB // 2, 0)
    check_size([(1 << 20, 16), (4,)], "model")
    with pytest.raises(TooLargeError, match=r"about 2\.5 GiB .*, 1\.5 GiB are free"):
        check_size([(1 << 20, 32)], "model")
    with pytest.raises(TooLargeError, match=r"1\.5 GiB are free"):
        check_size([(1 << 62,) * 40], "model")


def test_the_bound_is_lifted_again_and_keeps_a_lower_one(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"limit": (4 * GIB, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: known["limit"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: known.update(limit=limit))
    system.write("proc/self/status", "VmPeak:\t 9 kB\nVmData:\t 1024 kB\n")
    with bounded_memory():
        assert known["limit"] == (4 * GIB, resource.RLIM_INFINITY), "the user's own is lower"
    system.write("proc/meminfo", f"MemAvailable: {1 << 20} kB")
    with suppress(KeyError), bounded_memory():
        assert known["limit"] == (GIB + (1 << 20), resource.RLIM_INFINITY)
        raise KeyError
    assert known["limit"] == (4 * GIB, resource.RLIM_INFINITY)
