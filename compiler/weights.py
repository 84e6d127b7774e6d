"""The weight store: the arrays that the IR names by key, and the .npz file beside an IR dump.

The IR never holds weights (they would print as megabytes of hex); ops such as `onnx.Initializer`
hold a key. A dump writes the store to an .npz that the module attribute `spcc.weights` names,
relative to the .mlir.
"""

from __future__ import annotations

import json
import os
import tempfile
import weakref
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp, StringAttr

from ..isa.errors import PassError

Array = npt.NDArray[Any]

WEIGHTS_ATTRIBUTE = "spcc.weights"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold: same arrays, same bytes
_CHUNK = 1 << 24  # bytes read or written at a time
_QUOTED = {i: f"%{i:02X}" for i in (*range(32), 127, ord("%"), ord("\\"))}


class WeightStore(Mapping[str, Array]):
    """An append-only mapping from key to read-only array.

    Arrays are never mutated: a pass that changes one adds the result under a new key (`fresh_key`),
    so that every IR snapshot keeps meaning what it meant. Arrays of a file are read on first touch.

    Attributes:
        keeps_history: Dumps of earlier stages name arrays that no op names any more.
    """

    def __init__(self, arrays: Mapping[str, Array] | None = None) -> None:
        self._arrays: dict[str, Array | _Pending] = {}
        self.keeps_history = False
        for key, array in (arrays or {}).items():
            self.add(key, array)

    def add(self, key: str, array: Array) -> str:
        """Take over an array under a new key and make it read-only; returns the key.

        Raises:
            KeyError: The key is taken (a bug of the caller: use `fresh_key`).
        """
        if key in self._arrays:
            raise KeyError(f"weight '{key}' exists; the store is append-only")
        array = np.asarray(array)
        array.flags.writeable = False
        self._arrays[key] = array
        return key

    def fresh_key(self, base: str, suffix: str) -> str:
        """A key not yet taken: `base.suffix`, then `base.suffix.1` and so on."""
        key, count = f"{base}.{suffix}", 0
        while key in self._arrays:
            count += 1
            key = f"{base}.{suffix}.{count}"
        return key

    def release(self, key: str) -> None:
        """Drop an array that no op names any more, unless earlier stages count too."""
        if not self.keeps_history:
            del self._arrays[key]

    def retain(self, keys: Iterable[str]) -> None:
        """Drop every array whose key is not among `keys`, unless earlier stages count too."""
        if self.keeps_history:
            return
        wanted = set(keys)
        self._arrays = {k: v for k, v in self._arrays.items() if k in wanted}

    def __getitem__(self, key: str) -> Array:
        """The array under `key`; read from the file now if it was not yet.

        Raises:
            KeyError: No such key.
            PassError: The file's bytes are damaged.
        """
        value = self._arrays[key]
        if isinstance(value, _Pending):
            value = value.read()
            self._arrays[key] = value
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def save(self, path: Path) -> None:
        """Write an .npz: whole or not at all, and the same bytes for the same arrays.

        Raises:
            PassError: An array's type has no place in the file.
        """
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                    for key in sorted(self._arrays):
                        _write_member(archive, key, self[key])
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    @classmethod
    def load(cls, path: Path) -> WeightStore:
        """Open an .npz (arrays are read on first touch) or a small .json written by hand.

        The JSON form is `{key: {"dtype": "float32", "shape": [2, 2], "data": [1, 2, 3, 4]}}`.

        Raises:
            PassError: The file is missing or malformed.
        """
        store = cls()
        try:
            if path.suffix == ".json":
                for key, array in _read_json(path).items():
                    store.add(key, array)
            else:
                archive = zipfile.ZipFile(path)
                weakref.finalize(store, archive.close)
                store._arrays.update(_list_members(archive, path))
        except OSError as error:
            raise PassError(f"weights cannot be read: {error.strerror}", str(path)) from error
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise PassError(f"not a weight file: {error}", str(path)) from error
        return store


def load_for_module(module: ModuleOp, mlir_path: Path) -> WeightStore:
    """Open the store that a module names; an empty one if it names none.

    Args:
        module: A module, perhaps with `spcc.weights = "file.npz"`.
        mlir_path: The file the module was read from; the name is relative to its folder.

    Raises:
        PassError: The name leaves the folder, or the file is missing or malformed.
    """
    name = module.attributes.get(WEIGHTS_ATTRIBUTE)
    if name is None:
        return WeightStore()
    if not isinstance(name, StringAttr):
        raise PassError(f"{WEIGHTS_ATTRIBUTE} is not a string but {name}", str(mlir_path))
    relative = Path(name.data)
    if relative.is_absolute() or ".." in relative.parts or "\0" in name.data:
        raise PassError(
            f"{WEIGHTS_ATTRIBUTE} names '{name.data}', outside the folder of the IR",
            str(mlir_path),
            "put the .npz beside the .mlir and name it without a path",
        )
    return WeightStore.load(mlir_path.parent / relative)


