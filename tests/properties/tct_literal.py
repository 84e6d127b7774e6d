"""Algorithm 2 of Bit-Tactical as the sheet prints it, in plain loops (tct sheet, section 6)."""

import numpy as np


def literal_schedule(weights, pairs, order, method):
    """Schedule [R, L] lanes of a unit whose PEs have N lanes, [R, PEs, N]: the printed algorithm.

    The smallest count is taken over all L lanes of the unit.

    Returns:
        kept rows, weights and select codes, all rows.
    """
    R, pes, N = weights.shape
    L = pes * N
    W = weights.astype(int).reshape(R, L)
    WS = np.zeros((R, L), int)
    kept = []

    def source(r, lane, index):
        ahead, aside = pairs[index]
        return r + ahead, (lane // N) * N + ((lane % N) + aside) % N

    def candidates(r, lane):
        for index in order:
            q, m = source(r, lane, index)
            if q < R and W[q, m]:
                yield index, q, m

    def count(r):
        return [0 if W[r, lane] else len(list(candidates(r, lane))) for lane in range(L)]

    def take(r, lane):
        for index, q, m in candidates(r, lane):
            W[r, lane], W[q, m], WS[r, lane] = W[q, m], 0, 1 + index
            return True
        return False

    for r in range(R):
        if not W[r].any():
            continue
        if method == "greedy":
            for lane in range(L):
                if not W[r, lane]:
                    take(r, lane)
        else:
            num = count(r)
            while any(num):
                lo = min(n for n in num if n)
                promoted = set()
                for lane in range(L):
                    once = method == "alg2_one" and lane // N in promoted
                    if not W[r, lane] and num[lane] == lo and not once and take(r, lane):
                        promoted.add(lane // N)
                num = count(r)
        kept.append(r)
    return kept, W.reshape(R, pes, N), WS.reshape(R, pes, N)


def literal_rows(kept, advance):
    """The rows of entries, bubbles included, and how many are bubbles."""
    rows = []
    bubbles = 0
    for row in kept:
        while rows and row - rows[-1] > advance:
            rows.append(rows[-1] + advance)
            bubbles += 1
        rows.append(row)
    return rows, bubbles
