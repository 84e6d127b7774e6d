"""Bit-Tactical's weights in DRAM: the entries of a (warp, chunk), unit by unit (tct sheet, 3).

Bits are least significant first; every unit's image is padded to a byte:

- count:12, row0:20: entries, and the original row of the first (0, 0 if there is none);
- for each entry: its row minus the one before, minus 1 (0 for the first); then for each slot, for
  each lane: the select code ws and the weight:16.

Compressed, all advance codes come first, then slot after slot the values in (entry, lane) order as
triples (run:4, ws, value:16): `run` zeros, then the value. The 16th zero of a row is a triple
(15, 0, 0), a trailing run of t zeros is (t - 1, 0, 0).

The form is canonical: `decode` refuses what `encode` would not write.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import EncodingError
from .ddn_words import RUN_BITS

Bytes = npt.NDArray[np.uint8]

COUNT_BITS, ROW_BITS = 12, 20
HEADER_BITS = COUNT_BITS + ROW_BITS
MOST_ENTRIES = (1 << COUNT_BITS) - 1


@dataclass(frozen=True)
class ImageForm:
    """What the images of a machine have in common.

    Args:
        lanes: Weights of a slot, N.
        connections: Largest select code.
        advance: Largest advance from an entry to the next.
        is_compressed: Values are run-length coded.
    """

    lanes: int
    connections: int
    advance: int
    is_compressed: bool = False

    @property
    def select_bits(self) -> int:
        """Width of a select code."""
        return self.connections.bit_length()

    @property
    def advance_bits(self) -> int:
        """Width of an advance code."""
        return (self.advance - 1).bit_length()

    def plain_bits(self, slots: int) -> int:
        """Bits of an entry that is not compressed."""
        return self.advance_bits + slots * self.lanes * (self.select_bits + 16)

    def most_bits(self, slots: int, count: int) -> int:
        """Bits of a unit's longest image of so many entries: no value is zero."""
        runs = RUN_BITS * slots * self.lanes if self.is_compressed else 0
        return HEADER_BITS + count * (self.plain_bits(slots) + runs)

    def most_bytes(self, slots: Sequence[int], count: int) -> int:
        """Bytes of the longest image of units that have so many entries each."""
        return sum(-(-self.most_bits(each, count) // 8) for each in slots)


@dataclass(frozen=True, eq=False)
class Entries:
    """Scheduled rows of one unit, E of them.

    Args:
        rows: [E] int32, original rows, ascending.
        weights: [E, slots, N] int16.
        selects: [E, slots, N] uint8; a zero weight has 0.
    """

    rows: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int16]
    selects: npt.NDArray[np.uint8]

    def __getitem__(self, part: slice) -> "Entries":
        return Entries(self.rows[part], self.weights[part], self.selects[part])

    @classmethod
    def none(cls, count: int, slots: int, lanes: int) -> "Entries":
        """So many entries of zeros."""
        shape = (count, slots, lanes)
        rows = np.zeros(count, np.int32)
        return cls(rows, np.zeros(shape, np.int16), np.zeros(shape, np.uint8))


def encode(form: ImageForm, units: Sequence[Entries]) -> Bytes:
    """Pack the units' entries of one chunk.

    Raises:
        EncodingError: There are more entries than a header can count, rows that do not fit, or an
            advance that has no code.
    """
    return np.concatenate([_encode_unit(form, u, unit) for u, unit in enumerate(units)])


def _encode_unit(form: ImageForm, index: int, unit: Entries) -> Bytes:
    from . import tct_bits

    count, slots = unit.weights.shape[:2]
    where = f"tct image, unit {index}"
    rows = unit.rows
    if count > MOST_ENTRIES or (count and not 0 <= rows[0] <= rows[-1] < 1 << ROW_BITS):
        raise EncodingError(f"{count} entries up to row {rows[-1]} do not fit a header", where)
    steps = np.diff(rows)
    if count > 1 and not 1 <= steps.min() <= steps.max() <= form.advance:
        raise EncodingError(f"an advance of {steps.max()} is outside 1..{form.advance}", where)
    out = np.zeros(-(-form.most_bits(slots, count) // 8), np.uint8)
    tct_bits.put(out, 0, count)
    tct_bits.put(out, COUNT_BITS, int(rows[0]) if count else 0)
    weights, selects = np.ascontiguousarray(unit.weights), np.ascontiguousarray(unit.selects)
    if form.is_compressed:
        end = tct_bits.write_advances(rows, form.advance_bits, HEADER_BITS, out)
        end = tct_bits.write_runs(weights, selects, form.select_bits, end, out)
    else:
        end = tct_bits.write_plain(
            rows, weights, selects, form.advance_bits, form.select_bits, HEADER_BITS, out
        )
    return out[: -(-end // 8)]


def decode(form: ImageForm, data: Bytes, slots: Sequence[int], most: int) -> list[Entries]:
    """Unpack a chunk that fills `data` exactly.

    Args:
        form: Of all images.
        data: The bytes.
        slots: Slots of each unit.
        most: Entries of a unit that a chunk can have.

    Raises:
        EncodingError: The image is malformed.
    """
    units: list[Entries] = []
    at = 0
    data = np.ascontiguousarray(data)
    for index, count in enumerate(slots):
        unit, size = _decode_unit(form, data[at:], count, most, f"tct image, unit {index}")
        units.append(unit)
        at += size
    if at != data.size:
        raise EncodingError(
            f"the image has {data.size} bytes, but its units end at byte {at}", "tct image"
        )
    return units


def _decode_unit(
    form: ImageForm, data: Bytes, slots: int, most: int, where: str
) -> tuple[Entries, int]:
    """The entries of the unit that starts the data, and the bytes of its image."""
    from . import tct_bits

    if 8 * data.size < HEADER_BITS:
        raise EncodingError(f"a header has 4 bytes, but {data.size} are left", where)
    count, row0 = tct_bits.get(data, 0, COUNT_BITS), tct_bits.get(data, COUNT_BITS, ROW_BITS)
    if count > most:
        raise EncodingError(f"{count} entries are more than the {most} of a chunk", where)
    if not count and row0:
        raise EncodingError(f"there is no entry, but row0 = {row0}", where)
    each = form.advance_bits if form.is_compressed else form.plain_bits(slots)
    if HEADER_BITS + count * each > 8 * data.size:
        raise EncodingError(f"{count} entries do not fit the {data.size} bytes left", where)
    unit = Entries.none(count, slots, form.lanes)
    unit.rows[:1] = row0
    bad = tct_bits.read_advances(
        data, HEADER_BITS, form.advance_bits, each, form.advance, unit.rows
    )
    if bad >= 0:
        limit = f"above 1..{form.advance}" if bad else "not 0 for the first entry"
        raise EncodingError(f"the advance is {limit}", f"{where}, entry {bad}")
    if form.is_compressed:
        code, entry, end = tct_bits.read_runs(
            data, HEADER_BITS + count * each, form.select_bits, form.connections,
            unit.weights, unit.selects,
        )  # fmt: skip
    else:
        code, entry, end = tct_bits.read_plain(
            data, HEADER_BITS, form.advance_bits, form.select_bits, form.connections,
            unit.weights, unit.selects,
        )  # fmt: skip
    if code != tct_bits.GOOD:
        raise EncodingError(_problem(form, code), f"{where}, entry {entry}")
    size = -(-end // 8)
    if end % 8 and data[size - 1] >> end % 8:
        raise EncodingError("the padding after the last bit is not 0", where)
    return unit, size


def _problem(form: ImageForm, code: int) -> str:
    from . import tct_bits

    return {
        tct_bits.BAD_SELECT: f"a select code is above the {form.connections} connections",
        tct_bits.STRAY_SELECT: "a zero weight has a select code",
        tct_bits.TRUNCATED: "the bytes end before the values do",
        tct_bits.OVERRUN: "a run of zeros goes past the last value of its slot",
        tct_bits.SHORT_RUN: "a run of zeros ends before 16 of them without a value",
    }[code]
