"""Networks that ship with spcc, and builders with seeded weights.

Importing this costs nothing: numpy and onnx come in with the first call.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
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


def resolve(name: str, seed: int = 0, batch: int = 1) -> "Path | onnx.ModelProto | None":
    """Find the network that a name on the command line stands for.

    Args:
        name: "digits", "light:NAME", a name of the zoo with or without "zoo:" in front (see
            `zoo.names.parse`), or a path.
        seed: Seed of the weights of a network that is built.
        batch: Batch size of a network that is built.

    Returns:
        The file of a network that ships, a network just built, or None where `name` is a path and
        no name of ours: it holds a separator or another suffix, or such a file exists.

    Raises:
        FrontendError: No network and no file has that name.
    """
    if name == "digits":
        from .digits import MODEL

        return MODEL
    if name.startswith(LIGHT):
        from . import light

        return light.build(name.removeprefix(LIGHT), seed, batch)
    import os.path

    from . import zoo

    if zoo.knows(name) and (name.startswith(zoo.PREFIX) or not os.path.exists(name)):
        return zoo.build(name, seed, batch)
    if os.path.dirname(name) or os.path.splitext(name)[1] or os.path.exists(name):
        return None
    from ..isa.errors import FrontendError

    raise FrontendError(
        f"No network and no file is called '{name}'",
        hint=f"the networks that ship are {', '.join(names())}",
    )


def seeded_inputs(
    model: "onnx.ModelProto | Mapping[str, tuple[int, ...]]", seed: int
) -> "dict[str, npt.NDArray[Any]]":
    """Make one input for every graph input of a model; see `inputs.seeded_inputs`."""
    from .inputs import seeded_inputs as draw

    return draw(model, seed)
