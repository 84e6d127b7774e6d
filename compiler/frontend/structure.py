"""The structure of a graph: names, single assignment, order, outputs, operators, subgraphs.

`onnx.checker` stops at the first problem, so the graph's own rules are checked here, all of them,
and the checker is asked node by node for what the operator schemas say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import onnx.defs
from google.protobuf.message import Message
from onnx import IR_VERSION, AttributeProto, GraphProto, ModelProto, NodeProto, checker

from .problems import FOREIGN_ERRORS, Problems, first_line

MAX_OPSET = 26  # onnxruntime 1.31 supports no later one, and it is the reference
SAME_OPSET = 28  # 27 and 28 only add operators, attributes and types; they are taken as 26
MAX_NODES = 100_000
_MAX_NAME = 4096  # letters
_TYPE_STRING = 9  # FieldDescriptor.TYPE_STRING


def node_place(node: NodeProto) -> str:
    """Where errors say a node is: its name, or what it computes when it has none."""
    name = node.name or next((o for o in node.output if o), "")
    return f"node '{name}' ({node.op_type})"


def is_default(domain: str) -> bool:
    """Whether a domain is ONNX's own."""
    return domain in ("", "ai.onnx")


def is_optional_output(node: NodeProto, index: int, versions: Mapping[str, int]) -> bool:
    """Whether a node may leave an output away (onnxruntime crashes where it may not).

    Args:
        node: A node.
        index: The position of the output.
        versions: Opset version by domain.
    """
    domain = "" if is_default(node.domain) else node.domain
    if not onnx.defs.has(node.op_type, versions.get(domain, 1), domain):
        return True
    outputs = onnx.defs.get_schema(node.op_type, versions.get(domain, 1), domain).outputs
    option = outputs[min(index, len(outputs) - 1)].option
    return option == onnx.defs.OpSchema.FormalParameterOption.Optional


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs among a node's attributes."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from attribute.graphs


def check_structure(model: ModelProto, problems: Problems) -> None:
    """Check a model as read; what is wrong goes into `problems`.

    Raises:
        FrontendError: A name is not text, or there is no graph; then nothing else can be said.
    """
    if not model.HasField("graph"):
        problems.add("", "not an ONNX model: it has no graph")
        problems.raise_any()
    _check_text(model, problems)
    problems.raise_any()
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        problems.add("", f"the graph has {len(graph.node)} nodes, more than {MAX_NODES}")
        problems.raise_any()
    _check_opsets(model, problems)
    _check_names(graph, problems)
    check_order(graph, problems)
    for node in graph.node:
        for subgraph in subgraphs(node):
            _check_captures(node, subgraph, problems)
    if not problems.found:
        _check_schemas(model, problems)


def _check_text(message: Message, problems: Problems) -> None:
    """Protobuf hands out bytes for a string that is not UTF-8: find these before they spread."""
    for descriptor, value in cast("Iterable[tuple[Any, Any]]", message.ListFields()):
        items: Iterable[Any] = value if descriptor.is_repeated else (value,)
        if descriptor.message_type is not None:
            for item in items:
                _check_text(item, problems)
        elif descriptor.type == _TYPE_STRING:
            for item in items:
                if not isinstance(item, str):
                    problems.add("", f"{descriptor.name} {item[:40]!r} is not UTF-8 text")
                elif len(item) > _MAX_NAME and descriptor.name not in ("doc_string", "value"):
                    problems.add("", f"{descriptor.name} '{item[:40]}...' has {len(item)} letters")


def _check_opsets(model: ModelProto, problems: Problems) -> None:
    versions = Counter(o.domain if o.domain != "ai.onnx" else "" for o in model.opset_import)
    for domain, count in versions.items():
        if count > 1:
            problems.add("", f"opset_import names domain '{domain}' {count} times")
    for opset in model.opset_import:
        if is_default(opset.domain) and MAX_OPSET < opset.version <= SAME_OPSET:
            opset.version = MAX_OPSET
        if is_default(opset.domain) and opset.version > MAX_OPSET:
            problems.unsupported(
                "",
                f"opset {opset.version} is newer than {MAX_OPSET}, the newest supported one",
                f"export the model with opset {MAX_OPSET} or lower",
            )
        elif not 1 <= opset.version < 1 << 31:
            problems.add("", f"opset {opset.version} of domain '{opset.domain}' does not exist")
    if not 1 <= model.ir_version <= IR_VERSION:
        problems.add("", f"IR version {model.ir_version} is not among 1 to {IR_VERSION}")
    uses_default = any(is_default(n.domain) for n in model.graph.node)
    if "" not in versions and uses_default and model.ir_version >= 3:
        problems.add("", "opset_import does not say which version of ai.onnx the nodes follow")


