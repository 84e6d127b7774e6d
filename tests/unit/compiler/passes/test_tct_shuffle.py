"""Filters sorted by non-zero weights; who takes up the order, and who prevents it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from spcc.compiler.dialects.sparse_tensor import Conv2dOp, MatmulOp
from spcc.compiler.layout import CHANNELS
from spcc.compiler.targets.tct_layers import SUMMARY
from spcc.isa.errors import PassError
from spcc.isa.targets.tct import TctSpec
from spcc.models.builder import GraphBuilder
from spcc.tests.golden import tct_golden
from spcc.tests.golden.tct_golden_units import TctMachine
from spcc.tools.compile_flow import Request, compile_request
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
from spcc.tools.targets import find_target

BEFORE = (
    "convert-onnx-to-sparse-tensor,fold-affine,lower-affine,fuse-epilogue{residual=false},"
    "insert-copies,quantize,assign-format,assign-layout"
)
MACHINE = {"tiles": 2, "pes": 2, "lanes": 4, "wm_rows": 8, "pb_windows": 16, "d": 5, "h": 2}
C, K = 8, 12


class Net(GraphBuilder):
    """Convolutions whose filters have very different numbers of weights."""

    def uneven(self, source: str, K: int, C: int, kernel: int = 3, **attributes: Any) -> str:
        weights = self.weights(K, C, kernel, kernel)
        for k in range(K):  # 1, 2, 3, ... of 5 taps of channels stay
            weights[k].reshape(-1)[(k % 5 + 1) * weights[k].size // 5 :] = 0
        pads = [kernel // 2] * 4
        return self.conv(source, weights, self.vector(K), pads=pads, **attributes)


def chain(net: Net) -> tuple[str, ...]:
    """Two sorted layers, a pool, a clip that other layers see, a reshape; the last one is seen."""
    value = net.node("Relu", net.uneven(net.input(2, C, 6, 6), K, C))
    value = net.node("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])
    value = net.node("Relu", net.uneven(value, K, K))
    return (net.gemm(net.node("Flatten", value), K * 9, 5),)


def two_consumers(net: Net) -> tuple[str, ...]:
    value = net.uneven(net.input(1, C, 5, 5), K, C)
    return net.uneven(value, 4, K), net.uneven(value, 4, K, kernel=1)


def residual(net: Net) -> tuple[str, ...]:
    source = net.input(1, C, 5, 5)
    value = net.node("Add", net.uneven(source, K, C), net.uneven(source, K, C))
    return (net.uneven(value, 4, K),)


def output_too(net: Net) -> tuple[str, ...]:
    value = net.uneven(net.input(1, C, 5, 5), K, C)
    return value, net.uneven(value, 4, K)


def grouped(net: Net) -> tuple[str, ...]:
    value = net.uneven(net.input(1, C, 5, 5), K, C)
    value = net.uneven(value, K, K // 3, group=3)
    return (net.uneven(value, 4, K),)


def joined(net: Net) -> tuple[str, ...]:
    value = net.uneven(net.input(1, C, 5, 5), 4, C)
    return (net.uneven(net.node("Concat", value, value, axis=1), 4, 8),)


def on_host(net: Net) -> tuple[str, ...]:
    value = net.node("Softmax", net.uneven(net.input(1, C, 5, 5), K, C), axis=1)
    return (net.uneven(value, 4, K),)


def shared_weights(net: Net) -> tuple[str, ...]:
    constant = net.constant(net.weights(C, C, 1, 1) * (np.arange(C)[:, None, None, None] > 3))
    value = net.node("Conv", net.input(1, C, 5, 5), constant)
    return (net.uneven(net.node("Conv", value, constant), 4, C),)


def global_pool(net: Net) -> tuple[str, ...]:
    value = net.uneven(net.input(1, C, 4, 4), K, C)
    value = net.node("AveragePool", value, kernel_shape=[4, 4])
    return (net.gemm(net.node("Flatten", value), K, 5),)


CASES: dict[str, tuple[Callable[[Net], tuple[str, ...]], int]] = {
    build.__name__: (build, count)
    for build, count in (
        (chain, 2), (two_consumers, 1), (residual, 0), (output_too, 0), (grouped, 0), (joined, 0),
        (on_host, 0), (shared_weights, 2), (global_pool, 1),
    )
}  # fmt: skip


def model_of(name: str) -> Any:
    net = Net(name)
    return net.model(*CASES[name][0](net))


@pytest.mark.parametrize("name", CASES)
def test_which_layers_are_sorted(name: str, start: Any) -> None:
    lowering = start(model_of(name), "tct", **MACHINE, shuffle="on")
    lowering.run(f"{BEFORE},tct-shuffle-filters")
    layers = lowering.ops((Conv2dOp, MatmulOp))
    ordered = [layer for layer in layers if CHANNELS in layer.attributes]
    assert len(ordered) == CASES[name][1]
    for layer in ordered:
        weights = lowering.ctx.store[layer.weight.owner.key.data]
        counts = np.count_nonzero(weights.reshape(len(weights), -1), axis=1)
        assert (np.diff(counts) <= 0).all()
    assert CHANNELS not in layers[-1].attributes
    lowering.run("tct-shuffle-filters")  # a second time there is nothing to sort
    again = [layer for layer in lowering.ops((Conv2dOp, MatmulOp)) if CHANNELS in layer.attributes]
    assert [layer.attributes[CHANNELS] for layer in again] == [
        layer.attributes[CHANNELS] for layer in ordered
    ]


def test_nothing_is_sorted_unless_asked(start: Any) -> None:
    lowering = start(model_of("chain"), "tct", **MACHINE).run(f"{BEFORE},tct-shuffle-filters")
    assert not [op for op in lowering.module.walk() if CHANNELS in op.attributes]


@pytest.mark.parametrize("name", CASES)
def test_networks_compute_the_same(name: str) -> None:
    model = model_of(name)
    work: dict[str, list[int]] = {}
    outputs: dict[str, list[np.ndarray]] = {}
    for shuffle in ("off", "on"):
        request = Request(
            Model("m", model, ""), find_target("tct"), TctSpec(**MACHINE, shuffle=shuffle)
        )
        outcome = compile_request(request)
        ran = run_program(outcome.compiled.program, outcome.feeds)
        checked = check_run(ran, model, outcome.feeds)
        checked.outputs.raise_on_mismatch()
        checked.layers.raise_on_mismatch()
        outputs[shuffle] = list(ran.outputs.values())
        layers = ran.session.report["layers"]
        work[shuffle] = [entry["counters"].get("work", 0) for entry in layers]
    for one, other in zip(outputs["off"], outputs["on"], strict=True):
        np.testing.assert_array_equal(one, other)
    if name == "chain":
        assert work["on"][0] < work["off"][0]


@pytest.mark.parametrize("shuffle", ["off", "on"])
def test_a_sorted_layer_works_as_long_as_the_golden_one(shuffle: str) -> None:
    net = Net("chain")
    first, second = net.weights(9, 6, 3, 3), net.weights(4, 9, 1, 1)
    first[np.arange(9) % 3 == 0, :, 1:] = 0
    second[:, ::2] = 0
    machine = {**MACHINE, "shuffle": shuffle}
    hidden = net.conv(net.input(1, 6, 5, 5), first)
    model = net.model(net.conv(hidden, second))
    request = Request(Model("m", model, ""), find_target("tct"), TctSpec(**machine))
    outcome = compile_request(request)
    layers = run_program(outcome.compiled.program, outcome.feeds).session.report["layers"]
    golden = TctMachine(**{**MACHINE, "shuffle": shuffle == "on"})
    wanted = tct_golden.layer(golden, np.ones((1, 6, 5, 5), int), np.sign(first).astype(int))
    order = wanted.filter_order
    after = tct_golden.layer(
        TctMachine(**MACHINE), np.ones((1, 9, 3, 3), int), np.sign(second).astype(int)[:, order]
    )
    for layer, result in zip(layers, (wanted, after), strict=True):
        names = ("work", "bubbles", "slot_ahead", "slot_aside", "am_rd", "ab_wr", "dram_w")
        found = {name: layer["counters"][name] for name in names}
        assert found == {name: result.counters.get(name, result.work) for name in names}


def test_a_layer_must_be_quantised(start: Any) -> None:
    lowering = start(model_of("chain"), "tct", **MACHINE, shuffle="on")
    lowering.run("convert-onnx-to-sparse-tensor")
    with pytest.raises(PassError, match="weights are not quantised"):
        lowering.run("tct-shuffle-filters")


def test_the_schedule_sees_sorted_filters(start: Any) -> None:
    lowering = start(model_of("chain"), "tct", **MACHINE, shuffle="on")
    lowering.run(f"{BEFORE},tct-shuffle-filters,tile,tct-schedule-weights,tct-pack-weights")
    first = lowering.ops(Conv2dOp)[0]
    assert SUMMARY in first.attributes
    assert lowering.reparsed().is_structurally_equivalent(lowering.module)
