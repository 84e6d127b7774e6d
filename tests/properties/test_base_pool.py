"""A pool of any shape, cut, lowered and run on the base machine's units, against plain Python."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.backend.pooling import lower_pool, tile_pool
from spcc.compiler.backend.schedule import Schedule
from spcc.compiler.dialects.encoding import EncodingAttr
from spcc.compiler.dialects.program import to_attribute
from spcc.compiler.dialects.sparse_tensor import PoolOp, bounds, ints, names
from spcc.compiler.layout import DRAM, View
from spcc.compiler.passes.insert_semaphores import tokens
from spcc.isa.base import Halt, Ppool
from spcc.isa.encoding import Instruction
from spcc.isa.errors import UnsupportedError
from spcc.isa.program import Program
from spcc.isa.tables import NO_LAYER
from spcc.isa.targets.spots import ISA, SpotsSpec
from spcc.runtime.interpreter import Interpreter
from spcc.runtime.machines.spots import MACHINE
from spcc.runtime.memory import Dram
from spcc.tests.golden import plain_pool
from xdsl.dialects import test as xdsl_test
from xdsl.dialects.builtin import ArrayAttr, BoolAttr, StringAttr, TensorType, i16

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Tensor:
    """A fixed-point tensor in DRAM."""

    shape: Shape
    frac: int
    bits: int
    view: View
    size: int
    """Bytes from its offset on."""

    @property
    def type(self) -> Any:
        return TensorType(i16, self.shape, EncodingAttr.of(self.frac, self.bits))

    def array(self, dram: Dram) -> npt.NDArray[np.int16]:
        return dram.tensor(self.view.offset, self.shape, self.view.strides, "i2").view(np.int16)


@dataclass(frozen=True)
class Layer:
    """A pool with its tensors, and the machine it runs on."""

    geo: dict[str, int]
    OH: int
    kind: str
    counts_padding: bool
    clip: tuple[float, float] | None
    source: Tensor
    residual: Tensor | None
    result: Tensor
    dram_bytes: int
    spec: Any  # SpotsSpec; pyright takes a Struct declared in a class body for a descriptor
    seed: int


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    geo = {n: draw(st.integers(1, 3)) for n in ("R", "S", "sh", "sw", "dh", "dw")}
    spans = [(geo[k] - 1) * geo[d] + 1 for k, d in (("R", "dh"), ("S", "dw"))]
    pads = [draw(st.integers(0, 3)) for _ in range(4)]
    least = [max(1, spans[i] - pads[i] - pads[i + 2]) for i in (0, 1)]
    sizes = [draw(st.integers(low, low + 7)) for low in least]
    outs = [
        (sizes[i] + pads[i] + pads[i + 2] - spans[i]) // geo[("sh", "sw")[i]] + 1 for i in (0, 1)
    ]
    geo |= dict(pt=pads[0], pl=pads[1], H=sizes[0], W=sizes[1], OW=outs[1])
    N, C, at = draw(st.integers(1, 2)), draw(st.integers(1, 5)), 0

    def tensor(H: int, W: int) -> Tensor:
        nonlocal at
        gap = draw(st.sampled_from([0, 0, 6]))
        if draw(st.booleans()):
            strides = (2 * C * H * W + gap, 2 * H * W, 2 * W, 2)
        else:  # position by position, the channels filled up
            step = 2 * C + gap
            strides = (step * H * W, 2, step * W, step)
        made = Tensor(
            (N, C, H, W), draw(st.integers(6, 9)), draw(st.sampled_from([8, 16])),
            View(at, strides), N * strides[0],
        )  # fmt: skip
        at += made.size + 2
        return made

    source, result = tensor(*sizes), tensor(*outs)
    residual = tensor(*outs) if draw(st.booleans()) else None
    spec = SpotsSpec(
        PCAP=draw(st.one_of(st.integers(64, 300), st.just(65536))), P=draw(st.integers(1, 9)),
        B=draw(st.sampled_from([0, 1, 16])), L=draw(st.sampled_from([0, 9])),
    )  # fmt: skip
    return Layer(
        geo, outs[0], draw(st.sampled_from(PoolOp.KINDS)), draw(st.booleans()),
        draw(st.sampled_from([None, (0.0, float("inf")), (-0.25, 6.0)])),
        source, residual, result, at, spec, draw(st.integers(0, 1 << 30)),
    )  # fmt: skip


def op_of(layer: Layer) -> PoolOp:
    """The allocated layer as an op; pads at bottom and right are the least."""
    geo = layer.geo
    H, W = layer.source.shape[2:]
    bottom = (layer.OH - 1) * geo["sh"] + (geo["R"] - 1) * geo["dh"] + 1 - H - geo["pt"]
    right = (geo["OW"] - 1) * geo["sw"] + (geo["S"] - 1) * geo["dw"] + 1 - W - geo["pl"]
    tensors = [t for t in (layer.source, layer.residual) if t is not None]
    values = [
        xdsl_test.TestOp(
            result_types=[t.type], attributes={DRAM: ArrayAttr([t.view.to_attribute()])}
        ).res[0]
        for t in tensors
    ]
    properties: dict[str, Any] = {
        "nodes": names("pool"),
        "tensor": StringAttr("y"),
        "op_type": StringAttr("MaxPool"),
        "placement": StringAttr("native"),
        "kind": StringAttr(layer.kind),
        "include_pad": BoolAttr.from_bool(layer.counts_padding),
        "kernel": ints(geo["R"], geo["S"]),
        "strides": ints(geo["sh"], geo["sw"]),
        "dilations": ints(geo["dh"], geo["dw"]),
        "pads": ints(geo["pt"], geo["pl"], max(0, bottom), max(0, right)),
    }
    if layer.clip:
        properties["clip"] = bounds(*layer.clip)
    op = PoolOp(
        operands=[values[0], values[1:]],
        properties=properties,
        attributes={DRAM: ArrayAttr([layer.result.view.to_attribute()])},
        result_types=[layer.result.type],
    )
    op.verify()
    return op


def lowered(layer: Layer) -> list[Instruction]:
    """The layer's instructions with their semaphores."""
    op, schedule = op_of(layer), Schedule(ISA, layer.spec)
    op.properties["tiling"] = to_attribute(tile_pool(layer.spec, op))
    lower_pool(schedule, layer.spec, op)
    plain = [*(step.to_instruction() for step in schedule.ops), Halt()]
    pairs = zip(plain, tokens(ISA, plain), strict=True)
    return [step.with_semaphores(*both) for step, both in pairs]


