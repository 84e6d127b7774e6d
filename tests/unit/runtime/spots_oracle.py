"""SPOTS' instructions spelt out from the sheet, element by element; slow on purpose."""

from collections import Counter

import numpy as np


def patch_elements(geo, Ct, oy, ox):
    """(k, channel, row, column) of a patch; row and column None in the padding."""
    for channel in range(Ct):
        for r in range(geo.R):
            for s in range(geo.S):
                k = (channel * geo.R + r) * geo.S + s
                row, column = oy * geo.sh - geo.pt + r * geo.dh, ox * geo.sw - geo.pl + s * geo.dw
                inside = 0 <= row < geo.H and 0 <= column < geo.W
                yield k, channel, *((row, column) if inside else (None, None))


def patch_values(geo, image, oy, ox):
    """The patch as a list over k; image: [Ct, H, W]."""
    return [
        0 if row is None else int(image[channel, row, column])
        for _, channel, row, column in patch_elements(geo, image.shape[0], oy, ox)
    ]


def conv_sums(spec, geo, psh, image, weights, oy0, rows, sums=None):
    """Saturating sums [Kt, rows, OW] and the number of saturations (sections 3 and 6.4)."""
    Kt = len(weights)
    low, high = -(1 << (spec.ACC - 1)), (1 << (spec.ACC - 1)) - 1
    out = np.zeros((Kt, rows, geo.OW), np.int32) if sums is None else sums.copy()
    saturated = 0
    for y in range(rows):
        for x in range(geo.OW):
            patch = patch_values(geo, image, oy0 + y, x)
            for f in range(Kt):
                total = int(out[f, y, x])
                for weight, value in zip(weights[f].tolist(), patch, strict=True):
                    product = weight * value
                    total += (product + (1 << (psh - 1))) >> psh if psh else product
                    kept = min(max(total, low), high)
                    saturated += kept != total
                    total = kept
                out[f, y, x] = total
    return out, saturated


