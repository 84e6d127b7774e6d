"""The schema of compare.json, version 2.

A row's numbers are null where there are none: a run that failed, a layer that this target computes
as part of another, a ratio without a baseline. Counts are integers, energies uJ, ratios plain
numbers: a speed-up is the baseline's cycles over this target's, more is better; an energy ratio is
this target's energy over the baseline's, less is better.
"""

from typing import Literal

import msgspec

from .report_schema import Error, Macs, Scalar, Table

SCHEMA_VERSION = 2


class _Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ConfigurationInfo(_Closed, frozen=True, kw_only=True):
    """A machine of the comparison; rows name it by its label."""

    label: str
    target: str
    variant: str
    config: dict[str, Scalar]


class ModelInfo(_Closed, frozen=True, kw_only=True):
    """A network of the comparison; rows name it by its name."""

    name: str
    sha256: str


class Failure(_Closed, frozen=True, kw_only=True):
    """Why a run has no result, or none to trust: the words and the exit code spcc would give."""

    exit_code: int
    sentence: str
    hint: str


class Cells(_Closed, frozen=True, kw_only=True):
    """The numbers of a layer or a network; `common` and `sheet` are the sets of energies.

    `utilisation` is effectual MACs over cycles x multipliers, `occupied` executed ones; the
    efficiency is by the common set with DRAM. `dram_bytes` is by stream, `slots` by the target's
    own classes of multiplier slots, if it counts some. `units` says for every unit how it spent
    `elapsed_cycles`: busy, stalled by cause, idle.
    """

    cycles: int
    speedup: float | None
    energy_common_uj: float
    energy_common_ratio: float | None
    energy_sheet_uj: float
    energy_sheet_ratio: float | None
    effectual_gmacs_per_joule: float | None
    utilisation: float | None
    occupied: float | None
    macs: Macs
    dram_bytes: Table
    slots: Table
    elapsed_cycles: int
    units: dict[str, Table]


class LayerRow(_Closed, frozen=True, kw_only=True):
    """A layer on a target; layers of different targets are the same if their ONNX node is.

    `fused_into` names the layer of this target that computes it, if it is none of its own.
    `error` carries the errors of all layers before, `own_error` is the layer's alone.
    """

    model: str
    target: str
    layer: str
    op: str
    nodes: tuple[str, ...]
    placement: Literal["native", "lowered", "host", "fused", "none"]
    fused_into: str
    cells: Cells | None
    error: Error | None
    own_error: Error | None


class NetworkRow(_Closed, frozen=True, kw_only=True):
    """A network on a target; `run` is the file with its whole report.

    What runs on the host costs the accelerator nothing: `host_layer_count` and `host_macs` say how
    much that is. `is_correct` is false if the outputs differ from the reference, null if they
    were not compared. `inferences_per_joule` is by the common set with DRAM.
    """

    model: str
    target: str
    cells: Cells | None
    time_us: float | None
    time_speedup: float | None
    inferences_per_joule: float | None
    host_layer_count: int | None
    host_macs: int | None
    is_correct: bool | None
    are_layers_correct: bool | None
    top1_agreement: float | None
    errors: dict[str, Error]
    warnings: tuple[str, ...]
    run: str
    failure: Failure | None


class MeanRow(_Closed, frozen=True, kw_only=True):
    """Geometric means over `models`: those with a result to trust here and on the baseline."""

    target: str
    models: tuple[str, ...]
    speedup: float | None
    time_speedup: float | None
    energy_common_ratio: float | None
    energy_sheet_ratio: float | None


class Comparison(_Closed, frozen=True, kw_only=True):
    """compare.json; `options` are those of spcc that all runs have in common."""

    schema_version: Literal[2]
    versions: dict[str, str]
    baseline: str
    options: tuple[str, ...]
    configurations: tuple[ConfigurationInfo, ...]
    models: tuple[ModelInfo, ...]
    networks: tuple[NetworkRow, ...]
    means: tuple[MeanRow, ...]
    layers: tuple[LayerRow, ...]


def encode(comparison: msgspec.Struct) -> bytes:
    """The bytes of a file; equal contents give equal bytes."""
    text = msgspec.json.encode(comparison, order="deterministic")
    return msgspec.json.format(text, indent=2) + b"\n"
