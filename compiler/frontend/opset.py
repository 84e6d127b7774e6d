"""One opset for all that follows: local functions inlined, old operators converted."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import GraphProto, ModelProto, NodeProto, helper

from .guard import Guard, is_trusted
from .problems import FOREIGN_ERRORS, Problems, first_line
from .structure import MAX_NODES, is_default, node_place, subgraphs
from .tensors import ELEM_TYPES, Array, small_tensor, tensor_to_array

MIN_OPSET = 17
_UNCONVERTED = {"Hardmax": 13, "Scan": 9}  # one axis instead of flattened ones; no batch axis
_RESIZE_MODES = (
    11  # the opset in which Resize got modes, and defaults other than what it did before
)
_STUB_BYTES = 4096  # a larger constant is an input while the libraries look at the model


def stub_constants(model: ModelProto, constants: Mapping[str, Array]) -> None:
    """Leave the values of small constants in the model; make inputs of the others.

    The converter and the inference serialise the model several times and need only small values.
    """
    graph = model.graph
    real = [i for i in graph.input if i.name not in constants]
    del graph.input[:], graph.initializer[:]
    graph.input.extend(real)
    for name, array in constants.items():
        if array.nbytes <= _STUB_BYTES:
            graph.initializer.append(small_tensor(name, array))
        else:
            elem = ELEM_TYPES[array.dtype.name]
            graph.input.append(helper.make_tensor_value_info(name, elem, array.shape))


def opsets_of(model: ModelProto) -> dict[str, int]:
    """The opset version of every domain; ai.onnx is the empty name."""
    versions = {"" if is_default(o.domain) else o.domain: o.version for o in model.opset_import}
    return {"": 1, **versions}


def tidy(model: ModelProto) -> None:
    """Drop what no later step reads, and pin opset and IR versions to one form."""
    versions = opsets_of(model)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(d, v) for d, v in versions.items())
    for unused in ("training_info", "metadata_props"):
        model.ClearField(unused)
    lowest = helper.find_min_ir_version_for(list(model.opset_import), ignore_unknown=True)
    model.ir_version = max(lowest, 8)  # 8: constants are no inputs


def convert(model: ModelProto, problems: Problems, guard: Guard) -> ModelProto:
    """Bring a model to opset 17 or later.

    Args:
        model: Checked, bound and stubbed; may be changed.
        problems: Takes what cannot be converted.
        guard: Makes the calls into the library.

    Raises:
        UnsupportedError: The conversion failed; what would follow makes no sense.
    """
    version = opsets_of(model)[""]
    if version >= MIN_OPSET:
        return model
    _refuse_unconverted(model, version, problems)
    try:
        is_safe = is_trusted(model.graph.node)
        data = guard.call(is_safe, "convert", model.SerializeToString(), MIN_OPSET)
        model = ModelProto.FromString(data)
    except FOREIGN_ERRORS as error:
        problems.unsupported(
            "",
            f"opset {version} cannot be converted to {MIN_OPSET}: {first_line(error)}",
            f"export the model with opset {MIN_OPSET} or later",
        )
    problems.raise_any()
    tidy(model)
    if version < _RESIZE_MODES:
        _keep_resize(model.graph)
    return model


def _refuse_unconverted(model: ModelProto, version: int, problems: Problems) -> None:
    """Refuse operators that changed their meaning in a way that the converter does not know."""
    for node in model.graph.node:
        changed = _UNCONVERTED.get(node.op_type, 0) if is_default(node.domain) else 0
        if version < changed:
            problems.unsupported(
                node_place(node),
                f"{node.op_type} of opset {version} means something else since opset {changed}",
                f"export the model with opset {MIN_OPSET} or later",
            )


def _keep_resize(graph: GraphProto) -> None:
    """Write out what Resize did before opset 11; the converter leaves it to other defaults."""
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    for node in graph.node:
        if node.op_type == "Resize":
            given = {a.name for a in node.attribute}
            node.attribute.extend(
                helper.make_attribute(n, v) for n, v in modes.items() if n not in given
            )
        for inner in subgraphs(node):
            _keep_resize(inner)


def added_constants(
    model: ModelProto, known: Mapping[str, Array], problems: Problems
) -> dict[str, Array]:
    """The constants that the converter made out of attributes."""
    added: dict[str, Array] = {}
    for tensor in model.graph.initializer:
        if tensor.name not in known:
            where = f"initializer '{tensor.name}'"
            array = tensor_to_array(tensor, where, None, problems)
            if array is not None:
                added[tensor.name] = array
    problems.raise_any()
    return added


def inline(model: ModelProto, problems: Problems, guard: Guard) -> ModelProto:
    """Replace calls of local functions by their bodies, which are then to be checked.

    Raises:
        FrontendError: The functions are wrong, endless or too many.
        UnsupportedError: They follow another opset than the model.
    """
    bodies = {(f.domain, f.name): list(f.node) for f in model.functions}
    if (count := _inlined_count(list(model.graph.node), bodies, {})) > MAX_NODES:
        problems.add("", f"its local functions unfold to {count} nodes, more than {MAX_NODES}")
    problems.raise_any()
    try:
        model = ModelProto.FromString(guard.call(False, "inline", model.SerializeToString()))
    except FOREIGN_ERRORS as error:
        problems.add("", f"local functions cannot be inlined: {first_line(error)}")
    if left := [f"{f.domain}.{f.name}" for f in model.functions]:
        problems.unsupported(
            "", f"local functions {', '.join(left[:5])} follow another opset than the model"
        )
    problems.raise_any()
    return model


def _inlined_count(
    nodes: list[NodeProto],
    bodies: Mapping[tuple[str, str], list[NodeProto]],
    counts: dict[tuple[str, str], int],
) -> int:
    """How many nodes a list becomes with functions inlined; a recursive one counts as endless."""
    total = 0
    for node in nodes:
        call = (node.domain, node.op_type)
        total += 1
        if call in bodies:
            if call not in counts:
                counts[call] = MAX_NODES + 1  # stands while the body is counted
                counts[call] = _inlined_count(bodies[call], bodies, counts)
            total += counts[call]
        for graph in subgraphs(node):
            total += _inlined_count(list(graph.node), bodies, counts)
    return total
