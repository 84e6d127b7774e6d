"""DaDianNao's entries: both sets, banks that follow the configuration, published power."""

from typing import Any

import pytest
from spcc.isa.targets.dadiannao import DadiannaoSpec
from spcc.runtime.energy import SETS, Work, breakdown
from spcc.runtime.energy_model import KB, MB, add, bank_wire, mul, rf, sram, sram_mm2
from spcc.runtime.machines.dadiannao import COUNTERS, MACHINE
from spcc.runtime.machines.dadiannao_energy import entries

BUSY = {"mac_eff": 1024, "wm_rd": 64, "am_rd": 1, "ab_wr": 4, "ab_rd": 4, "pb_rd": 0.1}
"""A cycle of the default machine with all PEs at work; a window has about 40 rows."""
FREE = {"n_conv", "work", "lane_idle", "sat"}
"""Counters of time, and of what does not happen."""


def picojoule(energy_set: str, category: str = "on_chip_uj", **counters: float) -> float:
    work = Work({**counters}, 0)  # pyright: ignore[reportArgumentType]  # a part of an access
    return breakdown(entries(DadiannaoSpec()), work, energy_set)[category] * 1e6


@pytest.mark.parametrize(
    ("counter", "sheet"),
    [
        ("wm_rd", 40), ("am_rd", 40), ("am_wr", 40), ("ab_wr", 8), ("ab_rd", 8), ("pb_wr", 120),
        ("pb_rd", 120), ("mac_eff", 0.9), ("mac_ineff_a", 0.9), ("mac_ineff_w", 0.9),
    ],
)  # fmt: skip
def test_numbers_of_the_sheet(counter: str, sheet: float) -> None:
    assert picojoule("sheet", **{counter: 1}) == pytest.approx(sheet)
    assert picojoule("sheet", "dram_uj", dram_w=1) == pytest.approx(160)


def test_common_entries_follow_the_model() -> None:
    node = 1.58  # 65 nm
    wire = bank_wire(256, 1.5 * sram_mm2(64 * KB, 2 * KB))
    tree = 15 * add(48) + add(48)
    assert picojoule("common", mac_eff=1) == pytest.approx(node * mul(16, 16))
    assert picojoule("common", wm_rd=1) == pytest.approx(node * (sram(2 * KB, 256) + wire + tree))
    wire = bank_wire(256, 1.5 * sram_mm2(4 * MB, 32 * KB))
    assert picojoule("common", am_rd=1) == pytest.approx(node * (sram(32 * KB, 256) + wire))
    assert picojoule("common", ab_rd=1) == pytest.approx(node * rf(KB, 256))


@pytest.mark.parametrize(("energy_set", "watt"), [("sheet", 3.6), ("common", 3.3)])
def test_power_of_a_busy_machine(energy_set: str, watt: float) -> None:
    """At 1 GHz a nJ per cycle is a W; the published 5.92 W are 1.8 times the common set's."""
    busy: dict[str, Any] = BUSY
    assert picojoule(energy_set, **busy) * 1e-3 == pytest.approx(watt, abs=0.06)


def test_every_counter_is_charged_or_free() -> None:
    charged = {entry.counter for entry in entries(DadiannaoSpec())}
    assert set(COUNTERS) - charged == FREE
    assert {"am_wr", "ppu_ops", "pool_ops", "dram_in", "dram_out", "dram_w"} <= charged


@pytest.mark.parametrize("energy_set", SETS)
def test_larger_banks_cost_more_in_the_common_set(energy_set: str) -> None:
    def reading(wm_rows: int) -> float:
        spec = DadiannaoSpec(wm_rows=wm_rows)
        return breakdown(entries(spec), Work({"wm_rd": 1}), energy_set)["sram_uj"]["wm"]

    assert (reading(4096) > reading(128)) == (energy_set == "common")


def test_rates() -> None:
    rates = MACHINE.rates(DadiannaoSpec())
    assert 2e-6 * rates.mhz * rates.peak_macs_per_cycle == pytest.approx(2.048)  # TOPS
