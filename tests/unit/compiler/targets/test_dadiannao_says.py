"""What DaDianNao's compiler half accepts, refuses, and tells the passes that serve all targets."""

from typing import Any

import numpy as np
import onnx
import pytest
from spcc.compiler.backend.window import Window
from spcc.compiler.targets.dadiannao import COMPILER, strides
from spcc.compiler.targets.ddn_tiling import Layer, blocks, chunks, passes, strip_rows
from spcc.isa.errors import UnsupportedError
from spcc.isa.targets.dadiannao import ISA, Conv, DadiannaoSpec, Ldw, Post
from spcc.models.builder import GraphBuilder
from spcc.models.small import gemm, single_conv
from spcc.tools.compile_flow import Outcome, Request, compile_request
from spcc.tools.sources import Model
from spcc.tools.targets import TARGETS

DEFAULT = DadiannaoSpec()
MICRO = DadiannaoSpec(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4)


def compiled(model: onnx.ModelProto, spec: DadiannaoSpec = DEFAULT) -> Outcome:
    return compile_request(Request(Model("m", model, ""), TARGETS["dadiannao"], spec))


@pytest.mark.parametrize(
    ("model", "executed"),
    [
        # One block of 16 lanes for 8 channels; taps 9; 36 windows; 8 filters.
        (single_conv(C=8, K=8), 9 * 16 * 36 * 8),
        # Depthwise: every filter's block holds all 8 channels.
        (single_conv(C=8, K=8, groups=8), 9 * 16 * 36 * 8),
        (gemm(N=4, C=16, K=10), 4 * 16 * 10),
    ],
)
def test_lanes_of_padding_expand_macs(model: onnx.ModelProto, executed: int) -> None:
    (layer,) = compiled(model).compiled.program.layers
    assert layer.nominal_macs + layer.expanded_macs == executed


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 24, 3, 5), (3 * 5 * 64, 2, 5 * 64, 64)),
        ((2, 16, 1, 1), (32, 2, 32, 32)),
        ((3, 17), (64, 2)),
        ((2, 3, 4), (24, 8, 2)),
        ((7,), (2,)),
    ],
)
def test_activations_lie_in_whole_words(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert strides(DEFAULT, shape) == expected
    assert COMPILER.channel_block(DEFAULT) == 16


def conv(
    C: int, K: int, H: int, W: int, kernel: tuple[int, int] = (1, 1), N: int = 1, **how: Any
) -> onnx.ModelProto:
    build = GraphBuilder("layer")
    weights = np.ones((K, C, *kernel), np.float32)
    return build.model(build.conv(build.input(N, C, H, W), weights, **how))


@pytest.mark.parametrize(
    ("model", "placement"),
    [
        (conv(1, 1, 63, 63, (63, 63)), "native"),
        (conv(1, 1, 64, 64, (64, 1)), "host"),
        (conv(1, 1, 40, 40, strides=[15, 15]), "native"),
        (conv(1, 1, 40, 40, strides=[16, 1]), "host"),
        (conv(1, 1, 40, 40, (2, 2), dilations=[31, 31]), "native"),
        (conv(1, 1, 40, 40, (2, 2), dilations=[1, 32]), "host"),
        (conv(1, 1, 2, 2, (60, 1), pads=[63, 0, 0, 0]), "native"),
        (conv(1, 1, 2, 2, (60, 1), pads=[64, 0, 0, 0]), "host"),
        (conv(1, 1, 1, 8191), "native"),
        (conv(1, 1, 1, 8192), "host"),
        (conv(1, 1, 1, 1, N=255), "native"),
        (conv(1, 1, 1, 1, N=256), "host"),
        (conv(32752, 1, 1, 1), "native"),
        (conv(32753, 1, 1, 1), "host"),
        (gemm(N=256, C=2, K=2), "host"),
    ],
)
def test_limits(model: onnx.ModelProto, placement: str) -> None:
    layers = compiled(model).compiled.program.layers
    assert [layer.placement for layer in layers if layer.op in ("Conv", "Gemm")] == [placement]


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (conv(1, 1, 8, 40), {"am_words": 32}, "one output row needs 40 words of inputs and 40"),
        (conv(2048, 1, 1, 1), {"tiles": 1, "lanes": 1}, "2048 blocks of 1 channels are more than"),
        (
            conv(17, 1, 1, 1, (63, 63), pads=[31] * 4),
            {"lanes": 1},
            "67473 rows of weights .* than 65536",
        ),
    ],
)
def test_what_does_not_fit_is_said(
    model: onnx.ModelProto, changes: dict[str, int], message: str
) -> None:
    with pytest.raises(UnsupportedError, match=message):
        compiled(model, DadiannaoSpec(**changes))


def test_chunks_stay_while_they_are_among_the_last_two() -> None:
    """2 warps of 2 chunks, 3 blocks: a warp's chunks are loaded once. With 3 chunks, always."""
    two = compiled(conv(32, 8, 3, 4), MICRO).compiled.program.instructions(ISA)
    assert [type(i) for i in two].count(Ldw) == 4
    assert [type(i) for i in two].count(Conv) == 12
    three = compiled(conv(36, 8, 3, 4), MICRO).compiled.program.instructions(ISA)
    assert [type(i) for i in three].count(Ldw) == [type(i) for i in three].count(Conv) == 18
    assert [i.bank for i in three if isinstance(i, Post)] == [0, 1, 0, 1, 0, 1]


def test_chunks_and_blocks_cover_everything() -> None:
    assert chunks(MICRO, 9) == [(0, 4), (4, 4), (8, 1)]
    layer = Layer(Window(1, 1, 1, 1, 1, 1, 0, 0, 5, 4, 5, 4), 2, 1, 1)
    (whole,) = passes(layer, 0)
    assert [*blocks(MICRO, layer, whole)] == [(win, 4) for win in range(0, 40, 4)]
    small = DadiannaoSpec(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4, am_words=40)
    assert (strip_rows(MICRO, layer, ""), strip_rows(small, layer, "")) == (0, 2)
    strips = [*passes(layer, 2)]
    assert [(p.image, p.o0, p.o1) for p in strips] == [
        (image, *rows) for image in (0, 1) for rows in ((0, 2), (2, 4), (4, 5))
    ]
    assert [*blocks(MICRO, layer, strips[1])] == [(8, 4), (12, 4)]
