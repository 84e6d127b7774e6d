"""One typed door to onnxruntime for this layer."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# reason: onnxruntime ships without type stubs

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy.typing as npt
import onnxruntime


class Session:
    """A model ready to run on the CPU, as it stands: no optimisation reorders its arithmetic.

    Args:
        model: A serialised model.
        threads: Threads of an operator; 0 takes as many as there are processors.
    """

    def __init__(self, model: bytes, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        providers = ["CPUExecutionProvider"]
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=providers)

    def run(
        self, feeds: Mapping[str, npt.NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> list[npt.NDArray[Any]]:
        """Run once and return the outputs named, all of them by default."""
        return cast("list[npt.NDArray[Any]]", self._session.run(outputs, dict(feeds)))


def run(
    model: bytes,
    feeds: Mapping[str, npt.NDArray[Any]],
    outputs: Sequence[str] | None = None,
    threads: int = 0,
) -> list[npt.NDArray[Any]]:
    """Run a model once on the CPU, as it stands: no optimisation reorders its arithmetic.

    Args:
        model: A serialised model.
        feeds: Graph input -> array.
        outputs: Graph outputs to return; all of them by default.
        threads: Threads of an operator; 0 takes as many as there are processors.

    Returns:
        The arrays in the order of `outputs`.
    """
    return Session(model, threads).run(feeds, outputs)
