"""Arrays from .npy and .npz files: no pickles, and no array that the file is too short for."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..isa.errors import UsageError

Array = npt.NDArray[Any]

MAX_BYTES = 1 << 32
"""Of all arrays of a compressed file, which can promise any size."""

_FOREIGN_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_inputs(pairs: Iterable[str], option: str = "--input") -> dict[str, Array]:
    """Arrays of `NAME=FILE.npy` options.

    Raises:
        UsageError: A pair is malformed or its file is no array.
    """
    feeds: dict[str, Array] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not name or not path:
            hint = f"{option} x=x.npy gives the tensor x the array of the file x.npy"
            raise UsageError(f"'{pair}' is not NAME=FILE.npy", option, hint)
        if name in feeds:
            raise UsageError(f"'{name}' is there twice", option, "leave one of them out")
        feeds[name] = load_array(Path(path), option)
    return feeds


def load_array(path: Path, option: str) -> Array:
    """One array of an .npy file.

    Raises:
        UsageError: The file is missing or malformed, or does not hold numbers.
    """
    where = f"{option} {path}"
    try:
        with path.open("rb") as file:
            whole = _seekable(file)
            if whole.read(4) == b"PK\3\4":
                raise UsageError("is an archive, not one array", where, "give an .npy file")
            return _read_npy(whole, whole.seek(0, io.SEEK_END))
    except _FOREIGN_ERRORS as error:
        hint = "numpy.save writes such files"
        raise UsageError(f"cannot be read as an array: {_reason(error)}", where, hint) from error


def load_arrays(path: Path, option: str) -> dict[str, Array]:
    """All arrays of an .npz file.

    Raises:
        UsageError: The file is missing or malformed, or does not hold numbers.
    """
    where = f"{option} {path}"
    try:
        with path.open("rb") as file, zipfile.ZipFile(_seekable(file)) as archive:
            members = archive.infolist()
            if (total := sum(info.file_size for info in members)) > MAX_BYTES:
                hint = "use fewer samples"
                raise UsageError(f"holds {total} bytes, more than {MAX_BYTES}", where, hint)
            return {i.filename.removesuffix(".npy"): _read_member(archive, i) for i in members}
    except _FOREIGN_ERRORS as error:
        hint = "numpy.savez writes such files, with an array per input of the model"
        raise UsageError(f"cannot be read as an archive: {_reason(error)}", where, hint) from error


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as stream:
        try:
            return _read_npy(stream, info.file_size)
        except ValueError as error:
            raise ValueError(f"{info.filename}: {error}") from error


def _read_npy(file: Any, file_bytes: int) -> Array:
    """An array of numbers.

    Raises:
        ValueError: The file holds something else, or less than its header says.
    """
    file.seek(0)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f".npy version {version} is unknown")
    if dtype.kind not in "biuf":
        raise ValueError(f"it holds {dtype}, not real numbers")
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize > file_bytes - file.tell():
        raise ValueError(f"the file is too short for {dtype}{list(shape)}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _seekable(file: BinaryIO) -> BinaryIO:
    """The file, or what a pipe holds."""
    is_plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    return file if is_plain else io.BytesIO(file.read())


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "it is cut"
