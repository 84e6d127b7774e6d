"""toydot's compiler half: what it accepts, how a layer is cut, packed and lowered."""

from typing import Any

from spcc.compiler.backend.epilogue import lower_elementwise
from spcc.compiler.backend.layer_moves import Half, LayerMoves
from spcc.compiler.backend.pooling import POOL_LIMITS, lower_pool, tile_pool
from spcc.compiler.backend.window import groups_of, image_count, weight_matrix, window_of
from spcc.compiler.dialects import sparse_tensor as st
from spcc.compiler.dialects.program import from_attribute
from spcc.compiler.targets.base import BASE_LIMITS, PackedWeights, TargetCompiler, Tiles
from spcc.isa.errors import UnsupportedError

from .isa import ISA, Dot, Geo, ToydotSpec


def layer_fits(op: Any) -> bool:
    """Kernel 31x31, strides, dilations, padding 15, maps 4095x4095, channels 16383 at most."""
    window, channels = window_of(op), st.shape_of(op.input)[1]
    return window.fits(Geo) and Dot.rows.maximum >= window.OH and Geo.C.maximum >= channels


def tile(spec: ToydotSpec, op: Any, weights: Any) -> Tiles:
    """Cut into groups, then into as many filters and output rows as half of each memory holds."""
    if isinstance(op, st.PoolOp):
        return tile_pool(spec, op)
    window, half, (K, C, R, S) = window_of(op), spec.CAP // 2, weight_matrix(op, weights).shape
    Kg, row = K // groups_of(op), 4 * window.OW
    filters = min(Kg, half // (2 * C * R * S), half // row, spec.BCAP // 4)
    rows = min(window.OH, half // row // max(1, filters))
    while rows and 2 * C * window.input_row_count(rows) * window.W > half:
        rows -= 1
    if not filters or not rows:
        raise UnsupportedError(f"half of CAP = {spec.CAP} is too small", op.label, "raise CAP")
    return [
        {"f0": f0, "f1": min(f0 + filters, f + Kg), "c0": f // Kg * C, "rows": rows}
        for f in range(0, K, Kg)
        for f0 in range(f, f + Kg, filters)
    ]


def pack(spec: ToydotSpec, op: Any, weights: Any) -> PackedWeights:
    """Store the filters as they are, tile by tile."""
    return PackedWeights.of([weights[t["f0"] : t["f1"]] for t in from_attribute(op.tiling)])


def lower(schedule: Any, spec: ToydotSpec, op: Any) -> None:
    """Append a layer's instructions: for each tile, image and band, load, multiply, finish."""
    if isinstance(op, st.ElementwiseOp):
        return lower_elementwise(schedule, op)
    if isinstance(op, st.PoolOp):
        return lower_pool(schedule, spec, op)
    moves = LayerMoves(schedule, op, *(Half(name, spec.CAP) for name in ("act", "acc", "wgt")))
    C = st.shape_of(op.weight)[1]
    schedule.emit(moves.window.registers(Geo, C=C, psh=moves.product_shift))
    for index, t in enumerate(from_attribute(op.tiling)):
        filters, channels, K = (t["f0"], t["f1"]), (t["c0"], t["c0"] + C), t["f1"] - t["f0"]
        bias = moves.load_bias(t["f0"], K)
        for image in range(image_count(op)):
            for oy0, rows in moves.window.bands(t["rows"]):
                wgt = moves.load_weights(index) // 8
                act = moves.load_band(image, channels, oy0, rows).addr // 8
                sums = moves.next_sums(K, rows)
                schedule.emit(Dot(act=act, wgt=wgt, acc=sums, oy0=oy0, rows=rows, K=K))
                moves.finish(sums, image, filters, oy0, rows, bias)


OWN = (st.Conv2dOp, st.MatmulOp, st.AffineOp)
LIMITS = {**dict.fromkeys(OWN, (layer_fits,)), st.PoolOp: POOL_LIMITS, **BASE_LIMITS}
COMPILER = TargetCompiler(
    name="toydot", isa=ISA, spec_type=ToydotSpec, limits=LIMITS, tile=tile, pack=pack, lower=lower
)
