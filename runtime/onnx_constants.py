"""Take constants out of an ONNX model, so that they can be fed, replaced and left unserialised."""

from collections.abc import Container
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from ..isa.errors import UsageError

Array = npt.NDArray[Any]
MAX_IR_VERSION, MAX_OPSET = 13, 26
"""What onnxruntime 1.31 takes; opsets 27 and 28 only widen the types of older operators."""
LARGE_BYTES = 1 << 20
"""Float constants from this size on are taken out."""
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
_DEFAULT_DOMAIN = ("", "ai.onnx")


def is_pinned(model: onnx.ModelProto) -> bool:
    """Tell whether onnxruntime takes the model's IR version and opset."""
    opsets = [x.version for x in model.opset_import if x.domain in _DEFAULT_DOMAIN]
    return model.ir_version <= MAX_IR_VERSION and max(opsets, default=0) <= MAX_OPSET


def take_constants(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Copy a model without its large float constants; these become inputs.

    Integer constants stay, because operators may want to see them when the model is loaded
    (shapes, axes, zero points), and so do those with external data, which are small here.

    Returns:
        The copy, with versions that onnxruntime takes, and the arrays taken out, by name.
    """
    copy = onnx.ModelProto()
    _copy_fields(model, copy, "graph")
    _copy_fields(model.graph, copy.graph, "initializer")
    copy.ir_version = min(copy.ir_version, MAX_IR_VERSION)
    for opset in [*copy.opset_import, *(x for f in copy.functions for x in f.opset_import)]:
        if opset.domain in _DEFAULT_DOMAIN:
            opset.version = min(opset.version, MAX_OPSET)
    taken: dict[str, Array] = {}
    for tensor in model.graph.initializer:
        is_inline = tensor.data_location != onnx.TensorProto.EXTERNAL
        if is_inline and tensor.data_type in _FLOATS and tensor.ByteSize() >= LARGE_BYTES:
            taken[tensor.name] = numpy_helper.to_array(tensor)
            _add_input(copy.graph, tensor.name, taken[tensor.name])
        else:
            copy.graph.initializer.append(tensor)
    return copy, taken


def replace_by_input(graph: onnx.GraphProto, name: str, array: Array, where: str) -> None:
    """Turn a constant, or the output of a node, into an input of an array's type and shape.

    Raises:
        UsageError: The graph has no such tensor, or the constant has another type or shape.
    """
    for at, tensor in enumerate(graph.initializer):
        if tensor.name == name:
            dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            check_like(name, array, tuple(tensor.dims), dtype, where)
            del graph.initializer[at]
            break
    else:
        if not (_drop_sparse(graph, name) or _rename_output(graph, name)):
            raise UsageError(
                f"there is no constant or node output '{name}' to replace",
                where,
                "tensors inside subgraphs cannot be replaced",
            )
    _add_input(graph, name, array)


def constant_part(
    model: onnx.ModelProto, constants: Container[str], name: str
) -> onnx.ModelProto | None:
    """The nodes that make one tensor of constants alone.

    Args:
        model: A model whose constants are initializers, or inputs named in `constants`.
        constants: These inputs.
        name: A tensor of the main graph.

    Returns:
        A model with this output, and of the inputs those it needs; None where it needs others.
    """
    graph = model.graph
    stored = {t.name: t for t in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output if output}
    needed: set[str] = set()
    pending = [name]
    while pending:
        tensor = pending.pop()
        if not tensor or tensor in needed:
            continue
        needed.add(tensor)
        if tensor in makers:
            if any(a.HasField("g") or a.graphs for a in makers[tensor].attribute):
                return None  # its subgraphs may use any tensor
            pending += makers[tensor].input
        elif tensor not in stored and tensor not in constants:
            return None
    part = onnx.ModelProto()
    _copy_fields(model, part, "graph")
    part.graph.name = graph.name
    part.graph.node.extend(n for n in graph.node if not needed.isdisjoint(n.output))
    part.graph.initializer.extend(stored[n] for n in stored if n in needed)
    part.graph.input.extend(v for v in graph.input if v.name in needed and v.name in constants)
    part.graph.output.append(onnx.ValueInfoProto(name=name))
    return part


def check_like(
    name: str, array: Array, shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> None:
    """Compare type and shape of a replacement with the original's.

    Raises:
        UsageError: They differ.
    """
    if array.shape != shape or array.dtype != dtype:
        raise UsageError(
            f"the replacement of '{name}' is {array.dtype}{list(array.shape)}, "
            f"the original {dtype}{list(shape)}",
            where,
        )


def _copy_fields(source: Any, target: Any, without: str) -> None:
    for descriptor, value in source.ListFields():
        if descriptor.name == without:
            continue
        if hasattr(value, "MergeFrom"):  # Messages and repeated fields, of scalars too.
            getattr(target, descriptor.name).MergeFrom(value)
        else:
            setattr(target, descriptor.name, value)


def _add_input(graph: onnx.GraphProto, name: str, array: Array) -> None:
    if all(value.name != name for value in graph.input):
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))


def _drop_sparse(graph: onnx.GraphProto, name: str) -> bool:
    for at, tensor in enumerate(graph.sparse_initializer):
        if tensor.values.name == name:
            del graph.sparse_initializer[at]
            return True
    return False


def _rename_output(graph: onnx.GraphProto, name: str) -> bool:
    names = {output for node in graph.node for output in node.output}
    for node in graph.node:
        for at, output in enumerate(node.output):
            if output == name:
                unused = f"{name}/replaced"
                while unused in names:
                    unused += "_"
                node.output[at] = unused
                return True
    return False


def force(graph: onnx.GraphProto, values: dict[str, Array]) -> dict[str, str]:
    """Make inputs of node outputs, whose users read the fed value; the nodes still compute theirs.

    Args:
        graph: Is changed; its outputs are replaced by the computed forms.
        values: Arrays to be fed, by tensor name.

    Returns:
        Name of the computed form by tensor name, for those that a node of the main graph makes.
    """
    computed: dict[str, str] = {}
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name in values:
                computed[name] = node.output[at] = f"{name}/computed"
                _add_input(graph, name, values[name])
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in computed.values())
    return computed
