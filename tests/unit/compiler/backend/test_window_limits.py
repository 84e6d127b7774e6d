"""What a window may be follows from the fields of the instructions that take it."""

import re

import pytest
from spcc.compiler.backend import window_limits
from spcc.compiler.backend.pooling import POOL_LIMITS
from spcc.compiler.dialects.sparse_tensor import Conv2dOp, HostCallOp, PoolOp
from spcc.isa.base import Ppool, Pwin
from spcc.isa.targets.spots import Sgeo
from spcc.models.small import pool, single_conv

CONVERSION = "convert-onnx-to-sparse-tensor"
GEOMETRY = ("R", "S", "sh", "sw", "dh", "dw", "pt", "pl", "H", "W", "OW")


def layers(start, model, kind: type):
    return start(model).run(CONVERSION).ops(kind)


def test_spots_takes_the_windows_that_the_base_takes() -> None:
    assert {n: Sgeo.fields[n].bits for n in GEOMETRY} == {n: Pwin.fields[n].bits for n in GEOMETRY}
    assert Ppool.rows.maximum == Ppool.oy0.maximum == Pwin.H.maximum


@pytest.mark.parametrize(
    ("limit", "fields"),
    [("kernel_fits", "R S"), ("steps_fit", "sh sw dh dw"), ("pads_fit", "pt pl"),
     ("map_fits", "H W OW")],
)  # fmt: skip
def test_the_sentences_state_the_fields(limit: str, fields: str) -> None:
    stated = re.findall(r"\d+", getattr(window_limits, limit).__doc__)
    assert {*map(int, stated)} == {Pwin.fields[name].maximum for name in fields.split()}


LARGEST = [
    dict(kernel_shape=[63, 1], H=63),
    dict(kernel_shape=[1, 63], W=63),
    dict(strides=[15, 1], H=20),
    dict(strides=[1, 15], W=20),
    dict(dilations=[15, 1], H=20),
    dict(dilations=[1, 15], W=20),
    dict(kernel_shape=[32, 1], pads=[31, 0, 0, 0], H=9),
    dict(kernel_shape=[1, 32], pads=[0, 31, 0, 0], W=9),
    dict(kernel_shape=[1, 1], H=4095, W=1),
    dict(kernel_shape=[1, 1], H=1, W=4095),
    dict(kernel_shape=[40, 1], pads=[0, 0, 39, 0], H=1),
]
BEYOND = [
    dict(kernel_shape=[64, 1], H=64),
    dict(kernel_shape=[1, 64], W=64),
    dict(strides=[16, 1], H=20),
    dict(strides=[1, 16], W=20),
    dict(dilations=[16, 1], H=20),
    dict(dilations=[1, 16], W=20),
    dict(kernel_shape=[33, 1], pads=[32, 0, 0, 0], H=9),
    dict(kernel_shape=[1, 33], pads=[0, 32, 0, 0], W=9),
    dict(kernel_shape=[1, 1], H=4096, W=1),
    dict(kernel_shape=[1, 1], H=1, W=4096),
    dict(kernel_shape=[2, 1], pads=[1, 0, 1, 0], H=4095, W=1),
]


@pytest.mark.parametrize("changes", LARGEST)
def test_the_largest_pools_fit(start, changes) -> None:
    (op,) = layers(start, pool(**({"kernel_shape": [2, 2]} | changes)), PoolOp)
    assert all(limit(op) for limit in POOL_LIMITS)


@pytest.mark.parametrize("changes", BEYOND)
def test_larger_pools_are_the_hosts(start, changes) -> None:
    (call,) = layers(start, pool(**({"kernel_shape": [2, 2]} | changes)), HostCallOp)
    assert "requires: " in call.reason.data


def test_a_convolution_has_the_same_limits(start) -> None:
    (op,) = layers(start, single_conv(R=63, H=63, S=1), Conv2dOp)
    assert all(limit(op) for limit in POOL_LIMITS)
    assert not layers(start, single_conv(R=64, H=64, S=1), Conv2dOp)
