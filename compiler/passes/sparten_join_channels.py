"""Let channels of scales and shifts share filter sets on SparTen."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..context import target_of
from ..join_channels import join_channels


@dataclass(frozen=True)
class SpartenJoinChannelsPass(ModulePass):
    """Make the depthwise convolutions that `lower-affine` left convolutions of fewer groups.

    A depthwise convolution keeps one CU of a cluster busy, and takes a run per channel. With a
    diagonal of weights over the channels of a filter set every CU has its own. Requires quantised
    weights.
    """

    name = "sparten-join-channels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite their weights and groups."""
        _, spec = target_of(ctx, op)
        join_channels(ctx, op, spec.set_filters)
