"""What a target's compiler half declares: limits, pipeline, tiling, packing, lowering.

docs/adding-a-target.md walks through one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ...isa.base import BaseSpec
from ...isa.encoding import InstructionSet
from ..dialects.encoding import EncodingAttr
from ..dialects.sparse_tensor import (
    ConcatOp,
    ElementwiseOp,
    RequantizeOp,
    ReshapeOp,
)
from ..layout import compact_strides

if TYPE_CHECKING:
    from ..backend.schedule import Schedule

PIPELINE = (
    "fold-affine,lower-affine,fuse-epilogue,insert-copies,quantize,assign-format,assign-layout,"
    "tile,pack-weights,allocate,convert-sparse-tensor-to-target,insert-semaphores"
)
"""The passes that suit a target without passes of its own, from the sparse_tensor dialect on."""
Tiles = list[dict[str, int]]
"""A layer's tiles as plain data for the IR; the keys are the target's own."""

Limit = Callable[[Any], bool]
"""A predicate on one sparse_tensor op; its docstring is the sentence in docs/supported-ops.md."""
BASE_LIMITS: Mapping[type[Operation], Sequence[Limit]] = {
    ElementwiseOp: (),
    RequantizeOp: (),
    ConcatOp: (),
    ReshapeOp: (),
}
"""What the base machine runs without the target's units: the PPU, and moves by address."""


@dataclass(frozen=True)
class PackedWeights:
    """A layer's weights as the machine wants them.

    Args:
        image: All tiles one after the other, uint8; aligned as the target's instructions ask.
        offsets: First byte of each tile, in the order in which the lowering asks for them.
    """

    image: npt.NDArray[np.uint8]
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, tiles: Sequence[npt.NDArray[np.generic]]) -> PackedWeights:
        """Join the bytes of some tiles."""
        images = [np.ascontiguousarray(tile).reshape(-1).view(np.uint8) for tile in tiles]
        ends = np.cumsum([image.size for image in images])
        offsets = tuple(int(e) - image.size for e, image in zip(ends, images, strict=True))
        return cls(np.concatenate(images), offsets)


def dense_encoding(spec: Any, frac: int, bits: int) -> EncodingAttr:
    """Weights stored as they are, 16 bits each."""
    del spec
    return EncodingAttr.of(frac, bits)


def row_major(spec: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Activations stored in the order of their ONNX shape, 16 bits each."""
    del spec
    return compact_strides(shape, 2)


@dataclass(frozen=True, kw_only=True)
class TargetCompiler:
    """One accelerator's compiler half.

    Args:
        name: The target.
        isa: Its instruction set; the dialect of the lowered IR is made from it.
        spec_type: Type of its parameters.
        limits: For each sparse_tensor op class, what the machine can run; a class that is missing
            is the host's. An affine that no convolution can take up becomes a depthwise one.
        tile: Cuts a convolution, matmul or pool (spec, op, integer weights or None) into tiles.
        pack: Packs a tiled layer's weights (spec, op, integer weights).
        lower: Appends the instructions of a tiled and allocated layer (schedule, spec, op).
            Elementwise layers come here too; `backend.epilogue.lower_elementwise` runs them on the
            base machine's PPU.
        pipeline: The passes from the sparse_tensor dialect to instructions, in spcc-opt's syntax.
        passes: The target's own passes by name, each imported when used; their names start with
            the target's.
        accumulator_bits: Width of the saturating sum (spec), 32 unless stated.
        weight_encoding: Packed format of a layer's weights (spec, frac, bits).
        forced_product_shift: Product shift that the configuration forces, None to calibrate (spec).
        narrows_weights: Whether weights get fewer bits where calibration finds sums that leave no
            headroom in the accumulator: for a machine that cannot shift products.
        pruning_block: Filters per group of `--prune group=AMOUNT` (spec).
        expanded_macs: MACs that a layer's tiles add to the nominal ones (spec, tiled op), for
            instance by spanning several groups.
        static_counts: What is counted of a tiled layer at compile time (spec, op), by the names of
            counters of a whole run; names that the machine does not count itself.
        strides: Where an activation [N, C, ...] lies in DRAM (spec, shape): bytes between
            neighbours along each dimension, images outermost. Row-major unless stated; where a
            reshape is then no view, `assign-layout` copies.
        channel_block: Channels that are moved as one (spec): operands of a concatenation begin at
            multiples of it, and fill them, or are copied.
        feature_block: The same for values [N, C], if it is another number there.
    """

    name: str
    isa: InstructionSet
    spec_type: type[BaseSpec]
    limits: Mapping[type[Operation], Sequence[Limit]]
    tile: Callable[[Any, Operation, npt.NDArray[np.int16] | None], Tiles]
    pack: Callable[[Any, Operation, npt.NDArray[np.int16]], PackedWeights]
    lower: Callable[[Schedule, Any, Operation], None]
    pipeline: str = PIPELINE
    passes: Mapping[str, Callable[[], type[ModulePass]]] = field(
        default_factory=dict[str, Callable[[], type[ModulePass]]]
    )
    accumulator_bits: Callable[[Any], int] = lambda spec: 32
    weight_encoding: Callable[[Any, int, int], EncodingAttr] = dense_encoding
    forced_product_shift: Callable[[Any], int | None] = lambda spec: None
    narrows_weights: bool = False
    pruning_block: Callable[[Any], int] = lambda spec: 8
    expanded_macs: Callable[[Any, Operation], int] = lambda spec, op: 0
    static_counts: Callable[[Any, Operation], dict[str, int]] = lambda spec, op: {}
    strides: Callable[[Any, tuple[int, ...]], tuple[int, ...]] = row_major
    channel_block: Callable[[Any], int] = lambda spec: 1
    feature_block: Callable[[Any], int] | None = None
