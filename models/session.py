"""One typed door to onnxruntime for this layer."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# reason: onnxruntime ships without type stubs

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy.typing as npt
import onnxruntime


def run(
    model: bytes,
    feeds: Mapping[str, npt.NDArray[Any]],
    outputs: Sequence[str] | None = None,
) -> list[npt.NDArray[Any]]:
    """Run a model once on the CPU, as it stands: no optimisation reorders its arithmetic.

    Args:
        model: A serialised model.
        feeds: Graph input -> array.
        outputs: Graph outputs to return; all of them by default.

    Returns:
        The arrays in the order of `outputs`.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return cast("list[npt.NDArray[Any]]", session.run(outputs, dict(feeds)))
