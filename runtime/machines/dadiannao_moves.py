"""DaDianNao's DMA: words of activations, chunks of weights (dadiannao sheet, sections 3 and 5)."""

from typing import Any

import numpy as np

from ...isa.encoding import Instruction
from ...isa.errors import EncodingError, TrapError
from ...isa.footprint import Region
from ...isa.formats import ddn_words
from ...isa.targets.dadiannao import HEADER_BYTES, PACKED, Cfg, activation_regions
from ..base import dma_cycles, require
from ..machine import Cost, State
from .dadiannao_core import Int16s


def lda_cost(state: State, inst: Instruction) -> Cost:
    """Read the words, for the bytes of their group precision; `write_am` finds them in scratch."""
    source, target = _transfer(state, inst, 0)
    data = state.dram.gather(source)
    state.scratch["words"] = target, data
    nbytes = _moved_bytes(state, inst, data)
    return Cost(dma_cycles(state.spec, nbytes), {"dram_in": nbytes})


def write_am(state: State, _: Instruction) -> None:
    """Write words into AM."""
    state.memories["am"].scatter(*state.scratch["words"])


def sta_cost(state: State, inst: Instruction) -> Cost:
    """Read the words, for the bytes of their group precision; `sta` finds them in scratch."""
    target, source = _transfer(state, inst, 1)
    data = state.memories["am"].gather(source)
    state.scratch["words"] = target, data
    nbytes = _moved_bytes(state, inst, data)
    return Cost(dma_cycles(state.spec, nbytes), {"dram_out": nbytes})


def sta(state: State, _: Instruction) -> None:
    """Write the words to DRAM."""
    state.dram.scatter(*state.scratch["words"])


def _transfer(state: State, inst: Instruction, channel: int) -> tuple[Region, Region]:
    """Both sides, DRAM's and AM's, once AM is known to hold it."""
    state.register(Cfg)
    fields = inst.values()
    require(fields["words"] > 0, "the run has 0 words")
    outside, inside = activation_regions(state.registers, fields, channel, inst.mnemonic)
    capacity = state.memories["am"].capacity_bytes
    require(
        inside.end <= capacity,
        f"{inside.run} bytes from word {fields['am']} on do not fit am, which has {capacity} bytes",
    )
    return outside, inside


def _moved_bytes(state: State, inst: Instruction, data: Any) -> int:
    """Bytes that cross the DRAM interface."""
    mode = _mode(inst)
    if mode != PACKED:
        return int(data.size)
    return ddn_words.group_bytes(data.view("<i2").reshape(-1, state.spec.lanes))


def _mode(inst: Instruction) -> int:
    mode = inst.values()["mode"]
    require(mode <= PACKED, f"mode={mode} is neither 0 (plain) nor 1")
    return mode


def ldw_cost(state: State, inst: Instruction) -> Cost:
    """Decode the chunk, for its length; `ldw` finds it in scratch."""
    spec, fields = state.spec, inst.values()
    rows, slots = fields["rows"], fields["slots"]
    require(
        1 <= rows <= spec.half_rows and 1 <= slots <= spec.warp_filters,
        f"rows={rows} slots={slots} do not fit a half of WM, which has {spec.half_rows} rows of "
        f"{spec.warp_filters} PEs",
    )
    if _mode(inst) == PACKED:
        chunk, nbytes = _decode_chunk(state, fields["dram"], rows, slots)
    else:
        nbytes = rows * slots * spec.word_bytes
        chunk = state.dram.read(fields["dram"], nbytes).view("<i2")
    state.scratch["chunk"] = chunk
    return Cost(dma_cycles(spec, nbytes), {"dram_w": nbytes, "n_ldw": 1})


def _decode_chunk(state: State, address: int, rows: int, slots: int) -> tuple[Int16s, int]:
    """A run-length coded chunk as [rows, slots, lanes], and the bytes of its image."""
    dram, lanes = state.dram, state.spec.lanes
    end = dram.constant_bytes if address < dram.constant_bytes else dram.capacity_bytes
    nbytes = min(ddn_words.most_bytes(slots, rows * lanes), end - address)
    try:
        if nbytes < 1:
            raise EncodingError(f"the image begins at the end of DRAM, dram[{end}]")
        # What follows the image is looked at, not moved: its own runs tell its end.
        data = dram.tensor(address, (nbytes,), (1,), "uint8").view(np.uint8)
        decoded = ddn_words.decode_runs(data, slots, rows * lanes)
    except EncodingError as error:
        raise TrapError(
            error.message,
            f"dram[{address}], {error.where}",
            f"the chunk should have rows={rows} slots={slots} and lanes={lanes}",
        ) from error
    dram.read(address, decoded.size_bytes)
    by_slot = decoded.values.reshape(slots, rows, lanes)
    return by_slot.transpose(1, 0, 2), decoded.size_bytes


def ldw(state: State, inst: Instruction) -> None:
    """Write the chunk into its half of WM, and its size into the header."""
    fields = inst.values()
    half, rows, slots = fields["half"], fields["rows"], fields["slots"]
    target = Cfg.of(state.spec).half(half, rows, slots)
    state.memories["wm"].scatter(target, state.scratch["chunk"])
    state.memories["wmh"].write(HEADER_BYTES * half, np.array([rows, slots], "<i4"))
