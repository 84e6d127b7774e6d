"""From instruction IR to a Program: encode the words, lay out the constants, collect the tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ...isa.encoding import InstructionSet
from ...isa.errors import PassError
from ...isa.program import Fragment, Program
from ...isa.tables import NO_LAYER
from ..dialects import program as frame
from ..dialects.program import layer_info, tensor_info
from ..dialects.target import InstructionOp
from ..weights import WeightStore


def emit(
    module: ModuleOp,
    store: WeightStore,
    isa: InstructionSet,
    config: dict[str, Any],
    info: Mapping[str, str],
) -> Program:
    """Make the program of a fully lowered module.

    Raises:
        PassError: The module is not fully lowered.
    """
    ops = list(module.ops)
    instructions = [op for op in ops if isinstance(op, InstructionOp)]
    images = [op for op in ops if isinstance(op, frame.ImageOp)]
    if len(images) != 1 or not instructions:
        raise PassError(
            "the module is not lowered to instructions", "emit", "run the whole pipeline"
        )
    layers = [layer_info(op.info, op.output) for op in ops if isinstance(op, frame.LayerOp)]
    lines = [NO_LAYER if op.layer_index is None else op.layer_index for op in instructions]
    return Program(
        target=isa.name,
        isa_version=isa.version,
        config=config,
        text=isa.encode(op.to_instruction() for op in instructions),
        data=_constants(images[0].constants.value.data, ops, store),
        dram_bytes=images[0].bytes.value.data,
        inputs=tuple(tensor_info(op.info) for op in ops if isinstance(op, frame.InputOp)),
        outputs=tuple(tensor_info(op.info) for op in ops if isinstance(op, frame.OutputOp)),
        layers=tuple(layers),
        lines=np.array(lines, dtype=np.uint32),
        fragments=tuple(
            Fragment(
                model=store[op.key.data].tobytes(),
                inputs=tuple(map(tensor_info, op.inputs)),
                outputs=tuple(map(tensor_info, op.outputs)),
            )
            for op in ops
            if isinstance(op, frame.FragmentOp)
        ),
        info=dict(info),
    )


def _constants(size: int, ops: list[Any], store: WeightStore) -> np.ndarray:
    data = np.zeros(size, dtype=np.uint8)
    for op in ops:
        if isinstance(op, frame.SegmentOp):
            array, at = store[op.key.data], op.dram.value.data
            if at + array.nbytes > size:
                raise PassError(
                    f"{array.nbytes} bytes at {at} end behind the {size} bytes of constants",
                    f"segment '{op.key.data}'",
                )
            data[at : at + array.nbytes] = array.reshape(-1).view(np.uint8)
    return data
