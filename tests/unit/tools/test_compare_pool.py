"""Runs in processes of their own: deaths, lack of memory, and an end in order."""

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
from spcc.tools.compare_pool import Pool, perform
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
    with Pool(2) as pool:
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
    with Pool(1) as pool:
        found = [result for _, result in pool.results([job("die", 9), job("lack memory")])]
    assert [result.code for result in found] == [1, 1]
    assert "probably out of memory\n  hint: " in found[0].text


def test_leaving_ends_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_pool, "_serve", compare_workers.serve)
    with Pool(2) as pool:
        next(pool.results([job("answer"), job("wait", "never")]))
        processes = [worker.process.pid for worker in pool._workers if worker.process.pid]
    assert len(processes) == 2
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_run_and_what_it_would_have_said() -> None:
    save(conv_relu(), "m.onnx")
    result = perform(("m.onnx", "--target=spots"))
    assert (result.code, result.text) == (0, "")
    assert isinstance(result.report, Report)
    assert result.report.command == ("spcc", "m.onnx", "--target=spots")
    assert "seeded random inputs" in result.warnings[0]
    result = perform(("m.onnx", "--target=spots", "--set=FCAP=64"))
    assert (result.code, result.report) == (3, None)
    assert result.text.startswith("error: ")
    assert "does not fit" in result.text


def test_out_of_memory_is_told_from_other_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    save(conv_relu("N"), "m.onnx")
    monkeypatch.setattr("spcc.tools.memory.available_bytes", lambda: 1 << 30)
    assert not perform(("m.onnx", "--target=spots")).lacks_memory
    result = perform(("m.onnx", "--target=spots", "--batch=1000000"))
    assert (result.code, result.lacks_memory) == (3, True)
    monkeypatch.setattr("spcc.tools.workflow.run_program", no_memory)
    result = perform(("m.onnx", "--target=spots"))
    assert (result.code, result.lacks_memory) == (1, True)


def no_memory(*_: object, **__: object) -> None:
    raise MemoryError


def test_a_bug_is_told_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    save(conv_relu(), "m.onnx")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("spcc.tools.workflow.run_program", broken)
    result = perform(("m.onnx", "--target=spots"))
    assert (result.code, result.lacks_memory) == (70, False)
    assert "Traceback" in result.text
    assert "ZeroDivisionError: of ours" in result.text


def test_a_new_process_chooses_its_threads_before_it_loads_numpy() -> None:
    code = "import sys, spcc.tools.compare, spcc.tools.compare_pool; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, check=True
    )
    assert done.stdout == b"False\n"
