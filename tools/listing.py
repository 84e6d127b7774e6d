"""What spcc can tell without a model: targets, operators, parameters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .targets import all_targets, find_target

if TYPE_CHECKING:
    import msgspec


def targets() -> int:
    """Print a line per accelerator."""
    for name, target in sorted(all_targets().items()):
        print(f"{name:12} {target.doc}")
    return 0


def operators(name: str) -> int:
    """Print the supported operators and their limits."""
    from .docs import supported_operators

    print(supported_operators(find_target(name).compiler()), end="")
    return 0


def configuration(name: str, file: Path | None, settings: Iterable[str]) -> int:
    """Print the effective parameters as a configuration file."""
    from .sources import configuration as read_configuration

    print(config_text(read_configuration(find_target(name), file, settings)), end="")
    return 0


def config_text(spec: msgspec.Struct) -> str:
    """Parameters as TOML; those that are not set stand in a comment."""
    import msgspec

    lines: list[str] = []
    for name, value in msgspec.to_builtins(spec).items():
        text = f'"{value}"' if isinstance(value, str) else str(value)
        lines.append(f"# {name} is not set" if value is None else f"{name} = {text}")
    return "\n".join(lines) + "\n"
