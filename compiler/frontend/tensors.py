"""TensorProtos as numpy arrays: checked against their own claims, external data included."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from .problems import FOREIGN_ERRORS, Problems, first_line
from .read import DOUBLE_DATA, FLOAT_DATA, RAW_DATA, Blob, RawModel

Array = npt.NDArray[Any]

MAX_RANK = 32  # numpy ends at 64
MAX_ELEMENTS = 1 << 31  # in one tensor; a claim beyond it is a mistake or an attack

# ONNX element type -> numpy name; what is missing (strings, complex, tiny floats) is refused.
DTYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.BOOL: "bool",
    TensorProto.INT8: "int8",
    TensorProto.INT16: "int16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8",
    TensorProto.UINT16: "uint16",
    TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64",
}
ELEM_TYPES = {name: elem for elem, name in DTYPES.items()}


class TensorKind(NamedTuple):
    """Element type (a numpy name) and static shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many elements it has."""
        return prod(self.shape)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype of a name of `DTYPES`; bfloat16 comes from ml_dtypes."""
    return helper.tensor_dtype_to_np_dtype(ELEM_TYPES[name])


def elem_type_name(elem_type: int) -> str:
    """The ONNX word for an element type."""
    known = TensorProto.DataType.values()
    return TensorProto.DataType.Name(elem_type) if elem_type in known else f"number {elem_type}"


def shape_problem(dims: Sequence[int]) -> str | None:
    """What is wrong with a shape; None when it is sane (it may be empty)."""
    if len(dims) > MAX_RANK:
        return f"has {len(dims)} axes, more than {MAX_RANK}"
    if any(d < 0 for d in dims):
        return f"{tuple(dims)} has a negative dimension"
    if (count := prod(d or 1 for d in dims)) > MAX_ELEMENTS:  # numpy counts like this, too
        return f"{tuple(dims)} has {count} elements, more than {MAX_ELEMENTS}"
    return None


def check_shape(where: str, dims: Sequence[int], problems: Problems) -> bool:
    """Whether a constant's shape is sane; a problem where it is not."""
    if (problem := shape_problem(dims)) is not None:
        problems.add(where, f"shape {problem}")
    return problem is None


def load_initializers(raw: RawModel, problems: Problems) -> dict[str, Array]:
    """All initializers as arrays, by name; each wrong one is a problem."""
    arrays: dict[str, Array] = {}
    for index, tensor in enumerate(raw.model.graph.initializer):
        where = f"initializer '{tensor.name}'"
        array = tensor_to_array(tensor, where, raw.folder, problems, raw.blobs.pop(index, None))
        if array is not None:
            arrays[tensor.name] = array
    return arrays


def tensor_to_array(
    tensor: TensorProto,
    where: str,
    folder: Path | None,
    problems: Problems,
    blob: Blob | None = None,
) -> Array | None:
    """One tensor as an array; None, and a problem, when it is not what it claims.

    Args:
        tensor: The message.
        where: The tensor's place, for problems.
        folder: Where external data may lie; None where it may not.
        problems: Takes what is wrong.
        blob: The data, where it was taken out of the message.
    """
    name = _element_name(tensor, where, problems)
    if name is None:
        return None
    dtype = numpy_dtype(name)
    nbytes = prod(tensor.dims) * dtype.itemsize
    if tensor.data_location == TensorProto.EXTERNAL:
        blob = _read_external(tensor, where, folder, nbytes, problems)
        if blob is None:
            return None
    if blob is not None:
        return _from_blob(blob, dtype, list(tensor.dims), where, problems)
    if tensor.HasField("raw_data") and len(tensor.raw_data) != nbytes:
        problems.add(
            where,
            f"{len(tensor.raw_data)} bytes of data, but {list(tensor.dims)} {name} has {nbytes}",
        )
        return None
    try:
        return np.array(numpy_helper.to_array(tensor))
    except FOREIGN_ERRORS as error:
        problems.add(
            where, f"the data does not fill {list(tensor.dims)} {name}: {first_line(error)}"
        )
        return None


