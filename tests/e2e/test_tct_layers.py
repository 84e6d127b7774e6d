"""Any single layer on Bit-Tactical, from ONNX to the report, is what the golden model says."""

import random
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from spcc.isa.program import Program
from spcc.isa.targets import dadiannao as ddn
from spcc.isa.targets.tct import INSTRUCTIONS, ISA, Conv, Ldw
from spcc.tests.e2e.ddn_layers import AM_LIMIT, SHAPES, compile_and_run, spec_of
from spcc.tests.golden.ddn_cases import Case, random_case, random_front_end
from spcc.tests.golden.ddn_golden import Result
from spcc.tests.golden.spots_cases import seeded

quick = settings(deadline=None, max_examples=15)
deep = settings(deadline=None, max_examples=300, phases=[Phase.explicit, Phase.generate])
NOT_IN_GOLDEN = {"dram", "bias", "slots", "act"}
"""Addresses and tables are the compiler's own; `act` is not drawn."""


def random_layer(rng: random.Random, limit: int) -> Case:
    """Choose a layer, a front end and a machine that spcc can have.

    A layer alone keeps its filters' order: its result is the network's.
    """
    while True:
        tiles, pes, lanes = rng.choice(SHAPES)
        front = random_front_end(rng, lanes) | {"shuffle": False}
        case = random_case(rng, limit, tiles=tiles, pes=pes, lanes=lanes, **front)
        if case.machine.am_words <= AM_LIMIT:
            return case


layers = seeded(random_layer)


def config_of(case: Case) -> dict[str, Any]:
    """The machine as settings."""
    return vars(case.machine) | {"shuffle": "off"}


def check_layer(case: Case) -> None:
    """Compare output, cycles, counters, images and instructions with the golden model."""
    wanted = case.run_tct()
    program, record, output = compile_and_run(case, "tct", config_of(case))
    assert record["placement"] == "native"
    assert (record["cycles"], record["unit_cycles"]["ppu"]) == (wanted.cycles, wanted.ppu)
    assert {n: record["counters"].get(n, 0) for n in wanted.counters} == wanted.counters
    own = {name: record["counters"][name] for name in ("work", "n_conv", "n_ldw", "ppu")}
    assert own == {name: getattr(wanted, name) for name in own}
    macs = record["macs"]
    assert macs["effectual"] + macs["ineffectual"] + macs["skipped"] == (
        macs["nominal"] + macs["expanded"]
    )
    check_instructions(program, wanted)
    np.testing.assert_array_equal(output, wanted.y)
    dense = case.run_ddn()
    assert wanted.work <= dense.work == record["counters"]["work_dense"]
    ahead = replace(case, machine=replace(case.machine, d=0))
    assert record["counters"]["work_lookahead"] == ahead.run_tct().work


def known(fields: dict[str, int]) -> dict[str, int]:
    """The fields that the golden model has too."""
    return {name: value for name, value in fields.items() if name not in NOT_IN_GOLDEN}


def check_instructions(program: Program, wanted: Result) -> None:
    """Chunks in the same order, the same images, the same blocks."""
    mine = [i for i in program.instructions(ISA) if type(i) in INSTRUCTIONS]
    loads = [known(i.values()) for i in mine if isinstance(i, Ldw)]
    assert loads == [known(step.fields) for step in wanted.program if step.op == "tct.ldw"]
    images = {bytes(program.data[i.dram : i.dram + i.bytes]) for i in mine if isinstance(i, Ldw)}
    assert images == {bytes(image) for image in wanted.images.values()}
    found: list[dict[str, int]] = []
    for at, inst in enumerate(mine):
        if isinstance(inst, Conv):  # its bank is that of the ddn.post behind it
            post = next(i for i in mine[at:] if isinstance(i, ddn.Post))
            assert inst.bank == post.bank
            fields = inst.values()
            del fields["bank"]
            found.append(fields)
    expected = [dict(step.fields) for step in wanted.program if step.op == "tct.conv"]
    if not wanted.is_resident:  # strips number windows inside an image
        for fields in (*found, *expected):
            del fields["win0"]
    assert found == expected


@quick
@given(layers)
def test_layer_is_the_golden_one(case: Case) -> None:
    check_layer(case)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(layers)
def test_speedup_is_over_a_run_of_dadiannao(case: Case) -> None:
    _, dense, _ = compile_and_run(case, "dadiannao", msgspec.to_builtins(spec_of(case)))
    _, record, _ = compile_and_run(case, "tct", config_of(case))
    work = record["counters"]["work"]
    assert record["counters"]["work_dense"] == dense["counters"]["work"]
    assert record["figures"].get("speedup") == (dense["counters"]["work"] / work if work else None)


@pytest.mark.slow
@deep
@given(layers)
def test_layer_is_the_golden_one_at_length(case: Case) -> None:
    check_layer(case)