def steps_of(spec, geo, rows, units):
    """Per step, a list of (unit, round, output row, [columns]) of the live units."""
    q = -(-rows // units)
    for t in range(q):
        for first in range(0, geo.OW, spec.NC):
            columns = list(range(first, min(first + spec.NC, geo.OW)))
            live = [(u, t, u * q + t, columns) for u in range(units) if t < q and u * q + t < rows]
            yield [part for part in live if part[2] < min((part[0] + 1) * q, rows)]


def im2col(spec, geo, gemm, oy0, rows, units):
    """(times [step][chunk], counters) by following every element through every patch."""
    q = -(-rows // units)
    bypass = geo.sh >= (geo.R - 1) * geo.dh + 1 and geo.sw >= (geo.S - 1) * geo.dw + 1
    used_rows = {
        (u, t): {y * geo.sh - geo.pt + r * geo.dh for y in [oy0 + u * q + t] for r in range(geo.R)}
        for u in range(units)
        for t in range(q)
        if u * q + t < rows
    }
    ever, in_round = set(), set()
    counters, times = Counter(), []
    for step in steps_of(spec, geo, rows, units):
        fetched = Counter()
        for u, t, y, columns in step:
            for x in columns:
                counters["patch_elems"] += gemm.Ct * geo.R * geo.S
                for _, channel, row, column in patch_elements(geo, gemm.Ct, oy0 + y, x):
                    if row is None:
                        continue
                    counters["pool_ops"] += 1
                    element, chunk = (u, channel, row, column), channel // gemm.Q
                    if bypass or not spec.REUSE:
                        fetched[u, chunk] += 1
                    elif (*element, t) in in_round:
                        counters["ring_xfer"] += 1
                    elif element in ever:
                        if channel < gemm.cres:
                            counters["res_rd"] += 1
                        else:
                            fetched[u, chunk] += 1
                    else:
                        fetched[u, chunk] += 1
                        is_later = any(
                            row in used_rows.get((u, other), ()) for other in range(t + 1, q)
                        )
                        counters["res_wr"] += is_later and channel < gemm.cres
                    in_round.add((*element, t))
        ever |= {element[:-1] for element in in_round}
        counters["fmap_rd"] += sum(fetched.values())
        times.append(
            [
                max(
                    (min((c + 1) * gemm.Q, gemm.Ct) - c * gemm.Q) * geo.R * geo.S,
                    max(-(-fetched[u, c] // spec.INBW) for u in range(units)),
                )
                for c in range(-(-gemm.Ct // gemm.Q))
            ]
        )
    counters["im2col_busy"] = sum(map(sum, times))
    return times, counters


def conv_cost(spec, geo, gemm, image, weights, oy0, rows, is_accumulating):
    """Cycles and counters of a conv, without obuf and saturated (sections 7 and 8)."""
    units = spec.UNITS if gemm.split else 1
    times, counters = im2col(spec, geo, gemm, oy0, rows, units)
    del counters["pool_ops"]
    Kt, Kred = weights.shape
    F, NC, chunk_columns = gemm.F, spec.NC, gemm.Q * geo.R * geo.S
    rows_used, nb = -(-Kt // F), -(-Kt // spec.G)
    m1 = [bool(weights[:, k].any()) for k in range(Kred)]
    blocks = [
        sum(bool(weights[b * spec.G : (b + 1) * spec.G, k].any()) for b in range(nb))
        for k in range(Kred)
    ]
    a, b, free = NC, NC * F * is_accumulating, []
    for g, step in enumerate(steps_of(spec, geo, rows, units)):
        patches = {
            u: [patch_values(geo, image, oy0 + y, x) for x in columns] for u, _, y, columns in step
        }
        flat = [patch for mine in patches.values() for patch in mine]
        any_value = [any(patch[k] for patch in flat) for k in range(Kred)]
        issued = [m1[k] and any_value[k] for k in range(Kred)]
        items = sum(issued)
        counters["items"] += items
        counters["skip_w"] += sum(not m and v for m, v in zip(m1, any_value, strict=True))
        counters["skip_a"] += sum(m and not v for m, v in zip(m1, any_value, strict=True))
        counters["skip_both"] += sum(not m and not v for m, v in zip(m1, any_value, strict=True))
        effectual = sum(
            bool(weights[f, k] and patch[k])
            for k in range(Kred)
            if issued[k]
            for f in range(Kt)
            for patch in flat
        )
        counters["mac_effectual"] += effectual
        counters["mac_gated"] += items * Kt * len(flat) - effectual
        counters["mac_skipped"] += (Kred - items) * Kt * len(flat)
        counters["idle_slots"] += items * F * spec.NR * NC - items * Kt * len(flat)
        for mine in patches.values():
            words = [any(patch[k] for patch in mine) for k in range(Kred)]
            counters["ibuf_wr"] += sum(words)
            counters["ibuf_rd"] += sum(w and i for w, i in zip(words, issued, strict=True))
        counters["fsram_rd_m1"] += -(-Kred // 64)
        counters["fsram_rd_m2"] += nb * -(-sum(m1) // 64)
        counters["fsram_rd_a"] += sum(blocks[k] for k in range(Kred) if issued[k])
        counters["fifo_act"] += items * rows_used * len(flat)
        counters["fifo_wt"] += items * Kt * len(flat)
        counters["fifo_work"] += effectual
        counters["gemm_busy"] += F * items
        counters["psum_busy"] += NC * F
        if g >= 2:
            counters["stall_im2col"] += max(0, free[g - 2] - a)
            a = max(a, free[g - 2])
        for c, time in enumerate(times[g]):
            a += time
            counters["stall_gemm"] += max(0, a - b)
            b = max(a, b) + F * sum(issued[c * chunk_columns : (c + 1) * chunk_columns])
        free.append(b)
        b += NC * F
    counters["psum_busy"] += NC * F * is_accumulating
    return b + rows_used - 1 + NC - 1, counters


def pool_values(geo, image, oy0, rows, is_average, counts_padding):
    """[Ct, rows, OW]."""
    Ct = image.shape[0]
    out = np.zeros((Ct, rows, geo.OW), np.int32)
    for y in range(rows):
        for x in range(geo.OW):
            found = [[] for _ in range(Ct)]
            for _, channel, row, column in patch_elements(geo, Ct, oy0 + y, x):
                if row is not None:
                    found[channel].append(int(image[channel, row, column]))
            for channel, values in enumerate(found):
                divisor = geo.R * geo.S if counts_padding else len(values)
                if is_average:
                    mean = (2 * sum(values) + divisor) // (2 * divisor) if divisor else 0
                    out[channel, y, x] = mean
                else:
                    out[channel, y, x] = max(values, default=-32768)
    return out
