"""Zoo networks as built: densities on fresh images, the same bytes for the same seed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from spcc.models import zoo
from spcc.models.session import run
from spcc.models.zoo import lstm
from spcc.models.zoo.calibrate import channel_biases, channel_densities
from spcc.models.zoo.densities import density_sets
from spcc.models.zoo.images import draw_images
from spcc.models.zoo.measure import activation_densities, weight_densities
from spcc.models.zoo.names import FLAT, parse
from spcc.models.zoo.networks import networks

TOLERANCE = 0.03
FAST = ("lenet5.deepcomp", "lenet5.deepcomp:beta:4", "lenet_300_100.deepcomp")
SLOW = (
    "alexnet.permcnn",
    "vgg16.scnn",
    "googlenet.spots",
    "resnet18.agp60:beta:4",
    "resnet50.spots",
    "resnext50.agp75",
    "mobilenet_v2.half",
    "densenet121.dense",
)
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *((name, seed) for name in FAST for seed in (0, 5)),
        *(pytest.param(name, 0, marks=pytest.mark.slow) for name in SLOW),
    ],
)
def test_densities_on_fresh_images(name: str, seed: int) -> None:
    model = zoo.build(name, seed, "N")
    known = parse(name).densities
    for row in weight_densities(model, known):
        assert abs(row.found - row.wanted) <= 0.5 / known.network.node(row.name).weight_count
    rows = activation_densities(model, known, seed)
    assert {row.name for row in rows} == {target.tensor for target in known.targets.values()}
    for row in rows:
        assert abs(row.found - row.wanted) <= TOLERANCE, row


def channel_spread(name: str) -> tuple[float, float]:
    """Mean and deviation over channels of the density of LeNet-5's second pool."""
    model = zoo.build(name, 0, 64)
    model.graph.output.append(helper.make_tensor_value_info("pool2", TensorProto.FLOAT, None))
    images = draw_images(density_sets()["lenet5.deepcomp"], 64, 7)
    pool = run(model.SerializeToString(), images, ["pool2"])[0]
    densities = (pool > 0).mean(axis=(0, 2, 3))
    return float(densities.mean()), float(densities.std())


def test_beta_spreads_the_channels_and_flat_does_not() -> None:
    flat, beta = channel_spread("lenet5"), channel_spread("lenet5:beta:4")
    assert abs(flat[0] - beta[0]) < TOLERANCE
    assert flat[1] < 0.06
    assert 0.15 < beta[1] < 0.3  # of Beta(2, 2): 0.22


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads() -> None:
    links = Path(__file__).parents[3] / ".links"
    code = (
        "import hashlib; from spcc.models import zoo; "
        "model = zoo.build('lenet5:beta:4', 3); "
        "print(hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest())"
    )
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    found = set[str]()
    for count in ("1", "4"):
        environment = {**os.environ, **dict.fromkeys(names, count), "PYTHONPATH": str(links)}
        environment["PYTHONHASHSEED"] = count
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    here = zoo.build("lenet5:beta:4", 3).SerializeToString(deterministic=True)
    assert found == {hashlib.sha256(here).hexdigest()}
    assert zoo.build("lenet5:beta:4", 4).SerializeToString(deterministic=True) != here


def test_batch_changes_nothing_else() -> None:
    one, open_ = zoo.build("lenet5", 0, 2), zoo.build("lenet5", 0, "N")
    onnx.checker.check_model(open_, full_check=True)
    assert one.graph.initializer == open_.graph.initializer
    assert one.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2
    assert open_.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    images = draw_images(density_sets()["lenet5.deepcomp"], 3, 0)
    assert run(open_.SerializeToString(), images)[0].shape == (3, 10)


def test_channels_with_many_values_get_their_own_quantile() -> None:
    values = RANDOM.gamma(2, 3, (5, 4, 10, 10)).astype(np.float32)
    wanted = np.array([0.1, 0.35, 0.5, 0.912])
    biases = channel_biases(values, wanted)
    positive = (values + biases.reshape(1, 4, 1, 1) > 0).mean(axis=(0, 2, 3))
    assert np.allclose(positive, wanted, atol=1 / 500)


