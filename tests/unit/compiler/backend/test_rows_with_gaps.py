"""Planes whose rows have gaps: runs of whole rows or parts of one, and the pieces that fit them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.backend.schedule import Plane, cut_pieces
from spcc.isa.footprint import Region

QUICK = settings(max_examples=100, deadline=None)
small = st.integers(1, 9)


def moved(base: int, run: int, dims: tuple[tuple[int, int], ...]) -> list[int]:
    """The 16-bit words that a transfer moves, in its order."""
    starts = Region("dram", base, run, dims).starts()
    return [int(start) + step for start in starts for step in range(0, run, 2)]


@QUICK
@given(small, small, small, st.integers(1, 90), st.integers(0, 3))
def test_pieces_of_padded_rows(chans: int, rows: int, width: int, room: int, gap: int) -> None:
    """Every value is moved once, in pieces that fit; of a compact plane the same pieces are."""
    pitch = 2 * (width + gap)
    padded = Plane(64, rows * pitch + 4, row=width, row_stride=pitch)
    compact = Plane(0, 2 * rows * width)
    found: list[tuple[int, int]] = []
    for c, p, cn, pn in cut_pieces(chans, rows * width, room, width):
        assert cn * pn <= room
        parts = padded.runs(c, p, cn, pn), compact.runs(c, p, cn, pn)
        found += zip(moved(*parts[0]), moved(*parts[1]), strict=True)
    places = [
        (64 + c * (rows * pitch + 4) + y * pitch + 2 * x, 2 * ((c * rows + y) * width + x))
        for c in range(chans)
        for y in range(rows)
        for x in range(width)
    ]
    assert sorted(found) == sorted(places)


def test_a_plane_moves_by_rows() -> None:
    plane = Plane(64, 400, row=5, row_stride=32)
    assert plane.moved(1, 10) == Plane(64 + 400 + 64, 400, row=5, row_stride=32)
    assert plane.runs(0, 5, 2, 10) == (96, 10, ((2, 32), (2, 400)))
    assert plane.runs(1, 7, 1, 3) == (64 + 400 + 32 + 4, 6, ())
    assert plane.runs(0, 0, 1, 0) == (64, 0, ())
