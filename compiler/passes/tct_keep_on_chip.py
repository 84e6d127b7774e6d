"""dadiannao's pass under the name of `tct`, whose activation memory is the same."""

from __future__ import annotations

from dataclasses import dataclass

from .dadiannao_keep_on_chip import DadiannaoKeepOnChipPass


@dataclass(frozen=True)
class TctKeepOnChipPass(DadiannaoKeepOnChipPass):
    """Choose the halves of AM for whole layers, and drop loads and stores of what stays there.

    Requires tiling; ensures the places of every whole layer, and of results that stay on chip.
    """

    name = "tct-keep-on-chip"
