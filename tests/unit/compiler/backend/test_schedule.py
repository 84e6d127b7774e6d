"""Blocks in DRAM as runs, cut into pieces, loaded, finished and stored by instructions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.backend.schedule import Epilogue, Plane, Schedule, cut_pieces
from spcc.compiler.dialects.target import InstructionOp
from spcc.isa.base import Dim, Ld, Pgeo, Ppu, St, transfer_dims
from spcc.isa.errors import PassError
from spcc.isa.footprint import Region
from spcc.isa.targets.spots import ISA, SpotsSpec

QUICK = settings(max_examples=100, deadline=None)
small = st.integers(1, 12)
PLAIN = Epilogue(shift=0, lo=-9, hi=9)


@st.composite
def planes(draw: st.DrawFn) -> tuple[Plane, int, int]:
    """A block of channels and positions that do not overlap: by channels, or by positions."""
    chans, length = draw(small), draw(small)
    gap = draw(st.integers(0, 3))
    if draw(st.booleans()):
        return Plane(2 * draw(small), 2 * (length + gap)), chans, length
    return Plane(2 * draw(small), 2, 2 * (chans + gap)), chans, length


def addresses(plane: Plane, channel: int, position: int, chans: int, length: int) -> list[int]:
    """Where each value lies, channel by channel."""
    return [
        plane.base + c * plane.channel_stride + p * plane.position_stride
        for c in range(channel, channel + chans)
        for p in range(position, position + length)
    ]


def moved(base: int, run: int, dims: tuple[tuple[int, int], ...]) -> list[int]:
    """The 16-bit words that a transfer moves, in its order."""
    starts = Region("dram", base, run, dims).starts()
    return (starts[:, None] + np.arange(0, run, 2)).ravel().tolist()


@QUICK
@given(planes(), st.data())
def test_runs_move_a_block_channel_by_channel(block, data: st.DataObject):
    plane, chans, length = block
    channel = data.draw(st.integers(0, chans - 1))
    position = data.draw(st.integers(0, length - 1))
    cn = data.draw(st.integers(1, chans - channel))
    pn = data.draw(st.integers(1, length - position))
    transfer = plane.runs(channel, position, cn, pn)
    assert moved(*transfer) == addresses(plane, channel, position, cn, pn)
    assert plane.moved(channel, position).runs(0, 0, cn, pn) == transfer


@pytest.mark.parametrize(
    ("plane", "block", "expected"),
    [
        (Plane(64, 20), (0, 0, 3, 10), (64, 60, ())),  # in one piece
        (Plane(64, 20), (1, 2, 3, 4), (88, 8, ((3, 20),))),
        (Plane(64, 20), (2, 3, 1, 4), (110, 8, ())),
        (Plane(64, 2, 40), (0, 0, 20, 1), (64, 40, ())),  # one image of a matmul
        (Plane(64, 2, 40), (0, 0, 20, 3), (64, 2, ((3, 40), (20, 2)))),
        (Plane(64, 0), (0, 0, 1, 1), (64, 2, ())),
    ],
)
def test_runs_are_as_few_as_can_be(plane: Plane, block, expected):
    assert plane.runs(*block) == expected


@QUICK
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60))
def test_pieces_cover_a_block_once_in_order(chans: int, length: int, room: int):
    seen: list[tuple[int, int]] = []
    for c, p, cn, pn in cut_pieces(chans, length, room):
        assert 0 < cn * pn <= room
        assert cn == 1 or pn == length  # a piece is a box of whole channels or part of one
        seen += [(c + i, p + j) for i in range(cn) for j in range(pn)]
    assert seen == [(c, p) for c in range(chans) for p in range(length)]


@pytest.mark.parametrize(
    ("block", "pieces"),
    [
        ((4, 4, 16), [(0, 0, 4, 4)]),
        ((5, 4, 16), [(0, 0, 4, 4), (4, 0, 1, 4)]),
        ((2, 20, 16), [(0, 0, 1, 16), (0, 16, 1, 4), (1, 0, 1, 16), (1, 16, 1, 4)]),
        ((3, 16, 16), [(0, 0, 1, 16), (1, 0, 1, 16), (2, 0, 1, 16)]),
    ],
)
def test_pieces_fill_the_room(block, pieces):
    assert list(cut_pieces(*block)) == pieces


def schedule(**settings_: int) -> Schedule:
    return Schedule(ISA, SpotsSpec(**settings_))


@pytest.mark.parametrize("position_stride", [2, 32])
def test_an_empty_block_has_no_runs(position_stride: int):
    _, run, dims = Plane(64, 2, position_stride).runs(1, 2, 3, 0)
    assert (run, dims) == (0, ())


def instructions(made: Schedule):
    return [op.to_instruction() for op in made.ops if isinstance(op, InstructionOp)]


def staging(made: Schedule, memory: int) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """Run loads, PPU and stores on addresses: what each pbuf word holds, and (DRAM, origin) stored.

    An origin is an accumulator word, or the negative of a DRAM address that was staged.
    """
    registers: dict[object, object] = {}
    words: dict[int, int] = {}
    stored: list[tuple[int, int]] = []
    residual: dict[int, int] = {}
    for step in instructions(made):
        match step:
            case Dim() | Pgeo():
                registers[step.register] = step
            case Ld():
                assert step.mem == memory
                source = moved(step.dram, step.bytes, transfer_dims(registers, 0))
                words |= {step.addr // 2 + i: -address for i, address in enumerate(source)}
            case Ppu():
                geo = registers[Pgeo]
                for i in range(step.chans * step.len):
                    origin = words[step.src + i] if geo.staged else step.src + i
                    if geo.residual:
                        residual[origin] = words[step.dst + i]
                    words[step.dst + i] = origin
            case St():
                target = moved(step.dram, step.bytes, transfer_dims(registers, 1))
                stored += [(a, words[step.addr // 2 + i]) for i, a in enumerate(target)]
            case _:
                raise AssertionError(step)
    return residual, stored


@QUICK
@given(planes(), st.integers(64, 130), st.booleans(), st.booleans())
def test_finish_brings_every_value_to_its_place(block, PCAP: int, has_residual, is_staged):
    output, chans, length = block
    source = Plane(1 << 20, 2 * length)
    other = Plane(1 << 24, output.channel_stride, output.position_stride)
    made = schedule(PCAP=PCAP)
    made.finish(
        Epilogue(3, -5, 5, 2 if has_residual else None, staged=is_staged),
        chans,
        length,
        output,
        source=100,
        residual=other if has_residual else None,
        staged=source if is_staged else None,
    )
    residual, stored = staging(made, made.memory("pbuf"))
    targets = addresses(output, 0, 0, chans, length)
    origins = list(range(100, 100 + chans * length))
    if is_staged:
        origins = [-address for address in addresses(source, 0, 0, chans, length)]
    assert stored == list(zip(targets, origins, strict=True))
    if has_residual:
        added = [-address for address in addresses(other, 0, 0, chans, length)]
        assert [residual[origin] for origin in origins] == added


@QUICK
@given(planes(), st.integers(64, 130), st.booleans())
def test_finish_keeps_to_the_halves_of_pbuf_in_turn(block, PCAP: int, is_staged: bool):
    output, chans, length = block
    made = schedule(PCAP=PCAP)
    plane = Plane(0, 2 * length) if is_staged else None
    for _ in range(2):
        made.finish(
            Epilogue(0, -5, 5, 0, staged=is_staged),
            chans,
            length,
            output,
            residual=output,
            staged=plane,
        )
    half = PCAP // 4
    halves: list[int] = []
    for step in instructions(made):
        if isinstance(step, Ppu):
            first, last = step.dst // half, (step.dst + step.chans * step.len - 1) // half
            assert first == last < 2
            halves.append(first)
    assert halves == [i % 2 for i in range(len(halves))]


def test_biases_go_by_channel():
    made = schedule(PCAP=64)  # 16 values at a time
    made.finish(Epilogue(0, -5, 5, bias=True), 5, 8, Plane(0, 16), bias=7)
    assert [(p.chans, p.bias) for p in instructions(made) if isinstance(p, Ppu)] == [
        (2, 7),
        (2, 9),
        (1, 11),
    ]


def test_configuration_is_written_when_it_changes():
    made = schedule()
    for _ in range(2):
        made.finish(PLAIN, 1, 4, Plane(0, 8))
    made.finish(Epilogue(shift=1, lo=-9, hi=9), 1, 4, Plane(0, 8))
    assert [i.shift for i in instructions(made) if isinstance(i, Pgeo)] == [0, 1]


def test_dims_are_reset_for_plain_transfers():
    made = schedule()
    made.load("fmap", 0, 0, 8)
    made.load("fmap", 0, 0, 8, ((3, 16),))
    made.load("fmap", 0, 0, 8, ((3, 16), (2, 64)))
    made.load("fmap", 0, 0, 8)
    made.store("pbuf", 0, 0, 8)  # the other channel has registers of its own
    made.load("fmap", 0, 0, 0)  # nothing to load
    dims = [
        (i.channel, i.level, i.count, i.stride) for i in instructions(made) if isinstance(i, Dim)
    ]
    assert dims == [(0, 0, 3, 16), (0, 1, 2, 64), (0, 0, 1, 0), (0, 1, 1, 0)]
    assert len(made.ops) == len(dims) + 5


def test_slots_take_turns_over_layers():
    made = schedule()
    assert [made.slot("fmap", 100, size) for size in (50, 1, 50, 51, 50, 100)] == [
        0,
        50,
        0,
        0,
        50,
        0,
    ]
    assert made.slot("filter", 100, 10) == 0
    with pytest.raises(PassError, match="101 bytes do not fit fmap of 100 bytes"):
        made.slot("fmap", 100, 101)


def test_instructions_carry_their_layer():
    made = schedule()
    made.load("fmap", 0, 0, 8)
    made.layer = 3
    made.load("fmap", 0, 0, 8)
    assert [op.layer_index for op in made.ops] == [None, 3]
