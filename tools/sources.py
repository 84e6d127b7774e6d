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
from .array_files import load_array, load_arrays, read_inputs
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
    found = find_file(name)
    if found is not None:
        return Model(plain(found.stem), found, _file_sha256(found))
    from ..models import resolve

    built = resolve(name, seed, batch or 1)
    assert not isinstance(built, Path | None), name
    digest = hashlib.sha256(built.SerializeToString(deterministic=True)).hexdigest()
    return Model(built_name(name), built, digest)


def find_file(name: str) -> Path | None:
    """The file that a name stands for, be it missing; None for the name of a network to build.

    Raises:
        FrontendError: There is no such network.
    """
    from ..models import find

    found = find(name)
    return Path(name) if found is None else found if isinstance(found, Path) else None


def built_name(name: str) -> str:
    """The short name of a network that is built."""
    return name.replace(":", "-")


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
    """The machine's parameters: defaults, then the variant's, the file's, and the settings.

    A file holds them at its top level or in a table of the target's name: one file can serve
    several targets, whose tables the others leave out.

    Raises:
        UsageError: Unknown or illegal parameters.
    """
    try:
        values = read_toml(file) if file else {}
    except RecursionError as error:
        hint = "a configuration is a flat table: `spcc --print-config` shows one"
        raise UsageError("is nested too deeply", f"--config {file}", hint) from error
    own = values.pop(target.name, {})
    if not isinstance(own, dict):
        raise UsageError(f"'{target.name}' is not a table of parameters", str(file))
    others = all_targets().keys()
    shared = {name: value for name, value in values.items() if name not in others}
    return apply_settings(target.spec(), {**target.parameters, **shared, **own}, settings)


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
        hint = f"the model's inputs are {', '.join(ports)}"
        raise UsageError(f"input '{name}' is missing", option, hint)
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
        fitted[name] = _converted(array, dtype, f"{option}: input '{name}'")
    return fitted


def _converted(array: Array, dtype: np.dtype[Any], where: str) -> Array:
    """An array in another type of its kind; a float beyond the type becomes infinite."""
    with np.errstate(over="ignore"):
        converted = np.asarray(array, dtype=dtype, order="C")
    if dtype.kind in "iu" and not np.array_equal(converted, array):
        raise UsageError(f"some values do not fit {dtype}", where, "convert the array")
    return converted


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
        raise UsageError("has fewer samples than the model's batch", option, "bind a --batch")
    runs: list[dict[str, Array]] = []
    for i in range(count):
        run = {
            name: array[i * (n := ports[name][0][0]) : (i + 1) * n] if name in counts else array
            for name, array in arrays.items()
        }
        runs.append(check_feeds(run, ports, option))
    return runs


__all__ = [
    "DEFAULT_MODEL",
    "Array",
    "Model",
    "Ports",
    "built_name",
    "check_feeds",
    "configuration",
    "find_file",
    "find_model",
    "load_array",
    "load_arrays",
    "plain",
    "read_inputs",
    "split_runs",
]
