"""What SPOTS' compiler half tells the passes that serve all targets."""

import onnx
import pytest
from spcc.compiler.driver import Prune, StopCompilation
from spcc.isa.targets.spots import SpotsSpec
from spcc.models.small import gemm, single_conv
from spcc.tools.compile_flow import Request, compile_request
from spcc.tools.sources import Model
from spcc.tools.targets import TARGETS


def request(model: onnx.ModelProto, spec: SpotsSpec, prune: Prune | None = None) -> Request:
    return Request(Model("m", model, ""), TARGETS["spots"], spec, prune)


@pytest.mark.parametrize(
    ("model", "nominal", "expanded"),
    [
        # 8 filters of 1 channel and 3x3 weights on 6x6 outputs; a tile of 8 filters x 8 channels.
        (single_conv(C=8, K=8, groups=8), 8 * 9 * 36, (64 - 8) * 9 * 36),
        # 4 groups of 2 filters and 3 channels, 3 images: 8 x 12 pairs instead of 8 x 3.
        (single_conv(N=3, C=12, K=8, groups=4, R=1, S=1), 3 * 24 * 64, 3 * (96 - 24) * 64),
        (single_conv(C=8, K=8), 64 * 9 * 36, 0),
        (gemm(N=4, C=16, K=10), 4 * 16 * 10, 0),
    ],
)
def test_tiles_across_groups_expand_macs(
    model: onnx.ModelProto, nominal: int, expanded: int
) -> None:
    (layer,) = compile_request(request(model, SpotsSpec())).compiled.program.layers
    assert (layer.nominal_macs, layer.expanded_macs) == (nominal, expanded)


@pytest.mark.parametrize("G", [4, 8])
def test_groups_to_prune_are_its_blocks(G: int) -> None:
    with pytest.raises(StopCompilation) as stopped:
        compile_request(
            request(single_conv(), SpotsSpec(G=G), Prune("group", 0.5)), stop_after="import"
        )
    assert f"prune-weights{{scheme=group amount=0.5 block={G}}}" in stopped.value.text