def _element_name(tensor: TensorProto, where: str, problems: Problems) -> str | None:
    """The type of a tensor's elements; None, and a problem, if it is no tensor of ours."""
    name = DTYPES.get(tensor.data_type)
    if name is None:
        problems.unsupported(
            where, f"elements of type {elem_type_name(tensor.data_type)} are not supported"
        )
        return None
    if not check_shape(where, list(tensor.dims), problems):
        return None
    if tensor.HasField("segment"):
        problems.unsupported(where, "a tensor in segments is not supported")
        return None
    return name


def _from_blob(
    blob: Blob, dtype: np.dtype[Any], dims: list[int], where: str, problems: Problems
) -> Array | None:
    wanted = {RAW_DATA: dtype.name, FLOAT_DATA: "float32", DOUBLE_DATA: "float64"}[blob.field]
    nbytes = prod(dims) * dtype.itemsize
    if wanted != dtype.name:
        problems.add(where, f"the data is {wanted}, but the tensor is {dtype.name}")
    elif blob.data.size != nbytes:
        problems.add(where, f"{blob.data.size} bytes of data, but {dims} {dtype.name} has {nbytes}")
    else:
        return blob.data.view(dtype).reshape(dims)
    return None


def _read_external(
    tensor: TensorProto, where: str, folder: Path | None, nbytes: int, problems: Problems
) -> Blob | None:
    """The external data of a tensor: a plain file inside the model's folder, exactly `nbytes`."""
    fields = {e.key: e.value for e in tensor.external_data}
    location = fields.get("location", "")
    if folder is None:
        problems.add(where, f"data lies in '{location}', but the model did not come from a file")
        return None
    if (reason := _unsafe(folder, location)) is not None:
        problems.add(
            where,
            f"external data '{location}' {reason}",
            "external data must be a plain file inside the model's folder",
        )
        return None
    try:
        offset = int(fields.get("offset") or "0")
        length = int(fields.get("length") or str(nbytes))
    except ValueError:
        problems.add(where, f"offset and length of external data are no numbers: {fields}")
        return None
    if length != nbytes or offset < 0:
        problems.add(
            where,
            f"external data at {offset} of {length} bytes, but the tensor has {nbytes} bytes",
        )
        return None
    return _read_range(folder / location, offset, nbytes, where, problems)


def _unsafe(folder: Path, location: str) -> str | None:
    """Why a location must not be opened; None when it may."""
    path = Path(location)
    if not location or "\0" in location or path.is_absolute() or ".." in path.parts:
        return "is not a name inside the model's folder"
    try:
        real_folder = folder.resolve(strict=True)
        if (folder / path).resolve() != real_folder / path:
            return "is or goes through a symbolic link"
        if not stat.S_ISREG(os.stat(folder / path).st_mode):
            return "is not a plain file"
    except (OSError, RuntimeError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    return None


def _read_range(
    path: Path, offset: int, nbytes: int, where: str, problems: Problems
) -> Blob | None:
    try:
        with path.open("rb") as file:
            file_bytes = os.fstat(file.fileno()).st_size
            if offset + nbytes > file_bytes:
                problems.add(
                    where,
                    f"external data '{path.name}' has {file_bytes} bytes, "
                    f"but {nbytes} from {offset} on are wanted",
                )
                return None
            file.seek(offset)
            data = np.empty(nbytes, np.uint8)
            if cast(Any, file).readinto(data) == nbytes:
                return Blob(data, RAW_DATA)
            problems.add(where, f"external data '{path.name}' ended early")
    except OSError as error:
        problems.add(where, f"external data '{path.name}' cannot be read: {error.strerror}")
    return None


def small_tensor(name: str, array: Array) -> TensorProto:
    """An array as a TensorProto (a copy)."""
    tensor = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape))
    if name:
        tensor.name = name
    return tensor
