"""What the GoSPA slides print of GoSPA over SparTen."""

from __future__ import annotations

from typing import NamedTuple


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


PUBLISHED = (
    Published("alexnet.scnn", "AlexNet", 1.38, 5.38),
    Published("vgg16.scnn", "VGG-16", 1.28, 4.96),
    Published("googlenet.scnn", "GoogLeNet", 1.23, 4.79),
    Published("resnet18.agp60", "ResNet-18", 1.21, 4.86),
    Published("mobilenet_v2.half", "MobileNet-V2", 1.17, 5.02),
    Published("resnext50.agp75", "ResNeXt-50", 1.28, 2.06),
)
NEAR = 0.10
"""Share by which a ratio may differ and still be said to agree."""


def is_near(ours: float, published: float) -> bool:
    """Whether a ratio agrees with a published one."""
    return abs(ours / published - 1) <= NEAR
