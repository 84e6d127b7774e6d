"""Leave activations in AM between layers that fit it as a whole (dadiannao sheet, section 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ..context import target_of
from ..dialects.program import to_attribute
from ..dialects.sparse_tensor import ReshapeOp, SumsOp, shape_of
from ..layer_weights import tiled_layers
from ..layout import ON_CHIP
from ..targets.base import TargetCompiler
from ..targets.ddn_tiling import Places, warps_of


@dataclass(frozen=True)
class DadiannaoKeepOnChipPass(ModulePass):
    """Choose the halves of AM for whole layers, and drop loads and stores of what stays there.

    A layer whose input is still in AM, as an earlier layer's input or result, does not load it; a
    result that only such layers read is not stored. Strips take all of AM; the base machine's PPU
    and the host leave it alone.

    Requires tiling; ensures the places of every whole layer, and of results that stay on chip.
    """

    name = "dadiannao-keep-on-chip"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Walk the layers in order, then see which results are read from DRAM."""
        target, spec = target_of(ctx, op)
        chip = _Chip()
        for layer in tiled_layers(op):
            chip.run(layer)
        for layer, (source, target_half, loads) in chip.places.items():
            stores = not all(_reads_am(chip, user, at) for user, at in _uses(layer.result))
            Places(source, target_half, loads, stores).attach(layer)
            if not stores:
                _note_views(target, spec, layer.result, target_half)


@dataclass
class _Chip:
    """What lies in the halves of AM, and where the layers so far have their activations."""

    halves: list[SSAValue | None] = field(default_factory=lambda: [None, None])
    places: dict[SumsOp, tuple[int, int, bool]] = field(
        default_factory=dict[SumsOp, tuple[int, int, bool]]
    )

    def run(self, layer: SumsOp) -> None:
        """Place a layer's input and result."""
        if warps_of(layer)[0].strip:
            self.halves = [None, None]
            return
        source = _stored(layer.input)
        loads = source not in self.halves
        half = 0 if loads else self.halves.index(source)
        self.places[layer] = half, 1 - half, loads
        self.halves[half], self.halves[1 - half] = source, layer.result


def _stored(value: SSAValue) -> SSAValue:
    """The value whose words these are: that of another rank, if there is but one position."""
    while isinstance(value.owner, ReshapeOp) and _keeps_words(value.owner):
        value = value.owner.input
    return value


def _keeps_words(op: ReshapeOp) -> bool:
    """Whether a reshape is one between [N, C] and [N, C, 1, 1], which lie the same."""
    before, after = shape_of(op.input), shape_of(op.result)
    flat = [shape[:2] for shape in (before, after) if shape in (shape[:2], (*shape[:2], 1, 1))]
    return len(flat) == 2 and flat[0] == flat[1] and len(flat[0]) == 2


def _uses(value: SSAValue) -> list[tuple[Any, int]]:
    """The operations that read a value or another rank of it, and as which operand."""
    found: list[tuple[Any, int]] = []
    for use in value.uses:
        user = use.operation
        if isinstance(user, ReshapeOp) and _keeps_words(user):
            found += _uses(user.result)
        else:
            found.append((user, use.index))
    return found


def _reads_am(chip: _Chip, user: Any, operand: int) -> bool:
    """Whether an operation finds an operand in AM."""
    return operand == 0 and user in chip.places and not chip.places[user][2]


def _note_views(target: TargetCompiler, spec: Any, value: SSAValue, half: int) -> None:
    """Say where a value that never reaches DRAM can be looked at, under each of its ranks."""
    place = {
        "memory": "am",
        "offset": half * (spec.am_words // 2) * spec.word_bytes,
        "strides": target.strides(spec, shape_of(value)),
    }
    owner: Any = value.owner
    owner.attributes[ON_CHIP] = to_attribute(place)
    for use in value.uses:
        if isinstance(use.operation, ReshapeOp):
            _note_views(target, spec, use.operation.result, half)
