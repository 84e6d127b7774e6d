"""Host calls: operators a target has no instructions for, run by onnxruntime on the DRAM image."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

import numpy as np

from ..isa.errors import TrapError
from ..isa.tables import Fragment, TensorInfo
from .memory import Dram
from .tensors import Array, load_integers, load_tensor, store_tensor

SATURATED = "host_saturated"
"""Counter: results beyond the range of the fixed-point tensor they go to."""

_FLOATS = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
_INTEGERS = {"tensor(int8)": np.int8, "tensor(int16)": np.int16}


class Host:
    """Runs fragments, each in a session that is made at its first call and kept.

    Args:
        fragments: The program's fragments.
        thread_count: Threads inside an operator.
    """

    def __init__(self, fragments: Sequence[Fragment], thread_count: int = 1) -> None:
        self._fragments = fragments
        self._thread_count = thread_count
        self._sessions: dict[int, Any] = {}

    def __call__(self, index: int, dram: Dram) -> Mapping[str, int]:
        """Run a fragment: tensors out of the image, through onnxruntime, back into the image.

        Returns:
            The counter `host_saturated`.

        Raises:
            TrapError: There is no such fragment, onnxruntime cannot run it, or a result has another
                type or shape than its place in the image.
        """
        where = f"host fragment {index}"
        if not 0 <= index < len(self._fragments):
            raise TrapError(f"there are {len(self._fragments)} fragments", where)
        fragment = self._fragments[index]
        with _foreign_errors(where):
            session = self._session(index)
            kinds = {port.name: port.type for port in session.get_inputs()}
            feeds = {
                info.name: _feed(dram, info, kinds.get(info.name, "")) for info in fragment.inputs
            }
            results = session.run([info.name for info in fragment.outputs], feeds)
        saturated = 0
        for info, result in zip(fragment.outputs, results, strict=True):
            saturated += _store(dram, info, result, where)
        return {SATURATED: saturated}

    def _session(self, index: int) -> Any:
        if index not in self._sessions:
            ort: Any = import_module("onnxruntime")  # Late: slow, and most programs need none.
            options = ort.SessionOptions()
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.intra_op_num_threads = self._thread_count
            options.inter_op_num_threads = 1
            options.log_severity_level = 4
            self._sessions[index] = ort.InferenceSession(
                self._fragments[index].model, options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[index]


def _feed(dram: Dram, info: TensorInfo, kind: str) -> Array:
    """A fragment's input in the type its graph asks for; integer graphs get a tensor's integers."""
    if info.dtype == "i16" and kind in _INTEGERS:
        return load_integers(dram, info).astype(_INTEGERS[kind])
    values = load_tensor(dram, info)
    return values.astype(_FLOATS[kind]) if info.dtype == "i16" and kind in _FLOATS else values


def _store(dram: Dram, info: TensorInfo, result: Any, where: str) -> int:
    if not isinstance(result, np.ndarray):
        raise TrapError(f"the value of '{info.name}' is not a tensor", where)
    try:
        return store_tensor(dram, info, cast(Array, result))
    except TrapError as error:
        raise TrapError(error.message, f"{where}: output '{info.name}'", error.hint) from error


def library_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises, and what it lets through."""
    state: Any = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names: dict[str, Any] = state.__dict__
    own = (kind for kind in names.values() if isinstance(kind, type))
    return (*(k for k in own if issubclass(k, Exception)), RuntimeError, ValueError, TypeError)


@contextmanager
def _foreign_errors(where: str) -> Generator[None]:
    """Turn what onnxruntime raises into a trap."""
    try:
        yield
    except library_errors() as error:
        raise TrapError(f"onnxruntime cannot run the fragment: {error}", where) from error
