"""The file format under a program: named arrays and a JSON header in a safetensors file.

The file's single metadata entry `spcc` is the canonical JSON (sorted keys, no spaces)
`{"content": {"format": 1, "header": ..., "sections": {name: sha256}}, "sha256": ...}`, where the
outer sha256 is of the bytes of `content`. So every byte of the file is either checked by a digest
or part of the table of tensors, which must describe exactly the sections named in `content`,
without a gap.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save, save_file  # pyright: ignore[reportUnknownVariableType]  # PathLike bare

from .errors import ProgramError
from .files import replacing

FORMAT = 1
"""Version of the container; another version is refused."""

Sections = dict[str, npt.NDArray[Any]]
"""One-dimensional arrays of uint8 or uint32 by name."""

_DTYPES = {"U8": np.dtype("<u1"), "U32": np.dtype("<u4")}
_T = TypeVar("_T")


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    content: msgspec.Raw
    sha256: str


class _Version(msgspec.Struct):
    format: int


class _Content(_Version, forbid_unknown_fields=True):
    header: msgspec.Raw
    sections: dict[str, str]


class _Tensor(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int]
    data_offsets: tuple[int, int]


class _Metadata(msgspec.Struct, forbid_unknown_fields=True):
    spcc: str


def digest(content: Any) -> str:
    """The sha256, in hex, of anything with a contiguous buffer."""
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes.

    Raises:
        ProgramError: The value holds something that JSON cannot.
    """
    try:
        return msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise ProgramError(f"the header cannot be written as JSON: {error}") from error


def decode_json(text: bytes, kind: type[_T], where: str) -> _T:
    """Read JSON of a known type, strictly.

    Raises:
        ProgramError: It is not JSON, or not of that type; says where in the value.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ProgramError(f"malformed JSON: {error}", where) from error


def to_bytes(header: Any, sections: Sections) -> bytes:
    """The whole file as bytes; the same header and sections give the same bytes."""
    return save(sections, metadata=_metadata(header, sections))


def write(path: Path, header: Any, sections: Sections) -> None:
    """Write the file without a copy of the sections in memory; it appears whole or not at all.

    Raises:
        ProgramError: The library could not write it (the disk is full).
        OSError: The folder is missing or not writable.
    """
    metadata = _metadata(header, sections)
    with replacing(path) as temporary:
        if not temporary.is_file():  # save_file would put a file in the place of a device
            temporary.write_bytes(save(sections, metadata=metadata))
            return
        mode = temporary.stat().st_mode
        try:
            save_file(sections, temporary, metadata=metadata)
        except SafetensorError as error:
            raise ProgramError(f"cannot write the file: {error}", str(path)) from error
        temporary.chmod(mode)  # save_file makes files that only their owner can read


def read(raw: bytes, where: str) -> tuple[bytes, Sections]:
    """Take a file apart: the header's JSON and the sections, as read-only views of `raw`.

    Raises:
        ProgramError: The file is cut, changed, of another format or not a program; says where.
    """
    tensors, start = _tensor_table(raw, where)
    metadata = tensors.pop("__metadata__", None)
    if metadata is None:
        raise _not_a_program("there is no metadata", where)
    envelope = decode_json(
        decode_json(bytes(metadata), _Metadata, f"{where}: metadata").spcc.encode(),
        _Envelope,
        f"{where}: metadata",
    )
    if digest(envelope.content) != envelope.sha256:
        raise ProgramError("the header's sha256 is wrong", f"{where}: header", _CHANGED)
    version = decode_json(bytes(envelope.content), _Version, f"{where}: header").format
    if version != FORMAT:
        raise ProgramError(
            f"the container has format {version}, this spcc reads format {FORMAT}",
            f"{where}: header",
            "compile the model again",
        )
    content = decode_json(bytes(envelope.content), _Content, f"{where}: header")
    sections = _sections(raw, tensors, start, where)
    _check_digests(sections, content.sections, where)
    return bytes(content.header), sections


_CHANGED = "the file was changed or damaged after it was written: compile or copy it again"


def _not_a_program(message: str, where: str) -> ProgramError:
    return ProgramError(message, where, "is this a program file (.spx)?")


def _metadata(header: Any, sections: Mapping[str, npt.NDArray[Any]]) -> dict[str, str]:
    digests = {name: digest(array) for name, array in sections.items()}
    content = canonical_json({"format": FORMAT, "header": header, "sections": digests})
    envelope = canonical_json({"content": msgspec.Raw(content), "sha256": digest(content)})
    return {"spcc": envelope.decode()}


def _tensor_table(raw: bytes, where: str) -> tuple[dict[str, msgspec.Raw], int]:
    """The safetensors header by name, and the offset where the arrays begin."""
    if len(raw) < 8:
        raise _not_a_program(f"the file has {len(raw)} bytes, too few for a header", where)
    length = int.from_bytes(raw[:8], "little")
    if length > len(raw) - 8:
        raise _not_a_program(
            f"the header claims {length} bytes, the file has {len(raw) - 8} after its first 8",
            f"{where}: byte 0",
        )
    table = decode_json(raw[8 : 8 + length], dict[str, msgspec.Raw], f"{where}: byte 8")
    return table, 8 + length


def _sections(
    raw: bytes, tensors: Mapping[str, msgspec.Raw], start: int, where: str
) -> dict[str, npt.NDArray[Any]]:
    """Views of the arrays; together they must cover the rest of the file."""
    sections: Sections = {}
    position = start
    for name, entry in tensors.items():
        place = f"{where}: section {name}"
        tensor = decode_json(bytes(entry), _Tensor, place)
        begin, end = (start + offset for offset in tensor.data_offsets)
        dtype = _DTYPES.get(tensor.dtype)
        if dtype is None:
            raise ProgramError(f"dtype {tensor.dtype} is not U8 or U32", place, _CHANGED)
        if begin != position or not begin <= end <= len(raw):
            raise ProgramError(
                f"bytes {begin}..{end} do not follow byte {position} in a file of {len(raw)} bytes",
                place,
                "the file is cut or changed",
            )
        if end - begin != tensor.shape[0] * dtype.itemsize:
            raise ProgramError(
                f"{end - begin} bytes do not hold shape {tensor.shape}", place, _CHANGED
            )
        sections[name] = np.frombuffer(raw, dtype, tensor.shape[0], begin)
        position = end
    if position != len(raw):
        raise ProgramError(
            f"{len(raw) - position} bytes belong to no section",
            f"{where}: byte {position}",
            _CHANGED,
        )
    return sections


def _check_digests(sections: Sections, digests: Mapping[str, str], where: str) -> None:
    if sections.keys() != digests.keys():
        raise ProgramError(
            f"the file has sections {sorted(sections)}, its header names {sorted(digests)}",
            where,
            _CHANGED,
        )
    for name, array in sections.items():
        if digest(array) != digests[name]:
            raise ProgramError("the sha256 is wrong", f"{where}: section {name}", _CHANGED)
