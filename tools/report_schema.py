"""The schema of report.json, version 3.

Counts are integers, cycles are those of the machine's clock, energies uJ. What has no value (a rate
without time, the SQNR of an exact result) is null; there is no NaN. Readers refuse fields that they
do not know, so that any change of the fields is a new version.
"""

from typing import Literal

import msgspec

from ..isa.errors import ProgramError

SCHEMA_VERSION = 3

Table = dict[str, int]
Scalar = int | float | str | bool | None


class _Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Macs(_Closed, frozen=True, kw_only=True):
    """Multiply-accumulates by what became of them; the four classes add up to `expanded`.

    `nominal` is the layer as the model states it, `expanded` after lowering.
    """

    effectual: int
    ineffectual: int
    gated: int
    skipped: int
    nominal: int
    expanded: int


class Energy(_Closed, frozen=True, kw_only=True):
    """Energy in uJ by one set of entries; `total_uj` is dynamic with DRAM, `on_chip_uj` without."""

    compute_uj: float
    register_uj: float
    sram_uj: dict[str, float]
    edram_uj: float
    refresh_uj: float
    logic_uj: float
    dram_uj: float
    static_uj: float
    on_chip_uj: float
    total_uj: float


class Power(_Closed, frozen=True, kw_only=True):
    """Average dynamic power and efficiency over the run by one set; static power apart."""

    on_chip_mw: float | None
    with_dram_mw: float | None
    static_mw: float | None
    effective_tops_per_w: float | None
    real_tops_per_w: float | None
    effective_tops_per_w_with_dram: float | None
    real_tops_per_w_with_dram: float | None


class EnergySets(_Closed, frozen=True, kw_only=True):
    """By the common model, and by the target's own numbers."""

    common: Energy
    sheet: Energy


class PowerSets(_Closed, frozen=True, kw_only=True):
    """By the common model, and by the target's own numbers."""

    common: Power
    sheet: Power


class Error(_Closed, frozen=True, kw_only=True):
    """Distance to the reference; null: no finite value (SQNR of an exact result, an odd NaN)."""

    max_abs: float | None
    sqnr_db: float | None
    passed: bool


class Record(_Closed, frozen=True, kw_only=True):
    """What a layer, or the whole run, did; for every unit busy + stall + idle = elapsed_cycles.

    `utilisation` is effectual MACs over cycles x multipliers, `occupied` executed ones.
    `accumulator_saturations`, a part of `saturations`, befell sums on their way. `figures` are the
    target's own ratios of counters; undefined ones are absent.
    """

    cycles: int
    compute_cycles: int
    elapsed_cycles: int
    busy: Table
    stall: dict[str, Table]
    idle: Table
    waits: dict[str, Table]
    unit_cycles: Table
    macs: Macs
    counters: Table
    figures: dict[str, float]
    bytes: Table
    sram_bytes: dict[str, Table]
    saturations: int
    accumulator_saturations: int
    instruction_count: int
    utilisation: float | None
    occupied: float | None
    energy: EnergySets


class Layer(Record, frozen=True, kw_only=True):
    """One layer; `nodes` are the ONNX nodes it computes, `source` the ONNX tensor it makes.

    `error` carries the errors of all layers before, `own_error` is the layer's alone: the reference
    computed it from the machine's own inputs. `product_shift` is the right shift of its products in
    bits, null where there are none.
    """

    name: str
    op: str
    placement: Literal["native", "lowered", "host"]
    nodes: tuple[str, ...]
    source: str
    product_shift: int | None
    error: Error | None
    own_error: Error | None


class Totals(Record, frozen=True, kw_only=True):
    """The sums, those of instructions of no layer included."""

    input_saturations: Table
    time_us: float
    effective_tops: float | None
    real_tops: float | None
    inferences_per_second: float | None
    power: PowerSets


class Check(_Closed, frozen=True, kw_only=True):
    """Comparison of the network's outputs, by name, with the reference and the unpruned network.

    `passed` is about the outputs; `layers_passed`, null if no layer was compared, about each
    layer's own error.
    """

    passed: bool
    layers_passed: bool | None
    outputs: dict[str, Error]
    top1_agreement: float | None
    unpruned: dict[str, Error]


class Report(_Closed, frozen=True, kw_only=True):
    """report.json."""

    schema_version: Literal[3]
    versions: dict[str, str]
    command: tuple[str, ...]
    target: str
    config: dict[str, Scalar]
    model: str
    model_sha256: str
    batch: int
    seed: int | None
    info: dict[str, str]
    is_compute_only: bool
    check: Check | None
    totals: Totals
    layers: tuple[Layer, ...]


def encode(report: Report) -> bytes:
    """The bytes of report.json; equal reports give equal bytes."""
    text = msgspec.json.encode(report, order="deterministic")
    return msgspec.json.format(text, indent=2) + b"\n"


def decode(raw: bytes, where: str = "report.json") -> Report:
    """Read a report back.

    Raises:
        ProgramError: It does not follow the schema, or is of another version.
    """
    try:
        return msgspec.json.decode(raw, type=Report)
    except msgspec.MsgspecError as error:
        raise ProgramError(f"not a report of schema {SCHEMA_VERSION}: {error}", where) from error
