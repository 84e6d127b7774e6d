"""Bands, im2col and exact sums against loops over single elements."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.errors import TrapError
from spcc.isa.window import band_bytes, input_rows
from spcc.runtime.memory import Memory
from spcc.runtime.window import exact_sums, mac_counts, patches, read_band


@st.composite
def geometries(draw: st.DrawFn) -> dict[str, int]:
    small = {n: draw(st.integers(1, 4)) for n in ("R", "S", "sh", "sw", "dh", "dw", "OW")}
    pads = {n: draw(st.integers(0, 5)) for n in ("pt", "pl")}
    return {**small, **pads, "H": draw(st.integers(1, 9)), "W": draw(st.integers(1, 9))}


@given(geometries(), st.integers(0, 6), st.integers(1, 4), st.integers(0, 1 << 30))
def test_patches_are_the_windows_of_the_map(
    geo: dict[str, int], oy0: int, rows: int, seed: int
) -> None:
    C = 1 + seed % 3
    image = np.random.default_rng(seed).integers(-99, 99, (C, geo["H"], geo["W"]), np.int16)
    low, high = input_rows(geo, oy0, rows)
    memory = Memory("act", 4096)
    memory.write(64, image[:, low:high])
    band = read_band(memory, 64, C, geo, oy0, rows)
    assert band.tolist() == image[:, low:high].tolist()
    got = patches(band, geo, oy0, rows).reshape(C, geo["R"], geo["S"], rows, geo["OW"])
    used: set[int] = set()
    for c, r, s, y, x in np.ndindex(got.shape):
        row = (oy0 + y) * geo["sh"] - geo["pt"] + r * geo["dh"]
        column = x * geo["sw"] - geo["pl"] + s * geo["dw"]
        inside = 0 <= row < geo["H"] and 0 <= column < geo["W"]
        assert got[c, r, s, y, x] == (image[c, row, column] if inside else 0)
        used |= {row} if 0 <= row < geo["H"] else set()
    assert used <= set(range(low, high))


def test_a_band_stays_inside_its_memory() -> None:
    geo = dict(R=1, S=1, sh=1, sw=1, dh=1, dw=1, pt=0, pl=0, H=4, W=8, OW=8)
    assert band_bytes(geo, 2, 1, 3) == 2 * 2 * 3 * 8
    with pytest.raises(TrapError, match=r"act has 100 bytes"):
        read_band(Memory("act", 100), 8, 2, geo, 1, 3)


def test_sums_of_extreme_values_are_exact() -> None:
    rng = random.Random(7)
    extremes = [-32768, 32767, -32767, 1, 0]
    weights = np.array([[rng.choice(extremes) for _ in range(3000)] for _ in range(3)], np.int16)
    columns = np.array([[rng.choice(extremes) for _ in range(5)] for _ in range(3000)], np.int16)
    expected = weights.astype(object) @ columns.astype(object)
    assert exact_sums(weights, columns).tolist() == expected.tolist()
    all_low = np.full((1, 1 << 20), -32768, np.int16)
    assert exact_sums(all_low, all_low.T).tolist() == [[1 << 50]]


def test_effectual_products_have_two_factors() -> None:
    weights = np.array([[1, 0, 2], [0, 0, 3]], np.int16)
    columns = np.array([[0, 4, 4, 0], [1, 1, 1, 1], [0, 5, 0, 0]], np.int16)
    by_hand = sum(
        bool(w * x) for row in weights for w, line in zip(row, columns, strict=True) for x in line
    )
    assert mac_counts(weights, columns) == {"mac_effectual": 4, "mac_ineffectual": 20}
    assert by_hand == 4


def test_sums_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spcc.runtime.window._BLOCK_ELEMENTS", 20)
    weights, columns = (np.arange(24, dtype=np.int16).reshape(s) for s in ((3, 8), (8, 3)))
    assert exact_sums(weights, columns).tolist() == (weights.astype(int) @ columns).tolist()
