"""Runs in processes of their own: deaths, lack of memory, and an end in order."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from spcc.tests.e2e.cli_cases import conv_relu, environment, save
from spcc.tests.unit.tools import compare_workers
from spcc.tools import compare_pool
from spcc.tools.compare_jobs import Job
from spcc.tools.compare_pool import Pool
from spcc.tools.compare_work import Build, BuildTask, RunTask
from spcc.tools.report_schema import Report


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(*words: object) -> Job:
    texts = tuple(map(str, words))
    return Job(" ".join(texts), "", texts, "", "")


def test_deaths_and_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes: what fails beside another run is made again alone, the rest goes on."""
    monkeypatch.setattr(compare_pool, "_serve", compare_workers.serve)
    jobs = [
        job("killed once", "a"),
        job("wait", "a"),
        job("short once", "b"),
        job("wait", "b"),
        job("die", int(signal.SIGSEGV)),
        job("lack memory"),
        job("answer"),
    ]
    with Pool(2, Path()) as pool:
        found = {each.model: result for each, result in pool.results(jobs)}
    assert {words: result.code for words, result in found.items()} == {
        "killed once a": 0,
        "wait a": 0,
        "short once b": 0,
        "wait b": 0,
        "die 11": 70,
        "lack memory": 1,
        "answer": 0,
    }
    assert found["die 11"].text == "the run's process died (signal 11)"
    assert not list(Path().glob("busy-*"))


def test_one_process_does_not_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_pool, "_serve", compare_workers.serve)
    with Pool(1, Path()) as pool:
        found = [result for _, result in pool.results([job("die", 9), job("lack memory")])]
    assert [result.code for result in found] == [1, 1]
    assert "probably out of memory\n  hint: " in found[0].text


def test_leaving_ends_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_pool, "_serve", compare_workers.serve)
    with Pool(2, Path()) as pool:
        next(pool.results([job("answer"), job("wait", "never")]))
        processes = [worker.process.pid for worker in pool._workers if worker.process.pid]
    assert len(processes) == 2
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


@pytest.mark.parametrize("size", [1, 2])
def test_networks_are_built_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_pool, "_serve", compare_workers.serve)
    builds = [Build(name, name, 0, 1) for name in ("one", "broken", "two")]
    jobs = [Job(b.name, m, ("read",), "", "", b) for b in builds for m in ("a", "b", "c")]
    told: list[str] = []
    with Pool(size, Path(), told.append) as pool:
        found = {(job.model, job.machine): result for job, result in pool.results(jobs)}
    assert told == ["one", "broken", "two"]
    assert sorted(Path("built").read_text().split()) == sorted(told)
    assert {name: found[name, "b"].text for name in told} == {
        "one": "one",
        "broken": "error: broken",
        "two": "two",
    }
    assert len(found) == 9
    assert not list(Path().glob("*.onnx"))


def test_a_network_that_lacked_memory_beside_others_is_built_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compare_pool, "_serve", compare_workers.serve)
    net = Build("net", "net", 0, 1)
    again = Job("again", "", ("short once", "a"), "", "", net)
    with Pool(2, Path()) as pool:
        found = {each.model: r.code for each, r in pool.results([again, job("wait", "a")])}
    assert found == {"again": 0, "wait a": 0}
    assert Path("built").read_text().split() == ["net", "net"]


def test_a_built_network_is_the_one_that_the_name_means() -> None:
    task = BuildTask(Build("zoo:lenet_300_100", "zoo-lenet_300_100", 3, 2), Path("net.onnx"))
    built = task.perform().built
    assert built is not None
    words = ("zoo:lenet_300_100", "--target=spots", "--seed=3", "--batch=2")
    given, own = RunTask(words, built).perform(), RunTask(words).perform()
    assert given.report is not None
    assert given.report.model_sha256 == hashlib.sha256(built.file.read_bytes()).hexdigest()
    assert given.report == own.report
    assert given.warnings == own.warnings == ()


def test_a_network_that_cannot_be_built_is_a_result() -> None:
    result = BuildTask(Build("lenet5", "lenet5", 0, 1), Path("no/net.onnx")).perform()
    assert (result.code, result.built) == (1, None)
    assert result.text.startswith("error: no/net.onnx: ")


def test_a_run_and_what_it_would_have_said() -> None:
    save(conv_relu(), "m.onnx")
    result = RunTask(("m.onnx", "--target=spots")).perform()
    assert (result.code, result.text) == (0, "")
    assert isinstance(result.report, Report)
    assert result.report.command == ("spcc", "m.onnx", "--target=spots")
    assert "seeded random inputs" in result.warnings[0]
    result = RunTask(("m.onnx", "--target=spots", "--set=FCAP=64")).perform()
    assert (result.code, result.report) == (3, None)
    assert result.text.startswith("error: ")
    assert "does not fit" in result.text


def test_out_of_memory_is_told_from_other_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    save(conv_relu("N"), "m.onnx")
    monkeypatch.setattr("spcc.tools.memory.available_bytes", lambda: 1 << 30)
    assert not RunTask(("m.onnx", "--target=spots")).perform().lacks_memory
    result = RunTask(("m.onnx", "--target=spots", "--batch=1000000")).perform()
    assert (result.code, result.lacks_memory) == (3, True)
    monkeypatch.setattr("spcc.tools.workflow.run_program", no_memory)
    result = RunTask(("m.onnx", "--target=spots")).perform()
    assert (result.code, result.lacks_memory) == (1, True)


def no_memory(*_: object, **__: object) -> None:
    raise MemoryError


def test_a_bug_is_told_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    save(conv_relu(), "m.onnx")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("spcc.tools.workflow.run_program", broken)
    result = RunTask(("m.onnx", "--target=spots")).perform()
    assert (result.code, result.lacks_memory) == (70, False)
    assert "Traceback" in result.text
    assert "ZeroDivisionError: of ours" in result.text


def test_a_new_process_chooses_its_threads_before_it_loads_numpy() -> None:
    code = "import sys, spcc.tools.compare, spcc.tools.compare_pool; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, check=True
    )
    assert done.stdout == b"False\n"
