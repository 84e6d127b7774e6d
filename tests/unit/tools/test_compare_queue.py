"""The order of runs, each behind the building of its network."""

from pathlib import Path

import pytest
from spcc.tools.compare_jobs import Job
from spcc.tools.compare_queue import Queue
from spcc.tools.compare_work import Build, BuildTask, Built, Result, RunTask

ONE, TWO = (Build(name, name, 0, 1) for name in ("one", "two"))
DONE, FAILED = Result(0, ""), Result(1, "error: no")


def job(build: Build | None, machine: str) -> Job:
    return Job(build.name if build else "file", machine, (machine,), "", "", build)


def made(build: Build, folder: Path) -> Result:
    file = folder / f"{build.name}.onnx"
    file.touch()
    return Result(0, "", built=Built(build.name, file, "hash"))


def test_runs_wait_for_their_network_and_others_pass_them(tmp_path: Path) -> None:
    jobs = [job(ONE, "a"), job(ONE, "b"), job(None, "a"), job(TWO, "a")]
    queue = Queue(jobs, tmp_path)
    assert queue.take() == ONE
    assert queue.take() == jobs[2]
    assert queue.take() == TWO
    assert queue.take() is None
    assert queue.finish(ONE, made(ONE, tmp_path)) == []
    assert [queue.take(), queue.take(), queue.take()] == [jobs[0], jobs[1], None]
    assert queue
    assert queue.finish(TWO, made(TWO, tmp_path)) == []
    assert queue.take() == jobs[3]
    assert not queue


def test_networks_are_built_no_sooner_than_needed(tmp_path: Path) -> None:
    queue = Queue([job(ONE, "a"), job(TWO, "a"), job(ONE, "b")], tmp_path)
    assert queue.take() == ONE
    queue.finish(ONE, made(ONE, tmp_path))
    assert queue.take() == job(ONE, "a")
    assert queue.take() == TWO
    assert queue.take() == job(ONE, "b")


def test_a_file_goes_with_the_last_run_of_its_network(tmp_path: Path) -> None:
    jobs = [job(ONE, "a"), job(ONE, "b")]
    queue = Queue(jobs, tmp_path)
    assert queue.take() == ONE
    assert queue.task(ONE) == BuildTask(ONE, tmp_path / "one.onnx")
    queue.finish(ONE, made(ONE, tmp_path))
    for left, each in enumerate(jobs[::-1]):
        assert [*tmp_path.iterdir()] == [tmp_path / "one.onnx"]
        taken = queue.take()
        assert taken == jobs[left]
        assert queue.task(taken) == RunTask(
            taken.words, Built("one", tmp_path / "one.onnx", "hash")
        )
        assert queue.finish(each, FAILED) == [(each, FAILED)]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("leaves_file", [False, True])
def test_runs_fail_with_their_network(tmp_path: Path, leaves_file: bool) -> None:
    jobs = [job(ONE, "a"), job(TWO, "a"), job(ONE, "b")]
    queue = Queue(jobs, tmp_path)
    assert queue.take() == ONE
    if leaves_file:
        (tmp_path / "one.onnx").touch()
    assert queue.finish(ONE, FAILED) == [(jobs[0], FAILED), (jobs[2], FAILED)]
    assert [*tmp_path.iterdir()] == []
    assert queue.take() == TWO


def test_files_need_no_building(tmp_path: Path) -> None:
    one = job(None, "a")
    queue = Queue([one], tmp_path)
    assert queue.take() == one
    assert queue.task(one) == RunTask(("a",))
    assert queue.finish(one, DONE) == [(one, DONE)]
