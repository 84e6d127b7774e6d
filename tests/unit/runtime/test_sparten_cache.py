"""What SparTen's rules keep: the same bytes give the same value, others a new one."""

from typing import Any

import numpy as np
import pytest
from spcc.isa.targets.sparten import SpartenSpec
from spcc.runtime.machine import State
from spcc.runtime.machines import sparten_cache
from spcc.runtime.machines.sparten_cache import Kept, recall


class Bench:
    """A cache whose values count how often they were derived."""

    def __init__(self) -> None:
        self.state = State(SpartenSpec(), {})
        self.count = 0

    def ask(self, key: str, *data: Any) -> int:
        def derive() -> tuple[int, Any]:
            self.count += 1
            return self.count, np.zeros(10, np.uint8)

        return recall(self.state, (key,), [np.array(d, np.uint8) for d in data], derive)[0]


def test_the_same_bytes_are_not_looked_at_twice() -> None:
    bench = Bench()
    assert [bench.ask("a", [1, 2], [3]), bench.ask("a", [1, 2], [3])] == [1, 1]
    assert bench.ask("b", [1, 2], [3]) == 2
    assert bench.ask("a", [1, 2], [3]) == 1


@pytest.mark.parametrize("other", [([1, 2], [4]), ([1], [3]), ([2, 2], [3])])
def test_other_bytes_take_their_place(other: tuple[list[int], list[int]]) -> None:
    bench = Bench()
    assert bench.ask("a", [1, 2], [3]) == 1
    assert bench.ask("a", *other) == 2
    assert bench.ask("a", [1, 2], [3]) == 3
    assert len(Kept.of(bench.state).entries) == 1


def test_bytes_are_kept_as_they_were() -> None:
    state, data = State(SpartenSpec(), {}), np.array([1, 2], np.uint8)
    assert recall(state, ("a",), (data,), lambda: (1,)) == (1,)
    data[0] = 9
    assert recall(state, ("a",), (data,), lambda: (2,)) == (2,)


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparten_cache, "BUDGET_BYTES", 25)
    bench = Bench()
    for key in "abc":  # 12 bytes each, 10 of them derived
        bench.ask(key, [1, 2])
    assert [key for (key,) in Kept.of(bench.state).entries] == ["b", "c"]
    assert Kept.of(bench.state).size_bytes == 24
    bench.ask("d", list(range(30)))
    assert not Kept.of(bench.state).entries
    assert not Kept.of(bench.state).size_bytes
