"""SPOTS' entries: both sets, derived banks, and the published reuse claim (Fig. 19)."""

import numpy as np
import pytest
from spcc.isa.formats.spots_tile import decode, encode
from spcc.isa.targets.spots import SpotsSpec
from spcc.runtime.energy import SETS, EnergyEntry, Work, breakdown
from spcc.runtime.energy_model import KB, rf, sram
from spcc.runtime.machines.spots_core import run_conv, run_pool
from spcc.runtime.machines.spots_energy import array_milliwatt, entries, rates
from spcc.runtime.machines.spots_geometry import Gemm, Geometry
from spcc.tests.e2e.spots_layers import MINI

PATCH = {"fmap_rd": 1, "res_rd": 2, "res_wr": 1, "ring_xfer": 6}
"""A 3x3 stride-1 interior patch: 1 new element, kept for later, 2 old ones, 6 from the ring."""
NAIVE = {"fmap_rd": 9}


FREE = {
    "items", "skip_w", "skip_a", "skip_both", "mac_skipped", "idle_slots", "patch_elems",
    "im2col_busy", "gemm_busy", "psum_busy", "stall_gemm", "stall_im2col", "saturated",
}  # fmt: skip
"""Counters of time, and of what does not happen."""


def find(table: tuple[EnergyEntry, ...], counter: str, category: str) -> EnergyEntry:
    (entry,) = (x for x in table if (x.counter, x.category) == (counter, category))
    return entry


def cost(spec: SpotsSpec, counters: dict[str, int], energy_set: str) -> float:
    return sum(x.picojoule(energy_set) * counters.get(x.counter, 0) for x in entries(spec))


@pytest.mark.parametrize(
    ("counter", "category", "sheet"),
    [
        ("fmap_rd", "sram:fmap", 2.5),
        ("res_rd", "sram:reserved", 1.25),
        ("res_wr", "sram:reserved", 1.25),
        ("ring_xfer", "register", 0.5),
        ("ibuf_wr", "sram:ibuf", 10),
        ("ibuf_rd", "sram:ibuf", 10),
        ("fsram_rd_a", "sram:filter", 14.1),
        ("fsram_rd_m1", "sram:filter", 7.1),
        ("fsram_rd_m2", "sram:filter", 7.1),
        ("obuf_wr", "sram:obuf", 7.1),
        ("obuf_rd", "sram:obuf", 7.1),
        ("fifo_act", "register", 0.5),
        ("fifo_wt", "register", 0.5),
        ("fifo_work", "register", 1.0),
        ("mac_effectual", "compute", 0.9),
        ("mac_effectual", "register", 1.5),
        ("mac_gated", "compute", 0),
        ("dram_in", "dram", 160),
        ("dram_wt", "dram", 160),
        ("dram_out", "dram", 160),
    ],
)
def test_sheet_set_has_the_sheets_numbers(counter: str, category: str, sheet: float) -> None:
    assert find(entries(SpotsSpec()), counter, category).sheet == sheet


def test_common_set_follows_from_banks_and_widths() -> None:
    table = entries(SpotsSpec())
    # Bank access plus 0.1 pJ/bit/mm over half the side of the whole memory.
    assert find(table, "fmap_rd", "sram:fmap").common == pytest.approx(3.078 + 1.073, abs=2e-3)
    assert find(table, "res_rd", "sram:reserved").common == pytest.approx(1.539 + 0.297, abs=2e-3)
    assert find(table, "fsram_rd_a", "sram:filter").common == pytest.approx(9.330 + 12.8, abs=2e-3)
    assert find(table, "obuf_wr", "sram:obuf").common == pytest.approx(7.071 + 3.036, abs=2e-3)
    assert find(table, "ibuf_rd", "sram:ibuf").common == pytest.approx(8.123 + 6.072, abs=2e-3)
    assert find(table, "mac_effectual", "compute").common == pytest.approx(0.85)
    assert find(table, "mac_gated", "compute").common == pytest.approx(0.085)
    assert find(table, "mac_effectual", "register").common == pytest.approx(2 * 0.216)
    assert find(table, "fifo_act", "register").common == pytest.approx(2 * 0.144)
    assert find(table, "fifo_work", "register").common == pytest.approx(2 * 0.432)


def test_bank_capacities_come_from_the_configuration() -> None:
    mini = entries(MINI)
    assert find(mini, "fmap_rd", "sram:fmap").common < 0.6, "256-byte banks are register files"
    assert find(mini, "fmap_rd", "sram:fmap").common > rf(256, 16)
    assert (
        find(mini, "fsram_rd_a", "sram:filter").common
        < find(mini, "fsram_rd_m1", "sram:filter").common
    ), "a block of G=2 weights is narrower than a bitmap word"


