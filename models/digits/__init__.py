"""The network that ships with spcc: handwritten digits, pruned for SPOTS, with its test set."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MODEL = Path(__file__).parent / "digits.onnx"
TEST = Path(__file__).parent / "test.npz"

PIXEL_MAX = 16  # the data set counts 0..16 dark points per pixel


def load_test() -> "tuple[npt.NDArray[np.float32], npt.NDArray[Any]]":
    """Load the held-out test set, no image of which was seen in training.

    Returns:
        images [500, 1, 8, 8] float32 in 0..1, the model's input "image"; labels [500] int64, 0..9.
    """
    import numpy as np

    with np.load(TEST) as stored:
        images = stored["images"].astype(np.float32) / np.float32(PIXEL_MAX)
        return images, stored["labels"].astype(np.int64)
