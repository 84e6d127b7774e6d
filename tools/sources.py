"""What the user names: the model, its inputs, the target and its configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..isa.base import BaseSpec
from ..isa.config import apply_settings, read_toml
from ..isa.errors import FrontendError, UsageError
from .targets import Target, all_targets

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[Any]
DEFAULT_MODEL = "digits"


@dataclass(frozen=True)
class Model:
    """A network to compile.

    Args:
        name: Short name for folders and reports.
        source: The file, or the network just built.
        sha256: Of the file's bytes, or of the serialised network.
    """

    name: str
    source: Path | onnx.ModelProto
    sha256: str


def find_model(name: str, seed: int, batch: int | None = None) -> Model:
    """Resolve a path or the name of a network that ships.

    Raises:
        FrontendError: There is no such file or network.
    """
    from ..models import resolve

    found = resolve(name, seed, batch or 1)
    if found is None:
        found = Path(name)
    if isinstance(found, Path):
        return Model(plain(found.stem), found, _file_sha256(found))
    return Model(
        name.replace(":", "-"), found, hashlib.sha256(found.SerializeToString()).hexdigest()
    )


def plain(text: str) -> str:
    """Text that every file of ours can hold: what is not Unicode in a name is escaped."""
    return text.encode(errors="backslashreplace").decode()


def _file_sha256(path: Path) -> str:
    if not path.is_file():
        raise FrontendError(
            "is not there" if not path.exists() else "is not a file", str(path), "give an ONNX file"
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def configuration(target: Target, file: Path | None, settings: Iterable[str]) -> BaseSpec:
    """The machine's parameters: defaults, then the file's, then the settings.

    A file holds them at its top level or in a table of the target's name: one file can serve
    several targets, whose tables the others leave out.

    Raises:
        UsageError: Unknown or illegal parameters.
    """
    values = read_toml(file) if file else {}
    own = values.pop(target.name, {})
    if not isinstance(own, dict):
        raise UsageError(f"'{target.name}' is not a table of parameters", str(file))
    others = all_targets().keys()
    shared = {name: value for name, value in values.items() if name not in others}
    return apply_settings(target.spec(), shared | own, settings)


def read_inputs(pairs: Iterable[str]) -> dict[str, Array]:
    """Arrays of `NAME=FILE.npy` options.

    Raises:
        UsageError: A pair is malformed or its file is no array.
    """
    feeds: dict[str, Array] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals:
            raise UsageError(f"'{pair}' is not NAME=FILE.npy", "--input")
        feeds[name] = load_array(Path(path), "--input")
    return feeds


def load_array(path: Path, option: str) -> Array:
    """One array of an .npy file, without pickles.

    Raises:
        UsageError: The file is missing or malformed.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"cannot be read as an array: {error}", f"{option} {path}") from error
    if not isinstance(array, np.ndarray):
        raise UsageError("is an archive, not one array", f"{option} {path}", "give an .npy file")
    return array


def load_arrays(path: Path, option: str) -> dict[str, Array]:
    """All arrays of an .npz file, without pickles.

    Raises:
        UsageError: The file is missing or malformed.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise UsageError("is one array, not an archive", f"{option} {path}", "give an .npz")
            return {name: archive[name] for name in archive.files}
    except UsageError:
        raise
    except Exception as error:  # zip, zlib, header and pickle errors share no base class
        raise UsageError(f"cannot be read as an archive: {error}", f"{option} {path}") from error


Ports = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and type of every graph input."""


def check_feeds(feeds: Mapping[str, Array], ports: Ports, option: str) -> dict[str, Array]:
    """Feeds of the right names, shapes and types; floats are converted.

    Raises:
        UsageError: Something does not fit.
    """
    for name in feeds.keys() - ports.keys():
        raise UsageError(
            f"the model has no input '{name}'", option, f"its inputs are {', '.join(ports)}"
        )
    for name in ports.keys() - feeds.keys():
        raise UsageError(f"input '{name}' is missing", option)
    fitted: dict[str, Array] = {}
    for name, (shape, dtype) in ports.items():
        array = feeds[name]
        if array.shape != shape or array.dtype.kind != dtype.kind:
            raise UsageError(
                f"input '{name}' is {array.dtype}{list(array.shape)}, the model takes "
                f"{dtype}{list(shape)}",
                option,
                "convert the array, or bind the model's shape with --shape or --batch",
            )
        fitted[name] = np.ascontiguousarray(array, dtype=dtype)
    return fitted


def split_runs(arrays: Mapping[str, Array], ports: Ports, option: str) -> list[dict[str, Array]]:
    """Cut stacked calibration arrays into runs of the model's batch size.

    Raises:
        UsageError: The counts do not fit.
    """
    counts = {
        name: array.shape[0] // ports[name][0][0]
        for name, array in arrays.items()
        if name in ports and array.ndim and ports[name][0] and ports[name][0][0]
    }
    count = min(counts.values(), default=1)
    if count == 0:
        raise UsageError("has fewer samples than the model's batch", option)
    runs: list[dict[str, Array]] = []
    for i in range(count):
        run = {
            name: array[i * (n := ports[name][0][0]) : (i + 1) * n] if name in counts else array
            for name, array in arrays.items()
        }
        runs.append(check_feeds(run, ports, option))
    return runs
