"""The lazy table of passes: each is imported when its name is used."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from xdsl.passes import ModulePass

from ...isa.errors import PassError

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
    "assign-layout",
    "tile",
    "pack-weights",
    "allocate",
    "convert-sparse-tensor-to-target",
    "insert-semaphores",
)


def loaders(names: Iterable[str]) -> dict[str, Callable[[], type[ModulePass]]]:
    """Pass name -> function that imports and returns its class, from the module of that name."""
    return {name: _loader(name) for name in names}


def _loader(name: str) -> Callable[[], type[ModulePass]]:
    def load() -> type[ModulePass]:
        module = import_module(f".{name.replace('-', '_')}", __name__)
        return getattr(module, "".join(part.capitalize() for part in name.split("-")) + "Pass")

    return load


def all_passes(
    own: Mapping[str, Callable[[], type[ModulePass]]] | None = None,
) -> dict[str, Callable[[], type[ModulePass]]]:
    """Pass name -> function that imports and returns its class.

    Args:
        own: A target's own passes.

    Raises:
        PassError: One of them has the name of a pass of ours.
    """
    ours = loaders(_NAMES)
    if taken := sorted(ours.keys() & (own or {}).keys()):
        raise PassError(
            f"the target's own pass '{taken[0]}' has the name of a pass of spcc",
            "passes",
            "put the target's name first",
        )
    return ours | dict(own or {})
