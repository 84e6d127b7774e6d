"""GoSPA's memories: what they hold and where (gospa sheet, sections 2 and 3)."""

from typing import Any, NamedTuple

from ...isa.footprint import Region
from ...isa.formats.gospa_vectors import Halfwords, bitmap_halfwords
from ...isa.targets.gospa import GospaSpec
from ..base import ppu_memories, require
from ..machine import MemorySpec, State

SUM_BYTES = 8
"""An accumulator as the interpreter keeps it: exact, clipped to acc_bits when drained."""
BANKS = 2


def memories(spec: GospaSpec) -> tuple[MemorySpec, ...]:
    """The SRAMs; `ssf` holds the static sparsity filters, at the halfwords of the streams."""
    rows, pes = spec.n_apu, spec.n_apu * spec.cols
    sums = BANKS * spec.acc_entries * SUM_BYTES
    return (
        MemorySpec("obuf", 4 * spec.obuf_words, banks=BANKS, width_bits=32),
        *ppu_memories(spec),
        MemorySpec("act", 4 * rows * spec.act_half, banks=2 * rows, width_bits=64),
        MemorySpec("wmem", 4 * pes * spec.w_half, banks=pes, width_bits=16),
        MemorySpec("ssf", 4 * rows * spec.w_half, banks=rows, width_bits=16),
        MemorySpec("acc", pes * sums, banks=BANKS * pes, width_bits=spec.acc_bits),
    )


class Places(NamedTuple):
    """Addresses in bytes on a machine.

    Args:
        spec: Its parameters.
    """

    spec: GospaSpec

    def half(self, row: int, half: int) -> int:
        """First byte of a row's half of the activation buffer."""
        return 2 * self.spec.act_half * (2 * row + half)

    @property
    def pe_bytes(self) -> int:
        """Bytes of a PE's weight memory, and of a row's static sparsity filters."""
        return 4 * self.spec.w_half

    def streams(self, row: int, base: int, halfwords: int, count: int) -> Region:
        """The same halfwords of a row's first PEs."""
        first = self.pe_bytes * row * self.spec.cols + 2 * base
        return Region("wmem", first, 2 * halfwords, ((count, self.pe_bytes),))

    def filters(self, row: int, base: int) -> int:
        """First byte of a row's static sparsity filters."""
        return self.pe_bytes * row + 2 * base

    def sums(self, row: int, bank: int) -> int:
        """First byte of a row's bank of accumulators."""
        return self.bank_bytes * (BANKS * row + bank)

    @property
    def bank_bytes(self) -> int:
        """Bytes of a row's bank of accumulators, [PE][entry]."""
        return self.spec.cols * self.spec.acc_entries * SUM_BYTES


class Decoded(NamedTuple):
    """What was decoded from some bytes: valid as long as they stand.

    Args:
        raw: [..., halfwords].
        shape: As how many values they were decoded.
        value: What they say.
    """

    raw: Halfwords
    shape: tuple[int, ...]
    value: Any


WEIGHTS, BOXES, PATCHES = "weights", "boxes", "patches"
"""Kinds of keys of the cache: (WEIGHTS, first row, base, channels passed), (BOXES, row, half) and
(PATCHES, half)."""


def forget_weights(state: State, first: int, last: int) -> None:
    """Drop what was decoded from halfwords first..last-1 of the weight memories."""
    for key, held in list(state.cache.items()):
        if key[0] == WEIGHTS and key[2] < last and first < key[2] + held.raw.shape[-1]:
            del state.cache[key]


def filter_halfwords(nch: int, taps: int) -> int:
    """Halfwords of so many channels' static sparsity filters."""
    return nch * bitmap_halfwords(taps)


def check_rows(spec: GospaSpec, nf: int, a_s: int) -> None:
    """Refuse filters that there are no rows for."""
    groups = -(-nf // spec.cols)
    require(
        nf > 0 and a_s > 0 and groups * a_s <= spec.n_apu,
        f"nf={nf} filters with as={a_s} need {groups} x {a_s} rows, but there are {spec.n_apu}",
    )
