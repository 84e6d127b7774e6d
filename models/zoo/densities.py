"""The zoo's density sets as read from densities.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .networks import INPUT, MATRIX_OPS, Network, networks


@dataclass(frozen=True)
class WeightDensity:
    """Share of a node's weights that are nonzero, and the block size of a permuted diagonal."""

    density: float
    block: int = 1


@dataclass(frozen=True)
class Target:
    """The density that a tensor shall have: the node's own output, or the pool's behind it."""

    tensor: str
    density: float


@dataclass(frozen=True)
class DensitySet:
    """How sparse a network is.

    Args:
        name: NETWORK.SET.
        network: The network it belongs to.
        status: verified, recalled, estimate, or a source's name; see densities.toml.
        provenance: Where the numbers come from.
        weights: Of every conv, fc and lstm node.
        targets: Node whose biases are to be chosen -> what for.
        published: Node -> its published input and output density, None where unknown.
        structure: "", pd, group8 or k/m in digits (8/16).
        batch: Of the published run, 1 where it says nothing.
        zero_inputs: Flat indices of the input that are zero, from 0.
        given_weights: The weights of a worked example, row by row.
        given_inputs: Its input.
    """

    name: str
    network: Network
    status: str
    provenance: str
    weights: Mapping[str, WeightDensity]
    targets: Mapping[str, Target]
    published: Mapping[str, tuple[float | None, float | None]]
    structure: str = ""
    batch: int = 1
    zero_inputs: tuple[int, ...] = ()
    given_weights: tuple[float, ...] = ()
    given_inputs: tuple[float, ...] = ()

    @property
    def input_density(self) -> float:
        """Share of nonzeros in the network's input."""
        first = self.network.readers(INPUT)[0].name
        density = self.published.get(first, (None, None))[0]
        return 1.0 if density is None else density


@dataclass(frozen=True)
class _File:
    """densities.toml, parsed."""

    sets: Mapping[str, DensitySet]
    aliases: Mapping[str, str]
    uses: Mapping[str, tuple[str, ...]]


def density_sets() -> Mapping[str, DensitySet]:
    """Every set by its name NETWORK.SET, in the file's order: a network's first is its default."""
    return _file().sets


def aliases() -> Mapping[str, str]:
    """Other names -> NETWORK.SET."""
    return _file().aliases


def uses() -> Mapping[str, tuple[str, ...]]:
    """System -> the sets behind its published figures."""
    return _file().uses


@cache
def _file() -> _File:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    sets = {
        name: _density_set(name, table, tables["activations"][table["activations"]]["rows"])
        for name, table in tables["sets"].items()
    }
    uses = {system: tuple(names) for system, names in tables["uses"].items()}
    return _File(sets, tables["aliases"], uses)


def _density_set(name: str, table: dict[str, Any], rows: str) -> DensitySet:
    network = networks()[name.split(".")[0]]
    targets: dict[str, Target] = {}
    published: dict[str, tuple[float | None, float | None]] = {}
    for row in rows.strip().splitlines():
        node, into, out, *target = row.split()
        published[node] = _number(into), _number(out)
        if target:
            targets[node] = Target(target[0], float(target[1]))
        elif out != "-" and network.node(node).has_relu:
            targets[node] = Target(node, float(out))
    return DensitySet(
        name=name,
        network=network,
        status=table["status"],
        provenance=table["provenance"],
        weights=_weights(network, table["weights"]),
        targets=targets,
        published=published,
        structure=table.get("structure", ""),
        batch=table.get("batch", 1),
        zero_inputs=tuple(index - 1 for index in table.get("zero_inputs", ())),
        given_weights=tuple(table.get("given_weights", ())),
        given_inputs=tuple(table.get("given_inputs", ())),
    )


def _number(text: str) -> float | None:
    return None if text == "-" else float(text)


def _weights(network: Network, text: str) -> dict[str, WeightDensity]:
    rows: dict[str, WeightDensity] = {}
    for line in text.strip().splitlines():
        node, density, *block = line.split()
        rows[node] = WeightDensity(float(density), int(block[0].split("=")[1]) if block else 1)
    default = rows.get("*", WeightDensity(1.0))
    names = [node.name for node in network.nodes if node.op in MATRIX_OPS]
    return {name: rows.get(name, default) for name in names}
