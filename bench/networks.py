"""The networks that are measured: files in the work folder, and pruned twins of them.

python bench/networks.py NAME        builds the files of one network
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spcc.tools.targets import TARGETS

if TYPE_CHECKING:
    import onnx

FOLDER = Path(os.environ.get("SPCC_BENCH_FOLDER", "/tmp/spcc-bench"))
"""Where models and programs are kept between benchmarks."""
SEED = 0


@dataclass(frozen=True)
class Network:
    """A network to measure on a target.

    Args:
        name: "digits", or a light network's.
        share: Share of weights that group pruning zeroes; digits is pruned already.
        repeats: How often its compilation is timed.
        target: The accelerator.
    """

    name: str
    share: float
    repeats: int
    target: str = "spots"

    @property
    def label(self) -> str:
        """What the tables and `expected.json` call it."""
        return self.name if self.target == "spots" else f"{self.name} {self.target}"

    @property
    def options(self) -> tuple[str, ...]:
        """The --target and --prune options."""
        prune = ("--prune", f"group={self.share}") if self.share else ()
        return ("--target", self.target, *prune)

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return FOLDER / f"{self.name}.onnx"

    @property
    def pruned(self) -> Path:
        """The same with the zeros that the compiler prunes to, for onnxruntime."""
        return FOLDER / f"{self.name}.pruned.onnx"

    @property
    def program(self) -> Path:
        """What the compiler makes of it."""
        return FOLDER / f"{self.name}.{self.target}.spx"


NETWORKS = {
    network.label: network
    for network in (
        Network("digits", 0.0, 5),
        Network("bvlc_alexnet", 0.7, 3),
        Network("resnet50", 0.7, 3),
        Network("densenet121", 0.7, 3),
        Network("vgg19", 0.7, 3),
        *(Network("digits", 0.0, 1, target) for target in TARGETS if target != "spots"),
        *(Network("vgg19", 0.7, 1, target) for target in TARGETS if target != "spots"),
    )
}
"""By label: five networks on SPOTS, the smallest and the largest on every other target."""


def build(network: Network) -> None:
    """Write the model and its pruned twin."""
    import shutil

    import onnx
    from spcc.models import digits, light

    FOLDER.mkdir(parents=True, exist_ok=True)
    if network.name == "digits":
        shutil.copyfile(digits.MODEL, network.model)
    else:
        light.save(network.name, network.model, SEED)
    model = onnx.load(network.model)
    prune(model, network.share)
    onnx.save(model, network.pruned)


def prune(model: "onnx.ModelProto", share: float, block: int = 8) -> None:
    """Zero groups of weights of every Conv and Gemm (transB = 1), by the compiler's own rule."""
    from onnx import numpy_helper
    from spcc.compiler.analysis.pruning import group

    weights = {n.input[1] for n in model.graph.node if n.op_type in ("Conv", "Gemm")}
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            array = numpy_helper.to_array(tensor)
            keep = group(array.reshape(len(array), -1), share, block).reshape(array.shape)
            tensor.raw_data = (array * keep).tobytes()


def feeds(name: str, ports: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """The inputs of a run, which are also what spcc calibrates with."""
    from spcc.models import digits, seeded_inputs

    if name == "digits":
        return {"image": digits.load_test()[0][:1]}
    return seeded_inputs(ports, SEED)


if __name__ == "__main__":
    build(NETWORKS[sys.argv[1]])
