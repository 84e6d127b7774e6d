"""The zoo's data: shapes against ONNX's own inference, counts, density sets, names."""

import math

import onnx
import pytest
from onnx import TensorProto, helper
from spcc.isa.errors import FrontendError
from spcc.models.zoo import graphs, knows, lstm
from spcc.models.zoo.densities import aliases, density_sets, uses
from spcc.models.zoo.names import FLAT, parse
from spcc.models.zoo.networks import Network, networks

CONV_MACS = {
    "alexnet": 665_784_864,
    "vgg16": 15_346_630_656,
    "vgg19": 19_508_428_800,
    "googlenet": 1_581_647_872,
    "resnet18": 1_813_561_344,
    "resnet50": 3_855_925_248,
    "resnext50": 4_228_431_872,
    "mobilenet_v1": 567_716_352,
    "mobilenet_v2": 299_494_272,
    "densenet121": 3_062_034_432,
    "lenet5": 1_888_000,
    "lenet_300_100": 0,
    "bi_lstm": 0,
    "sparsecore_layer": 301_989_888,
    "feie_example": 36,
    "example_3x3": 16,
}
DIFFERS = {"googlenet", "vgg19"}  # from the count that Bit-Tactical's Table 1 prints


def inferred(network: Network) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor at batch 2, by ONNX; the weights are inputs here."""
    weights = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for node in network.nodes
        for name, shape in graphs.constant_shapes(node).items()
    ]
    tables = {
        name: table
        for node in network.nodes
        if node.op == "lstm"
        for name, table in lstm.tables(node).items()
    }
    model = graphs.model("g", network, tables, 2, {})
    model.graph.input.extend(weights)
    found = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*found.input, *found.value_info, *found.output)
    }


def graph_macs(network: Network) -> dict[str, int]:
    """Multiply-accumulates per image by operator, counted in the ONNX graph alone."""
    shapes = inferred(network)
    totals = {"Conv": 0, "Gemm": 0}
    operators = [operator for node in network.nodes for operator in graphs.with_relu(node)]
    for operator in operators:
        if operator.op_type in totals:
            positions = math.prod(shapes[operator.output[0]][2:])
            totals[operator.op_type] += positions * math.prod(shapes[operator.input[1]])
    return totals


@pytest.mark.parametrize("name", networks())
def test_counts_are_the_published_ones(name: str) -> None:
    network = networks()[name]
    assert network.macs("conv") == CONV_MACS[name]
    for op in ("conv", "fc", "lstm"):
        assert network.macs(op) == network.counts.get(f"{op}_macs", 0)
    for op in ("conv", "fc"):
        if published := network.counts.get(f"published_{op}_macs"):
            agrees = abs(network.macs(op) - published) <= 50_000
            assert agrees == (op == "fc" or name not in DIFFERS)


@pytest.mark.parametrize("name", networks())
def test_onnx_infers_the_same_shapes_and_counts(name: str) -> None:
    network = networks()[name]
    shapes = inferred(network)
    for node in network.nodes:
        expected = node.output_shape if node.op != "fc" else node.output_shape[:1]
        assert shapes[node.name] == (2, *expected), node.name
        assert shapes[graphs.before_relu(node)] == (2, *expected), node.name
    macs = graph_macs(network)
    assert sum(macs.values()) == network.macs("conv", "fc", "lstm")
    if name != "bi_lstm":
        assert macs == {"Conv": network.macs("conv"), "Gemm": network.macs("fc")}


def test_the_sets_are_complete() -> None:
    assert len(networks()) == 16
    assert len(density_sets()) == 29
    assert {known.network.name for known in density_sets().values()} == set(networks())
    for name in (*aliases().values(), *(name for names in uses().values() for name in names)):
        assert name in density_sets()


@pytest.mark.parametrize("name", density_sets())
def test_sets_say_what_the_network_can_hold(name: str) -> None:
    known = density_sets()[name]
    assert known.status
    assert known.provenance
    for node_name, weights in known.weights.items():
        node = known.network.node(node_name)
        assert 0 < weights.density <= 1
        if weights.block > 1:
            assert weights.density == 1 / weights.block
            assert node.output_shape[0] // node.groups % weights.block == 0
            assert node.input_shape[0] // node.groups % weights.block == 0
    for node_name, target in known.targets.items():
        node = known.network.node(node_name)
        assert node.has_relu
        assert 0 < target.density < 1
        pool = known.network.node(target.tensor)
        assert pool is node or (pool.op == "maxpool" and pool.sources == (node_name,))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alexnet", "alexnet.scnn:flat"),
        ("alexnet.es", "alexnet.es:flat"),
        ("zoo:alexnet_es:flat", "alexnet.es:flat"),
        ("resnet50_ss:beta:4", "resnet50.ss:beta:4"),
        ("vgg16.permcnn:beta:2.5", "vgg16.permcnn:beta:2.5"),
    ],
)
def test_names_and_aliases(name: str, expected: str) -> None:
    assert knows(name)
    assert parse(name).label == expected
    assert (parse(name).concentration == FLAT) == expected.endswith("flat")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("zoo:squeezenet", "'squeezenet'", "alexnet.scnn, alexnet.permcnn"),
        ("vgg16.es", "'vgg16' of the zoo has no density set 'es'", "are vgg16.scnn, vgg16.permcnn"),
        ("vgg16:beta", "spread of densities is called 'beta'", "flat, or beta:4"),
        ("vgg16:beta:0", "'beta:0'", "flat, or beta:4"),
        ("vgg16:beta:x", "'beta:x'", "flat, or beta:4"),
        ("vgg16:beta:inf", "'beta:inf'", "flat, or beta:4"),
        ("", "''", "alexnet.scnn"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(name: str, message: str, hint: str) -> None:
    with pytest.raises(FrontendError) as caught:
        parse(name)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["lenet5.onnx", "vgg16.mlir", "digits", "folder/alexnet", ""])
def test_files_are_not_the_zoos(name: str) -> None:
    assert not knows(name)
