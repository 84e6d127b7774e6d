"""Pooling on the base machine: limits, tiling and lowering for every target without its own pool.

A target lists `PoolOp: POOL_LIMITS` among its limits and calls `tile_pool` and `lower_pool` for
this class of layer.
"""

from __future__ import annotations

from ...isa.base import BaseSpec, Ppool, Pwin
from ...isa.errors import UnsupportedError
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import PoolOp, shape_of
from .epilogue import epilogue_of, frac_of, image_plane
from .schedule import Plane, Schedule
from .window import Window, image_count, window_of
from .window_limits import kernel_fits, map_fits, pads_fit, steps_fit

POOL_LIMITS = (kernel_fits, steps_fit, pads_fit, map_fits)
"""What `ppool` takes. Channels need no limit: a tile has as many as fit."""


def _half_words(spec: BaseSpec) -> int:
    """16-bit words of half of pbuf."""
    return spec.PCAP // 4


def tile_pool(spec: BaseSpec, op: PoolOp) -> list[dict[str, int]]:
    """Cut a pool into channels and output rows whose inputs and results fit half of pbuf.

    Whole maps of some channels if one fits, else rows of one channel; a row that needs more than a
    half takes all of pbuf, and no load overlaps the pooling.

    Returns:
        One tile with `chans` and `rows`, the most of a `ppool`.

    Raises:
        UnsupportedError: One output row of one channel does not fit.
    """
    window, channels, half = window_of(op), shape_of(op.input)[1], _half_words(spec)
    for room in (half, 2 * half):
        chans = min(channels, room // _channel_words(window, window.OH))
        rows = window.OH
        while rows and max(1, chans) * _channel_words(window, rows) > room:
            rows -= 1
        if rows:
            return [{"chans": max(1, chans), "rows": rows}]
    needed = 2 * _channel_words(window, 1)
    raise UnsupportedError(
        f"one output row of one channel has {window.input_row_count(1)} x {window.W} inputs and "
        f"{window.OW} results, {needed} bytes, but pbuf has PCAP = {spec.PCAP}",
        op.label,
        "raise PCAP with --set, or use a smaller window or map",
    )


def _channel_words(window: Window, rows: int) -> int:
    """Words of a channel's input band and of its results."""
    return window.input_row_count(rows) * window.W + rows * window.OW


def lower_pool(schedule: Schedule, spec: BaseSpec, op: PoolOp) -> None:
    """Append a tiled pool: load a band, and the residual where there is one, pool it, store it."""
    window, channels = window_of(op), shape_of(op.input)[1]
    (tile,) = from_attribute(op.properties["tiling"])
    schedule.emit(window.registers(Pwin))
    schedule.emit(epilogue_of(op, frac_of(op.input), staged=True).registers())
    for image in range(image_count(op)):
        source, output = image_plane(op.input, image), image_plane(op.result, image)
        residual = None if op.residual is None else image_plane(op.residual, image)
        for first in range(0, channels, tile["chans"]):
            chans = min(tile["chans"], channels - first)
            for oy0, rows in window.bands(tile["rows"]):
                low, high = window.input_rows(oy0, rows)
                results = (first, oy0 * window.OW, chans, rows * window.OW)
                inputs = (first, low * window.W, chans, (high - low) * window.W)
                dst = schedule.slot("pbuf", 2 * _half_words(spec), chans * (results[3] + inputs[3]))
                src = dst + chans * results[3]
                _load(schedule, src, source, inputs)
                if residual is not None:
                    _load(schedule, dst, residual, results)
                schedule.emit(
                    Ppool(
                        op=PoolOp.KINDS.index(op.kind.data),
                        incpad=int(bool(op.include_pad.value.data)),
                        src=src,
                        dst=dst,
                        chans=chans,
                        row0=low,
                        oy0=oy0,
                        rows=rows,
                    )
                )
                dram, run, dims = output.runs(*results)
                schedule.store("pbuf", 2 * dst, dram, run, dims)


def _load(schedule: Schedule, word: int, plane: Plane, block: tuple[int, int, int, int]) -> None:
    """Load a block (channel, position, channels, positions) to a pbuf word."""
    dram, run, dims = plane.runs(*block)
    schedule.load("pbuf", 2 * word, dram, run, dims)
