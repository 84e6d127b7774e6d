"""The rules of the Trace Event Format, for the tests of traces."""

from collections import defaultdict
from typing import Any


def is_time(value: Any) -> bool:
    return type(value) is int and value >= 0


def check_format(made: dict[str, Any]) -> None:
    """The rules of the Trace Event Format (its JSON object form), as Perfetto's importer has them.

    Complete events of a track nest or are disjoint, and are sorted by time; every event says where
    it belongs; counters are numbers, sorted by time, of the same series all along.
    """
    assert {"displayTimeUnit", "traceEvents"} <= made.keys()
    assert made["displayTimeUnit"] in ("ms", "ns")
    open_until: dict[Any, list[int]] = defaultdict(lambda: [2**63])
    last: dict[Any, int] = defaultdict(int)
    series: dict[Any, set[str]] = {}
    for event in made["traceEvents"]:
        assert event["ph"] in ("M", "X", "C", "i")
        assert isinstance(event["name"], str)
        assert event["name"]
        assert type(event["pid"]) is int
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
            assert len(event["args"]) == 1
            continue
        assert type(event["tid"]) is int
        assert is_time(event["ts"])
        kind = event["name"] if event["ph"] == "C" else ""
        track = (event["ph"], event["pid"], event["tid"], kind)
        assert event["ts"] >= last[track], "events of a track are sorted by time"
        last[track] = event["ts"]
        if event["ph"] == "X":
            assert is_time(event["dur"])
            outer = open_until[track]
            while len(outer) > 1 and event["ts"] >= outer[-1]:
                outer.pop()
            assert event["ts"] + event["dur"] <= outer[-1], "events nest or are disjoint"
            outer.append(event["ts"] + event["dur"])
        elif event["ph"] == "C":
            assert event["args"]
            assert all(type(each) in (int, float) and each >= 0 for each in event["args"].values())
            assert series.setdefault(track, set(event["args"])) == set(event["args"])
        else:
            assert event["s"] in ("g", "p", "t")
