"""ONNX's own backend suite over our Backend: the operators a CNN is made of.

Fixed point has its own bound (runtime/check.py): the suite's 1e-7 cannot hold for 16 bits.
What we refuse is an SpccError, and only for the cases listed here.
"""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from onnx.backend.test.runner import Runner
from spcc.isa.errors import SpccError
from spcc.runtime.check import compare
from spcc.tools.backend import SpccBackend

OPERATORS = (
    r"add|sum|sub|mul|div|averagepool|maxpool|globalaveragepool|globalmaxpool|basic_conv|conv|gemm|matmul|"
    r"batchnorm|concat|flatten|relu|clip|reshape|squeeze|unsqueeze|identity|dropout|softmax|lrn|"
    r"transpose|quantizelinear|dequantizelinear|sigmoid|hardsigmoid|leakyrelu|pad"
)
REFUSED = re.compile(
    r"identity_(opt|sequence)|"  # optional and sequence types
    r"quantizelinear_(e4m3fn|e5m2|float4|u?int[24]_)|"  # float8 and types below 8 bits
    r"reshape_allowzero_reordered"  # an empty tensor
)
"""Cases that must be refused with a sentence, and why."""


class Suite(Runner):
    """The runner with our comparison."""

    @classmethod
    def assert_similar_outputs(
        cls, ref_outputs: Any, outputs: Any, rtol: float, atol: float, model_dir: str | None = None
    ) -> None:
        assert len(outputs) == len(ref_outputs)
        for actual, expected in zip(outputs, ref_outputs, strict=True):
            expected = np.asarray(expected)
            assert actual.dtype == expected.dtype
            if actual.dtype == object or "float8" in actual.dtype.name:
                np.testing.assert_array_equal(actual, expected)
                continue
            found = compare("output", actual, expected)
            assert found.passed, found.sentence()


def cases() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx's own cases overflow on purpose
        suite = Suite(SpccBackend)
    suite.include(rf"^test_({OPERATORS})(_|\d|$).*_cpu$")
    suite.include(rf"^test_operator_({OPERATORS}|addmm|mm|linear).*_cpu$")
    suite.include(r"^test_(Conv|Linear|BatchNorm|AvgPool|MaxPool|ReLU|ReLU6|Softmax)\w*_cpu$")
    found: dict[str, Any] = {}
    for case in suite.test_cases.values():
        for name in dir(case):
            function = getattr(case, name)
            if name.startswith("test_") and not getattr(function, "__unittest_skip__", False):
                found[name] = case(name)
    return found


CASES = cases()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.filterwarnings("ignore")
def test_case(name: str) -> None:
    run = getattr(CASES[name], name)
    if REFUSED.search(name):
        with pytest.raises(SpccError):
            run()
    else:
        run()
