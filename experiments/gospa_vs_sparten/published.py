"""What the GoSPA slides print of GoSPA over SparTen (from the figures of `papers`)."""

from __future__ import annotations

from typing import NamedTuple

from ..papers.figures import read_figures
from ..papers.verdicts import NEAR

_TITLES = {
    "alexnet": "AlexNet",
    "vgg16": "VGG-16",
    "googlenet": "GoogLeNet",
    "resnet18": "ResNet-18",
    "mobilenet_v2": "MobileNet-V2",
    "resnext50": "ResNeXt-50",
}


class Published(NamedTuple):
    """A network's line on the slides.

    Args:
        name: Our zoo's name: network and density set.
        title: The network.
        speedup: Of GoSPA over SparTen.
        energy: Energy efficiency of GoSPA over SparTen's.
    """

    name: str
    title: str
    speedup: float
    energy: float


def _published() -> tuple[Published, ...]:
    figures = {figure.id: figure for figure in read_figures()}

    def value(network: str, what: str) -> float:
        printed = figures[f"gospa.{network}.{what}"].value
        assert not isinstance(printed, tuple)
        return printed

    return tuple(
        Published(
            figures[f"gospa.{network}.speedup"].networks[0],
            title,
            value(network, "speedup"),
            value(network, "energy"),
        )
        for network, title in _TITLES.items()
    )


PUBLISHED = _published()


def is_near(ours: float, published: float) -> bool:
    """Whether a ratio agrees with a published one."""
    return abs(ours / published - 1) <= NEAR
