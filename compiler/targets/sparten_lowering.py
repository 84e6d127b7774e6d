"""SparTen's loop nest: groups, batches of sets, blocks, segments (sparten sheet, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.ir import SSAValue

from ...isa.base import Ppu, Psrc
from ...isa.targets.sparten import (
    GB_CODES,
    Asg,
    Cfg,
    Drn,
    Lda,
    Ldf,
    Ldr,
    Map,
    Run,
    SpartenSpec,
    Sto,
)
from ...isa.targets.sparten_shape import Shape
from ..backend.layer_moves import Half, LayerMoves
from ..backend.schedule import LD, ST, Schedule
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import SumsOp, residual_of
from ..layout import address_of, view_of
from .sparten_layers import plan_of, problem_of, segments_of
from .sparten_mapping import block_count


@dataclass(frozen=True)
class FilterSet:
    """A set of a batch.

    Args:
        z: Its number in the batch.
        first: Its first filter in the layer's balanced order.
        count: Its filters.
        segments: First chunk, and one past the last, of each.
        images: DRAM addresses of table and records of each segment.
    """

    z: int
    first: int
    count: int
    segments: Sequence[tuple[int, int]]
    images: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Stretch:
    """Positions that lie at one distance in DRAM, and follow each other in the output buffer.

    Args:
        first: Of all positions.
        count: Positions.
        at: Its first position's place in the output buffer.
    """

    first: int
    count: int
    at: int


@dataclass(frozen=True)
class Band:
    """Input rows of a share's block.

    Args:
        share: Which share.
        image: Which image.
        low: First row.
        rows: Rows.
        address: Its first pixel in DRAM, of the first group's channels.
    """

    share: int
    image: int
    low: int
    rows: int
    address: int


class _Rows:
    """Where the positions of a tensor lie in DRAM, channels side by side."""

    def __init__(self, value: SSAValue, columns: int, per_image: int) -> None:
        view = view_of(value)
        image, channel, *inner = view.strides
        assert channel == 2, "a position's channels lie side by side"
        rows, step = inner or (0, 0)
        self.base, self.image, self.per_image = view.offset, image, per_image
        self.pitch = step if columns > 1 else rows or image
        assert per_image in (1, columns) or rows == columns * self.pitch

    def address(self, position: int) -> int:
        """The first channel of a position."""
        image, within = divmod(position, self.per_image)
        return self.base + image * self.image + within * self.pitch

    def is_even(self, first: int, count: int) -> bool:
        """Whether some positions lie at one distance, over the ends of images too."""
        same = first // self.per_image == (first + count - 1) // self.per_image
        return same or self.image == self.per_image * self.pitch


class WindowLowering:
    """Emits a tiled, balanced, packed and allocated layer."""

    def __init__(self, schedule: Schedule, spec: SpartenSpec, op: SumsOp) -> None:
        self.schedule, self.spec, self.op = schedule, spec, op
        self.problem, self.plan = problem_of(op), plan_of(op)
        nowhere = Half("", 0)
        self.moves = LayerMoves(schedule, op, nowhere, nowhere)
        window = self.problem.window
        self.source = _Rows(op.input, window.W, window.H * window.W)
        self.result = _Rows(op.result, window.OW, self.problem.per_image)
        residual = residual_of(op)
        self.residual = None
        if residual is not None:
            self.residual = _Rows(residual, window.OW, self.problem.per_image)
        self.offsets = from_attribute(op.attributes["tile_offsets"])
        self.cut = self.problem.cut(self.plan)
        numbers = range(block_count(self.cut))
        # The same for all groups and batches.
        self.bands = [list(self._bands(number)) for number in numbers]
        self.stretches = [self._stretches(number) for number in numbers]

    def emit(self) -> None:
        """Append the layer's instructions."""
        self._configure()
        sets, biases = self._sets(), self._load_all_biases()
        per_group = len(self.problem.sets(self.spec))
        for group in range(self.problem.groups):
            mine = sets[group * per_group : (group + 1) * per_group]
            for at in range(0, per_group, self.plan.batch):
                self._batch(group, mine[at : at + self.plan.batch], biases)

    def _configure(self) -> None:
        problem, window = self.problem, self.problem.window
        self.schedule.emit(Shape.of(self.spec))
        fields: dict[str, Any] = {
            "r": window.R, "s": window.S, "uh": window.sh, "uw": window.sw,
            "dh": window.dh, "dw": window.dw, "pt": window.pt, "pl": window.pl,
            "nc": problem.chunks_per_pixel(self.spec), "cg": problem.channels,
            "gb": GB_CODES[self.spec.gb], "as": self.plan.shares,
        }  # fmt: skip
        self.schedule.emit(Cfg(**fields))
        self.schedule.emit(Map(h=window.H, w=window.W, e=window.OH, f=window.OW, n=problem.images))
        self.schedule.emit(self.moves.epilogue.registers())

    def _sets(self) -> list[FilterSet]:
        """All sets, group by group."""
        base, offsets = address_of(self.op), iter(self.offsets)
        bounds = self.problem.sets(self.spec)
        sets: list[FilterSet] = []
        first = 0
        for index, segments in enumerate(segments_of(self.op)):
            low, high = bounds[index % len(bounds)]
            images = [(base + next(offsets), base + next(offsets)) for _ in segments]
            z = index % len(bounds) % self.plan.batch
            sets.append(FilterSet(z, first, high - low, segments, images))
            first += high - low
        return sets

    # Biases --------------------------------------------------------------------------------------

    def _bias_address(self, first: int) -> int:
        return address_of(self.op) + self.offsets[-1] + 4 * first

    def _load_all_biases(self) -> int | None:
        """The bbuf word of the first bias if all of them fit half of it; None: batch by batch."""
        count = self.problem.groups * self.problem.filters
        if self.op.bias is None or 4 * count > self.spec.BCAP // 2:
            return None
        return self._load_biases(0, count)

    def _load_biases(self, first: int, count: int) -> int:
        addr = self.schedule.slot("bbuf", self.spec.BCAP, 4 * count)
        self.schedule.load("bbuf", addr, self._bias_address(first), 4 * count)
        return addr // 4

    # Loops ---------------------------------------------------------------------------------------

    def _batch(self, group: int, sets: Sequence[FilterSet], biases: int | None) -> None:
        rounds = max(len(item.segments) for item in sets)
        hf = self._load_sets(sets, 0) if rounds == 1 else None
        first = sets[0].first
        if biases is None and self.op.bias is not None:
            biases = self._load_biases(first, sum(item.count for item in sets)) - first
        for number in range(len(self.bands)):
            half = self._load_rows(group, number)
            bank = self.schedule.slot("psum", 2, 1)
            used = 0
            for segment in range(rounds):
                used = self._load_sets(sets, segment) if hf is None else hf
                self._run(sets, segment, rounds, number, (half, used, bank))
            for item in sets:
                # The last segment that a set has is in the half where it was loaded.
                table = (used + rounds - len(item.segments)) % 2
                bias = 0 if biases is None else biases + item.first
                self._finish(group, item, number, (bank, table), bias)

    def _load_sets(self, sets: Sequence[FilterSet], segment: int) -> int:
        """Load a segment of every set that has it; returns the half of the filter memories."""
        half = self.schedule.slot("fbuf", 2, 1)
        for item in sets:
            if segment < len(item.segments):
                (lo, hi), (table, records) = item.segments[segment], item.images[segment]
                chunks: dict[str, Any] = {"lo": lo, "hi": hi}
                place: dict[str, Any] = {**chunks, "nf": item.count, "z": item.z, "half": half}
                self.schedule.emit(Asg(daddr=table, **place))
                self.schedule.emit(Ldf(daddr=records, **place))
        return half

    def _load_rows(self, group: int, number: int) -> int:
        """Load the input rows of a block of every share; returns the half of the input memories."""
        half = self.schedule.slot("ibuf", 2, 1)
        for band in self.bands[number]:
            self._set_pitch(LD, self.source, band.rows * self.problem.window.W)
            self.schedule.emit(
                Lda(
                    daddr=band.address + 2 * group * self.problem.channels,
                    row0=band.low,
                    rows=band.rows,
                    img=band.image,
                    half=half,
                    q=band.share,
                )
            )
        return half

    def _bands(self, number: int) -> Iterator[Band]:
        """The input rows of a block in all shares."""
        window = self.problem.window
        for share in range(self.plan.shares):
            first, count = self.cut.part(share, number)
            if not count:
                continue
            image, within = divmod(first, self.problem.per_image)
            oy0, last = within // window.OW, (within + count - 1) // window.OW
            low, high = window.input_rows(oy0, last - oy0 + 1)
            if low < high:  # else all windows lie in the padding
                address = self.source.address((image * window.H + low) * window.W)
                yield Band(share, image, low, high - low, address)

    def _run(
        self,
        sets: Sequence[FilterSet],
        segment: int,
        rounds: int,
        number: int,
        places: tuple[int, int, int],
    ) -> None:
        taking = [item for item in sets if segment < len(item.segments)]
        half, hf, bank = places
        self.schedule.emit(
            Run(
                p0=number * self.plan.block,
                np=self.plan.block,
                lo=min(item.segments[segment][0] for item in taking),
                hi=max(item.segments[segment][1] for item in taking),
                clear=int(segment == 0),
                last=int(segment == rounds - 1),
                half=half,
                hf=hf,
                bank=bank,
                sets=sum(1 << item.z for item in taking),
            )
        )

    # Results -------------------------------------------------------------------------------------

    def _finish(
        self,
        group: int,
        item: FilterSet,
        number: int,
        halves: tuple[int, int],
        bias: int,
    ) -> None:
        """Drain a set's block, finish and store it."""
        bank, table = halves
        stretches = self.stretches[number]
        total = sum(stretch.count for stretch in stretches)
        addr = self.schedule.slot("obuf", self.spec.obuf_bytes, 4 * total * item.count)
        self.schedule.emit(
            Drn(
                p0=number * self.plan.block,
                np=self.plan.block,
                z=item.z,
                oaddr=addr // 4,
                nf=item.count,
                bank=bank,
                half=table,
            )
        )
        self.schedule.emit(Psrc(pitch=item.count))
        room = self.spec.PCAP // 4 // item.count
        for stretch in stretches:
            for at in range(0, stretch.count, room):
                count = min(room, stretch.count - at)
                source = addr // 4 + (stretch.at + at) * item.count
                self._piece(group, item, table, stretch.first + at, count, source, bias)

    def _stretches(self, number: int) -> list[Stretch]:
        """The positions of a block in all shares."""
        stretches: list[Stretch] = []
        places = [self.result] if self.residual is None else [self.result, self.residual]
        at = 0
        for share in range(self.plan.shares):
            first, here = self.cut.part(share, number)
            if not here:
                continue
            before = stretches[-1] if stretches else None
            if before is not None and before.first + before.count == first:
                joined = before.count + here
                if all(place.is_even(before.first, joined) for place in places):
                    stretches[-1] = Stretch(before.first, joined, before.at)
                    at += here
                    continue
            stretches.append(Stretch(first, here, at))
            at += here
        return stretches

    def _piece(
        self,
        group: int,
        item: FilterSet,
        table: int,
        first: int,
        count: int,
        source: int,
        bias: int,
    ) -> None:
        """Finish and store some positions of a set."""
        half = self.spec.PCAP // 4
        word = self.schedule.slot("pbuf", 2 * half, half)
        place: dict[str, Any] = {
            "addr": word, "nf": item.count, "z": item.z, "half": table,
            "row": self.problem.filters,
        }  # fmt: skip
        channel = 2 * group * self.problem.filters
        if self.residual is not None:
            self._set_pitch(LD, self.residual, count)
            self.schedule.emit(Ldr(daddr=self.residual.address(first) + channel, **place))
        self.schedule.emit(Ppu(src=source, dst=word, chans=item.count, len=count, bias=bias))
        self._set_pitch(ST, self.result, count)
        self.schedule.emit(Sto(daddr=self.result.address(first) + channel, **place))

    def _set_pitch(self, channel: int, rows: _Rows, count: int) -> None:
        self.schedule.set_dims(channel, ((count, rows.pitch),) if count > 1 else ())
