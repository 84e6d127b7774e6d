"""The geometry of layers as every target's limits and loops see it."""

from dataclasses import replace

import numpy as np
import pytest
from spcc.compiler.backend.window import image_count, window_of
from spcc.compiler.context import main_of
from spcc.compiler.dialects.sparse_tensor import AffineOp, Conv2dOp, MatmulOp, PoolOp
from spcc.compiler.driver import (
    CONVERSION,
    Compilation,
    StopCompilation,
    attach_calibration,
    new_context,
)
from spcc.compiler.frontend.onnx import import_model
from spcc.compiler.targets.spots import COMPILER
from spcc.isa.base import Ld
from spcc.isa.targets.spots import Sgeo
from spcc.models.builder import GraphBuilder
from spcc.models.small import gemm, pool, single_conv
from xdsl.ir import Operation


def layers(model) -> list[Operation]:
    """The ops of a model's @main, converted for SPOTS."""
    imported = import_model(model)
    ctx = new_context(lambda _: COMPILER, COMPILER)
    ctx.store = imported.store
    attach_calibration(imported.module, imported.store, [], ())
    compilation = Compilation(ctx, imported.module, stop_after=CONVERSION)
    compilation.start(COMPILER, COMPILER.spec_type(), CONVERSION, {})
    with pytest.raises(StopCompilation):
        compilation.run()
    return list(main_of(imported.module).body.block.ops)


def only(kind: type[Operation], model) -> Operation:
    (op,) = [op for op in layers(model) if isinstance(op, kind)]
    return op


def batch_norm(*shape: int):
    build = GraphBuilder("bn")
    x = build.node("Relu", build.input(*shape))
    ones = [build.constant(np.ones(shape[1], np.float32)) for _ in range(4)]
    return build.model(build.node("BatchNormalization", x, *ones))


def test_a_convolution_has_its_own() -> None:
    model = single_conv(
        N=2, H=9, W=8, R=3, S=2, strides=(2, 1), pads=(1, 0, 0, 2), dilations=(1, 3), groups=1
    )
    op = only(Conv2dOp, model)
    assert window_of(op).values() == dict(
        R=3, S=2, sh=2, sw=1, dh=1, dw=3, pt=1, pl=0, H=9, W=8, OH=4, OW=7
    )
    assert window_of(op).input_rows(1, 2) == (1, 6)
    assert window_of(op).input_row_count(2) == 5
    assert image_count(op) == 2


def test_a_window_goes_into_an_instructions_fields() -> None:
    window = window_of(only(Conv2dOp, single_conv(H=9, W=8, pads=(31, 0, 0, 0))))
    expected = Sgeo(R=3, S=3, sh=1, sw=1, dh=1, dw=1, pt=31, pl=0, H=9, W=8, OW=6)
    assert window.registers(Sgeo) == expected
    assert window.registers(Ld, mem=1, addr=2, dram=3, bytes=4).values()["dram"] == 3
    assert window.fits(Sgeo)
    assert not replace(window, pt=32).fits(Sgeo)
    assert not replace(window, pl=-1).fits(Sgeo)
    assert list(replace(window, OH=5).bands(2)) == [(0, 2), (2, 2), (4, 1)]


def test_a_pool_has_its_own() -> None:
    op = only(PoolOp, pool(kernel_shape=[3, 2], strides=[2, 1], H=9, W=8))
    window = window_of(op)
    assert (window.R, window.S, window.OH, window.OW) == (3, 2, 4, 7)


def test_a_matmul_is_a_pointwise_convolution_on_its_batch() -> None:
    op = only(MatmulOp, gemm(N=5, C=6, K=7))
    window = window_of(op)
    assert (window.R, window.S, window.H, window.W) == (1, 1, 1, 5)
    assert image_count(op) == 1


@pytest.mark.parametrize(
    ("shape", "H", "W"), [((1, 2, 3, 4), 3, 4), ((1, 2, 12), 1, 12), ((1, 2, 3, 4, 5), 1, 60)]
)
def test_an_affine_is_what_it_would_become(shape: tuple[int, ...], H: int, W: int) -> None:
    window = window_of(only(AffineOp, batch_norm(*shape)))
    assert (window.H, window.W, window.OH, window.OW) == (H, W, H, W)


@pytest.mark.parametrize("shape", [(1, 2, 1, 4096), (1, 2, 4096, 1), (1, 2, 64, 64, 2)])
def test_an_affine_on_a_map_beyond_the_limits_is_the_hosts(shape: tuple[int, ...]) -> None:
    calls = [op for op in layers(batch_norm(*shape)) if op.name == "sparse_tensor.host_call"]
    (call,) = calls
    assert "at most 4095 rows" in call.properties["reason"].data