def test_no_reserved_buffer_costs_nothing_extra() -> None:
    table = entries(SpotsSpec(RCAP=0))
    assert find(table, "res_rd", "sram:reserved").common == pytest.approx(0.144)


def test_reuse_saves_the_sheets_share_of_the_energy() -> None:
    spec = SpotsSpec()
    saved = 1 - cost(spec, PATCH, "sheet") / cost(spec, NAIVE, "sheet")
    assert round(100 * saved) == 59


def test_reuse_saves_69_percent_of_the_bank_accesses_and_72_with_the_way_to_the_banks() -> None:
    spec = SpotsSpec()
    reused = sram(32 * KB, 16) + 3 * rf(8 * KB, 16) + 6 * 0.144
    assert round(100 * (1 - reused / (9 * sram(32 * KB, 16)))) == 69
    saved = 1 - cost(spec, PATCH, "common") / cost(spec, NAIVE, "common")
    assert round(100 * saved) == 72


def test_one_by_one_layers_gain_nothing() -> None:
    once = {"fmap_rd": 1}
    for name in SETS:
        assert cost(SpotsSpec(), once, name) == cost(SpotsSpec(REUSE=0), once, name)


def test_static_energy_is_leakage_over_the_cycle() -> None:
    spec = SpotsSpec()
    # 512 MACs of 0.85 + 0.432 pJ at 500 MHz.
    assert array_milliwatt(spec) == pytest.approx(328.2, abs=0.1)
    watt = (0.2 * (3.5 + 1 / 32) + 0.02 * 328.2) * 1e-3
    entry = find(entries(spec), "cycles", "static")
    assert entry.common == pytest.approx(watt / 500e6 * 1e12, rel=1e-3)


def test_every_entry_says_what_it_charges_and_costs_something() -> None:
    for entry in entries(SpotsSpec()):
        assert entry.doc
        assert entry.common > 0


def example_1() -> tuple[dict[str, int], int]:
    """Counters and cycles of the sheet's first worked example: dense, 2x2, three filters."""
    image = np.arange(1, 16, dtype=np.int16).reshape(1, 3, 5)
    weights = np.array([[1, 0, 0, 1], [0, 1, -1, 0], [2, 0, 0, 0]], np.int16)
    tile = decode(encode(weights, 2), 3, 4, 2)
    geo, gemm = Geometry(2, 2, 1, 1, 1, 1, 0, 0, 3, 5, 4), Gemm(0, 1, 3, 1, 1, 1, 0)
    result = run_conv(MINI, geo, gemm, image, tile, 0, 2, None)
    return result.counters, result.cycles


def test_every_counter_of_the_array_is_charged_or_free() -> None:
    conv, _ = example_1()
    geo = Geometry(2, 2, 2, 2, 1, 1, 0, 0, 4, 4, 2)
    pool = run_pool(
        MINI,
        geo,
        Gemm(Ct=1, Q=1, cres=1),
        np.zeros((1, 4, 4), np.int16),
        0,
        2,
        is_average=False,
        counts_padding=False,
    ).counters
    charged = {entry.counter for entry in entries(MINI)}
    assert (conv.keys() | pool.keys()) - charged == FREE
    ours = {"cycles", "ppu_ops", "dram_in", "dram_wt", "dram_res", "dram_bias", "dram_out"}
    assert charged - (conv.keys() | pool.keys()) == ours


def test_worked_example_by_the_sheets_numbers() -> None:
    counters, cycles = example_1()
    dram = {"dram_wt": 48, "dram_in": 30, "dram_out": 48}
    uj = breakdown(entries(MINI), Work(counters | dram, cycles), "sheet")
    pj = {name: part * 1e6 for name, part in uj["sram_uj"].items()}
    assert pj["fmap"] == pytest.approx(15 * 2.5)
    assert pj["reserved"] == pytest.approx(10 * 1.25)
    assert pj["filter"] == pytest.approx(12 * 7.1 + 20 * 14.1)
    assert pj["ibuf"] == pytest.approx(32 * 10)
    assert pj["obuf"] == pytest.approx(24 * 7.1)
    assert uj["compute_uj"] * 1e6 == pytest.approx(40 * 0.9), "gated MACs are free in this set"
    fifos = counters["fifo_act"] + counters["fifo_wt"]
    assert uj["register_uj"] * 1e6 == pytest.approx(40 * 1.5 + 40 + 12 * 0.5 + 0.5 * fifos)
    assert uj["dram_uj"] * 1e6 == pytest.approx(126 * 160)


def test_rates() -> None:
    assert rates(SpotsSpec()) == (500, 512)
    assert rates(MINI).peak_macs_per_cycle == 8
