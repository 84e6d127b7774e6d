"""Seeded network inputs: images with the 1/f spectrum of photographs, else normal noise."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import onnx

from ..isa.errors import UnsupportedError

IMAGE_SIZE_MIN = 8  # rows and columns from which a rank-4 input counts as an image
IMAGE_CHANNELS_MAX = 4  # more channels than this are features, not colours


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of one named tensor, independent of any other tensor."""
    return np.random.default_rng((seed, crc32(name.encode())))


def image_noise(shape: tuple[int, int, int, int], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Draw images whose amplitude spectrum falls as 1/f, as that of photographs does.

    Channels share most of their content, as colours do. The mean square of every image is 1.

    Args:
        shape: [N, C, H, W].
        rng: Where the noise comes from.

    Returns:
        [N, C, H, W] float32.
    """
    N, C, H, W = shape
    rows, columns = np.fft.fftfreq(H)[:, None], np.fft.rfftfreq(W)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1 / max(H, W)  # brightness varies as much as the slowest wave
    white = rng.standard_normal((N, C, H, W)) * 0.5 + rng.standard_normal((N, 1, H, W))
    pink = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(H, W))
    pink /= np.sqrt((pink**2).mean(axis=(1, 2, 3), keepdims=True))
    return pink.astype(np.float32)


def seeded_inputs(
    model: onnx.ModelProto | Mapping[str, tuple[int, ...]], seed: int
) -> dict[str, npt.NDArray[Any]]:
    """Make one input for every graph input of a model, the same for the same seed.

    Args:
        model: A model (symbolic and unknown dimensions count as 1), or input name -> shape of
            float32 inputs.
        seed: Seed; the value of an input depends on it, on the input's name and on its shape only.

    Returns:
        Input name -> array: float inputs that look like an image ([N, C <= 4, H >= 8, W >= 8]) are
        1/f noise, other floats standard normal, integers uniform in 0..7, bools fair coins.

    Raises:
        UnsupportedError: An input is no tensor of numbers.
    """
    if isinstance(model, onnx.ModelProto):
        wanted = _model_inputs(model)
    else:
        wanted = {name: (tuple(shape), np.dtype(np.float32)) for name, shape in model.items()}
    return {name: draw(name, shape, dtype, seed) for name, (shape, dtype) in wanted.items()}


def _model_inputs(model: onnx.ModelProto) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return name -> (shape, dtype) of the graph inputs that no initializer fills."""
    filled = {tensor.name for tensor in model.graph.initializer}
    found: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for value in model.graph.input:
        if value.name in filled:
            continue
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.elem_type:
            raise UnsupportedError(f"Input '{value.name}' is no tensor; none can be made up")
        shape = tuple(int(dim.dim_value) or 1 for dim in tensor.shape.dim)
        found[value.name] = shape, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return found


def draw(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> npt.NDArray[Any]:
    """Draw the array of one input."""
    rng = generator(seed, name)
    match dtype.kind:
        case "f" if _is_image(shape):
            N, C, H, W = shape
            return image_noise((N, C, H, W), rng).astype(dtype)
        case "f":
            return rng.standard_normal(shape, np.float32).astype(dtype)
        case "i" | "u":
            return rng.integers(0, 8, shape).astype(dtype)
        case "b":
            return rng.integers(0, 2, shape).astype(dtype)
        case _:
            raise UnsupportedError(f"Input '{name}' has type {dtype}; none can be made up")


def _is_image(shape: tuple[int, ...]) -> bool:
    """Tell an image from a feature map, a matrix or a vector."""
    return (
        len(shape) == 4
        and shape[1] <= IMAGE_CHANNELS_MAX
        and min(shape[2], shape[3]) >= IMAGE_SIZE_MIN
    )
