"""Parameters of a machine from a TOML file and `key=value` settings, with precise errors."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from .base import BaseSpec
from .errors import UsageError

SpecT = TypeVar("SpecT", bound=BaseSpec)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a configuration file: a flat table of parameters.

    Raises:
        UsageError: The file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"is not TOML: {error}", str(path)) from error


def apply_settings(
    spec_type: type[SpecT], values: Mapping[str, Any], settings: Iterable[str] = ()
) -> SpecT:
    """Build a machine's parameters; settings override the values of the file.

    Raises:
        UsageError: An unknown parameter, a value of the wrong type, or one outside its range.
    """
    merged = dict(values) | dict(_parse(item) for item in settings)
    fields = {field.name: field.default for field in msgspec.structs.fields(spec_type)}
    for name, value in merged.items():
        if name not in fields:
            raise UsageError(
                f"unknown parameter '{name}'",
                "configuration",
                f"the parameters of this target are {', '.join(fields)}",
            )
        if value is None and isinstance(fields[name], str):
            merged[name] = "none"  # one of several words here, not the absence of a number
    try:
        return msgspec.convert(merged, spec_type)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, UsageError):
            raise error.__cause__ from error
        _check_words(spec_type, merged)
        raise UsageError(
            f"{error}", "configuration", "`spcc --print-config` shows every parameter and its type"
        ) from error


def _check_words(spec_type: type[BaseSpec], values: Mapping[str, Any]) -> None:
    """Name the words to choose from where one is wrong."""
    kinds = get_type_hints(spec_type)
    for name, value in values.items():
        words = get_args(kinds[name])
        if get_origin(kinds[name]) is Literal and value not in words:
            raise UsageError(
                f"{name} = {value} is none of {', '.join(map(str, words))}",
                "configuration",
                "`spcc --print-config` shows every parameter and its default",
            )


def _parse(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"'{setting}' is not of the form key=value", "--set")
    text = text.strip()
    if text in ("none", "None"):
        return name.strip(), None
    try:
        return name.strip(), int(text, 0)
    except ValueError:
        pass
    try:
        return name.strip(), float(text)
    except ValueError:
        return name.strip(), text
