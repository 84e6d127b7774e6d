"""The zoo's networks as read from networks.toml: nodes with their shapes and counts."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Shape = tuple[int, int, int]
"""Channels, rows, columns."""

INPUT = "input"
MATRIX_OPS = ("conv", "fc", "lstm")
"""What has weights to prune."""


@dataclass(frozen=True)
class Node:
    """One line of networks.toml.

    Args:
        name: Unique in its network.
        op: conv, fc, maxpool, avgpool, gap, concat, add, affine or lstm.
        index: Place among the nodes, from 0: the second part of the weights' seed.
        sources: Names of the nodes it reads.
        input_shape: [C, H, W] of the first source.
        output_shape: [K, E, F].
        kernel: Rows and columns.
        stride: The same for rows and columns, and so is `pad`.
        groups: Of a convolution.
        is_ceil: Pooling counts a last, partial window.
        has_relu: A ReLU follows.
    """

    name: str
    op: str
    index: int
    sources: tuple[str, ...]
    input_shape: Shape
    output_shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    pad: int = 0
    groups: int = 1
    is_ceil: bool = False
    has_relu: bool = False

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the matrices: [K, C/groups, R, S], [K, C], or for an LSTM its gates'.

        These are input [8 Hd, C, 1, 1] (both directions, four gates each), then recurrent
        [4 Hd, Hd] forward and backward.
        """
        C, H, W = self.input_shape
        match self.op:
            case "conv":
                return ((self.output_shape[0], C // self.groups, *self.kernel),)
            case "fc":
                return ((self.output_shape[0], C * H * W),)
            case "lstm":
                hidden = self.output_shape[0] // 2
                return (8 * hidden, C, 1, 1), (4 * hidden, hidden), (4 * hidden, hidden)
            case _:
                return ()

    @property
    def weight_count(self) -> int:
        """Weights of the node, without biases."""
        return sum(math.prod(shape) for shape in self.weight_shapes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image; padding counts."""
        return self.weight_count * math.prod(self.output_shape[1:])


@dataclass(frozen=True)
class Network:
    """A network of the zoo, without weights.

    Args:
        name: Its key in networks.toml.
        title: One line about it.
        note: What differs from the usual network.
        input_shape: [C, H, W].
        counts: conv_macs, fc_macs, lstm_macs and published_* as the file has them.
        nodes: In topological order.
    """

    name: str
    title: str
    note: str
    input_shape: Shape
    counts: Mapping[str, int]
    nodes: tuple[Node, ...]

    def macs(self, *ops: str) -> int:
        """Multiply-accumulates of one image in the nodes of these kinds."""
        return sum(node.macs for node in self.nodes if node.op in ops)

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def readers(self, name: str) -> list[Node]:
        """The nodes that read a tensor."""
        return [node for node in self.nodes if name in node.sources]


@cache
def networks() -> Mapping[str, Network]:
    """Every network of the zoo, by name, in the file's order."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {name: _network(name, table) for name, table in tomllib.loads(text).items()}


def _network(name: str, table: dict[str, Any]) -> Network:
    C, H, W = table["input"]
    counts = {key: value for key, value in table.items() if key.endswith("_macs")}
    reader = _Reader({INPUT: (C, H, W)})
    for line in table["nodes"].strip().splitlines():
        reader.read(line)
    nodes = tuple(reader.nodes)
    return Network(name, table["title"], table.get("note", ""), (C, H, W), counts, nodes)


@dataclass
class _Reader:
    """Reads lines one after the other; each may refer to those above."""

    shapes: dict[str, Shape]
    nodes: list[Node] = field(default_factory=list[Node])

    def read(self, line: str) -> None:
        text, _, sources = line.partition("<")
        name, op, *words = text.split()
        previous = self.nodes[-1].name if self.nodes else INPUT
        names = tuple(sources.split()) or (previous,)
        options = dict(word.split("=") for word in words if "=" in word)
        stride, pad = int(options.get("stride", 1)), int(options.get("pad", 0))
        kernels = [word for word in words if word[0].isdigit() and "x" in word]
        R, S = map(int, kernels[0].split("x")) if kernels else (1, 1)
        counts = [int(word) for word in words if word.isdigit()]
        C, H, W = self.shapes[names[0]]
        E, F = (_extent(*pair, stride, pad, "ceil" in words) for pair in ((H, R), (W, S)))
        match op:
            case "conv":
                shape = counts[0], E, F
            case "fc":
                shape = counts[0], 1, 1
            case "gap":
                shape = C, 1, 1
            case "concat":
                shape = sum(self.shapes[source][0] for source in names), H, W
            case "lstm":
                shape = 2 * counts[0], H, W
            case _:
                shape = C, E, F
        self.shapes[name] = shape
        self.nodes.append(
            Node(
                name,
                op,
                len(self.nodes),
                names,
                (C, H, W),
                shape,
                (R, S),
                stride,
                pad,
                int(options.get("groups", 1)),
                "ceil" in words,
                "relu" in words,
            )
        )


def _extent(size: int, kernel: int, stride: int, pad: int, is_ceil: bool) -> int:
    """Windows along one dimension; a partial last one must begin inside the map or its padding."""
    span = size + 2 * pad - kernel
    count = (-(-span // stride) if is_ceil else span // stride) + 1
    return count - 1 if is_ceil and (count - 1) * stride >= size + pad else count
