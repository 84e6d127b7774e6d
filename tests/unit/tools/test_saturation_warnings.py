"""What the tools say when values or sums saturate."""

from typing import Any

import msgspec
import numpy as np
import pytest
from spcc.isa.targets.spots import SpotsSpec
from spcc.models.builder import GraphBuilder
from spcc.tools.compile_flow import Request, compile_request
from spcc.tools.report import About
from spcc.tools.report_schema import Report
from spcc.tools.run_flow import check_run, report_of, run_program, saturation_warnings
from spcc.tools.sources import Model
from spcc.tools.targets import TARGETS


def run(x: Any, weights: Any, **settings: Any) -> Report:
    """Compile x @ weights for these inputs, run it and check it."""
    build = GraphBuilder("sums")
    model = build.model(build.node("MatMul", build.input(*x.shape), build.constant(weights)))
    spec, feeds = SpotsSpec(**settings), {"x": x}
    compiled = compile_request(Request(Model("m", model, ""), TARGETS["spots"], spec, inputs=feeds))
    ran = run_program(compiled.compiled.program, feeds)
    return report_of(ran, About(), check_run(ran, model, feeds))


def cancelling() -> tuple[Any, Any]:
    """Sums that rise to 64 over half of the indices and fall to 0 or -1/4 over the others.

    A product of 1 is 2^28, with 14 fraction bits each: a final sum is at most 2^26, but the partial
    ones reach 2^34.
    """
    weights = np.ones((128, 2), np.float32)
    weights[64:] = -1
    weights[0, 1] = 0.75
    return np.ones((4, 128), np.float32), weights


def test_partial_sums_that_saturate_are_told_with_the_shift_that_helps() -> None:
    x, weights = cancelling()
    report = run(x, weights)
    (layer,) = report.layers
    assert layer.product_shift == 5
    assert layer.accumulator_saturations > 0
    assert report.check is not None
    assert not report.check.passed
    (sentence,) = [text for text in saturation_warnings(report) if "accumulators" in text]
    assert sentence == (
        "sums left the range of the accumulators in layer 'matmul0' "
        f"({layer.accumulator_saturations} saturated additions at product shift 5); "
        "compile with --set psh=6 or more"
    )
    helped = run(x, weights, psh=12)
    assert helped.layers[0].product_shift == 12
    assert helped.layers[0].accumulator_saturations == 0
    assert helped.check is not None
    assert helped.check.passed
    assert not list(saturation_warnings(helped))


@pytest.fixture(scope="module")
def saturated() -> Report:
    return run(*cancelling())


def with_layers(report: Report, *layers: tuple[str, int | None, int], **config: Any) -> Report:
    """The report with layers of these names, product shifts and saturated sums."""
    made = tuple(
        msgspec.structs.replace(
            report.layers[0], name=name, product_shift=shift, accumulator_saturations=count
        )
        for name, shift, count in layers
    )
    return msgspec.structs.replace(report, layers=made, config=config, check=None)


def test_the_shift_proposed_is_enough_for_every_layer(saturated: Report) -> None:
    def said(*layers: tuple[str, int | None, int], **config: Any) -> list[str]:
        return list(saturation_warnings(with_layers(saturated, *layers, **config)))

    (text,) = said(("a", 3, 7), ("b", 9, 0), psh=None)
    assert "'a' (7 saturated additions at product shift 3)" in text
    assert "'b'" not in text
    assert text.endswith("--set psh=9 or more")
    (text,) = said(("a", 15, 7), psh=None)
    assert "psh" not in text, "no shift is larger"
    (text,) = said(("a", 3, 7))
    assert "psh" not in text, "the target has no such parameter"
    (text,) = said(("a", None, 7), psh=None)
    assert text.endswith("layer 'a' (7 saturated additions)")
    (text,) = said(*((name, 1, count) for count, name in enumerate("abcde", 1)), psh=None)
    assert text.index("'e'") < text.index("'d'") < text.index("'c'") < text.index("2 more")
    assert not said(("a", 3, 0), psh=None)
