"""SparTen's DMA: records of input rows, tables and filters of sets, outputs (section 5)."""

from math import prod
from typing import NamedTuple

import numpy as np

from ...isa.base import transfer_dims
from ...isa.encoding import Instruction
from ...isa.errors import TrapError
from ...isa.formats.sparsemap import VALUE_BYTES
from ...isa.targets.sparten import Asg, Lda, Ldf, dense_rows, values_of
from ..base import dma_cycles, require
from ..machine import Cost, State
from .sparten_cache import recall
from .sparten_state import Bytes, Int64s, Layer, Table, read_table, tag


class Records(NamedTuple):
    """Input rows in the form of the input memory, and how many of their values are not 0."""

    slots: Bytes
    nonzeros: int


# Input rows --------------------------------------------------------------------------------------


def lda_cost(state: State, inst: Lda) -> Cost:
    """Make the records, for their length; `lda` finds them in scratch."""
    layer = Layer.of(state)
    cfg, geo, shape = layer.cfg, layer.geo, layer.shape
    pixels = inst.rows * geo["w"]
    _check_rows(state, layer, inst, pixels)
    region = dense_rows(state.registers, 0, inst.daddr, VALUE_BYTES * cfg["cg"])
    require(
        region.size_bytes == VALUE_BYTES * cfg["cg"] * pixels,
        f"the dimensions of ld are {region.size_bytes // (VALUE_BYTES * cfg['cg'])} positions, "
        f"but {inst.rows} rows have {pixels}",
    )
    data = state.dram.gather(region)

    def encode() -> Records:
        return _encode(layer, data)

    key = ("rows", inst.daddr, inst.img, inst.row0, inst.rows, geo["w"], cfg["cg"])
    state.scratch["slots"], nonzeros = recall(state, key, (data,), encode)
    nbytes = pixels * cfg["nc"] * shape.mask_bytes + VALUE_BYTES * nonzeros
    return Cost(dma_cycles(state.spec, nbytes), {"dram_in": nbytes})


def _encode(layer: Layer, data: Bytes) -> Records:
    from ...isa.formats.sparsemap_kernels import compress

    values = data.view("<i2").reshape(-1, layer.cfg["cg"])
    slots = np.zeros((len(values), layer.pixel_bytes), np.uint8)
    return Records(slots, compress(values, layer.shape.chunk, slots))


def _check_rows(state: State, layer: Layer, inst: Lda, pixels: int) -> None:
    geo, limit = layer.geo, state.spec.ibuf_bytes
    require(inst.q < layer.cfg["as"], f"share {inst.q} is beyond as={layer.cfg['as']}")
    require(inst.img < geo["n"], f"image {inst.img} is beyond n={geo['n']}")
    last = inst.row0 + inst.rows
    require(
        inst.rows > 0 and last <= geo["h"],
        f"rows {inst.row0}..{last - 1} are not all in a map of h={geo['h']}",
    )
    needed = pixels * layer.pixel_bytes
    require(
        needed <= limit,
        f"{inst.rows} rows of {geo['w']} pixels need {needed} bytes, but half of the input memory "
        f"has {limit}",
    )


def lda(state: State, inst: Lda) -> None:
    """Write the records into the input memory of the share's clusters."""
    layer, slots = Layer.of(state), state.scratch["slots"]
    cfg = layer.cfg
    slot = layer.shape.slot("ibuf", inst.q, inst.half, slots.size)
    target = state.memories["ibuf"].reserve(slot.base, slot.run)
    head = tag(1, inst.img, inst.row0, inst.rows, layer.geo["w"], cfg["cg"], cfg["nc"])
    target[: head.size], target[head.size :] = head, slots.reshape(-1)


# Sets --------------------------------------------------------------------------------------------


def asg_cost(state: State, inst: Asg) -> Cost:
    """Read the table; `asg` finds it in scratch."""
    layer, spec = Layer.of(state), state.spec
    _check_segment(layer, inst)
    nbytes = inst.table_bytes(layer.is_per_chunk)
    rows = nbytes // inst.nf - 2
    most = spec.fbuf_bytes // layer.shape.mask_bytes
    require(rows <= most, f"{rows} chunks are more than the {most} that fit a CU")
    raw = state.dram.read(inst.daddr, nbytes)
    cus = raw[2 * inst.nf :].reshape(rows, inst.nf)
    _check_cus(spec.cus, 2 if layer.cfg["gb"] else 1, cus)
    state.scratch["table"] = raw
    return Cost(dma_cycles(spec, nbytes), {"dram_asg": nbytes})