def run(layer: Layer, instructions: list[Instruction]) -> tuple[Dram, Dram, Any]:
    """DRAM before and after, and what the run counted."""
    program = Program(
        target="spots", isa_version=ISA.version, config=msgspec.to_builtins(layer.spec),
        text=ISA.encode(instructions), data=np.empty(0, np.uint8), dram_bytes=layer.dram_bytes,
        inputs=(), outputs=(), layers=(), lines=np.full(len(instructions), NO_LAYER, np.uint32),
        fragments=(), info={},
    )  # fmt: skip
    rng = np.random.default_rng(layer.seed)
    fill = rng.integers(0, 256, layer.dram_bytes, np.uint8)
    before, after = (Dram(np.empty(0, np.uint8), layer.dram_bytes) for _ in range(2))
    for dram in (before, after):
        dram.write(0, fill)
    execution = Interpreter(MACHINE, program).run(after)
    return before, after, execution.layers[-1]


def expected(layer: Layer, before: Dram) -> Iterator[tuple[tuple[int, int, int, int], int]]:
    """Every result by its index."""
    image, y = layer.source.array(before), layer.result
    limit = 1 << (y.bits - 1)
    low, high = -limit, limit - 1
    if layer.clip:
        clip = [c * 2.0**y.frac if abs(c) < 1e9 else c for c in layer.clip]
        low, high = int(max(low, clip[0])), int(min(high, clip[1]))
    for n, c in np.ndindex(y.shape[:2]):
        pooled = plain_pool.pool(
            image[n, c].tolist(), layer.geo, 0, layer.OH,
            is_average=layer.kind == "average", counts_padding=layer.counts_padding,
        )  # fmt: skip
        for oy, ox in np.ndindex(y.shape[2:]):
            value = plain_pool.scaled(pooled.values[oy][ox], layer.source.frac - y.frac)
            if layer.residual is not None:
                added = int(layer.residual.array(before)[n, c, oy, ox])
                value += plain_pool.scaled(added, layer.residual.frac - y.frac)
            yield (n, c, oy, ox), min(max(value, low), high)


@settings(deadline=None, max_examples=60)
@given(layers())
def test_any_pool_is_cut_lowered_and_run(layer: Layer) -> None:
    geo, words = layer.geo, layer.spec.PCAP // 4 * 2
    if min(geo["H"], (geo["R"] - 1) * geo["dh"] + 1) * geo["W"] + geo["OW"] > words:
        with pytest.raises(UnsupportedError, match=f"pbuf has PCAP = {layer.spec.PCAP}"):
            lowered(layer)
        return
    instructions = lowered(layer)
    before, after, account = run(layer, instructions)
    results = layer.result.array(after)
    for index, value in expected(layer, before):
        assert results[index] == value
        before.tensor(layer.result.view.offset, results.shape, layer.result.view.strides, "i2")[
            index
        ] = value
    # Nothing else was written.
    assert np.array_equal(before.read(0, layer.dram_bytes), after.read(0, layer.dram_bytes))
    pools = [step for step in instructions if isinstance(step, Ppool)]
    taps = geo["OW"] * geo["R"] * geo["S"]
    assert account.unit_cycles["ppu"] == sum(
        -(-p.chans * p.rows * taps // layer.spec.P) for p in pools
    )
    assert account.counters["ppu_ops"] == prod(layer.result.shape)


@settings(deadline=None, max_examples=50)
@given(layers())
def test_pools_keep_to_the_halves_of_pbuf_in_turn(layer: Layer) -> None:
    try:
        instructions = lowered(layer)
    except UnsupportedError:
        return
    pools = [step for step in instructions if isinstance(step, Ppool)]
    half, halves = layer.spec.PCAP // 4, []
    for step in pools:
        inputs = ISA.footprint(step, {type(i): i for i in instructions if i.is_config}).reads[0]
        ends = [step.dst + step.chans * step.rows * layer.geo["OW"], inputs.end // 2]
        size = max(ends) - step.dst
        assert step.dst <= step.src <= max(ends) <= 2 * half
        if size <= half:
            halves.append(step.dst // half)
            assert (max(ends) - 1) // half == halves[-1]
    assert halves == [i % 2 for i in range(len(halves))]
