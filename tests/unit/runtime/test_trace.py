"""Traces: the rules of the Trace Event Format, the cut, and the file as a whole or not at all."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from spcc.isa.base import Host, Pgeo
from spcc.isa.encoding import Instruction
from spcc.isa.errors import UsageError
from spcc.isa.tables import NO_LAYER
from spcc.runtime.interpreter import Interpreter, Options
from spcc.runtime.machine import Cost
from spcc.runtime.memory import Dram
from spcc.runtime.session import InferenceSession
from spcc.runtime.trace import _name as event_name
from spcc.runtime.trace import write_trace
from spcc.runtime.trace_counters import Counts, mac_events
from spcc.tests.unit.runtime.trace_format import check_format
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
    counts = Counts()
    execution = interpreter.run(dram, Options(host=lambda _i, _d: {}, on_cost=counts.note))
    write_trace(path, interpreter, execution, counts, limit)
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_check_of_the_format_can_fail() -> None:
    def event(ts: Any, dur: Any = 1, **other: Any) -> dict[str, Any]:
        return {"ph": "X", "name": "e", "pid": 1, "tid": 1, "ts": ts, "dur": dur} | other

    def counter(ts: int, **values: Any) -> dict[str, Any]:
        return {"ph": "C", "name": "c", "pid": 1, "tid": 0, "ts": ts, "args": values}

    nested = [event(0, 9), event(0, 4), event(4, 0), event(4, 5), event(9, 1), event(9, tid=2)]
    good = [*nested, event(0, tid=3), counter(0, a=1), counter(0, a=2.5)]
    check_format({"displayTimeUnit": "ms", "traceEvents": good})
    for bad in (
        [event(0, 4), event(3, 4)],
        [event(5), event(3)],
        [event(0.5)],
        [event(0, -1)],
        [event(0, ph="B")],
        [event(0, name="")],
        [event(0, pid="1")],
        [event(True)],
        [counter(3, a=1), counter(2, a=1)],
        [counter(0, a="1")],
        [counter(0, a=float("nan"))],
        [counter(0, a=1), counter(1, b=1)],
        [counter(0)],
    ):
        with pytest.raises(AssertionError):
            check_format({"displayTimeUnit": "ms", "traceEvents": bad})


def counters(made: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    """The events of a counter track: time and values."""
    events = [event for event in made["traceEvents"] if event["ph"] == "C"]
    return [(event["ts"], event["args"]) for event in events if event["name"] == name]


def check_rules(made: dict[str, Any]) -> list[dict[str, Any]]:
    """Check what every trace must have; its instruction events."""
    check_format(made)
    names = [event for event in made["traceEvents"] if event["ph"] == "M"]
    events = [event for event in made["traceEvents"] if event["ph"] == "X"]
    tracks = {e["tid"]: e["args"]["name"] for e in names if e["name"] == "thread_name"}
    assert sorted(tracks.values()) == sorted((*MACHINE.units, "host"))
    assert len({event["pid"] for event in made["traceEvents"]}) == 1
    ends = dict.fromkeys(tracks, 0)
    last = 0
    for event in events:
        assert event.keys() == {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"}
        assert event["ts"] >= last, "events are sorted by time"
        assert event["ts"] >= ends[event["tid"]], "events of a track do not overlap"
        last, ends[event["tid"]] = event["ts"], event["ts"] + event["dur"]
    return events


def test_trace_of_overlapping_tiles(tmp_path: Path) -> None:
    made = trace(tmp_path / "t.json", [pgeo(), *TILES], B=2, L=3, P=4)
    events = check_rules(made)
    # Four instructions per tile and `halt`; the configuration takes no time and is not there.
    assert [event["name"] for event in events].count("scale a (node_a)") == 4
    assert len(events) == 17
    assert events[0] == {
        "ph": "X", "name": "ld a (node_a)", "cat": "Mul", "pid": 1, "tid": 1, "ts": 1, "dur": 19,
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
    (host,) = [event for event in check_rules(made) if event["name"] == "host a (node_a)"]
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


def test_counters_are_those_of_the_report(tmp_path: Path) -> None:
    data = bytes([1, 0] * 12 + [0] * 8)  # every tile loads it: 12 values and 4 zeros
    session = InferenceSession(make_program([pgeo(), *TILES], constants=data, B=2), MACHINE)
    session.run(None, {}, trace=True)
    session.write_trace(tmp_path / "t.json")
    made = json.loads((tmp_path / "t.json").read_text("utf-8"))
    macs = counters(made, "MACs per cycle, cu")
    sums = {
        kind: sum(values[kind] * (end - start) for (start, values), (end, _) in pairwise(macs))
        for kind in macs[0][1]
    }
    totals = session.report["totals"]
    assert macs[-1][1] == dict.fromkeys(sums, 0)
    assert sums.keys() == {"effectual", "ineffectual"}
    for kind, total in sums.items():
        assert total == pytest.approx(totals["macs"][kind], rel=0.01)  # rates are rounded
        assert total > 0
    assert [pair for pair in pairwise(macs) if pair[0][1] == pair[1][1]] == []
    assert counters(made, "DRAM bytes so far")[-1][1] == totals["bytes"]
    session.run(None, {})
    session.run(None, {}, trace=True)  # counts of earlier runs are forgotten
    session.write_trace(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "t.json").read_bytes()


def test_nothing_is_between_instructions_with_a_gap() -> None:
    counts = Counts()
    for pc, macs in enumerate((8, 8, 4, 0, 4, 6)):
        counts.note(pc, Cost(4, {"macs_effectual": macs, "mac_gated_w": 2, "sat": 1}))
    starts, ends = np.array([0, 4, 9, 13, 14, 18]), np.array([4, 8, 13, 14, 18, 18])
    found = [(event["ts"], event["args"]) for event in mac_events(counts, range(6), starts, ends)]
    assert [(ts, args["effectual"], args["gated"]) for ts, args in found] == [
        (0, 2.0, 0.5), (8, 0.0, 0.0), (9, 1.0, 0.5), (13, 0.0, 2.0), (14, 1.0, 0.5), (18, 0.0, 0.0),
    ]  # fmt: skip


def test_names_hold_layer_and_nodes() -> None:
    info = layer("conv")
    for nodes, name in (
        ((), "mac conv"),
        (("conv",), "mac conv"),
        (("conv", "relu"), "mac conv (conv, relu)"),
        (tuple("abcdef"), "mac conv (a, b, c, d and 2 more)"),
    ):
        assert event_name("mac", msgspec.structs.replace(info, nodes=nodes)) == name
    assert event_name("halt", None) == "halt"


def test_configuration_that_takes_time_is_there(tmp_path: Path) -> None:
    costs = {**MACHINE.costs, Pgeo: lambda _state, _inst: Cost(3)}
    machine = replace(MACHINE, costs=costs)
    session = InferenceSession(make_program([pgeo(), *TILES[:4]]), machine)
    session.run(None, {}, trace=True)
    assert session.write_trace(tmp_path / "t.json").events == 6
    events = check_rules(json.loads((tmp_path / "t.json").read_text("utf-8")))
    assert (events[0]["name"], events[0]["dur"]) == ("pgeo", 3)


def test_a_long_trace_is_cut_and_says_so(tmp_path: Path) -> None:
    whole = trace(tmp_path / "whole.json", [pgeo(), *TILES], B=2)
    cut = trace(tmp_path / "cut.json", [pgeo(), *TILES], 5, B=2)
    events = check_rules(cut)
    assert events == check_rules(whole)[:5]
    message = f"the first 5 of 17 instructions, cut at cycle {check_rules(whole)[5]['ts']}"
    assert cut["otherData"]["events"] == message
    (mark,) = [event for event in cut["traceEvents"] if event["ph"] == "i"]
    assert (mark["name"], mark["ts"], mark["s"]) == (message, check_rules(whole)[5]["ts"], "g")
    assert all(event["ph"] != "i" for event in whole["traceEvents"])
    moved = [sum(counters(each, "DRAM bytes so far")[-1][1].values()) for each in (whole, cut)]
    assert moved[0] > moved[1] > 0
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
    written = session.write_trace(tmp_path / "t.json")
    assert written == (3, 3, None)
    assert written.message == "3 of 3 instructions"
    assert len(check_rules(json.loads((tmp_path / "t.json").read_text("utf-8")))) == 3
    session.run(None, {})
    with pytest.raises(UsageError, match="no trace to write"):
        session.write_trace(tmp_path / "u.json")
    assert not (tmp_path / "u.json").exists()


def test_numbers_in_a_trace_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    trace(path, [scale(0, 0, 4)])
    assert "int64" not in path.read_text("utf-8")