def _check_segment(layer: Layer, inst: Asg | Ldf) -> None:
    filters = layer.shape.most_filters if layer.cfg["gb"] else layer.shape.cus
    require(0 < inst.nf <= filters, f"nf={inst.nf} is outside 1..{filters}, the filters of a set")
    sets = state_sets(layer)
    require(inst.z < sets, f"set {inst.z} is beyond the {sets} of a batch")
    require(
        inst.lo < inst.hi <= layer.chunk_count,
        f"chunks {inst.lo}..{inst.hi - 1} are not all of a filter, which has {layer.chunk_count}",
    )


def state_sets(layer: Layer) -> int:
    """Sets of a batch."""
    return layer.shape.clusters // layer.cfg["as"]


def _check_cus(count: int, most: int, cus: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> None:
    """Refuse CUs that do not exist, and more filters per CU than it has psums for."""
    worst = int(cus.max())
    require(worst < count, f"the table names CU {worst}, but there are {count}")
    keys = cus + count * np.arange(len(cus), dtype=np.int64)[:, None]
    load = np.bincount(keys.reshape(-1), minlength=count * len(cus))
    require(
        int(load.max()) <= most,
        f"the table gives a CU {int(load.max())} filters of one chunk, but it takes {most}",
    )


def asg(state: State, inst: Asg) -> None:
    """Write the table."""
    layer, raw = Layer.of(state), state.scratch["table"]
    slot = layer.shape.slot("asg", inst.z, inst.half, raw.size)
    target = state.memories["asg"].reserve(slot.base, slot.run)
    head = tag(inst.nf, inst.lo, inst.hi, raw.size // inst.nf - 2)
    target[: head.size], target[head.size :] = head, raw


def ldf_cost(state: State, inst: Ldf) -> Cost:
    """Find the records and their CUs; `ldf` finds them in scratch."""
    layer, spec = Layer.of(state), state.spec
    _check_segment(layer, inst)
    table = read_table(state, layer, inst.z, inst.half)
    filters, count = table.outputs.size, inst.hi - inst.lo
    require(
        (filters, table.lo, table.hi) == (inst.nf, inst.lo, inst.hi),
        f"the table of set {inst.z} is of chunks {table.lo}..{table.hi - 1} of {filters} filters",
        "sp.asg must load the table of the same segment first",
    )
    starts = _find_records(state, layer, inst)
    # In DRAM filter after filter, in the CUs chunk after chunk.
    chunk, index = np.divmod(table.by_cu(), filters)
    order, sizes = index * count + chunk, np.diff(starts)
    _check_capacity(spec.fbuf_bytes, table, sizes.reshape(filters, count).T)
    data = state.dram.read(inst.daddr, int(starts[-1]))
    state.scratch["records"] = data, starts[:-1], sizes, order
    return Cost(dma_cycles(spec, data.size), {"dram_wt": data.size})


def _find_records(state: State, layer: Layer, inst: Ldf) -> Int64s:
    """Where the records begin, from the address on, and where the last one ends."""
    from ...isa.formats.sparsemap_kernels import GOOD, scan

    dram, shape = state.dram, layer.shape
    end = dram.constant_bytes if inst.daddr < dram.constant_bytes else dram.capacity_bytes
    records = inst.nf * (inst.hi - inst.lo)
    room = records * (shape.mask_bytes + VALUE_BYTES * shape.chunk)
    nbytes = max(0, min(room, end - inst.daddr))
    # What follows the records is looked at, not moved: their own masks tell their end.
    data = dram.tensor(inst.daddr, (nbytes,), (1,), "uint8").view(np.uint8)
    starts = np.empty(records + 1, np.int64)
    code = scan(data, shape.mask_bytes, starts)
    if code != GOOD:
        raise TrapError(f"record {code} of {records} at dram[{inst.daddr}] goes beyond dram[{end}]")
    return starts


def _check_capacity(limit: int, table: Table, sizes: Int64s) -> None:
    """Refuse more bytes than a CU's memory has; sizes: [chunks, filters]."""
    cus = np.broadcast_to(table.cus, sizes.shape)
    loads = np.bincount(cus.reshape(-1), sizes.reshape(-1))
    worst = int(loads.argmax())
    require(
        int(loads[worst]) <= limit,
        f"CU {worst} gets {int(loads[worst])} bytes of filters, but half of its memory has {limit}",
        "cut the filters into more segments",
    )


def ldf(state: State, inst: Ldf) -> None:
    """Write the records, CU after CU."""
    from ...isa.formats.sparsemap_kernels import copy_runs

    data, starts, sizes, order = state.scratch["records"]
    slot = Layer.of(state).shape.slot("fbuf", inst.z, inst.half, data.size)
    target = state.memories["fbuf"].reserve(slot.base, slot.run)
    head = tag(inst.nf, inst.lo, inst.hi, data.size)
    target[: head.size] = head
    copy_runs(data, starts, sizes, order, target[head.size :])


# Outputs and residuals ---------------------------------------------------------------------------


def scattered_cost(state: State, inst: Instruction, channel: int, counter: str) -> Cost:
    """Cost of moving a set's values between pbuf and their output channels."""
    layer, fields = Layer.of(state), inst.values()
    table = read_table(state, layer, fields["z"], fields["half"])
    require(
        table.outputs.size == fields["nf"],
        f"nf={fields['nf']}, but the table of set {fields['z']} has {table.outputs.size} filters",
    )
    last = int(table.outputs.max())
    require(last < fields["row"], f"output {last} is beyond row={fields['row']}")
    state.scratch["outputs"] = np.sort(table.outputs)
    nbytes = VALUE_BYTES * fields["nf"] * _positions(state, channel)
    return Cost(dma_cycles(state.spec, nbytes), {counter: nbytes})


def _positions(state: State, channel: int) -> int:
    return prod(count for count, _ in transfer_dims(state.registers, channel))


def sto_cost(state: State, inst: Instruction) -> Cost:
    """Two bytes per value."""
    return scattered_cost(state, inst, 1, "dram_out")


def sto(state: State, inst: Instruction) -> None:
    """Write each position's values among the channels of its group."""
    fields, outputs = inst.values(), state.scratch["outputs"]
    region = dense_rows(state.registers, 1, fields["daddr"], VALUE_BYTES * fields["row"])
    words = state.memories["pbuf"].gather(
        values_of(state.registers, 1, fields["addr"], len(outputs))
    )
    require(
        fields["daddr"] >= state.dram.constant_bytes,
        f"cannot write dram[{fields['daddr']}]: bytes 0..{state.dram.constant_bytes - 1} are "
        "constants",
    )
    rows = _rows(state, 1, fields)
    rows[:, outputs] = words.view("<i2").reshape(len(outputs), -1).T
    state.dram.log.write(region)


def ldr_cost(state: State, inst: Instruction) -> Cost:
    """Two bytes per value."""
    return scattered_cost(state, inst, 0, "dram_res")


def ldr(state: State, inst: Instruction) -> None:
    """Read each position's values from among the channels of its group."""
    fields, outputs = inst.values(), state.scratch["outputs"]
    region = dense_rows(state.registers, 0, fields["daddr"], VALUE_BYTES * fields["row"])
    target = values_of(state.registers, 0, fields["addr"], len(outputs))
    values = np.ascontiguousarray(_rows(state, 0, fields)[:, outputs].T)
    state.dram.log.read(region)
    state.memories["pbuf"].write(target.base, values)


def _rows(
    state: State, channel: int, fields: dict[str, int]
) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """The rows [positions, row] of a transfer in DRAM, a view."""
    dims = transfer_dims(state.registers, channel)
    require(len(dims) < 2, "positions have one dimension", "reset level 1 with dim count=1")
    (count, stride) = dims[0] if dims else (1, 0)
    require(
        count == 1 or stride >= VALUE_BYTES * fields["row"],
        f"rows of {fields['row']} channels lie {stride} bytes apart and overlap",
    )
    shape, strides = (count, fields["row"]), (stride, VALUE_BYTES)
    return state.dram.tensor(fields["daddr"], shape, strides, "int16").view("<i2")
