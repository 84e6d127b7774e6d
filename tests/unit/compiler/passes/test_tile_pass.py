"""What does not fit is said for every layer at once, with the memories that are too small."""

import pytest
from spcc.isa.errors import UnsupportedError
from spcc.models.builder import GraphBuilder

BEFORE = (
    "convert-onnx-to-sparse-tensor,fold-affine,lower-affine,fuse-epilogue,insert-copies,"
    "quantize,assign-format"
)


def wide(layers: int):
    """Convolutions on rows of 40 columns, and a pool."""
    build = GraphBuilder("wide")
    value = build.input(1, 2, 2, 40)
    for _ in range(layers):
        value = build.conv(value, build.weights(2, 2, 1, 1))
    return build.model(value, build.node("MaxPool", value, kernel_shape=[2, 2]))


def test_one_layer_that_does_not_fit(start):
    lowering = start(wide(1), OCAP=64).run(BEFORE)
    with pytest.raises(UnsupportedError) as caught:
        lowering.run("tile")
    lines = caught.value.message.splitlines()
    assert lines[0] == "2 layers do not fit"
    assert lines[1].strip().startswith("node 'conv0': the layer does not fit")
    assert "OCAP = 64" in lines[1]
    assert any(line.strip().startswith("node 'maxpool1': the pool does not fit") for line in lines)


def test_the_only_layer_that_does_not_fit_is_the_error(start):
    build = GraphBuilder("pool")
    model = build.model(build.node("MaxPool", build.input(1, 1, 2, 40), kernel_shape=[2, 2]))
    lowering = start(model, FCAP=64).run(BEFORE)
    with pytest.raises(UnsupportedError, match="FCAP = 64") as caught:
        lowering.run("tile")
    assert caught.value.where == "node 'maxpool0'"


def test_layers_that_fit_are_tiled(start):
    lowering = start(wide(2)).run(f"{BEFORE},tile")
    tiled = [op for op in lowering.main.body.block.ops if getattr(op, "tiling", None) is not None]
    assert len(tiled) == 3
