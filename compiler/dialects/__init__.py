"""The lazy table of dialects: ours and xDSL's that we use; a target's is made from its ISA."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xdsl.ir import Dialect

_OURS = {"onnx": "Onnx", "sparse_tensor": "SparseTensor", "program": "Program"}
_XDSL = {"builtin": "Builtin", "func": "Func"}


def _loader(module: str, name: str, package: str | None = None) -> Callable[[], Dialect]:
    def load() -> Any:
        return getattr(import_module(module, package), name)

    return load


def all_dialects() -> dict[str, Callable[[], Dialect]]:
    """Dialect name -> function that imports and returns it."""
    ours = {name: _loader(f".{name}", attr, __name__) for name, attr in _OURS.items()}
    theirs = {name: _loader(f"xdsl.dialects.{name}", attr) for name, attr in _XDSL.items()}
    return ours | theirs
