"""GoSPA's energy entries follow the common model at 28 nm; every counter is charged or free."""

import pytest
from spcc.isa.targets.gospa import GospaSpec
from spcc.runtime.energy import Work, breakdown
from spcc.runtime.energy_model import KB, add, bank_wire, mul, rf, sram, sram_mm2
from spcc.runtime.machines.gospa import MACHINE
from spcc.runtime.machines.gospa_energy import entries
from spcc.runtime.machines.gospa_kernels import COUNTERS

FREE = {
    "slots", "apu_scanned", "apu_kept", "pairs_kept", "empty_slot_cycles", "runs", "apu_dropped",
    "macs_dense", "macs_skipped", "macs_ineffectual", "macs_gated", "pe_idle", "acc_saturated",
}  # fmt: skip
"""Counters of time, of what does not happen, and of what another counter charges."""
OF_RUNS = {"ring_writes", "ring_reads", "acc_reads", "acc_writes", "drain_words"}


def picojoule(category: str = "on_chip_uj", **counters: int) -> float:
    return breakdown(entries(GospaSpec()), Work(counters), "common")[category] * 1e6


def test_entries_follow_the_model() -> None:
    node, area = 0.507, 0.377
    assert picojoule(macs_effectual=1) == pytest.approx(node * (mul(16, 16) + add(32)))
    assert picojoule(acc_reads=1) == pytest.approx(node * rf(256, 32))
    assert picojoule(ring_reads=1) == pytest.approx(node * sram(7 * KB, 28))
    wire = bank_wire(16, area * sram_mm2(768 * KB, 6 * KB))
    assert picojoule(wmem_reads=1) == pytest.approx(node * (sram(6 * KB, 16) + wire))
    wire = bank_wire(64, area * sram_mm2(512 * KB, 64 * KB))
    assert picojoule(act_words_value=1) == pytest.approx(node * (sram(64 * KB, 64) + wire))
    pair = node * (2 * add(8) + rf(64, 16))
    assert picojoule("logic_uj", pairs_generated=1) == pytest.approx(pair)
    assert picojoule("dram_uj", dram_act_bytes=1, dram_weight_bytes=1) == pytest.approx(320)


def test_every_counter_is_charged_or_free() -> None:
    charged = {entry.counter for entry in entries(GospaSpec())}
    assert {*COUNTERS, *OF_RUNS} - charged <= FREE
    assert not charged & FREE
    assert {"ppu_ops", "pool_ops", "dram_out", "dram_res", "dram_bias", "cycles"} <= charged


def test_energy_per_mac_of_a_busy_layer() -> None:
    """Section 11: 1.1 accesses and 4.2 pJ per MAC at 45 nm, of a 3 x 3 layer."""
    macs = 1000
    counters = {name: macs for name in ("macs_effectual", "ring_reads", "acc_reads", "acc_writes")}
    counters |= {"wmem_reads": macs // 20, "pairs_generated": macs // 10, "ring_writes": macs // 90}
    assert picojoule(**counters) / macs / 0.507 == pytest.approx(4.2, abs=0.4)


def test_static_power_has_an_entry() -> None:
    work = Work({}, cycles=1000)
    assert breakdown(entries(GospaSpec()), work, "common")["static_uj"] > 0
    assert MACHINE.rates(GospaSpec()) == (800, 128)
