"""A node that a limit refuses leaves nothing of its layer behind."""

import onnx
import pytest
from spcc.compiler.context import main_of
from spcc.compiler.dialects.sparse_tensor import Conv2dOp, ElementwiseOp, HostCallOp
from spcc.compiler.driver import Compilation, StopCompilation, attach_calibration, new_context
from spcc.compiler.frontend.onnx import import_model
from spcc.compiler.targets.spots import COMPILER
from spcc.models.builder import GraphBuilder

PIPELINE = "convert-onnx-to-sparse-tensor,fuse-epilogue"


def refused_pool() -> onnx.ModelProto:
    """Conv, ReLU and a pool whose kernel SPOTS does not have."""
    build = GraphBuilder("refused")
    value = build.node("Relu", build.conv_same(build.input(1, 1, 64, 64), 1, 2))
    return build.model(build.node("MaxPool", value, kernel_shape=[64, 64]))


def test_a_refused_layer_has_no_part_in_fusion() -> None:
    imported = import_model(refused_pool())
    ctx = new_context(lambda _: COMPILER, COMPILER)
    ctx.store = imported.store
    attach_calibration(imported.module, imported.store, [], ())
    compilation = Compilation(ctx, imported.module, stop_after="fuse-epilogue")
    compilation.start(COMPILER, COMPILER.spec_type(), PIPELINE, {})
    with pytest.raises(StopCompilation):
        compilation.run()
    ops = list(main_of(imported.module).body.block.ops)
    assert [type(op) for op in ops if isinstance(op, Conv2dOp | ElementwiseOp | HostCallOp)] == [
        Conv2dOp,
        HostCallOp,
    ]
    for op in ops:
        for result in op.results:
            assert all(use.operation.parent is op.parent for use in result.uses)
