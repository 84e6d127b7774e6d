"""Networks that ship with spcc, and builders with seeded weights.

Importing this costs nothing: numpy and onnx come in with the first call.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    import numpy.typing as npt
    import onnx

LIGHT = "light:"


def names() -> tuple[str, ...]:
    """Return the names that `resolve` knows."""
    from . import light
    from .zoo.names import names as zoo_names

    return ("digits", *(f"{LIGHT}{name}" for name in light.names()), *zoo_names())


def find(name: str) -> "Path | Callable[[int, int], onnx.ModelProto] | None":
    """Find the network that a name on the command line stands for, without building it.

    Args:
        name: "digits", "light:NAME", a name of the zoo with or without "zoo:" in front (see
            `zoo.names.parse`), or a path.

    Returns:
        The file of a network that ships; what builds a network, told a seed and a batch size; or
        None where `name` is a path and no name of ours: it holds a separator or another suffix, or
        such a file exists.

    Raises:
        FrontendError: No network and no file has that name.
    """
    if name == "digits":
        from .digits import MODEL

        return MODEL
    from functools import partial

    if name.startswith(LIGHT):
        from . import light

        light.require(name.removeprefix(LIGHT))
        return partial(light.build, name.removeprefix(LIGHT))
    import os.path

    from . import zoo

    if zoo.knows(name) and (name.startswith(zoo.PREFIX) or not os.path.exists(name)):
        zoo.parse(name)
        return partial(zoo.build, name)
    if os.path.dirname(name) or os.path.splitext(name)[1] or os.path.exists(name):
        return None
    from ..isa.errors import FrontendError

    raise FrontendError(
        f"no network and no file is called '{name}'",
        hint=f"the networks that ship are {', '.join(names())}",
    )


def resolve(name: str, seed: int = 0, batch: int = 1) -> "Path | onnx.ModelProto | None":
    """Find a network as `find` does, and build it with a seed and a batch size if that is needed.

    Raises:
        FrontendError: No network and no file has that name.
    """
    from pathlib import Path

    found = find(name)
    return found if found is None or isinstance(found, Path) else found(seed, batch)


def recipe_sha256() -> str:
    """Hash this layer's sources: what they build is the same while they are."""
    import hashlib
    from pathlib import Path

    root, total = Path(__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.*")):
        if path.suffix in (".py", ".toml"):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def seeded_inputs(
    model: "onnx.ModelProto | Mapping[str, tuple[int, ...]]", seed: int
) -> "dict[str, npt.NDArray[Any]]":
    """Make one input for every graph input of a model; see `inputs.seeded_inputs`."""
    from .inputs import seeded_inputs as draw

    return draw(model, seed)
