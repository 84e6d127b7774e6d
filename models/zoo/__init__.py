"""The zoo: the networks that the papers evaluate, with seeded weights of the published sparsity.

Shapes are in networks.toml, densities and where they come from in densities.toml. No weights of
trained networks are known to this package: it draws random ones, prunes them to the published
densities and shifts biases until the activations have theirs.
"""

from typing import TYPE_CHECKING

from .names import PREFIX, knows, parse

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import numpy.typing as npt
    import onnx

__all__ = ["PREFIX", "build", "knows", "parse", "published_inputs"]

_PROPERTY = "spcc.zoo"


def build(name: str, seed: int = 0, batch: int | str = 1) -> "onnx.ModelProto":
    """Build a network of the zoo; the same seed gives the same bytes on any number of processors.

    Args:
        name: NETWORK[.SET][:SPREAD] or an alias, see `names.parse`.
        seed: Of weights, of the images behind the biases and of channel densities.
        batch: First dimension of the input, a number or a symbol; nothing else depends on it.

    Returns:
        An opset 17 model with input "input" [batch, C, H, W] float32.

    Raises:
        FrontendError: The zoo has no such name.
    """
    from . import graphs, lstm
    from .calibrate import calibrated

    choice = parse(name)
    network = choice.densities.network
    constants = {**calibrated(choice, seed)}
    tables = {
        key: table
        for node in network.nodes
        if node.op == "lstm"
        for key, table in lstm.tables(node).items()
    }
    properties = {
        _PROPERTY: choice.label,
        "spcc.zoo.status": choice.densities.status,
        "spcc.zoo.seed": str(seed),
    }
    return graphs.model(choice.label, network, {**constants, **tables}, batch, properties)


def published_inputs(model: "onnx.ModelProto | Path", seed: int) -> "dict[str, npt.NDArray[Any]]":
    """Draw inputs as sparse as the published ones for a network that `build` made.

    Args:
        model: Any model.
        seed: Of the images.

    Returns:
        Input name -> float32 array of the model's batch; nothing for a file, for a network that is
        none of the zoo's, and for an open batch.
    """
    from pathlib import Path

    if isinstance(model, Path):
        return {}
    labels = [entry.value for entry in model.metadata_props if entry.key == _PROPERTY]
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value if labels else 0
    if not batch:
        return {}
    from .images import draw_images

    return {**draw_images(parse(labels[0]).densities, batch, seed)}