class _Pending:
    """An array still in its file."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> None:
        self.archive, self.info, self.where = archive, info, where

    def read(self) -> Array:
        """Read and check the array."""
        try:
            with self.archive.open(self.info) as stream:
                array = _read_array(cast(BinaryIO, stream), self.info.file_size)
        except (OSError, EOFError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
            raise PassError(f"damaged weight: {error}", self.where) from error
        array.flags.writeable = False
        return array


def _list_members(archive: zipfile.ZipFile, path: Path) -> dict[str, _Pending]:
    members: dict[str, _Pending] = {}
    for info in archive.infolist():
        where = f"{path}:{info.filename}"
        key = unquote(info.filename.removesuffix(".npy"))
        if not info.filename.endswith(".npy") or key in members:
            raise PassError("not an array (.npy), or there twice", where)
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise PassError("compressed or encrypted weights are not read", where, "use np.savez")
        members[key] = _Pending(archive, info, where)
    return members


def _write_member(archive: zipfile.ZipFile, key: str, array: Array) -> None:
    info = zipfile.ZipInfo("x.npy", _EPOCH)
    info.filename = key.translate(_QUOTED) + ".npy"  # set late: the constructor rewrites names
    info.create_system, info.external_attr = 3, 0o644 << 16
    if len(info.filename.encode()) > 0xFFFF:
        raise PassError(f"weight name of {len(key)} letters is too long for a file", key[:40])
    if array.dtype.kind not in "biuf":
        if array.dtype.name != "bfloat16":
            raise PassError(f"weights of type {array.dtype} cannot be saved", f"weight '{key}'")
        # The .npy format has no bfloat16: one field of that name over 16-bit words.
        array = array.view(np.uint16).view([("bfloat16", "<u2")])
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    with archive.open(info, "w", force_zip64=True) as stream:
        header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(cast(Any, stream), header | {"shape": array.shape})
        flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
        step = max(1, _CHUNK // max(1, array.itemsize))
        for start in range(0, array.size, step):
            stream.write(np.ascontiguousarray(flat[start : start + step]).tobytes())


def _read_array(stream: BinaryIO, member_bytes: int) -> Array:
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f".npy version {version} is unknown")
    shape, fortran, dtype = read_header(stream)
    if dtype.kind not in "biuf" and dtype.names != ("bfloat16",):
        raise ValueError(f"type {dtype} is not a number")
    nbytes = prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or nbytes + stream.tell() != member_bytes:
        raise ValueError(f"{member_bytes} bytes do not hold {dtype} of shape {shape}")
    array = np.empty(prod(shape), dtype)
    _fill(stream, array)
    array = array.reshape(shape, order="F" if fortran else "C")
    if dtype.names:
        from ml_dtypes import bfloat16

        array = array.view(np.uint16).view(bfloat16)
    return array.astype(array.dtype.newbyteorder("="), order="C", copy=False)


def _fill(stream: BinaryIO, array: Array) -> None:
    view, done = array.view(np.uint8), 0
    while done < view.size:
        piece = stream.read(min(_CHUNK, view.size - done))
        if not piece:
            raise EOFError(f"{view.size - done} bytes are missing")
        view[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
        done += len(piece)
    stream.read(1)  # the end of the member, where its checksum is compared


def _read_json(path: Path) -> dict[str, Array]:
    try:
        raw: object = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(raw, dict):
        raise ValueError("expected an object of weights")
    return {str(k): _json_array(str(k), v) for k, v in cast("dict[str, object]", raw).items()}


def _json_array(key: str, entry: object) -> Array:
    fields = cast("dict[str, Any]", entry if isinstance(entry, dict) else {})
    name, dims, data = (fields.get(k) for k in ("dtype", "shape", "data"))
    is_complete = isinstance(name, str) and isinstance(dims, list) and isinstance(data, list)
    if len(fields) != 3 or not is_complete:
        raise ValueError(f"weight '{key}' needs exactly dtype, shape and data")
    dims, data = cast("list[object]", dims), cast("list[object]", data)
    shape = tuple(d for d in dims if type(d) is int and d >= 0)
    if len(shape) != len(dims) or prod(shape) != len(data):
        raise ValueError(f"weight '{key}': {len(data)} values do not fill shape {dims}")
    try:
        dtype = np.dtype(cast(str, name))
        if dtype.kind not in "biuf":
            raise TypeError(f"type {name} is not a number")
        return np.array(data, dtype).reshape(shape)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"weight '{key}': {error}") from error
