"""Any single layer on DaDianNao, from ONNX to the report, is what the golden model says."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from spcc.isa.targets.dadiannao import INSTRUCTIONS, ISA
from spcc.tests.e2e.ddn_layers import compile_and_run, layers, spec_of
from spcc.tests.golden.ddn_cases import Case
from spcc.tests.golden.ddn_golden import Result

quick = settings(deadline=None, max_examples=15)
deep = settings(deadline=None, max_examples=300, phases=[Phase.explicit, Phase.generate])
NOT_IN_GOLDEN = {"dram", "bias", "slots", "act"}
"""Addresses and tables are the compiler's own; `act` is not drawn."""


def check_layer(case: Case) -> None:
    """Compare output, cycles, counters and instructions with the golden model."""
    wanted = case.run_ddn()
    program, record, output = compile_and_run(case, "dadiannao", msgspec.to_builtins(spec_of(case)))
    assert record["placement"] == "native"
    assert (record["cycles"], record["unit_cycles"]["ppu"]) == (wanted.cycles, wanted.ppu)
    counters = {name: record["counters"].get(name, 0) for name in wanted.counters}
    assert counters == wanted.counters
    own = {name: record["counters"][name] for name in ("work", "n_conv", "n_ldw", "ppu")}
    assert own == {name: getattr(wanted, name) for name in own}
    macs = record["macs"]
    assert macs["effectual"] + macs["ineffectual"] == macs["nominal"] + macs["expanded"]
    assert instructions(program) == expected_instructions(case, wanted)
    np.testing.assert_array_equal(output, wanted.y)


def instructions(program: Any) -> list[tuple[str, dict[str, int]]]:
    """DaDianNao's own instructions but the first, which states the machine's shape."""
    mine = [i for i in program.instructions(ISA) if type(i) in INSTRUCTIONS]
    found = [(i.mnemonic, known(i.values())) for i in mine[1:]]
    for at, (name, fields) in enumerate(found):
        if name == "ddn.conv":  # its bank is that of the ddn.post behind it
            post = next(fields for name, fields in found[at:] if name == "ddn.post")
            assert fields.pop("bank") == post["bank"]
    return found


def known(fields: dict[str, int]) -> dict[str, int]:
    """The fields that the golden model has too."""
    return {name: value for name, value in fields.items() if name not in NOT_IN_GOLDEN}


def expected_instructions(case: Case, wanted: Result) -> list[tuple[str, dict[str, int]]]:
    """The golden program without repeated configuration; strips number windows inside an image."""
    per_image = case.geometry.OH * case.geometry.OW
    standing: dict[str, dict[str, int]] = {}
    found: list[tuple[str, dict[str, int]]] = []
    for step in wanted.program:
        fields = known(step.fields)
        if not wanted.is_resident and "win0" in fields:
            fields["win0"] %= per_image
        if "fb0" in fields:  # the golden model states it for as many PEs as lanes
            fields["fb0"] = step.warp * case.machine.K // case.machine.lanes
        if step.op in ("ddn.in", "ddn.ker", "ddn.out"):
            if standing.get(step.op) == fields:
                continue
            standing[step.op] = fields
        found.append((step.op, fields))
    return found


@quick
@given(layers)
def test_layer_is_the_golden_one(case: Case) -> None:
    check_layer(case)


@pytest.mark.slow
@deep
@given(layers)
def test_layer_is_the_golden_one_at_length(case: Case) -> None:
    check_layer(case)
