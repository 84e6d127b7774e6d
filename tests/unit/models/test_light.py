"""The light networks: real topologies whose outputs differ between inputs and classes."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import helper, numpy_helper
from spcc.isa.errors import FrontendError
from spcc.models import light, seeded_inputs
from spcc.models.session import run

FAST = ("squeezenet", "shufflenet")
EVERY = [
    name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in light.names()
]


@dataclass(frozen=True)
class Probed:
    """A network and what three seeded images make of it."""

    name: str
    model: onnx.ModelProto
    logits: np.ndarray  # [3, 1000]
    relus: dict[str, np.ndarray]

    @property
    def classifier(self) -> onnx.NodeProto:
        return [node for node in self.model.graph.node if node.op_type in ("Conv", "Gemm")][-1]


@pytest.fixture(scope="module", params=EVERY)
def probed(request: pytest.FixtureRequest) -> Probed:
    """Build and run each network once; one at a time is in memory."""
    model = light.build(request.param)
    last = model.graph.node[-1]
    logits = last.input[0] if last.op_type == "Softmax" else last.output[0]
    relus = [node.output[0] for node in model.graph.node if node.op_type == "Relu"]
    image = model.graph.input[0].name
    inputs = [seeded_inputs({image: (1, 3, 224, 224)}, seed)[image] for seed in (1, 2, 3)]
    values = inner_tensors(model, {image: np.concatenate(inputs)}, [logits, *relus])
    classes = values[0].reshape(3, 1000)
    return Probed(request.param, model, classes, dict(zip(relus, values[1:], strict=True)))


@cache
def built(name: str) -> onnx.ModelProto:
    return light.build(name)


def inner_tensors(
    model: onnx.ModelProto, feeds: dict[str, np.ndarray], names: list[str]
) -> list[np.ndarray]:
    """Run a model at any batch and return some of its tensors; VGG-19 is too large to copy."""
    inputs, outputs = list(model.graph.input), list(model.graph.output)
    del model.graph.input[:], model.graph.output[:]
    shapes = {name: ["N", *value.shape[1:]] for name, value in feeds.items()}
    model.graph.input.extend(helper.make_tensor_value_info(n, 1, s) for n, s in shapes.items())
    model.graph.output.extend(helper.make_tensor_value_info(name, 1, None) for name in names)
    payload = model.SerializeToString()
    del model.graph.input[:], model.graph.output[:]
    model.graph.input.extend(inputs)
    model.graph.output.extend(outputs)
    return run(payload, feeds, names)


def test_names_are_the_files_onnx_ships() -> None:
    folder = Path(onnx.backend.test.__file__).parent / "data" / "light"
    assert sorted(light.names()) == [
        path.stem.removeprefix("light_") for path in sorted(folder.glob("light_*.onnx"))
    ]


def test_logits_are_finite_and_differ_between_classes_and_inputs(probed: Probed) -> None:
    logits = probed.logits
    assert np.isfinite(logits).all()
    assert (logits.std(axis=1) > 0.5).all()
    assert (np.abs(logits) < 50).all()
    assert len(np.unique(logits[0])) > 300  # squeezenet's ReLU makes some of them equal
    correlation = np.corrcoef(logits)[np.triu_indices(3, 1)]
    assert (correlation < 0.75).all()
    assert len(set(logits.argmax(axis=1).tolist())) == 3


def test_relus_pass_about_half_at_unit_scale(probed: Probed) -> None:
    for name, value in probed.relus.items():
        assert 0.35 < (value != 0).mean() < 0.9, name
        if [node.input[0] for node in probed.model.graph.node if name in node.output] != list(
            probed.classifier.output
        ):
            assert 0.4 < np.sqrt((value**2).mean()) < 4, name


def test_topology_is_that_of_the_file(probed: Probed) -> None:
    folder = Path(onnx.backend.test.__file__).parent / "data" / "light"
    original, model = onnx.load(folder / f"light_{probed.name}.onnx"), probed.model
    constant_only = {"ConstantOfShape", "Unsqueeze", "Reshape"}
    counts = [
        Counter(node.op_type for node in graph.node if node.op_type not in constant_only)
        for graph in (original.graph, model.graph)
    ]
    assert counts[0] == counts[1]
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    sizes = {tensor.name: tensor for tensor in original.graph.initializer}
    for node in original.graph.node:
        if node.op_type == "ConstantOfShape":
            shape = numpy_helper.to_array(sizes[node.input[0]])
            assert np.prod(weights[node.output[0]]) == np.prod(shape)
    onnx.checker.check_model(model)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    assert [value.name for value in model.graph.input] == [
        value.name for value in original.graph.input if value.name not in sizes
    ]
    assert model.graph.output[0] == original.graph.output[0]


@pytest.mark.parametrize("name", FAST)
def test_seed_decides_every_byte(name: str) -> None:
    again = light.build(name)
    assert again.SerializeToString(deterministic=True) == built(name).SerializeToString(
        deterministic=True
    )
    other = light.build(name, seed=1)
    mine = {tensor.name: tensor.raw_data for tensor in built(name).graph.initializer}
    for tensor in other.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            assert tensor.raw_data != mine[tensor.name]


def test_weights_are_he_normal() -> None:
    network = built("squeezenet")
    weights = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in network.graph.initializer
        if tensor.name.endswith("_w_0") and not tensor.name.startswith("conv10")
    }
    for name, values in weights.items():
        ratio = values.std() / np.sqrt(2 / np.prod(values.shape[1:]))
        assert 0.5 < ratio < 2.5, name
        assert abs(values.mean()) < 4 * values.std() / np.sqrt(values.size), name


def test_batch_norm_holds_the_statistics_of_its_input() -> None:
    model = built("shufflenet")
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    images = seeded_inputs(model, 5)
    values = inner_tensors(model, images, [node.output[0] for node in norms])
    for node, value in zip(norms, values, strict=True):
        scale, shift = constants[node.input[1]], constants[node.input[2]]
        assert abs(scale.mean() - 1) < 0.1
        assert abs(shift.mean()) < 0.1
        assert 0.3 < value.std() < 2.5, node.name


def test_symbolic_batch_runs_images_apart() -> None:
    for name in FAST:
        model = light.build(name, batch="N")
        image = model.graph.input[0]
        assert image.type.tensor_type.shape.dim[0].dim_param == "N"
        images = seeded_inputs({image.name: (2, 3, 224, 224)}, 0)[image.name]
        payload = model.SerializeToString()
        both = run(payload, {image.name: images})[0]
        apart = [run(payload, {image.name: images[index : index + 1]})[0] for index in (0, 1)]
        np.testing.assert_allclose(both, np.concatenate(apart), rtol=1e-4, atol=1e-6)


def test_save_writes_what_build_returns(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    light.save("squeezenet", path)
    assert onnx.load(path) == built("squeezenet")
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.onnx"]


def test_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(FrontendError, match="'resnet18'"):
        light.build("resnet18")
    with pytest.raises(FrontendError, match="'resnet18'"):
        light.save("resnet18", tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
