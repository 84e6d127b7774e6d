"""The float reference: onnxruntime on the original graph, with every optimisation disabled."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx import numpy_helper

from ..isa.errors import FrontendError, UnsupportedError, UsageError
from .host import library_errors
from .onnx_constants import (
    Array,
    check_like,
    constant_part,
    force,
    is_pinned,
    replace_by_input,
    take_constants,
)

Source = str | PathLike[str] | bytes | onnx.ModelProto
THREAD_COUNT = 2


class Reference:
    """The original network in float, with any of its tensors to look at.

    Large constants are fed at each run instead of being serialised into the session's model. The
    file itself is run when nothing is replaced and only its outputs are wanted.

    Args:
        model: A file, its bytes or the parsed model (which is not changed). External data is found
            beside the file.
        overrides: Values for constants (pruned weights) by tensor name, of the same type and shape.
            The output of a node of the main graph can be replaced likewise.
        zeros: Arrays by tensor name. A constant, or what nodes make of constants alone, keeps its
            values, save those where its array is 0: the array may be a scaled copy of the pruned
            weights. What is no constant becomes the array itself.
        thread_count: Threads inside an operator.

    Raises:
        FrontendError: The file is not an ONNX model.
        UsageError: An override has no such tensor, or another shape or type.
        OSError: The file cannot be read.
    """

    def __init__(
        self,
        model: Source,
        overrides: Mapping[str, Array] | None = None,
        *,
        zeros: Mapping[str, Array] | None = None,
        thread_count: int = THREAD_COUNT,
    ) -> None:
        self._thread_count = thread_count
        self._path = None if isinstance(model, bytes | onnx.ModelProto) else Path(model)
        self.name = self._path.name if self._path else "model"
        original = _load(model, self.name)
        is_changed = bool(overrides or zeros)
        self._runs_file = _is_utf8(self._path) and not is_changed and is_pinned(original)
        self._model, self._constants = take_constants(original)
        graph = self._model.graph
        bound = {t.name for t in original.graph.initializer}
        bound |= {t.values.name for t in original.graph.sparse_initializer}
        self.inputs = tuple(v.name for v in original.graph.input if v.name not in bound)
        self.outputs = tuple(v.name for v in graph.output)
        self._stored = {t.name: t for t in graph.initializer}
        for name, array in (zeros or {}).items():
            self._replace(name, self._zeroed(name, array))
        for name, array in (overrides or {}).items():
            self._replace(name, array)
        self._session: tuple[frozenset[str], Any] | None = None

    def _replace(self, name: str, array: Array) -> None:
        if name in self._constants:
            old = self._constants[name]
            check_like(name, array, old.shape, old.dtype, self.name)
        else:
            replace_by_input(self._model.graph, name, array, self.name)
            self._stored.pop(name, None)
        self._constants[name] = np.ascontiguousarray(array)

    def _zeroed(self, name: str, mask: Array) -> Array:
        """A constant's values where `mask` is not 0; `mask` itself where it is no constant."""
        old = self._constants.get(name)
        if old is None and name in self._stored:
            old = self._to_array(self._stored[name])
        if old is None and (part := constant_part(self._model, self._constants, name)) is not None:
            old = self._compute_constant(part)
        return mask if old is None else np.where(mask != 0, old, np.zeros((), old.dtype))

    def _compute_constant(self, part: onnx.ModelProto) -> Array:
        with _foreign_errors(self.name):
            session = self._create(part.SerializeToString())
            taken = {value.name: self._constants[value.name] for value in session.get_inputs()}
            return session.run(None, taken)[0]

    def _to_array(self, tensor: onnx.TensorProto) -> Array:
        return numpy_helper.to_array(tensor, str(self._path.parent) if self._path else "")

    def run(
        self, feeds: Mapping[str, Array], want: Iterable[str] | None = None
    ) -> dict[str, Array]:
        """Compute tensors of the main graph.

        Args:
            feeds: Every input by name.
            want: Names of tensors: outputs, intermediates, inputs or constants; None: the outputs.

        Returns:
            The tensors wanted, by name.

        Raises:
            UsageError: An input is missing or unknown, or a tensor wanted does not exist.
            FrontendError: onnxruntime refuses or fails to run the model, or a feed does not fit.
            UnsupportedError: A value wanted is not a tensor.
        """
        odd = sorted(feeds.keys() ^ set(self.inputs))
        if odd:
            raise UsageError(
                f"inputs missing or unknown: {', '.join(odd)}",
                self.name,
                f"the inputs are {', '.join(self.inputs) or 'none'}",
            )
        known: dict[str, Any] = {**feeds, **self._constants}
        wanted = list(dict.fromkeys(self.outputs if want is None else want))
        for name in wanted:
            if name in self._stored:
                known[name] = self._to_array(self._stored[name])
        computed = [name for name in wanted if name not in known]
        if computed:
            known |= zip(computed, self._compute(computed, feeds), strict=True)
        for name in wanted:
            if not isinstance(known[name], np.ndarray):
                raise UnsupportedError(f"the value of '{name}' is not a tensor", self.name)
        return {name: known[name] for name in wanted}

    def _compute(self, names: list[str], feeds: Mapping[str, Array]) -> list[Any]:
        extra = frozenset(names).difference(self.outputs)
        produced = {name for node in self._model.graph.node for name in node.output}
        if unknown := sorted(extra - produced):
            raise UsageError(
                f"the main graph has no tensor {', '.join(unknown)}",
                self.name,
                "tensors inside subgraphs cannot be fetched",
            )
        with _foreign_errors(self.name):
            if self._session is None or self._session[0] != extra:
                self._session = None  # Frees the old session before there is a new one.
                self._session = (extra, self._open(extra))
            session = self._session[1]
            taken = {value.name for value in session.get_inputs()}
            constants = {n: array for n, array in self._constants.items() if n in taken}
            return session.run(names, {**feeds, **constants})

    def run_layers(
        self, feeds: Mapping[str, Array], values: Mapping[str, Array]
    ) -> dict[str, Array]:
        """Compute tensors, each from given values of the ones before: no error is carried on.

        Args:
            feeds: Every input by name.
            values: A machine's tensors by name; what uses them reads these values.

        Returns:
            What the graph makes of each tensor in `values`, by name, save those no node makes.

        Raises:
            FrontendError: onnxruntime refuses or fails to run the model, or a value does not fit.
        """
        changed = onnx.ModelProto()
        changed.CopyFrom(self._model)
        computed = force(changed.graph, dict(values))
        if not computed:
            return {}
        known = {**self._constants, **values, **feeds}
        self._session = None  # Frees its weights before there is another.
        with _foreign_errors(self.name):
            session = self._create(changed.SerializeToString())
            taken = {value.name for value in session.get_inputs()}
            found = session.run(
                list(computed.values()), {n: array for n, array in known.items() if n in taken}
            )
        return dict(zip(computed, found, strict=True))

    def _open(self, extra: frozenset[str]) -> Any:
        if not extra and self._runs_file:
            return self._create(str(self._path))
        changed = onnx.ModelProto()
        changed.CopyFrom(self._model)
        changed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(extra))
        return self._create(changed.SerializeToString())

    def _create(self, model: str | bytes) -> Any:
        ort: Any = import_module("onnxruntime")  # Late: slow, and most tools do without it.
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = self._thread_count
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        folder = self._path.parent.resolve() if self._path else None
        if isinstance(model, bytes) and _is_utf8(folder):
            options.add_session_config_entry(
                "session.model_external_initializers_file_folder_path", str(folder)
            )
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _is_utf8(path: Path | None) -> bool:
    """Whether there is a path and onnxruntime can be given it, which takes UTF-8 alone."""
    try:
        return path is not None and bool(str(path).encode())
    except UnicodeEncodeError:
        return False


def _load(model: Source, where: str) -> onnx.ModelProto:
    if isinstance(model, onnx.ModelProto):
        return model
    try:
        raw = model if isinstance(model, bytes) else Path(model).read_bytes()
        loaded = onnx.load_model_from_string(raw)
    except DecodeError as error:
        raise FrontendError(f"this is not an ONNX model: {error}", where) from error
    if not loaded.HasField("graph"):
        raise FrontendError("this is not an ONNX model: it has no graph", where)
    return loaded


@contextmanager
def _foreign_errors(where: str) -> Generator[None]:
    try:
        yield
    except (*library_errors(), EncodeError) as error:
        raise FrontendError(f"onnxruntime cannot run the model: {error}", where) from error
