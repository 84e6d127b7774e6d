"""The frontend: an ONNX model becomes a module of the onnx dialect and a weight store.

    read       the file; weights taken out on the way               read.py, tensors.py
    structure  names, order, operators, attributes                  structure.py, checks.py
    bind       static input shapes                                  bind.py
    convert    local functions inlined, opset 17 or later           opset.py, guard.py
    propagate  shapes inferred and checked, constants folded,       propagate.py, infer.py,
               identities and dead nodes dropped                    fold.py, windows.py
    build      the module                                           build.py

Each step collects everything that is wrong with the model before it stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onnx import GraphProto, ModelProto
from xdsl.dialects.builtin import ModuleOp

from ..weights import WeightStore
from .bind import Binding, could_be, dims_of
from .build import Builder
from .checks import check_attributes
from .export import module_to_model
from .guard import shared_guard
from .infer import Inference
from .opset import added_constants, convert, inline, opsets_of, stub_constants, tidy
from .problems import Problems
from .propagate import Walk
from .read import read_model
from .structure import check_order, check_structure
from .tensors import DTYPES, Array, TensorKind, load_initializers


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
    _check(model, problems)
    constants = load_initializers(raw, problems)
    binding = Binding(shapes or {}, batch, problems)
    inputs = binding.bind(model.graph, _kinds_of(constants))
    problems.raise_any()
    stub_constants(model, constants)
    tidy(model)
    guard = shared_guard()
    if model.functions:
        model = inline(model, problems, guard)
        _check(model, problems)
        problems.raise_any()
    model = convert(model, problems, guard)
    constants |= added_constants(model, constants, problems)
    inference = Inference(
        versions=opsets_of(model),
        ir_version=model.ir_version,
        declared={v.name: v.type for v in (*model.graph.value_info, *model.graph.output)},
        binding=binding,
        problems=problems,
        guard=guard,
        kinds={**inputs, **_kinds_of(constants)},
        constants=constants,
    )
    return _finish(model.graph, inputs, inference)


def _check(model: ModelProto, problems: Problems) -> None:
    check_structure(model, problems)
    for node in model.graph.node:
        check_attributes(node, problems)


def _kinds_of(constants: Mapping[str, Array]) -> dict[str, TensorKind]:
    return {name: TensorKind(a.dtype.name, a.shape) for name, a in constants.items()}


def _finish(graph: GraphProto, inputs: Mapping[str, TensorKind], inference: Inference) -> Imported:
    """Infer, fold and build, once the graph has its final opset."""
    problems, outputs = inference.problems, [o.name for o in graph.output]
    check_order(graph, problems)  # of what the converter made
    problems.raise_any()
    walk = Walk(inference)
    nodes = walk.run(graph.node, outputs)
    problems.raise_any()
    sources = [(name, walk.alias.get(name, name)) for name in outputs]
    kinds = {name: inference.kinds[source] for name, source in sources}
    _check_declared(graph, kinds, problems)
    builder = Builder(inputs, sources, inference.constants, problems)
    module = builder.build(graph.name or "model", inference.versions, nodes)
    problems.raise_any()
    return Imported(module, builder.store, inputs, kinds, tuple(problems.warnings))


def _check_declared(graph: GraphProto, kinds: Mapping[str, TensorKind], problems: Problems) -> None:
    """Compare the graph outputs with what the model declares; another shape is only a warning."""
    for output in graph.output:
        kind, dims = kinds[output.name], dims_of(output.type)
        declared = DTYPES.get(output.type.tensor_type.elem_type, kind.dtype)
        if declared != kind.dtype:
            problems.add(
                f"graph output '{output.name}'", f"is declared {declared}, but it is {kind.dtype}"
            )
        if dims is not None and not could_be(dims, kind.shape):
            problems.warn(
                f"graph output '{output.name}' has shape {kind.shape}, declared was {dims}"
            )
    problems.raise_any()
