"""Sessions: feeds, outputs, quantisation, taps, host fragments and the report."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.encoding import Instruction
from spcc.isa.errors import ProgramError, TrapError, UsageError
from spcc.isa.program import Program
from spcc.isa.tables import NO_LAYER, TensorInfo
from spcc.runtime.machine import Cost
from spcc.runtime.memory import Dram
from spcc.runtime.report import build_report
from spcc.runtime.session import InferenceSession
from spcc.runtime.tensors import load_tensor, quantise, store_tensor
from toy_machine import BUF, MACHINE, PBUF, layer, ld, make_program, pgeo, ppu, scale, tensor
from toy_machine import st as store

X, Y = tensor("x", (2, 4), 64), tensor("y", (2, 4), 128, frac=3)
DOUBLE = [
    pgeo(shift=1),
    ld(BUF, 0, 64, 16, signal=[1]),
    scale(0, 0, 8, 2, wait=[1], signal=[2]),
    ppu(0, 0, 1, 8, wait=[2], signal=[3]),
    store(PBUF, 0, 128, 16, wait=[3]),
]
"""y = 2 x: the factor is 2, and y has one fraction bit less than x after a shift by one."""


def double(**values: Any) -> Program:
    """A program of one layer that computes y = 2 x."""
    settings: dict[str, Any] = {
        "constants": bytes(64), "dram_bytes": 1024, "inputs": (X,), "outputs": (Y,),
        "layers": (layer("y", Y, nominal_macs=8, expanded_macs=16),), **values,
    }  # fmt: skip
    return make_program(DOUBLE, **settings)


def session(program: Program | None = None) -> InferenceSession:
    return InferenceSession(double() if program is None else program, MACHINE)


def test_runs_as_onnxruntime_does() -> None:
    x = np.array([[0, 1, -2, 3.5], [0.0625, -0.5, 100, 7]], np.float32)
    (y,) = session().run(None, {"x": x})
    assert y.dtype == np.float32
    assert y.tolist() == (2 * x).tolist()


def test_ports_are_described_as_onnxruntime_does() -> None:
    raw = tensor("z", (), 256, "float64")
    ports = session(double(outputs=(Y, raw)))
    assert ports.get_inputs() == [("x", [2, 4], "tensor(float)")]
    assert ports.get_outputs() == [("y", [2, 4], "tensor(float)"), ("z", [], "tensor(double)")]


def test_outputs_are_given_by_name_and_order() -> None:
    two = session(double(outputs=(Y, msgspec.structs.replace(X, name="copy"))))
    x = np.ones((2, 4), np.float32)
    copy, y = two.run(["copy", "y"], {"x": x})
    assert (copy.tolist(), y.tolist()) == (x.tolist(), (2 * x).tolist())
    with pytest.raises(UsageError, match=r"no output 'w'\n  hint: the outputs are y, copy"):
        two.run(["w"], {"x": x})


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "input 'x' is missing"),
        ({"x": np.zeros((2, 4), np.float32), "w": np.zeros(1)}, "input 'w' is unknown"),
        ({"x": np.zeros((1, 4), np.float32)}, "input 'x': the shape is 1x4, not 2x4"),
        ({"x": np.float32(0)}, "the shape is scalar, not 2x4"),
        ({"x": np.zeros((2, 4), np.int64)}, "input 'x': the type is int64, not float32"),
        ({"x": np.zeros((2, 4), np.uint8)}, "the type is uint8"),
        ({"x": np.zeros((2, 4), bool)}, "the type is bool"),
        ({"x": np.full((2, 4), np.nan, np.float32)}, r"input 'x': the value at \[0, 0\] is NaN"),
    ],
)
def test_wrong_feeds_are_refused(feeds: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        session().run(None, feeds)


def test_inputs_are_rounded_half_to_even_and_saturated() -> None:
    x = np.array([[1.5, 2.5, -1.5, -2.5], [40000, -40000, np.inf, 32767]], np.float32) / 16
    made = session(double(outputs=(msgspec.structs.replace(X, name="q"),)))
    (q,) = made.run(None, {"x": x})
    assert (q * 16).tolist() == [[2, 2, -2, -2], [32767, -32768, 32767, 32767]]
    assert made.report["totals"]["input_saturations"] == {"x": 3}


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_integer_inputs_keep_their_integers(kind: type[np.integer]) -> None:
    x = np.array([[1, -2, 3, 4], [5, 6, -128, 127]], kind)
    (y,) = session().run(None, {"x": x})
    assert y.tolist() == (x.astype(float) / 16 * 2).tolist()


def test_a_raw_input_must_have_its_very_type() -> None:
    flags = tensor("flags", (3,), 64, "bool")
    made = session(make_program([], inputs=(flags,), outputs=(flags,)))
    (back,) = made.run(None, {"flags": np.array([True, False, True])})
    assert (back.dtype, back.tolist()) == (np.dtype(bool), [True, False, True])
    with pytest.raises(UsageError, match="the type is uint8, not bool"):
        made.run(None, {"flags": np.zeros(3, np.uint8)})


def test_tensors_may_be_views_of_others() -> None:
    wide = tensor("wide", (2, 3), 64, strides=(10, 2))
    part = tensor("part", (2, 2), 66, strides=(10, 2))
    made = session(make_program([], inputs=(wide,), outputs=(part,)))
    (back,) = made.run(None, {"wide": np.arange(6, dtype=np.float32).reshape(2, 3)})
    assert back.tolist() == [[1, 2], [4, 5]]


values64 = st.floats(-5000, 5000, allow_nan=False)


@given(st.lists(values64, min_size=1, max_size=9), st.integers(-4, 15), st.sampled_from([8, 16]))
def test_quantise_is_exact(values: list[float], frac: int, bits: int) -> None:
    integers, saturated = quantise(np.array(values), frac, bits)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    wide = [round(v * 2.0**frac) for v in values]
    assert integers.tolist() == [min(max(w, low), high) for w in wide]
    assert saturated == sum(not low <= w <= high for w in wide)


@given(st.lists(st.integers(-32768, 32767), min_size=6, max_size=6), st.integers(-20, 40))
def test_what_is_loaded_can_be_stored_again(integers: list[int], frac: int) -> None:
    dram = Dram(np.zeros(0, np.uint8), 64)
    info = tensor("t", (2, 3), 6, frac=frac, strides=(2, 8))
    assert store_tensor(dram, info, np.array(integers, np.int16).reshape(2, 3)) == 0
    real = load_tensor(dram, info)
    assert real.ravel().tolist() == [i * 2.0**-frac for i in integers]
    assert store_tensor(dram, info, real) == 0
    assert load_tensor(dram, info).tolist() == real.tolist()


@pytest.mark.parametrize(
    ("info", "values", "message"),
    [
        (tensor("t", (2,), 0), np.zeros(3, np.float32), r"shape \(3,\), the image holds \(2,\)"),
        (tensor("t", (2,), 0), np.zeros(2, np.int64), "type int64, the image holds i16"),
        (tensor("t", (2,), 0, "int64"), np.zeros(2, np.int32), "type int32, the image holds int64"),
        (tensor("t", (2,), 0), np.array([0, np.nan], np.float32), "NaN has no fixed-point value"),
        (tensor("t", (2,), 62), np.zeros(2, np.float32), "leaves the image"),
    ],
)
def test_store_refuses_what_does_not_fit(
    info: TensorInfo, values: np.ndarray, message: str
) -> None:
    with pytest.raises(TrapError, match=message):
        store_tensor(Dram(np.zeros(0, np.uint8), 64), info, values)


def test_a_program_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "double.spx"
    double().save(path)
    (y,) = InferenceSession(path, MACHINE).run(None, {"x": np.ones((2, 4), np.float32)})
    assert y.tolist() == [[2] * 4] * 2


def test_a_program_of_another_machine_is_refused() -> None:
    with pytest.raises(ProgramError, match="for spots version 1, not toy version 1"):
        session(msgspec.structs.replace(double(), target="spots"))


def test_a_wrong_configuration_is_refused() -> None:
    with pytest.raises(ProgramError, match="P = 0"):
        session(msgspec.structs.replace(double(), config={**double().config, "P": 0}))


def test_runs_do_not_see_each_other() -> None:
    made = session()
    first = made.run(None, {"x": np.ones((2, 4), np.float32)})[0]
    report = json.dumps(made.report)
    made.run(None, {"x": np.zeros((2, 4), np.float32)})
    again = made.run(None, {"x": np.ones((2, 4), np.float32)})[0]
    assert first.tolist() == again.tolist() == [[2] * 4] * 2
    assert json.dumps(made.report) == report


def test_taps_are_taken_before_the_buffer_is_used_again() -> None:
    early = msgspec.structs.replace(Y, name="early")
    again = [
        inst.with_semaphores(*([n + 10 for n in s] for s in (inst.wait, inst.signal)))
        for inst in DOUBLE[1:]
    ]
    again[0] = ld(BUF, 0, 128, 16, wait=[9], signal=[11])
    body: list[Instruction] = [*DOUBLE[:4], store(PBUF, 0, 128, 16, wait=[3], signal=[9]), *again]
    program = make_program(
        body, constants=bytes(64), dram_bytes=1024, inputs=(X,), outputs=(Y,),
        layers=(layer("early", early), layer("none"), layer("late", Y)),
        lines=[0] * 5 + [2] * 4 + [NO_LAYER],
    )  # fmt: skip
    made = session(program)
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    (y,) = made.run(None, {"x": x}, taps=True)
    assert list(made.taps) == ["early", "late"]
    assert made.taps["early"].tolist() == (2 * x).tolist()
    # The second pass loads integers of 3 fraction bits and leaves as many in an 8th: 2 x again.
    assert made.taps["late"].tolist() == y.tolist() == (2 * x).tolist()
    made.run(None, {"x": x})
    assert made.taps == {}


def test_values_beyond_float32_are_its_largest() -> None:
    info = tensor("t", (3,), 0, frac=-114)
    dram, largest = Dram(np.zeros(0, np.uint8), 64), float(np.finfo(np.float32).max)
    store_tensor(dram, info, np.array([-largest, 2.0**120, -np.inf], np.float32))
    assert load_tensor(dram, info).tolist() == [-largest, 2.0**120, -largest]


def test_taps_and_outputs_of_raw_types_are_copies() -> None:
    first = tensor("first", (2,), 128, "int32")
    body = [ld(BUF, 0, 64, 16), store(BUF, 0, 128, 8), store(BUF, 8, 128, 8)]
    made = session(make_program(
        body, inputs=(tensor("n", (4,), 64, "int32"),), outputs=(first,),
        layers=(layer("a", first), layer("b", first)), lines=[0, 0, 1, NO_LAYER],
    ))  # fmt: skip
    (last,) = made.run(None, {"n": np.arange(4, dtype=np.int32)}, taps=True)
    assert [made.taps["a"].tolist(), made.taps["b"].tolist()] == [[0, 1], [2, 3]]
    assert last.tolist() == [2, 3]


def test_report_of_a_layer() -> None:
    made = session(double(B=4, P=4))
    made.run(None, {"x": np.array([[0, 0, 0, 1], [1, 1, 1, 5000]], np.float32)})
    (got,) = made.report["layers"]
    assert got == {
        "name": "y", "op": "Mul", "placement": "native", "nodes": ["node_y"], "source": "y",
        "product_shift": None,
        "cycles": 19, "compute_cycles": 8, "elapsed_cycles": 19,
        "busy": {"ld": 4, "st": 4, "cu": 8, "ppu": 2},
        "stall": {
            "ld": {"dispatch": 1}, "st": {"dispatch": 4, "semaphore": 11},
            "cu": {"dispatch": 2, "semaphore": 3}, "ppu": {"dispatch": 3, "semaphore": 10},
        },
        "idle": {"ld": 14, "st": 0, "cu": 6, "ppu": 4},
        "waits": {"ld": {}, "st": {"ppu": 11}, "cu": {"ld": 3}, "ppu": {"cu": 10}},
        "unit_cycles": {"ld": 4, "st": 4, "cu": 8, "ppu": 2},
        "macs": {
            "effectual": 5, "ineffectual": 3, "gated": 0, "skipped": 0, "nominal": 8, "expanded": 16
        },
        "counters": {
            "buf_rd": 8, "dram_in": 16, "dram_out": 16, "mac_effectual": 5, "mac_ineff_a": 3,
            "mul_busy": 8, "ppu_ops": 8, "ppu_saturated": 0, "stall_mul": 1,
        },
        "bytes": {"dram_in": 16, "dram_out": 16},
        "sram_bytes": {
            "acc": {"read": 32, "written": 32}, "buf": {"read": 16, "written": 16},
            "pbuf": {"read": 16, "written": 16},
        },
        "saturations": 0, "accumulator_saturations": 0, "instruction_count": 6,
        "figures": {},
    }  # fmt: skip


def test_macs_are_found_under_every_sheets_names() -> None:
    names = ("mac_eff", "macs_effectual", "mac_ineff_a", "mac_ineff_w", "macs_gated")
    names += ("mac_skipped", "macs_skipped_pad", "macs_dense")
    counts = {name: 1 << at for at, name in enumerate(names)}
    kind = type(scale(0, 0, 1))
    costs = {**MACHINE.costs, kind: lambda state, inst: Cost(1, counts)}
    semantics = {**MACHINE.semantics, kind: lambda state, inst: None}
    made = InferenceSession(double(), replace(MACHINE, costs=costs, semantics=semantics))
    made.run(None, {"x": np.zeros((2, 4), np.float32)})
    found = made.report["layers"][0]["macs"]
    assert [found[k] for k in ("effectual", "ineffectual", "gated", "skipped")] == [3, 12, 16, 96]


def test_compute_only_cycles_are_those_of_the_compute_units() -> None:
    made = session()
    made.run(None, {"x": np.zeros((2, 4), np.float32)})
    (got,) = made.report["layers"]
    assert made.report["is_compute_only"]
    assert (got["cycles"], got["compute_cycles"], got["elapsed_cycles"]) == (8, 8, 11)


def test_compute_only_cycles_are_those_of_the_timed_units_if_some_are_named() -> None:
    spare = replace(MACHINE, units=(*MACHINE.units, "drain"), timed_units=("drain",))
    assert spare.layer_units == ("drain",)
    made = InferenceSession(double(), spare)
    made.run(None, {"x": np.zeros((2, 4), np.float32)})
    (got,) = made.report["layers"]
    assert (got["cycles"], got["unit_cycles"]["cu"]) == (0, 8)
    with pytest.raises(TypeError, match="machine toy has no compute unit ppu to be timed"):
        replace(MACHINE, timed_units=("ppu",))


def test_totals_are_the_sums_and_count_what_belongs_to_no_layer() -> None:
    lines = [NO_LAYER, 0, 0, NO_LAYER, 1, NO_LAYER]
    made = session(double(B=4, layers=(layer("a"), layer("b")), lines=lines))
    made.run(None, {"x": np.full((2, 4), 1500, np.float32)})
    report, totals = made.report, made.report["totals"]
    assert totals["elapsed_cycles"] == totals["cycles"] == 18
    assert totals["instruction_count"] == 6
    assert totals["saturations"] == totals["counters"]["ppu_saturated"] == 0
    assert sum(part["instruction_count"] for part in report["layers"]) == 3
    for unit in MACHINE.units:
        stall = sum(totals["stall"][unit].values())
        assert totals["busy"][unit] + stall + totals["idle"][unit] == totals["elapsed_cycles"]
    assert totals["macs"]["effectual"] == 8
    assert json.loads(json.dumps(report)) == report


def test_saturations_are_counted_by_layer() -> None:
    made = session(make_program(
        [pgeo(shift=-1), *DOUBLE[1:]], inputs=(X,), outputs=(Y,), layers=(layer("y"),)
    ))  # fmt: skip
    made.run(None, {"x": np.full((2, 4), 1000, np.float32)})
    assert made.report["layers"][0]["saturations"] == 8
    assert made.report["layers"][0]["accumulator_saturations"] == 0


def test_counts_of_the_compiler_are_counters_and_figures_follow_from_all() -> None:
    def figures(counters: Mapping[str, int]) -> dict[str, float]:
        return {"dense": counters["work_dense"] / counters["buf_rd"]}

    machine = replace(MACHINE, figures=figures)
    layers = (layer("y", static_counts={"work_dense": 24, "buf_rd": 4}),)
    made = InferenceSession(double(layers=layers), machine)
    for _ in range(2):
        made.run(None, {"x": np.ones((2, 4), np.float32)})
        (got,) = made.report["layers"]
        assert (got["counters"]["work_dense"], got["counters"]["buf_rd"]) == (24, 12)
        assert got["figures"] == made.report["totals"]["figures"] == {"dense": 2.0}
        assert made.report["totals"]["counters"]["work_dense"] == 24


def test_macs_are_read_under_the_names_of_all_sheets() -> None:
    made = session()
    execution = made.interpreter.run(Dram(made.program.data, made.program.dram_bytes))
    counters = execution.layers[0].counters
    counters.clear()
    counters.update(
        mac_eff=1, mac_ineffectual=2, mac_ineff_w=4, mac_gated=8, mac_skipped=16, sat=32,
        mul_saturated=64, ppu_saturated=128, host_saturated=256, saturday=512,
    )  # fmt: skip
    report = build_report(made.program, MACHINE, made.interpreter.spec, execution, {})
    (got,) = report["layers"]
    macs = {"effectual": 1, "ineffectual": 6, "gated": 8, "skipped": 16}
    assert got["macs"] == {**macs, "nominal": 8, "expanded": 16}
    assert (got["saturations"], got["accumulator_saturations"]) == (480, 96)


def test_max_cycles_and_progress_reach_the_interpreter() -> None:
    told: list[int] = []
    x = {"x": np.zeros((2, 4), np.float32)}
    session().run(None, x, max_cycles=11, progress=lambda done, _all, _layer: told.append(done))
    assert told == [0, 6]
    with pytest.raises(TrapError, match="past the limit of 10"):
        session().run(None, x, max_cycles=10)


def test_a_failed_run_leaves_no_report() -> None:
    made = session()
    made.run(None, {"x": np.zeros((2, 4), np.float32)}, taps=True)
    with pytest.raises(TrapError):
        made.run(None, {"x": np.zeros((2, 4), np.float32)}, max_cycles=1)
    assert (made.report, made.taps) == ({}, {})


def test_a_layer_that_stays_on_chip_is_tapped_there() -> None:
    staged = msgspec.structs.replace(Y, memory="pbuf", offset=0)
    program = double(layers=(layer("y", staged),))
    ran = session(program)
    x = np.array([[0, 1, -2, 3.5], [0.0625, -0.5, 100, 7]], np.float32)
    ran.run(None, {"x": x}, taps=True)
    assert np.array_equal(ran.taps["y"], 2 * x)


def test_an_sram_that_is_not_there_traps() -> None:
    elsewhere = msgspec.structs.replace(Y, memory="attic")
    with pytest.raises(TrapError, match="memory 'attic' does not exist"):
        session(double(layers=(layer("y", elsewhere),))).run(
            None, {"x": np.zeros((2, 4), np.float32)}, taps=True
        )