def test_equal_values_count_in_some_channels_only() -> None:
    """Two fifths of all values are 0 and a fifth is above: half are wanted."""
    values = RANDOM.standard_normal((10, 50, 100)).astype(np.float32)
    values[:, :, :40] = 0
    values[:, :, 40:60] = np.abs(values[:, :, 40:60])
    values[:, :, 60:] = -np.abs(values[:, :, 60:])
    biases = channel_biases(values, np.full(50, 0.5))
    positive = (values + biases[:, None] > 0).mean(axis=(0, 2))
    assert ((np.abs(positive - 0.2) < 0.005) | (np.abs(positive - 0.6) < 0.005)).all()
    assert abs(positive.mean() - 0.5) < 0.01


def test_channels_with_few_values_share_one() -> None:
    means = RANDOM.normal(0, 5, 4000)
    draw = RANDOM.normal
    biases = channel_biases((means + draw(size=(12, 4000))).astype(np.float32), np.full(4000, 0.3))
    fresh = means + draw(size=(12, 4000)) + biases
    assert abs((fresh > 0).mean() - 0.3) < 0.01


@pytest.mark.parametrize("mean", [0.05, 0.4, 0.9])
def test_channel_densities_have_the_mean_asked_for(mean: float) -> None:
    rng = np.random.default_rng(1)
    for count in (1, 7, 500):
        drawn = channel_densities(mean, count, 4.0, rng)
        assert np.isclose(drawn.mean(), mean)
        assert ((drawn >= 0) & (drawn <= 1)).all()
    assert (channel_densities(mean, 3, FLAT, rng) == mean).all()
    assert np.isclose(
        channel_densities(mean, 5000, 4.0, rng).var(), mean * (1 - mean) / 5, rtol=0.1
    )


@pytest.mark.parametrize(
    ("name", "density"),
    [
        ("lenet5.deepcomp", 0.2),
        ("sparsecore_layer.half", 0.5),
        ("feie_example.sparse", 0.625),
        ("example_3x3.seed", 5 / 9),
        ("alexnet.scnn", 1.0),
    ],
)
def test_inputs_are_as_sparse_as_published(name: str, density: float) -> None:
    known = density_sets()[name]
    images = draw_images(known, 2, 3)["input"]
    assert images.shape == (2, *known.network.input_shape)
    counts = np.count_nonzero(images.reshape(2, -1), axis=1)
    assert (np.abs(counts - density * images[0].size) < 1).all()


def test_built_networks_bring_their_inputs_and_others_none() -> None:
    found = zoo.published_inputs(zoo.build("example_3x3", 0, 2), 1)
    assert found["input"].tolist() == [[[[-1, 3, 1], [0, 2, 0], [0, 0, -2]]]] * 2
    assert zoo.published_inputs(zoo.build("example_3x3", 0, "N"), 1) == {}
    assert zoo.published_inputs(onnx.ModelProto(), 1) == {}
    assert zoo.published_inputs(Path("model.onnx"), 1) == {}


@pytest.mark.slow
def test_the_unrolled_lstm_is_onnx_lstm() -> None:
    """Its weights in the operator's own layout give the same sequence."""
    node = networks()["bi_lstm"].nodes[0]
    model = zoo.build("bi_lstm", 0, 2)
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    wide = found["bilstm.weight"].reshape(2, 4000, 1000)
    recurrent = np.stack([found[f"bilstm.{d}.weight"] for d in lstm.DIRECTIONS])
    feeds = draw_images(density_sets()["bi_lstm.p75"], 2, 0)
    ours = run(model.SerializeToString(), feeds)[0]
    first = feeds[lstm.state(node)].reshape(2, 2, 1000).swapaxes(0, 1)
    arrays = {"X": feeds["input"][..., 0].transpose(2, 0, 1), "W": wide, "R": recurrent, "h": first}
    operator = helper.make_node(
        "LSTM",
        ["X", "W", "R", "", "", "h"],
        ["Y"],
        direction="bidirectional",
        hidden_size=1000,
    )
    reference = helper.make_model(
        helper.make_graph(
            [operator],
            "g",
            [
                helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape)
                for k, v in arrays.items()
            ],
            [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    feeds = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    theirs = run(reference.SerializeToString(), feeds)[0]  # [T, direction, N, Hd]
    assert ours.std() > 0.1  # alive
    assert np.allclose(ours[..., 0], theirs.transpose(2, 1, 3, 0).reshape(2, 2000, 16), atol=1e-4)