def _check_names(graph: GraphProto, problems: Problems) -> None:
    lists = {
        "graph input": [i.name for i in graph.input],
        "graph output": [o.name for o in graph.output],
        "initializer": [t.name for t in graph.initializer],
        "tensor": [o for n in graph.node for o in n.output if o],
    }
    for kind, names in lists.items():
        for name, count in Counter(names).items():
            if count > 1:
                how = "produced by several nodes" if kind == "tensor" else f"there {count} times"
                problems.add("", f"{kind} '{name}' is {how}")
            elif not name:
                problems.add("", f"{'an' if kind[0] == 'i' else 'a'} {kind} has no name")
    if not graph.output:
        problems.add("", "the graph has no outputs")
    given = {*lists["graph input"], *lists["initializer"]}
    for node in graph.node:
        for name in given.intersection(node.output):
            problems.add(node_place(node), f"output '{name}' is already an input or initializer")
    for sparse in graph.sparse_initializer:
        problems.unsupported(
            f"initializer '{sparse.values.name}'", "sparse initializers are not supported"
        )


def check_order(graph: GraphProto, problems: Problems) -> None:
    """Check that every input is defined, by an earlier node; tell cycles from wrong order."""
    known = {i.name for i in graph.input} | {t.name for t in graph.initializer} | {""}
    known |= {s.values.name for s in graph.sparse_initializer}
    producer = {o: i for i, node in enumerate(graph.node) for o in node.output if o}
    circular = _circular(graph, producer)
    for index, node in enumerate(graph.node):
        for name in dict.fromkeys(node.input):
            if name in known:
                continue
            if name not in producer:
                problems.add(
                    node_place(node),
                    f"input '{name}' is no graph input, no initializer and no node's output",
                )
            elif index in circular and producer[name] in circular:
                problems.add(node_place(node), f"input '{name}' depends on this node: a cycle")
            else:
                problems.add(
                    node_place(node),
                    f"input '{name}' comes from a later node: the nodes are not in order",
                )
        known.update(node.output)
    for output in graph.output:
        if output.name and output.name not in known:
            problems.add(f"graph output '{output.name}'", "no node produces it")


def _circular(graph: GraphProto, producer: dict[str, int]) -> set[int]:
    """The nodes on a cycle or between cycles: those that peeling from both ends leaves."""
    edges = [{producer[name] for name in node.input if name in producer} for node in graph.node]
    left = _peel(edges)
    reverse: list[set[int]] = [set() for _ in edges]
    for index in left:
        for source in edges[index] & left:
            reverse[source].add(index)
    return left & _peel([r if i in left else set() for i, r in enumerate(reverse)])


def _peel(edges: list[set[int]]) -> set[int]:
    """The nodes that remain when nodes without incoming edges are taken away again and again."""
    users: list[list[int]] = [[] for _ in edges]
    waiting = [len(sources) for sources in edges]
    for index, sources in enumerate(edges):
        for source in sources:
            users[source].append(index)
    ready = [i for i, count in enumerate(waiting) if count == 0]
    left = set(range(len(edges)))
    while ready:
        index = ready.pop()
        left.discard(index)
        for user in users[index]:
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    return left


def _check_captures(node: NodeProto, graph: GraphProto, problems: Problems) -> None:
    outer = sorted(free_names(graph))
    if outer:
        problems.unsupported(
            node_place(node),
            f"its subgraph uses {', '.join(map(repr, outer[:5]))} of the outer graph",
            "pass such values to the subgraph as inputs, or simplify the model",
        )


def free_names(graph: GraphProto) -> set[str]:
    """The names that a subgraph takes from outside."""
    known = {i.name for i in graph.input} | {t.name for t in graph.initializer} | {""}
    known |= {s.values.name for s in graph.sparse_initializer}
    free: set[str] = set()
    for node in graph.node:
        free |= set(node.input) - known
        for inner in subgraphs(node):
            free |= free_names(inner) - known
        known.update(node.output)
    return free | {o.name for o in graph.output} - known


def _check_schemas(model: ModelProto, problems: Problems) -> None:
    """Ask onnx.checker about every node: known operator, number of inputs, attribute types."""
    context = checker.C.CheckerContext()
    context.ir_version = max(model.ir_version, 4)
    context.opset_imports = {o.domain: o.version for o in model.opset_import}
    functions = {(f.domain, f.name) for f in model.functions}
    versions = {"": 1, **{o.domain: o.version for o in model.opset_import}}
    for node in model.graph.node:
        if (node.domain, node.op_type) in functions:
            continue
        domain = "" if is_default(node.domain) else node.domain
        if domain == "" and not onnx.defs.has(node.op_type, versions[""], ""):
            problems.add(
                node_place(node), f"ONNX opset {versions['']} has no operator '{node.op_type}'"
            )
            continue
        for index, name in enumerate(node.output):
            if not name and not is_optional_output(node, index, versions):
                problems.add(node_place(node), f"output {index} is not optional, but has no name")
        try:
            checker.check_node(node, context)
        except checker.ValidationError as error:
            problems.add(node_place(node), first_line(error))
        except FOREIGN_ERRORS as error:
            problems.add(node_place(node), f"the ONNX checker gave up: {first_line(error)}")
