"""Traces: the rules of the Trace Event Format, the cut, and the file as a whole or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from spcc.isa.base import Host
from spcc.isa.encoding import Instruction
from spcc.isa.errors import UsageError
from spcc.isa.tables import NO_LAYER
from spcc.runtime.interpreter import Interpreter, Options
from spcc.runtime.memory import Dram
from spcc.runtime.session import InferenceSession
from spcc.runtime.trace import write_trace
from toy_machine import BUF, MACHINE, PBUF, layer, ld, make_program, pgeo, ppu, scale
from toy_machine import st as store
from toy_programs import programs, specs, synchronise

TILES = [
    inst
    for tile in range(4)
    for inst in (
        ld(BUF, 64 * tile, 0, 32, signal=[1]),
        scale(32 * tile, 16 * tile, 16, 2, 3, wait=[1], signal=[2]),
        ppu(16 * tile, 16 * tile, 1, 16, wait=[2], signal=[3]),
        store(PBUF, 32 * tile, 64 + 32 * tile, 32, wait=[3]),
    )
]
"""Four tiles in buffers of their own: all units overlap."""


def trace(
    path: Path, instructions: list[Instruction], limit: int = 1000, **config: int
) -> dict[str, Any]:
    """Run a program of one layer and read its trace back."""
    lines = [0] * len(instructions) + [NO_LAYER]
    program = make_program(instructions, layers=(layer("a"),), lines=lines, **config)
    interpreter = Interpreter(MACHINE, program)
    dram = Dram(program.data, program.dram_bytes)
    execution = interpreter.run(dram, Options(host=lambda _i, _d: {}))
    write_trace(path, interpreter, execution, limit)
    return json.loads(path.read_text(encoding="utf-8"))


def check_rules(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Check what every trace must have; its instruction events."""
    assert made.keys() == {"displayTimeUnit", "otherData", "traceEvents"}
    assert made["displayTimeUnit"] in ("ms", "ns")
    names = [event for event in made["traceEvents"] if event["ph"] == "M"]
    events = [event for event in made["traceEvents"] if event["ph"] == "X"]
    assert len(names) + len(events) == len(made["traceEvents"])
    tracks = {e["tid"]: e["args"]["name"] for e in names if e["name"] == "thread_name"}
    assert sorted(tracks.values()) == sorted((*MACHINE.units, "host"))
    assert len({event["pid"] for event in made["traceEvents"]}) == 1
    ends = dict.fromkeys(tracks, 0)
    last = 0
    for event in events:
        assert event.keys() == {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"}
        assert isinstance(event["ts"], int)
        assert event["dur"] >= 0
        assert event["ts"] >= last, "events are sorted by time"
        assert event["ts"] >= ends[event["tid"]], "events of a track do not overlap"
        last, ends[event["tid"]] = event["ts"], event["ts"] + event["dur"]
    return events


def test_trace_of_overlapping_tiles(tmp_path: Path) -> None:
    made = trace(tmp_path / "t.json", [pgeo(), *TILES], B=2, L=3, P=4)
    events = check_rules(made)
    # Four instructions per tile and `halt`; the configuration takes no time and is not there.
    assert [event["name"] for event in events].count("scale") == 4
    assert len(events) == 17
    assert events[0] == {
        "ph": "X", "name": "ld", "cat": "Mul", "pid": 1, "tid": 1, "ts": 1, "dur": 19,
        "args": {"pc": 1, "layer": "a", "nodes": ["node_a"]},
    }  # fmt: skip
    assert events[-1]["name"] == "halt"
    assert events[-1]["args"] == {"pc": 17}
    assert events[-1]["ts"] == made["otherData"]["total_cycles"]
    assert "1 us in this trace is 1 cycle" in made["otherData"]["time"]
    assert made["otherData"]["events"] == "17 of 17 instructions"
    assert made["otherData"]["model"] == "toy.onnx"


def test_host_calls_have_a_track(tmp_path: Path) -> None:
    program = [scale(0, 0, 4), Host(fragment=0), scale(0, 0, 4)]
    made = trace(tmp_path / "t.json", program)
    (host,) = [event for event in check_rules(made) if event["name"] == "host"]
    assert (host["ts"], host["dur"]) == (4, 0)


@given(programs, specs)
def test_every_trace_obeys_the_rules(
    tmp_path_factory: pytest.TempPathFactory, body: list[Instruction], config: dict[str, int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.json"
    events = check_rules(trace(path, synchronise(body), **config))
    configs = sum(inst.is_config for inst in body)
    assert sorted(event["args"]["pc"] for event in events) == [
        pc for pc, inst in enumerate(body) if not inst.is_config
    ] + [len(body)]
    assert len(events) == len(body) - configs + 1


def test_a_long_trace_is_cut_and_says_so(tmp_path: Path) -> None:
    whole = trace(tmp_path / "whole.json", [pgeo(), *TILES], B=2)
    cut = trace(tmp_path / "cut.json", [pgeo(), *TILES], 5, B=2)
    events = check_rules(cut)
    assert events == check_rules(whole)[:5]
    assert cut["otherData"]["events"] == (
        f"5 of 17 instructions; the trace is cut at cycle {events[-1]['ts']}"
    )
    assert check_rules(trace(tmp_path / "none.json", [pgeo(), *TILES], 0)) == []


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        trace(tmp_path / name, [pgeo(), *TILES], B=2)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.json"
    path.write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spcc.runtime.trace._events", fail)
    with pytest.raises(OSError, match="No space left"):
        trace(path, [scale(0, 0, 1)])
    assert [file.name for file in tmp_path.iterdir()] == ["t.json"]
    assert path.read_text(encoding="utf-8") == "old"


def test_a_session_writes_the_trace_of_a_run_that_asked_for_it(tmp_path: Path) -> None:
    session = InferenceSession(make_program(TILES[:2]), MACHINE)
    session.run(None, {}, trace=True)
    assert session.write_trace(tmp_path / "t.json") == 3
    assert len(check_rules(json.loads((tmp_path / "t.json").read_text("utf-8")))) == 3
    session.run(None, {})
    with pytest.raises(UsageError, match="no trace to write"):
        session.write_trace(tmp_path / "u.json")
    assert not (tmp_path / "u.json").exists()


def test_numbers_in_a_trace_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    trace(path, [scale(0, 0, 4)])
    assert "int64" not in path.read_text("utf-8")
