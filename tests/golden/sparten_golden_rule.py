"""The cycle formula of `sparten` (sparten sheet, section 7), from masks alone."""

from collections.abc import Sequence

import numpy as np

from .ddn_golden_plan import Ints
from .sparten_golden_bits import CHUNK
from .sparten_golden_plan import FilterSet, SpartenSpec
from .two_sided_conv import Conv, ceil_div


def cluster_cycles(
    spec: SpartenSpec, conv: Conv, x: Ints, w: Ints, members: FilterSet, positions: Sequence[int],
    segment: range,
) -> int:  # fmt: skip
    """Cycles of a cluster in a run, without `pipe`.

    x [N][Cg][H][W] are the channels of the conv group; w is [K][Cg][R][S].
    """
    nC = ceil_div(conv.Cg, CHUNK)
    loads: list[int] = []
    slowest: list[int] = []
    for p in positions:
        n, place = divmod(p, conv.E * conv.F)
        for i in segment:
            tap, cc = divmod(i, nC)
            r, s = divmod(tap, conv.S)
            at = conv.under(*divmod(place, conv.F), r, s)
            if at is None:
                continue
            part = slice(CHUNK * cc, CHUNK * (cc + 1))
            mask = (x[n, part, at[0], at[1]] != 0).astype(np.int64)
            matches = (w[members.filters, part, r, s] != 0).astype(np.int64) @ mask
            costs = np.maximum(spec.join_lat, matches) + spec.join_bubble
            by_cu = np.bincount(members.cu[i], weights=costs, minlength=spec.cus)
            slowest.append(int(by_cu.max()))
            loads.append(max(1, ceil_div(CHUNK + 16 * int(mask.sum()), spec.bus_bits)))
    if not loads:
        return 0
    rho = ceil_div(len(members.filters), spec.perm_bw) if spec.gb == "H" else 0
    steps = zip(slowest, [*loads[1:], 0], [0] + [rho] * (len(loads) - 1), strict=True)
    return loads[0] + sum(max(step) for step in steps) + rho
