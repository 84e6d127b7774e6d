"""Counters times entries: sets, categories, sums and rates."""

import math

import pytest
from spcc.runtime import energy as e
from spcc.runtime.energy import EnergyEntry, Work

ENTRIES = (
    EnergyEntry("macs", "compute", 2.0, 1.0),
    EnergyEntry("macs", "register", 0.5),
    EnergyEntry("rd", "sram:buf", 4.0, 3.0),
    EnergyEntry("wr", "sram:buf", 6.0),
    EnergyEntry("bytes", "dram", 160.0),
    EnergyEntry("cycles", "static", 10.0),
)
WORK = Work({"macs": 1000, "rd": 200, "wr": 100, "bytes": 50, "other": 7}, 500, 3000, 1000)


def test_breakdown_charges_every_entry_of_a_counter() -> None:
    common = e.breakdown(ENTRIES, WORK, "common")
    assert common["compute_uj"] == pytest.approx(2000e-6)
    assert common["register_uj"] == pytest.approx(500e-6)
    assert common["sram_uj"] == {"buf": pytest.approx(1400e-6)}
    assert common["dram_uj"] == pytest.approx(8000e-6)
    assert common["static_uj"] == pytest.approx(5000e-6)
    assert common["on_chip_uj"] == pytest.approx(3900e-6), "static and DRAM are apart"
    assert common["total_uj"] == pytest.approx(11900e-6)


def test_sheet_set_falls_back_to_common_where_the_sheet_is_silent() -> None:
    sheet = e.breakdown(ENTRIES, WORK, "sheet")
    assert sheet["compute_uj"] == pytest.approx(1000e-6)
    assert sheet["register_uj"] == pytest.approx(500e-6)
    assert sheet["sram_uj"]["buf"] == pytest.approx(1200e-6)


def test_report_sums_layers_and_keeps_dense_and_effectual_rates_apart() -> None:
    report = e.energy_report(ENTRIES, [WORK, Work({"macs": 10}, 500, 1000, 10)], mhz=500)
    total = report["total"]["common"]
    parts = [layer["common"]["total_uj"] for layer in report["layers"]]
    assert total["total_uj"] == pytest.approx(math.fsum(parts))
    rates = report["throughput"]
    assert rates["time_us"] == pytest.approx(2.0)
    assert rates["effective_tops"] == pytest.approx(2 * 4000 / 2e-6 * 1e-12)
    assert rates["real_tops"] == pytest.approx(2 * 1010 / 2e-6 * 1e-12)
    power = report["power"]["common"]
    assert power["on_chip_mw"] == pytest.approx(total["on_chip_uj"] / 2.0 * 1e3)
    assert power["with_dram_mw"] > power["on_chip_mw"]
    watt = total["on_chip_uj"] * 1e-6 / 2e-6
    assert power["effective_tops_per_w"] == pytest.approx(rates["effective_tops"] / watt)


def test_report_without_time_has_no_rates() -> None:
    report = e.energy_report(ENTRIES, [], mhz=500)
    assert report["throughput"]["real_tops"] is None
    assert report["power"]["sheet"]["on_chip_mw"] is None


def test_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown energy category 'sram' of rd"):
        EnergyEntry("rd", "sram", 1.0)
