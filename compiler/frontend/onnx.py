"""The frontend: an ONNX model becomes a module of the onnx dialect and a weight store.

    read       the file; weights taken out on the way               read.py, tensors.py
    structure  names, order, operators, attributes                  structure.py, checks.py
    bind       static input shapes                                  bind.py
    convert    local functions inlined, opset 17 or later           opset.py
    propagate  shapes inferred and checked, constants folded,       propagate.py, infer.py,
               identities and dead nodes dropped                    fold.py, windows.py
    build      the module                                           build.py

Each step collects everything that is wrong with the model before it stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto
from xdsl.dialects.builtin import ModuleOp

from ..weights import WeightStore
from .bind import Binding
from .build import Builder
from .checks import check_attributes
from .export import module_to_model
from .infer import Inference
from .opset import convert, opsets_of, stub_constants
from .problems import Problems
from .propagate import Walk
from .read import read_model
from .structure import check_structure
from .tensors import TensorKind, load_initializers


@dataclass(frozen=True)
class Imported:
    """An imported model.

    Args:
        module: One `func.func @main` of onnx ops with static shapes.
        store: The arrays that the module names.
        inputs: Kind of every graph input, by its ONNX name, in order.
        outputs: Kind of every graph output, by its ONNX name, in order.
        warnings: What the user should know, one sentence each.
    """

    module: ModuleOp
    store: WeightStore
    inputs: Mapping[str, TensorKind]
    outputs: Mapping[str, TensorKind]
    warnings: tuple[str, ...]

    def to_model(self) -> ModelProto:
        """The module as an ONNX model again: converted, bound and folded. Copies the weights."""
        return module_to_model(self.module, self.store)


def import_model(
    source: Path | bytes | ModelProto,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    batch: int | None = None,
) -> Imported:
    """Import a model.

    Args:
        source: A file, its bytes, or the parsed message (which is not changed).
        shapes: Shapes for inputs with dynamic dimensions, by input name.
        batch: The batch size where the first dimension is dynamic; 1 and a warning without it.

    Raises:
        FrontendError: The model is not valid; the message lists all problems.
        UnsupportedError: The model is valid, but uses what cannot be taken.
        UsageError: A shape or the batch given is not positive.
    """
    raw = read_model(source)
    problems, model = Problems(raw.source), raw.model
    check_structure(model, problems)
    for node in model.graph.node:
        check_attributes(node, problems)
    constants = load_initializers(raw, problems)
    binding = Binding(shapes or {}, batch, problems)
    inputs = binding.bind(model.graph, set(constants))
    problems.raise_any()
    stub_constants(model, constants)
    model = convert(model, problems)
    graph, outputs = model.graph, [o.name for o in model.graph.output]
    inference = Inference(
        versions=opsets_of(model),
        ir_version=model.ir_version,
        declared={v.name: v.type for v in (*graph.value_info, *graph.output)},
        binding=binding,
        problems=problems,
        kinds={**inputs, **{n: TensorKind(a.dtype.name, a.shape) for n, a in constants.items()}},
        constants=constants,
    )
    walk = Walk(inference)
    nodes = walk.run(graph.node, outputs)
    problems.raise_any()
    sources = [(name, walk.alias.get(name, name)) for name in outputs]
    builder = Builder(inputs, sources, constants, problems)
    module = builder.build(graph.name or "model", inference.versions, nodes)
    problems.raise_any()
    kinds = {name: inference.kinds[source] for name, source in sources}
    return Imported(module, builder.store, inputs, kinds, tuple(problems.warnings))
