"""Trains, prunes and exports the digits network: python -m spcc.models.digits.train --out DIR.

Needs the extra `train` (PyTorch, scikit-learn); nothing else in spcc does. One thread and fixed
seeds: the same versions on the same kind of processor write the same bytes.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false
# pyright: reportUntypedBaseClass=false, reportUntypedFunctionDecorator=false
# reason: torch and scikit-learn belong to the extra `train` and are absent where types are checked

import argparse
import math
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from ...isa.files import replacing
from . import PIXEL_MAX
from .export import digits_model
from .prune import spots_mask

TEST_COUNT = 500  # of 1797 images
BATCH, DENSE_EPOCHS, PRUNED_EPOCHS = 64, 80, 40
LEARNING_RATE, PRUNED_RATE, WEIGHT_DECAY, SMOOTHING = 2e-3, 1e-3, 1e-3, 0.05
# layer -> share of whole columns, share of all weights that is zero at the end
SCHEME = {"conv1": (0.0, 0.25), "conv2": (0.5, 0.7), "conv3": (0.55, 0.75)}
STEPS = (0.5, 0.75, 0.9, 1.0)  # of the scheme, with training in between


class Digits(nn.Module):
    """The network of `export.digits_model`, for training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 64, 3, padding=1)
        self.classifier = nn.Linear(256, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Map images [N, 1, 8, 8] to logits [N, 10]."""
        wide = functional.relu(self.conv2(functional.relu(self.conv1(image))))
        pooled = functional.max_pool2d(wide, 2)
        residual = functional.relu(self.conv3(pooled) + pooled)
        return self.classifier(functional.max_pool2d(residual, 2).flatten(1))


def split(seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return images [1797, 1, 8, 8] of 0..16 and labels, shuffled; the first 500 are the test."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order].astype(np.uint8).reshape(-1, 1, 8, 8), labels[order].astype(np.uint8)


def distorted(images: Tensor, random: torch.Generator) -> Tensor:
    """Turn, scale, shear and shift every image a little."""
    count = len(images)
    draw = torch.rand((5, count), generator=random) * 2 - 1
    angle, shear = draw[0] * math.radians(12), draw[1] * 0.15
    scale = 1 + draw[2] * 0.12
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [
        torch.stack([cos, shear - sin, draw[3] * 0.2], 1),
        torch.stack([sin, cos, draw[4] * 0.2], 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def fit(
    network: Digits,
    images: Tensor,
    labels: Tensor,
    masks: dict[str, Tensor],
    epochs: int,
    rate: float,
    random: torch.Generator,
) -> None:
    """Train for some epochs; weights outside their mask stay zero."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    steps = epochs * math.ceil(len(images) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    apply_masks(network, masks)
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=random).split(BATCH):
            logits = network(distorted(images[batch], random))
            loss = functional.cross_entropy(logits, labels[batch], label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            apply_masks(network, masks)


@torch.no_grad()
def apply_masks(network: Digits, masks: dict[str, Tensor]) -> None:
    """Zero the weights outside their masks."""
    for name, mask in masks.items():
        network.get_parameter(f"{name}.weight").mul_(mask)


@torch.no_grad()
def choose_masks(network: Digits, step: float) -> dict[str, Tensor]:
    """Choose the masks of one pruning step, a share of the scheme."""
    return {
        name: torch.from_numpy(
            spots_mask(
                network.get_parameter(f"{name}.weight").numpy(), step * columns, step * groups
            )
        )
        for name, (columns, groups) in SCHEME.items()
    }


@torch.no_grad()
def accuracy(network: Digits, images: Tensor, labels: Tensor) -> float:
    """Return the share of images whose label has the largest logit."""
    return float((network(images).argmax(1) == labels).float().mean())


def main() -> None:
    """Train, prune, fine-tune and write digits.onnx and test.npz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(arguments.seed)
    random = torch.Generator().manual_seed(arguments.seed)

    pixels, classes = split(arguments.seed)
    images = torch.from_numpy(pixels.astype(np.float32) / PIXEL_MAX)
    labels = torch.from_numpy(classes.astype(np.int64))
    test, train = slice(0, TEST_COUNT), slice(TEST_COUNT, None)
    network = Digits()
    start = time.monotonic()

    def report(stage: str) -> None:
        share = accuracy(network, images[test], labels[test])
        print(
            f"{stage:<12} test accuracy {share:.3f}   {time.monotonic() - start:.0f} s", flush=True
        )

    fit(network, images[train], labels[train], {}, DENSE_EPOCHS, LEARNING_RATE, random)
    report("dense")
    for step in STEPS:
        masks = choose_masks(network, step)
        fit(network, images[train], labels[train], masks, PRUNED_EPOCHS, PRUNED_RATE, random)
        report(f"pruned {step:.0%}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    with replacing(arguments.out / "digits.onnx") as path:
        path.write_bytes(digits_model(weights).SerializeToString(deterministic=True))
    with replacing(arguments.out / "test.npz") as path, path.open("wb") as file:
        np.savez_compressed(file, images=pixels[test], labels=classes[test])


if __name__ == "__main__":
    main()
