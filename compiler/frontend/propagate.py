"""One walk over the nodes: shapes inferred, constants folded, identities and dead nodes dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from onnx import NodeProto

from .fold import Folder, needs_value
from .infer import Inference
from .structure import free_names, is_default, is_optional_output, node_place, subgraphs
from .tensors import Array, TensorKind


@dataclass
class LiveNode:
    """A node that stays.

    Args:
        proto: The node; its inputs name values that exist.
        outputs: Kinds of its outputs, None for an absent one.
    """

    proto: NodeProto
    outputs: list[TensorKind | None]


@dataclass
class Walk:
    """The state of the walk.

    Args:
        inference: What is known about values; starts with inputs and initializers.
        alias: Names that stand for another value, since an Identity was dropped.
        failed: Values about which nothing is known because their node is wrong.
        nodes: The nodes that stay, in order.
    """

    inference: Inference
    alias: dict[str, str] = field(default_factory=dict[str, str])
    failed: set[str] = field(default_factory=set[str])
    nodes: list[LiveNode] = field(default_factory=list[LiveNode])

    def run(self, nodes: Sequence[NodeProto], outputs: Sequence[str]) -> list[LiveNode]:
        """Walk over sorted nodes; problems go to the inference's.

        Args:
            nodes: The graph's nodes; the names of their inputs may be changed.
            outputs: The names of the graph's outputs.

        Returns:
            The nodes that an output needs, after folding.
        """
        folder = Folder(self.inference)
        for node in live(nodes, outputs, self.inference.versions):
            self._visit(node, folder)
        wanted = [self.alias.get(name, name) for name in outputs]
        protos = [n.proto for n in self.nodes]
        kept = {id(n) for n in live(protos, wanted, self.inference.versions)}
        return [
            LiveNode(
                n.proto, [k if o else None for o, k in zip(n.proto.output, n.outputs, strict=False)]
            )
            for n in self.nodes
            if id(n.proto) in kept
        ]

    def _visit(self, node: NodeProto, folder: Folder) -> None:
        for index, name in enumerate(node.input):
            node.input[index] = self.alias.get(name, name)
        if self.failed.intersection(node.input):
            self.failed.update(node.output)
            return
        if self._is_identity(node):
            self.alias[node.output[0]] = node.input[0]
            return
        found = len(self.inference.problems.found)
        value = folder.generate(node)
        if value is not None:
            self._set_constants(node, [value])
            return
        kinds = None
        if len(self.inference.problems.found) == found:
            folded = folder.fold(node, None) if needs_value(node) else None
            if folded is None and (kinds := self.inference.infer(node)) is not None:
                folded = folder.fold(node, kinds)
            if folded is not None:
                self._set_constants(node, folded)
                return
        if kinds is None or not self._has_elements(node, kinds):
            self.failed.update(node.output)
            return
        self.nodes.append(LiveNode(node, kinds))
        self.inference.kinds.update(
            {n: k for n, k in zip(node.output, kinds, strict=True) if k is not None}
        )

    def _set_constants(self, node: NodeProto, values: Sequence[Array]) -> None:
        names = [name for name in node.output if name]
        for name, value in zip(names, values, strict=True):
            self.inference.constants[name] = value
            self.inference.kinds[name] = TensorKind(value.dtype.name, value.shape)

    def _is_identity(self, node: NodeProto) -> bool:
        """Identity, and Dropout at inference when nobody reads its mask."""
        if not is_default(node.domain) or node.input[:1] == [""]:
            return False
        if node.op_type != "Dropout":
            return node.op_type == "Identity"
        training = node.input[2] if len(node.input) > 2 else ""
        mode = self.inference.constants.get(training)
        is_inference = not training or (mode is not None and not mode.any())
        return is_inference and not any(node.output[1:])

    def _has_elements(self, node: NodeProto, kinds: list[TensorKind | None]) -> bool:
        for name, kind in zip(node.output, kinds, strict=True):
            if kind is not None and kind.elements == 0:
                self.inference.problems.unsupported(
                    node_place(node),
                    f"output '{name}' of shape {kind.shape} has no elements; "
                    "empty tensors are not supported",
                )
                return False
        return True


def live(
    nodes: Sequence[NodeProto], outputs: Sequence[str], versions: Mapping[str, int]
) -> list[NodeProto]:
    """The nodes, in order, that the outputs need; optional outputs that nobody uses go.

    Args:
        nodes: Sorted nodes; the names of their outputs may be changed.
        outputs: Names of the values that are wanted.
        versions: Opset version by domain.
    """
    wanted, kept = set(outputs), list[NodeProto]()
    for node in reversed(nodes):
        if wanted.isdisjoint(node.output):
            continue
        kept.append(node)
        wanted.update(name for name in node.input if name)
        for graph in subgraphs(node):
            wanted.update(free_names(graph))
        for index, name in enumerate(node.output):
            if name not in wanted and is_optional_output(node, index, versions):
                node.output[index] = ""
        while not node.output[-1]:
            del node.output[-1]
    return kept[::-1]
