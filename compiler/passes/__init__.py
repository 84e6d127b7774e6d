"""The lazy table of passes: each is imported when its name is used."""

from collections.abc import Callable
from importlib import import_module

from xdsl.passes import ModulePass

_NAMES = (
    "attach-target",
    "convert-onnx-to-sparse-tensor",
    "prune-weights",
    "fold-affine",
    "lower-affine",
    "fuse-epilogue",
    "insert-copies",
    "quantize",
    "assign-format",
    "tile",
    "pack-weights",
    "allocate",
    "convert-sparse-tensor-to-target",
    "insert-semaphores",
)


def _loader(name: str) -> Callable[[], type[ModulePass]]:
    def load() -> type[ModulePass]:
        module = import_module(f".{name.replace('-', '_')}", __name__)
        return getattr(module, "".join(part.capitalize() for part in name.split("-")) + "Pass")

    return load


def all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Pass name -> function that imports and returns its class."""
    return {name: _loader(name) for name in _NAMES}
