"""What the GoSPA slides print, and why our numbers are not the same."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A network's line on the slides.

    Args:
        name: Our zoo's name: network and density set.
        title: The network.
        speedup: Of GoSPA over SparTen.
        energy: Energy efficiency of GoSPA over SparTen's.
        why: What explains the difference.
    """

    name: str
    title: str
    speedup: float
    energy: float
    why: str


_BALANCING = (
    "the slides do not say which balancing of SparTen they compare with: GB-H is its best, without "
    "balancing the ratio grows"
)
_DENSITY = "activation densities are estimates: the slides give none for this network"

PUBLISHED = (
    Published("alexnet.scnn", "AlexNet", 1.38, 5.38, _BALANCING),
    Published("vgg16.scnn", "VGG-16", 1.28, 4.96, _BALANCING),
    Published("googlenet.scnn", "GoogLeNet", 1.23, 4.79, _BALANCING),
    Published("resnet18.agp60", "ResNet-18", 1.21, 4.86, f"{_DENSITY}; {_BALANCING}"),
    Published(
        "mobilenet_v2.half",
        "MobileNet-V2",
        1.17,
        5.02,
        "depthwise layers keep one PE column of GoSPA and one compute unit of SparTen busy, and "
        "nearly empty chunks cost SparTen most; the slides do not say how they are mapped",
    ),
    Published(
        "resnext50.agp75",
        "ResNeXt-50",
        1.28,
        2.06,
        f"{_DENSITY}; a group of few channels fills a SparTen chunk in part only",
    ),
)
NEAR = 0.10
"""Share by which a ratio may differ and still be said to agree."""
