"""Small networks on a target: compiled, run, and held to onnxruntime layer by layer."""

from collections.abc import Container, Mapping
from typing import Any

import onnx
import pytest
from spcc.isa.asm import assemble, disassemble
from spcc.isa.base import BaseSpec
from spcc.isa.program import Program
from spcc.models.small import BUILDERS
from spcc.tools.compile_flow import Outcome, Request, compile_request
from spcc.tools.run_flow import check_run, run_program
from spcc.tools.sources import Model
from spcc.tools.targets import find_target

FEW = ("qdq_conv", "residual_block", "shuffle", "concat_block")
"""The networks of the fast lane."""


def _cases(argument: str, cases: Mapping[str, Any], fast: Container[str]) -> pytest.MarkDecorator:
    params = [
        pytest.param(case, id=name, marks=[] if name in fast else [pytest.mark.slow])
        for name, case in cases.items()
    ]
    return pytest.mark.parametrize(argument, params)


each_network = _cases("name", {name: name for name in BUILDERS}, FEW)
"""Every small network, by name."""


def each_machine(specs: Mapping[str, BaseSpec], fast: Container[str]) -> pytest.MarkDecorator:
    """Every machine as `spec`; only some of them in the fast lane."""
    return _cases("spec", specs, fast)


def compiled(model: onnx.ModelProto, target: str, spec: BaseSpec, **options: Any) -> Outcome:
    """Compile a model."""
    return compile_request(Request(Model("m", model, ""), find_target(target), spec, **options))


def checked_report(model: onnx.ModelProto, outcome: Outcome) -> dict[str, Any]:
    """Run a compiled model, compare every layer; the report, whose accounts add up.

    The program also survives its assembly and its file.
    """
    program = outcome.compiled.program
    ran = run_program(program, outcome.feeds)
    checked = check_run(ran, model, outcome.feeds)
    checked.outputs.raise_on_mismatch()
    checked.layers.raise_on_mismatch()
    for entry in ran.session.report["layers"]:
        for unit, busy in entry["busy"].items():
            stalled = sum(entry["stall"][unit].values())
            assert busy + stalled + entry["idle"][unit] == entry["elapsed_cycles"]
    isa = find_target(program.target).isa()
    instructions = program.instructions(isa)
    assert assemble(disassemble(instructions, isa), isa) == instructions
    assert Program.from_bytes(program.to_bytes(), isa).to_bytes() == program.to_bytes()
    return ran.session.report
