"""Bit-Tactical's ratios of counters, by hand: the sheet's examples, their sum, no work."""

from collections import Counter
from typing import Any

import pytest
from spcc.runtime.machines.tct_figures import figures

E1 = dict(
    work=4, work_dense=12, work_lookahead=4, mac_eff=9, mac_ineff_a=5, mac_ineff_w=2,
    mac_skipped=32, slot_own=6, slot_ahead=8, slot_aside=0, slot_zero=2,
)  # fmt: skip
E2 = dict(
    work=72, work_dense=144, work_lookahead=81, mac_eff=199, mac_ineff_a=188, mac_ineff_w=261,
    mac_skipped=792, slot_own=171, slot_ahead=126, slot_aside=90, slot_zero=261,
)  # fmt: skip


def test_of_a_layer() -> None:
    """Two thirds of the time of 48 slots, 34 of them zero; a lane takes 8 of 14 weights ahead."""
    assert figures(E1) == pytest.approx({
        "speedup": 3, "speedup_lookahead": 3, "speedup_lookaside": 1,
        "zeros_removed": 2 / 3 / (34 / 48),
        "slots_own": 6 / 16, "slots_lookahead": 8 / 16, "slots_lookaside": 0, "slots_zero": 2 / 16,
    })  # fmt: skip


def test_of_totals_weighs_layers_by_their_work() -> None:
    total = Counter(E1) + Counter(E2)
    assert figures(total) == pytest.approx({
        "speedup": 156 / 76, "speedup_lookahead": 156 / 85, "speedup_lookaside": 85 / 76,
        "zeros_removed": (1 - 76 / 156) / (1087 / 1488),
        "slots_own": 177 / 664, "slots_lookahead": 134 / 664, "slots_lookaside": 90 / 664,
        "slots_zero": 263 / 664,
    })  # fmt: skip


def test_of_weights_that_are_all_zero_there_is_no_speedup() -> None:
    counters = dict(work=0, work_dense=12, work_lookahead=0, mac_skipped=48, slot_own=0)
    assert figures(counters) == {"zeros_removed": 1.0}


def test_of_weights_without_a_zero_there_is_nothing_to_remove() -> None:
    counters: dict[str, Any] = dict(
        work=12, work_dense=12, work_lookahead=12, mac_eff=40, mac_ineff_a=8, slot_own=48
    )
    found = figures(counters)
    assert "zeros_removed" not in found
    assert (found["speedup"], found["slots_own"]) == (1, 1)


@pytest.mark.parametrize("counters", [{}, {"ppu": 6}, {"mac_eff": 5}])
def test_of_other_work_there_are_none(counters: dict[str, int]) -> None:
    assert figures(counters) == {}
