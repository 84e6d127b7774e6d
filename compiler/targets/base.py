"""What a target's compiler half declares: limits, pipeline, tiling, packing, lowering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from ...isa.base import BaseSpec
from ...isa.encoding import InstructionSet

if TYPE_CHECKING:
    from ..backend.schedule import Schedule
    from ..dialects.sparse_tensor import EncodingAttr

Limit = Callable[[Any], bool]
"""A predicate on one sparse_tensor op; its docstring is the sentence in docs/supported-ops.md."""


@dataclass(frozen=True)
class PackedWeights:
    """A layer's weights as the machine wants them.

    Args:
        image: All tiles one after the other, each 8-byte aligned, uint8.
        offsets: First byte of each tile, in the order in which the lowering asks for them.
    """

    image: npt.NDArray[np.uint8]
    offsets: tuple[int, ...]


@dataclass(frozen=True)
class TargetCompiler:
    """One accelerator's compiler half.

    Args:
        name: The target.
        isa: Its instruction set; the dialect of the lowered IR is made from it.
        spec_type: Type of its parameters.
        limits: For each sparse_tensor op class, what the machine can run; everything else is the host's.
        pipeline: The passes from the sparse_tensor dialect to instructions, in spcc-opt's syntax.
        weight_encoding: Packed format of a layer's weights (spec, frac, bits).
        accumulator_bits: Width of the saturating sum (spec).
        forced_product_shift: Product shift that the configuration forces, None to calibrate (spec).
        tile: Cuts one layer (spec, op, integer weights or None) into tiles, as plain data for the IR.
        pack: Packs a tiled layer's weights (spec, op, integer weights).
        lower: Appends a tiled and allocated layer's instructions to a schedule.
    """

    name: str
    isa: InstructionSet
    spec_type: type[BaseSpec]
    limits: Mapping[type[Operation], Sequence[Limit]]
    pipeline: str
    weight_encoding: Callable[[Any, int, int], EncodingAttr]
    accumulator_bits: Callable[[Any], int]
    forced_product_shift: Callable[[Any], int | None]
    tile: Callable[[Any, Operation, npt.NDArray[np.int16] | None], list[dict[str, int]]]
    pack: Callable[[Any, Operation, npt.NDArray[np.int16]], PackedWeights]
    lower: Callable[[Schedule, Any, Operation], None]
