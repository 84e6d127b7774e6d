"""report.json against its schema, the CSV files, the table, and a real session's report."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.text import Text
from spcc.isa.base import BASE_INSTRUCTIONS, BaseSpec, Halt, Ld, St
from spcc.isa.encoding import InstructionSet
from spcc.isa.errors import ProgramError
from spcc.isa.program import Program
from spcc.isa.tables import LayerInfo, TensorInfo
from spcc.runtime.base import BASE_COSTS, BASE_SEMANTICS
from spcc.runtime.check import Tap, check
from spcc.runtime.energy import EnergyEntry, Rates
from spcc.runtime.machine import Machine, MemorySpec
from spcc.runtime.session import InferenceSession
from spcc.tools.report import About, Checked, assemble, write_report
from spcc.tools.report_csv import counter_column, layer_rows, summary_row, to_csv
from spcc.tools.report_schema import Layer, Report, decode, encode
from spcc.tools.report_table import TABLE_COLUMNS, print_report

ENTRIES = (
    EnergyEntry("mac_effectual", "compute", 0.85, 0.9),
    EnergyEntry("fmap_rd", "sram:fmap", 4.0, 2.5),
    EnergyEntry("dram_in", "dram", 160.0, 160.0),
    EnergyEntry("cycles", "static", 10.0),
)
RATES = Rates(500, 16)
ABOUT = About(("spcc", "net.onnx", "--target", "toy"), "net.onnx", "ab" * 32, batch=2, seed=7)
UNITS = ("ld", "st", "array", "ppu")


def record(cycles: int, effectual: int, gated: int, skipped: int, nominal: int) -> dict[str, Any]:
    return {
        "cycles": cycles,
        "compute_cycles": cycles,
        "elapsed_cycles": cycles + 10,
        "busy": dict.fromkeys(UNITS, cycles),
        "stall": {"array": {"semaphore": 7, "dispatch": 1}, "ld": {}},
        "idle": dict.fromkeys(UNITS, 2),
        "waits": {"array": {"ld": 7}},
        "unit_cycles": dict.fromkeys(UNITS, cycles),
        "macs": {
            "effectual": effectual,
            "ineffectual": 0,
            "gated": gated,
            "skipped": skipped,
            "nominal": nominal,
            "expanded": effectual + gated + skipped,
        },
        "counters": {"dram_in": 64, "fmap_rd": 100, "mac_effectual": effectual, "stall_gemm": 3},
        "figures": {"speedup": effectual / gated} if gated else {},
        "bytes": {"dram_in": 64},
        "sram_bytes": {"fmap": {"read": 200, "written": 64}},
        "saturations": 3,
        "accumulator_saturations": 2,
        "instruction_count": 5,
    }


def layer(name: str, placement: str = "native", **values: int) -> dict[str, Any]:
    head = {"name": name, "op": "Conv", "placement": placement, "nodes": [f"n_{name}"]}
    return {**head, "source": f"t_{name}", "product_shift": 5, **record(**values)}


def run() -> dict[str, Any]:
    totals = record(1000, 4000, 2000, 6000, 12500)
    totals["counters"] = {"dram_in": 256, "fmap_rd": 200, "mac_effectual": 4000, "stall_gemm": 6}
    return {
        "target": "toy",
        "config": {"B": 0, "POLICY": "paper", "psh": None},
        "info": {"compiler": "spcc"},
        "is_compute_only": True,
        "layers": [
            layer("conv1", cycles=600, effectual=3000, gated=1000, skipped=2000, nominal=6000),
            layer("conv2", cycles=400, effectual=1000, gated=1000, skipped=4000, nominal=6000),
            layer("lrn", "host", cycles=0, effectual=0, gated=0, skipped=0, nominal=500),
        ],
        "totals": {**totals, "input_saturations": {"x": 0}},
    }


def checked(shift: float = 0.0) -> Checked:
    values = np.linspace(-1, 1, 100)
    taps = [Tap("conv1", values, "t_conv1"), Tap("conv2", values + shift, "t_conv2")]
    layers = check(taps, {"t_conv1": values, "t_conv2": values})
    noisy = check([Tap("y", values * 1.001, "y")], {"y": values})
    return Checked(noisy, layers, own=layers, top1=1.0)


def report(shift: float = 0.0) -> Report:
    return assemble(run(), ABOUT, ENTRIES, RATES, checked(shift))


def test_report_survives_the_file() -> None:
    made = report()
    assert decode(encode(made)) == made
    assert encode(report()) == encode(made), "equal runs give equal bytes"


def test_schema_holds_for_the_written_json() -> None:
    written = json.loads(encode(report()), parse_constant=lambda name: pytest.fail(name))
    assert written["schema_version"] == 3
    assert written["model_sha256"] == "ab" * 32
    assert written["versions"]["spcc"]
    assert written["layers"][0].keys() == set(Layer.__struct_fields__)
    for name in ("cycles", "busy", "stall", "idle", "macs", "counters", "bytes", "energy"):
        assert name in written["layers"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(schema_version=2),
        lambda r: r.update(extra=1),
        lambda r: r["layers"][0].update(cycles="600"),
        lambda r: r["layers"][0].pop("macs"),
        lambda r: r["layers"][0].update(placement="moon"),
        lambda r: r["totals"]["energy"]["common"].update(dram_uj=None),
    ],
)
def test_other_json_is_refused(change: Any) -> None:
    written = json.loads(encode(report()))
    change(written)
    with pytest.raises(ProgramError, match=r"report\.json: not a report of schema 3"):
        decode(json.dumps(written).encode())


def test_utilisation_counts_effectual_macs_and_occupied_executed_ones() -> None:
    first, _, host = report().layers
    assert first.utilisation == pytest.approx(3000 / (600 * 16))
    assert first.occupied == pytest.approx(4000 / (600 * 16))
    assert host.utilisation is None


def test_energy_of_layers_and_of_instructions_of_no_layer() -> None:
    made = report()
    first = made.layers[0].energy
    assert first.common.compute_uj == pytest.approx(3000 * 0.85e-6)
    assert first.sheet.sram_uj == {"fmap": pytest.approx(100 * 2.5e-6)}
    assert made.totals.energy.common.dram_uj == pytest.approx(256 * 160e-6), "64 B in no layer"
    assert made.totals.energy.common.static_uj == pytest.approx(1000 * 10e-6)


def test_rates_leave_out_what_the_host_does() -> None:
    totals = report().totals
    assert totals.time_us == pytest.approx(2.0)
    assert totals.inferences_per_second == pytest.approx(1e6)
    assert totals.effective_tops == pytest.approx(2 * 12000 / 2e-6 * 1e-12)
    assert totals.real_tops == pytest.approx(2 * 4000 / 2e-6 * 1e-12)


def test_errors_come_by_layer_and_nothing_infinite_is_written() -> None:
    made = report(shift=0.5)
    assert made.check
    assert (made.check.passed, made.check.layers_passed) == (True, False)
    exact, wrong, absent = (x.error for x in made.layers)
    assert exact
    assert (exact.max_abs, exact.sqnr_db, exact.passed) == (0.0, None, True)
    assert wrong
    assert (wrong.max_abs, wrong.passed) == (pytest.approx(0.5), False)
    assert absent is None
    assert [bool(x.own_error and x.own_error.passed) for x in made.layers] == [True, False, False]
    assert "1 of 2 layers agree on their own inputs" in printed(made)
    assert made.check.outputs["y"].sqnr_db == pytest.approx(60)


def test_report_without_a_check() -> None:
    made = assemble(run(), About(), ENTRIES, RATES)
    assert made.check is None
    assert made.layers[0].error is None
    assert "not compared" in printed(made)


def test_csv_files_are_written_whole(tmp_path: Path) -> None:
    made = report()
    write_report(made, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "layers.csv",
        "report.json",
        "summary.csv",
    ]
    rows = list(csv.DictReader((tmp_path / "layers.csv").read_text().splitlines()))
    assert [row["layer"] for row in rows] == ["conv1", "conv2", "lrn"]
    assert rows[0]["cycles"] == "600"
    assert float(rows[0]["share_percent"]) == 60
    assert rows[0]["macs_gated_count"] == "1000"
    assert rows[0]["stall_array_cycles"] == "8"
    assert rows[0]["product_shift_bits"] == "5"
    assert rows[0]["saturations_count"] == "3"
    assert rows[0]["accumulator_saturations_count"] == "2"
    assert rows[0]["fmap_rd_count"] == "100"
    assert rows[0]["dram_in_bytes"] == "64"
    assert rows[0]["stall_gemm_cycles"] == "3"
    assert float(rows[0]["energy_common_sram_fmap_uj"]) == pytest.approx(4e-4)
    assert rows[2]["utilisation_percent"] == ""
    (row,) = csv.DictReader((tmp_path / "summary.csv").read_text().splitlines())
    assert row["target"] == "toy"
    assert row["config_POLICY"] == "paper"
    assert float(row["energy_per_inference_common_uj"]) == made.totals.energy.common.total_uj / 2
    assert row["error_sqnr_db(y)"].startswith("60")
    assert decode((tmp_path / "report.json").read_bytes()) == made


def test_figures_are_columns_and_a_line_where_there_are_some() -> None:
    made = report()
    assert [layer.figures for layer in made.layers] == [{"speedup": 3.0}, {"speedup": 1.0}, {}]
    rows = list(csv.DictReader(to_csv(layer_rows(made)).decode().splitlines()))
    assert [row["speedup_ratio"] for row in rows] == ["3.0", "1.0", ""]
    assert summary_row(made)["speedup_ratio"] == 2.0
    changed = run()
    changed["totals"]["figures"] = {"speedup": 2.2145, "zeros_removed": 0.704}
    lines = printed(assemble(changed, ABOUT, ENTRIES, RATES)).splitlines()
    assert "speedup 2.21, zeros removed 0.704" in lines
    changed["totals"]["figures"] = {}
    assert "speedup" not in printed(assemble(changed, ABOUT, ENTRIES, RATES))


def test_every_number_column_names_its_unit() -> None:
    plain = {"layer_index", "seed", "batch", "model_sha256", "error_max_abs"}
    units = ("cycles", "count", "bits", "bytes", "percent", "uj", "us", "mw", "tops", "db", "ratio")
    for row in (*layer_rows(report()), summary_row(report())):
        for name, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                stem = name.partition("(")[0].removesuffix("_with_dram")
                has_unit = stem.endswith((*units, "per_w", "per_second"))
                assert has_unit or stem in plain or name.startswith("config_"), name


def test_columns_of_counters() -> None:
    assert counter_column("dram_wt") == "dram_wt_bytes"
    assert counter_column("im2col_busy") == "im2col_busy_cycles"
    assert counter_column("items") == "items_count"


def test_csv_keeps_columns_that_only_later_rows_have() -> None:
    assert to_csv([{"a": 1}, {"a": 2, "b": "x,y"}]) == b'a,b\n1,\n2,"x,y"\n'


def printed(made: Report) -> str:
    text = io.StringIO()
    print_report(made, text)
    return text.getvalue()


def test_plain_table_has_every_layer_and_no_decoration() -> None:
    text = printed(report())
    lines = text.splitlines()
    assert text.isascii()
    assert lines[0].split()[:4] == ["layer", "op", "where", "cycles"]
    first = lines[1].split()
    assert first[:7] == ["conv1", "Conv", "native", "600", "60.0", "31.2", "50/17/33"]
    assert first[7] == "exact"
    assert lines[3].split() == ["lrn", "Conv", "host", "0", "0.0", "-", "-", "-", "0.01"]
    assert lines[4].split()[:2] == ["total", "1,000"]
    assert "output 'y' agrees with the reference: 60.0 dB" in text


def test_an_exact_output_has_no_decibels() -> None:
    values = np.ones(3)
    exact = Checked(check([Tap("y", values, "y")], {"y": values}))
    text = printed(assemble(run(), ABOUT, ENTRIES, RATES, exact))
    assert "output 'y' agrees with the reference: exact, largest error 0\n" in text


def test_plain_table_never_cuts_a_name() -> None:
    changed = run()
    changed["layers"][0]["name"] = name = "resnetv17_stage1_conv_with_a_long_name[/x]" * 3
    assert name in printed(assemble(changed, ABOUT, ENTRIES, RATES))


def test_figures_are_in_lines_of_the_tables_width() -> None:
    changed = run()
    changed["totals"]["figures"] = {f"share_of_slots_{i}": i / 8 for i in range(9)}
    lines = printed(assemble(changed, ABOUT, ENTRIES, RATES)).splitlines()
    shares = [line for line in lines if line.startswith("share of")]
    assert len(shares) == 3
    assert max(map(len, shares)) <= TABLE_COLUMNS
    assert ", ".join(line.removesuffix(",") for line in shares) == ", ".join(
        f"share of slots {i} {i / 8:.3g}" for i in range(9)
    )


@pytest.mark.parametrize("width", [100, 160])
def test_terminal_table_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    changed = run()
    for record_ in (*changed["layers"], changed["totals"]):
        record_.update(name="very_long_layer_name_" * 3, cycles=record_["cycles"] * 1_000_000)
    text = Terminal()
    print_report(assemble(changed, ABOUT, ENTRIES, RATES), text)
    seen = Text.from_ansi(text.getvalue()).plain
    lines = seen.splitlines()
    end = next(at for at, line in enumerate(lines) if "cycles (" in line)
    assert 90 < max(map(len, lines[:end])) <= TABLE_COLUMNS
    for number in ("600,000,000", "1,000,000,000", "50/17/33", "100.0"):
        assert number in seen, "numbers are never cut"
    assert "very_long_l.." in seen


MEMORIES = ("acc", "pbuf", "bbuf")
BASE = Machine(
    "base",
    InstructionSet("base", 1, BASE_INSTRUCTIONS, {"memories": MEMORIES}),
    BaseSpec,
    ("ld", "st", "ppu"),
    lambda _: tuple(MemorySpec(name, 4096, stream="dram_res") for name in MEMORIES),
    BASE_SEMANTICS,
    BASE_COSTS,
)


def test_a_sessions_report_fits_the_schema() -> None:
    def tensor(name: str, offset: int) -> TensorInfo:
        return TensorInfo(
            name=name, dtype="i16", shape=(8,), offset=offset, strides=(2,), frac=8, bits=16
        )

    x, y = tensor("x", 0), tensor("y", 64)
    text = (
        Ld(mem=1, addr=0, dram=0, bytes=16, signal=(1,)),
        St(mem=1, addr=0, dram=64, bytes=16, wait=(1,)),
        Halt(),
    )
    program = Program(
        target="base",
        isa_version=1,
        config=msgspec.to_builtins(BaseSpec(B=4, L=3)),
        text=BASE.isa.encode(text),
        data=np.zeros(0, np.uint8),
        dram_bytes=128,
        inputs=(x,),
        outputs=(y,),
        layers=(LayerInfo(name="copy", op="Identity", placement="native", output=y, source="y"),),
        lines=np.zeros(3, np.uint32),
    )
    session = InferenceSession(program, BASE)
    feeds = {"x": np.arange(8, dtype=np.float32) / 16}
    (out,) = session.run(None, feeds, taps=True)
    np.testing.assert_array_equal(out, feeds["x"])
    made = assemble(session.report, ABOUT, ENTRIES, RATES)
    assert made.totals.cycles == made.layers[0].cycles == session.report["totals"]["cycles"] > 0
    known = {*Report.__struct_fields__, *session.report}
    assert known == set(Report.__struct_fields__), "the session reports nothing that is dropped"
    layer_keys = set(session.report["layers"][0])
    assert layer_keys <= set(type(made.layers[0]).__struct_fields__)
    assert set(session.report["totals"]) <= set(type(made.totals).__struct_fields__)
    assert decode(encode(made)) == made
