"""What stays in AM between layers: loads and stores that fall away, values that do not change."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from spcc.isa.targets.dadiannao import ISA, DadiannaoSpec, In, Out
from spcc.models.builder import GraphBuilder
from spcc.models.small import mlp, residual_block
from spcc.tests.golden import ddn_golden
from spcc.tests.golden.ddn_golden_plan import Machine
from spcc.tools import spcc
from spcc.tools.compile_flow import Request, compile_request
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
from spcc.tools.targets import find_target

SMALL = {"tiles": 2, "pes": 2, "lanes": 4, "wm_rows": 8, "pb_windows": 4}


def traffic(
    model: onnx.ModelProto, *, target: str = "dadiannao", **config: Any
) -> tuple[list[tuple[int, int]], Any]:
    """The bytes loaded and stored by each convolution or matmul, and the program, checked."""
    found = find_target(target)
    outcome = compile_request(Request(Model("m", model, ""), found, found.spec()(**config)))
    program = outcome.compiled.program
    ran = run_program(program, outcome.feeds)
    checked = check_run(ran, model, outcome.feeds)
    checked.outputs.raise_on_mismatch()
    checked.own.raise_on_mismatch()
    layers = [e for e in ran.session.report["layers"] if e["macs"]["nominal"]]
    assert len(checked.layers.layers) == len(program.layers)
    bytes_of = [e["counters"] for e in layers]
    return [(c.get("dram_in", 0), c.get("dram_out", 0)) for c in bytes_of], program


@pytest.mark.parametrize("target", ["dadiannao", "tct"])
def test_a_chain_touches_dram_at_its_ends_only(target: str) -> None:
    moved, program = traffic(mlp((16, 32, 64, 10), N=3), target=target)
    assert moved == [(3 * 32, 0), (0, 0), (0, 3 * 32)]
    places = [layer.output for layer in program.layers if layer.output is not None]
    assert [p.memory for p in places] == ["am", "am", "dram"]
    isa = find_target(target).isa()
    bases = [i.base for i in program.instructions(isa) if isinstance(i, In | Out)]
    half = DadiannaoSpec().am_words // 2
    assert bases == [0, half, half, 0, 0, half]


def test_a_result_that_the_ppu_adds_is_stored_and_read_on_chip_too() -> None:
    """8x8 maps of 8 channels: conv, conv, add of the shortcut, which is the input."""
    words = 8 * 8 * 32
    moved, _ = traffic(residual_block(C=8))
    assert moved == [(words, 0), (0, words)]
    # A convolution of the shortcut runs second: it finds the input, and overwrites the first.
    moved, _ = traffic(residual_block(C=8, K=12))
    assert moved == [(words, words), (0, words), (words, words)]


def siblings() -> onnx.ModelProto:
    """Three convolutions of one input, joined."""
    build = GraphBuilder("siblings")
    x = build.input(1, 16, 4, 4)
    branches = [build.conv_same(x, 16, 16, kernel) for kernel in (1, 3, 5)]
    return build.model(build.node("Concat", *branches, axis=1))


def test_an_input_is_loaded_once_for_layers_side_by_side() -> None:
    words = 4 * 4 * 32
    moved, _ = traffic(siblings())
    assert moved == [(words, words), (0, words), (0, words)]


def test_strips_take_all_of_am() -> None:
    """Convolutions on 8x8 maps of 8 channels, with 4 lanes: 128 words in, 128 out."""
    build = GraphBuilder("chain")
    value = build.input(1, 8, 8, 8)
    for _ in range(3):
        value = build.conv_same(value, 8, 8)
    model = build.model(value)
    whole, _ = traffic(model, **SMALL, am_words=256)
    assert whole == [(1024, 0), (0, 0), (0, 1024)]
    strips, _ = traffic(model, **SMALL, am_words=254)
    # A quarter of 63 words has 3 rows: strips of 1 output row need 2, 3, .., 3, 2 of them.
    rows = 2 + 6 * 3 + 2
    assert strips == [(rows * 128, 1024)] * 3


def test_a_strip_between_ends_the_chain() -> None:
    """The second layer needs strips: 16 channels on 8x8 are 256 words."""
    build = GraphBuilder("chain")
    value = build.input(1, 4, 8, 8)
    for C, K in ((4, 4), (4, 24), (24, 4)):
        value = build.conv_same(value, C, K, 1)
    moved, program = traffic(build.model(value), **SMALL, am_words=512)
    assert moved == [(512, 512), (512, 3072), (3072, 512)]
    assert {layer.output.memory for layer in program.layers} == {"dram"}


def test_a_matmul_reads_a_pooled_vector_from_dram_and_a_flat_convolution_on_chip() -> None:
    build = GraphBuilder("head")
    x = build.input(2, 8, 1, 1)
    value = build.node("Relu", build.conv_same(x, 8, 12, 1))
    value = build.gemm(build.node("Flatten", value), 12, 5)
    moved, program = traffic(build.model(value))
    assert moved == [(2 * 32, 0), (0, 2 * 32)]
    assert [layer.output.memory for layer in program.layers] == ["am", "dram"]


def test_two_layers_are_the_golden_ones() -> None:
    """Traffic and cycles with the golden model's flags; the values are checked above."""
    build = GraphBuilder("pair", density=0.5, integers=3)
    first, second = build.weights(6, 5, 3, 3), build.weights(9, 6, 1, 1)
    value = build.conv(build.input(1, 5, 6, 5), first, pads=[1, 1, 1, 1])
    moved, program = traffic(build.model(build.conv(value, second)), **SMALL)
    assert [i.base for i in program.instructions(ISA) if isinstance(i, In)] == [0, 65536]
    machine, x = Machine(**SMALL), np.zeros((1, 5, 6, 5), np.int64)
    one = ddn_golden.layer(machine, x, first.astype(int), pads=(1, 1, 1, 1), out_onchip=True)
    x = np.zeros((1, 6, 6, 5), np.int64)
    two = ddn_golden.layer(machine, x, second.astype(int), in_onchip=True)
    assert moved == [
        (golden.counters["dram_in"], golden.counters["dram_out"]) for golden in (one, two)
    ]


def test_a_dump_remembers_what_stays(tmp_path: Path) -> None:
    """A compilation that goes on from any stage behind the pass makes the same program."""
    onnx.save(mlp((16, 32, 10)), tmp_path / "m.onnx")
    options = ["--target", "dadiannao", "-c", "-o"]
    whole, resumed = tmp_path / "a.spx", tmp_path / "b.spx"
    dump = ["--dump-ir", str(tmp_path / "ir")]
    assert spcc.main([str(tmp_path / "m.onnx"), *options, str(whole), *dump]) == 0
    stages = [p for p in sorted((tmp_path / "ir").glob("*.mlir")) if "on_chip" in p.read_text()]
    assert [p.stem[3:] for p in stages] == ["dadiannao-keep-on-chip", "allocate"]
    for stage in stages:
        assert spcc.main([*options, str(resumed), "--resume-from", str(stage)]) == 0
        assert resumed.read_bytes() == whole.read_bytes()
