"""Bit-Tactical's energy entries: dadiannao's, with MM, multiplexers and h + 1 buffers."""

from ...isa.targets.tct import TctSpec
from ..energy import EnergyEntry
from ..energy_model import banked, mux, static_milliwatt
from . import dadiannao_energy as ddn

_SRAM = 5.0
"""The sheet's pJ per 32 bits of SRAM."""


def entries(spec: TctSpec) -> tuple[EnergyEntry, ...]:
    """What one count of each counter costs, in pJ; bank capacities follow the configuration."""
    return (
        *ddn.compute(spec),
        *ddn.buffers(spec),
        *front(spec),
        *ddn.memories(spec),
        *ddn.rest(spec),
    )


def front(spec: TctSpec) -> tuple[EnergyEntry, ...]:
    """Metadata memory, and a multiplexer per lane.

    The h + 1 activation buffers lie side by side: a word of one costs what dadiannao's costs.
    """
    scale = ddn.NODE.energy
    form = spec.metadata_form
    metadata_bytes = 2 * spec.half_rows * spec.tiles * form.word_bytes
    metadata = scale * banked(metadata_bytes, spec.tiles, form.word_bits, ddn.NODE)
    choice = scale * spec.lanes * mux(1 + len(spec.pairs), ddn.WORD)
    leakage = static_milliwatt(metadata_bytes, 0.0) / spec.MHZ * 1e3
    return (
        EnergyEntry(
            "mm_rd",
            "sram:mm",
            metadata,
            _SRAM * form.word_bits / 32,
            "a tile's selects of an entry",
        ),
        EnergyEntry("wm_rd", "compute", choice, 0.0, "activation multiplexers of a PE"),
        EnergyEntry("cycles", "static", leakage, None, "leakage of the metadata memory"),
    )
