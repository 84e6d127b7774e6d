"""What must hold before a machine follows a program's tables and words without further checks."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from .base import Halt, Host
from .encoding import Instruction
from .errors import ProgramError
from .tables import (
    DRAM,
    ITEM_BYTES,
    MAX_RANK,
    NO_LAYER,
    SRAM_LIMIT_BYTES,
    LayerInfo,
    TensorInfo,
)

_FRACTION_LIMIT = 1022
"""2^-frac must be a normal float64."""


def check_tensors(tensors: Iterable[TensorInfo], bounds: tuple[int, int], where: str) -> None:
    """Check tensors and that their names differ.

    Raises:
        ProgramError: A name is there twice, or a tensor is wrong.
    """
    tensors = tuple(tensors)
    for name, count in Counter(tensor.name for tensor in tensors).items():
        if count > 1:
            raise ProgramError(f"tensor '{name}' is there {count} times", where)
    for tensor in tensors:
        if tensor.memory != DRAM:
            raise ProgramError(
                f"tensor '{tensor.name}' is in {tensor.memory}",
                where,
                "only the output of a layer may stay on chip",
            )
        if tensor.channels:
            raise ProgramError(
                f"tensor '{tensor.name}' has its channels in another order",
                where,
                "only the output of a layer may",
            )
        check_tensor(tensor, bounds, f"{where}: tensor '{tensor.name}'")


def check_tensor(tensor: TensorInfo, bounds: tuple[int, int], where: str) -> None:
    """Check a tensor's type, and that its elements lie in bytes bounds[0]..bounds[1].

    Raises:
        ProgramError: They do not, or the shape claims more elements than those bytes can hold.
    """
    if tensor.dtype not in ITEM_BYTES:
        raise ProgramError(
            f"dtype '{tensor.dtype}' is unknown", where, f"the types are {', '.join(ITEM_BYTES)}"
        )
    _check_precision(tensor, where)
    rank = len(tensor.shape)
    if (
        rank > MAX_RANK
        or rank != len(tensor.strides)
        or min((0, *tensor.shape, *tensor.strides)) < 0
    ):
        raise ProgramError(
            f"shape {tensor.shape} and strides {tensor.strides} are not those of a tensor",
            where,
            f"as many strides as dimensions, at most {MAX_RANK}, none negative",
        )
    channels = tensor.shape[1] if rank > 1 else 0
    order = tensor.channels
    if order and (len(order) != channels or sorted(order) != list(range(channels))):
        raise ProgramError(f"{len(order)} positions are no order of {channels} channels", where)
    low, high = bounds
    if tensor.offset < low or tensor.end > high:
        raise ProgramError(
            f"bytes {tensor.offset}..{tensor.end} are outside {low}..{high} of {_image(tensor)}",
            where,
            "what is written must lie behind the constants" if low else "",
        )
    if tensor.element_count * tensor.item_bytes > high:
        raise ProgramError(
            f"{tensor.element_count} elements of {tensor.item_bytes} bytes exceed {high} bytes",
            where,
        )


def _image(tensor: TensorInfo) -> str:
    return "the DRAM image" if tensor.memory == DRAM else tensor.memory


def _check_precision(tensor: TensorInfo, where: str) -> None:
    frac, bits = tensor.frac, tensor.bits
    if tensor.dtype == "i16":
        if bits not in (8, 16) or frac is None or abs(frac) > _FRACTION_LIMIT:
            raise ProgramError(
                f"an i16 tensor cannot have frac = {frac} and bits = {bits}",
                where,
                f"frac is -{_FRACTION_LIMIT}..{_FRACTION_LIMIT}, bits 8 or 16",
            )
    elif frac is not None or bits != 8 * tensor.item_bytes:
        raise ProgramError(
            f"a tensor of {tensor.dtype} cannot have frac = {frac} and bits = {bits}",
            where,
            f"frac is None, bits {8 * tensor.item_bytes}",
        )


def check_layers(layers: Sequence[LayerInfo], bounds: tuple[int, int]) -> None:
    """Check the layers' outputs and counts.

    Args:
        layers: The layers.
        bounds: Of the DRAM image.

    Raises:
        ProgramError: A tensor is wrong or a count negative.
    """
    for index, layer in enumerate(layers):
        where = f"layer {index} '{layer.name}'"
        if layer.output is not None:
            on_chip = layer.output.memory != DRAM  # the machine knows its SRAMs' sizes
            limits = (0, SRAM_LIMIT_BYTES) if on_chip else bounds
            check_tensor(layer.output, limits, f"{where}: output")
        if min(layer.nominal_macs, layer.expanded_macs) < 0:
            raise ProgramError(
                f"macs {layer.nominal_macs} and {layer.expanded_macs} must not be negative", where
            )
        if layer.product_shift is not None and layer.product_shift < 0:
            raise ProgramError(f"product shift {layer.product_shift} must not be negative", where)
        for name, count in layer.static_counts.items():
            if count < 0:
                raise ProgramError(f"count {name} = {count} must not be negative", where)


def check_lines(lines: npt.NDArray[np.uint32], instruction_count: int, layer_count: int) -> None:
    """Check that every instruction has a layer that is there, or none.

    Raises:
        ProgramError: One has not; the place is its pc.
    """
    if lines.shape != (instruction_count,):
        raise ProgramError(
            f"{len(lines)} entries stand against {instruction_count} instructions", "section lines"
        )
    wrong = np.flatnonzero((lines >= layer_count) & (lines != NO_LAYER))
    if wrong.size:
        raise ProgramError(
            f"layer {lines[wrong[0]]} is not one of {layer_count}", f"section lines: pc {wrong[0]}"
        )


def check_text(instructions: Sequence[Instruction], fragment_count: int) -> None:
    """Check the program's flow: `halt` ends it, fragments are there, a signal precedes every wait.

    Raises:
        ProgramError: One of these does not hold; the place is the pc.
    """
    if not instructions or not isinstance(instructions[-1], Halt):
        raise ProgramError(
            "the last instruction is not halt", f"section text: pc {max(len(instructions) - 1, 0)}"
        )
    tokens: Counter[int] = Counter()
    for pc, instruction in enumerate(instructions):
        where = f"section text: pc {pc}"
        match instruction:
            case Halt() if pc + 1 < len(instructions):
                raise ProgramError("halt is not the last instruction", where)
            case Host() if (index := instruction.values()["fragment"]) >= fragment_count:
                raise ProgramError(f"host calls fragment {index} of {fragment_count}", where)
            case _:
                _take_tokens(instruction, tokens, where)


def _take_tokens(instruction: Instruction, tokens: Counter[int], where: str) -> None:
    for semaphore in instruction.wait:
        if not tokens[semaphore]:
            raise ProgramError(
                f"deadlock: {instruction.mnemonic} waits for semaphore {semaphore}, "
                "which no earlier instruction has a signal left for",
                where,
                f"an instruction before it must have signal={semaphore}",
            )
        tokens[semaphore] -= 1
    tokens.update(instruction.signal)
