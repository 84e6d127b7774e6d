"""Measures of machines at rest: their parameters, formats, and entries of the energy model."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ...compiler.targets.spots_tiling import filters_per_row, uses_split
from ...isa.errors import UsageError
from ...isa.formats import spots_tile
from ...isa.targets.spots import SpotsSpec
from ...runtime import energy_model
from ...tools.targets import find_target
from .figures import Figure
from .verdicts import Measured

VALUE_BITS = 8 * np.dtype(np.int16).itemsize
"""Width of a weight or an activation in every format and memory of ours."""
_FIGURE_10 = (1632, 36548)
"""Filters and columns of the matrix in SPOTS' Figure 10."""


def parameter(figure: Figure) -> Measured:
    """Product of the machine's parameters in `of` over those in `per`."""
    spec = find_target(figure.system).spec()()
    _refuse_others(figure, (*figure.of, *figure.per), spec.__struct_fields__)
    up, down = (prod(getattr(spec, name) for name in names) for names in (figure.of, figure.per))
    text = " x ".join(figure.of) + "".join(f" / {name}" for name in figure.per)
    return Measured((up * figure.scale / down,), text)


def value_bits(figure: Figure) -> Measured:
    """Bits of a value."""
    return Measured((VALUE_BITS,))


def compression_of_width(figure: Figure) -> Measured:
    """How much smaller values are than 32-bit ones."""
    return Measured((32 / VALUE_BITS,))


def energy_entry(figure: Figure) -> Measured:
    """An entry of the common energy model at 45 nm, in pJ."""
    entries = {
        "add": energy_model.add(32),
        "mul": energy_model.mul(32, 32),
        "rf": energy_model.rf(energy_model.KB, 32),
        "sram": energy_model.sram(32 * energy_model.KB, 32),
        "dram": energy_model.dram(4),
    }
    _refuse_others(figure, figure.of, tuple(entries))
    return Measured((entries[figure.of[0]],))


def _refuse_others(figure: Figure, names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names in `of` and `per` that nothing has.

    Raises:
        UsageError: There is one.
    """
    if wrong := next((name for name in names if name not in known), None):
        hint = f"known: {', '.join(known)}"
        raise UsageError(
            f"the measure '{figure.measure}' knows no '{wrong}'", f"figure {figure.id}", hint
        )


def metadata_bytes(figure: Figure) -> Measured:
    """Bitmaps of SPOTS' format for the matrix of its Figure 10, at the density that needs most."""
    filters, columns = _FIGURE_10
    height = SpotsSpec().G
    rows = -(-filters // height)
    none = np.zeros(rows, np.int64)
    most = spots_tile.tile_bytes(columns, columns, none, height)
    return Measured((most * figure.scale,), f"{most:,} bytes, every column in use")


def busy_rows(figure: Figure) -> Measured:
    """Least share of the array's rows that have a filter, over the usual filter counts, in %."""
    shares = {count: _busy_rows(count) for count in (32, 64, 96, 128, 192, 256, 384, 512)}
    each = ", ".join(f"{count}: {share:.0f} %" for count, share in shares.items())
    return Measured((min(shares.values()),), f"filters and rows: {each}")


def _busy_rows(filter_count: int) -> float:
    spec = SpotsSpec()
    is_split = uses_split(spec, filter_count)
    rows = spec.NR // spec.UNITS if is_split else spec.NR
    return 100 * -(-filter_count // filters_per_row(spec, filter_count, is_split)) / rows
