"""The energy and area model against its check columns."""

import pytest
from spcc.runtime import energy_model as e
from spcc.runtime.energy_model import KB, MB

# Bank bytes, width in bits, pJ: the fit's check points, each within 0.72..1.56 of CACTI 7.0.
SRAM_POINTS = [
    (2 * KB, 16, 0.77),
    (2 * KB, 32, 1.25),
    (8 * KB, 32, 2.50),
    (32 * KB, 16, 3.08),
    (32 * KB, 32, 5.00),
    (32 * KB, 64, 8.12),
    (32 * KB, 256, 21.4),
    (64 * KB, 128, 18.7),
    (256 * KB, 32, 14.14),
    (256 * KB, 256, 60.6),
    (512 * KB, 16, 12.3),
    (1 * MB, 32, 28.3),
    (1 * MB, 256, 121),
    (2 * MB, 32, 40.0),
    (2 * MB, 256, 171),
    (8 * MB, 32, 80.0),
]


def printed(value: float) -> float:
    """Half a unit in the last of the digits that the table prints."""
    digits = f"{value:g}"
    decimals = len(digits.partition(".")[2])
    return 0.5 * 10.0**-decimals * 1.02


@pytest.mark.parametrize(("capacity", "bits", "expected"), SRAM_POINTS)
def test_sram_meets_its_check_points(capacity: int, bits: int, expected: float) -> None:
    slack = max(printed(expected), 0.005)
    assert e.sram(capacity, bits) == pytest.approx(expected, abs=slack)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (e.add(16), 0.05),
        (e.add(24), 0.075),
        (e.add(48), 0.15),
        (e.mul(32, 32), 3.1),
        (e.mul(16, 16), 0.775),
        (e.mul(8, 8), 0.194),
        (e.mac(16, 16, 32), 0.875),
        (e.mac(16, 16, 24), 0.85),
        (e.mac(16, 16, 48), 0.925),
        (e.mac(8, 8, 24), 0.269),
        (e.mac_gated(16, 16, 32), 0.0875),
        (e.cmp(16), 0.05),
        (e.reg(32), 0.29),
        (e.rf(KB, 32), 1.0),
        (e.rf(256, 16), 0.31),
        (e.rf(64, 16), 0.154),
        (e.wire(16, 1.0), 1.6),
        (e.dram(4), 640.0),
        (e.prefix_sum(128), 9.8),
        (e.priority_encoder(128), 0.4),
        (e.priority_encoder(16), 0.05),
        (e.mask_and(64), 0.064),
        (e.cam_search(16, 8), 0.128),
        (e.mux(4, 16), 0.032),
        (e.adder_tree(16, 48), 2.25),
        (e.popcount(64), 1.2),
        (e.edram(32 * KB, 16), 1.79),
        (e.edram_refresh(32 * KB), 131.6e3),
    ],
)
def test_formula_gives_the_published_example(value: float, expected: float) -> None:
    assert value == pytest.approx(expected, rel=0.012)


def test_register_file_never_costs_less_than_a_flip_flop_nor_more_than_an_sram() -> None:
    assert e.rf(8, 16) == e.reg(16)
    assert e.rf(2 * KB, 16) == e.sram(2 * KB, 16)


def test_crossbar_counts_each_receiver() -> None:
    assert e.crossbar(16, 4.0, 3) == pytest.approx(1.6 + 3 * 0.144)
    assert e.scatter_crossbar(16, 4.0, 64) == pytest.approx(1.6 + 0.144 + 2 * e.rf(64, 16))


def test_banked_memory_pays_the_way_to_its_bank() -> None:
    # 512 KB in banks of 32 KB: 1.8 mm2, half a side is 0.67 mm.
    assert e.banked(512 * KB, 16, 16) == pytest.approx(3.078 + 1.6 * 0.6708, abs=1e-3)
    assert e.banked(512 * KB, 16, 16, e.NODES[28]) < e.banked(512 * KB, 16, 16)


@pytest.mark.parametrize(
    ("bank", "density"),
    [(64, 8.0), (2 * KB, 8.0), (8 * KB, 4.4), (32 * KB, 3.6), (64 * KB, 3.6), (MB, 3.35)],
)
def test_area_of_one_megabyte(bank: int, density: float) -> None:
    assert e.sram_mm2(MB, bank) == pytest.approx(density)


def test_area_falls_as_banks_grow() -> None:
    areas = [e.sram_mm2(MB, 2**n) for n in range(8, 21)]
    assert areas == sorted(areas, reverse=True)
    assert e.sram_mm2(MB, 16 * KB) == pytest.approx(4.0)


def test_other_areas() -> None:
    assert e.pe_mm2(512) == pytest.approx(2.048)
    assert e.crossbar_mm2(16, 32, 24) == pytest.approx(0.12288)
    assert e.edram_mm2(MB, 32 * KB) == pytest.approx(0.26 * 3.6)


def test_static_power() -> None:
    assert e.static_milliwatt(2 * MB, 500) == pytest.approx(0.4 + 10)
