"""SPOTS: the golden model keeps the closed rules and identities of the sheet."""

import math
import random
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.tests.golden import spots_clock as clock
from spcc.tests.golden import spots_tiler as tiler
from spcc.tests.golden.spots_cases import Case, Layer, cases, layers, pools
from spcc.tests.golden.spots_format import decode_bytes, encode, encode_bytes
from spcc.tests.golden.spots_im2col import Geometry, unit_rows
from spcc.tests.golden.spots_stepper import Result, conv, pool, rounded
from spcc.tests.golden.spots_tiles import DoesNotFitError

relaxed = settings(deadline=None, max_examples=150)


def golden(case: Case) -> Result:
    return conv(
        case.spec, x=case.x, w=case.w, geo=case.geo, oy0=case.oy0, rows=case.rows,
        split=case.split, Q=case.Q, cres=case.cres, psh=case.psh, sums=case.sums,
    )  # fmt: skip


# The golden model against the sheet's closed rules -----------------------------------------------


def recurrence(case: Case, done: Result, F: int, rows_used: int) -> tuple[int, int, int]:
    """Section 7 as it stands: cycles, stall_gemm, stall_im2col."""
    NC = case.spec.NC
    a, b = NC, NC * F if case.sums is not None else 0
    free: list[int] = []
    stall_gemm = stall_im2col = 0
    for g, (times, counts) in enumerate(zip(done.chunk_cycles, done.chunk_items, strict=True)):
        if g >= 2:
            stall_im2col += max(0, free[g - 2] - a)
            a = max(a, free[g - 2])
        for t_im, n in zip(times, counts, strict=True):
            a += t_im
            stall_gemm += max(0, a - b)
            b = max(b, a) + n * F
        free.append(b)
        b += NC * F
    return b + (rows_used - 1) + (NC - 1), stall_gemm, stall_im2col


@relaxed
@given(cases())
def test_stepping_gives_the_recurrence(case: Case) -> None:
    done = golden(case)
    Kt = len(case.w)
    F = -(-Kt // (case.spec.NR // case.units))
    rows_used = -(-Kt // F)
    counters = done.counters
    assert recurrence(case, done, F, rows_used) == (
        done.cycles, counters["stall_gemm"], counters["stall_im2col"],
    )  # fmt: skip
    assert counters["im2col_busy"] == sum(map(sum, done.chunk_cycles))
    assert counters["gemm_busy"] == F * counters["items"]
    has_sums = case.sums is not None
    assert counters["psum_busy"] == case.spec.NC * F * (len(done.chunk_cycles) + has_sums)
    past = clock.check_array(
        done.timeline.issue_times, done.timeline.ends, NC=case.spec.NC, F=F, rows_used=rows_used,
        preload=has_sums,
    )  # fmt: skip
    assert past == done.cycles


def closed_counts(case: Case) -> tuple[int, int, int, int, int]:
    """Section 4's factors: fmap_rd, ring_xfer, res_rd, res_wr and in-map elements."""
    geo, Ct = case.geo, len(case.x)
    kept = min(case.cres, Ct)
    new = old = ring = later = 0
    for share in unit_rows(case.rows, case.units):
        oys = [case.oy0 + n for n in share]
        rows = [{geo.row(oy, r) for r in range(geo.R)} - {None} for oy in oys]
        columns = [{geo.column(ox, s) for s in range(geo.S)} - {None} for ox in range(geo.OW)]
        for n, here in enumerate(rows):
            before = here & set[int | None]().union(*rows[:n])
            after = set[int | None]().union(*rows[n + 1 :])
            seen: set[int | None] = set()
            for window in columns:
                fresh = len(window - seen)
                seen |= window
                new += fresh * len(here - before)
                old += fresh * len(before)
                ring += (len(window) - fresh) * len(here)
                later += fresh * len((here - before) & after)
    if not case.spec.REUSE:
        return Ct * (new + old + ring), 0, 0, 0, Ct * (new + old + ring)
    fetched = Ct * new + (Ct - kept) * old
    return fetched, Ct * ring, kept * old, kept * later, Ct * (new + old + ring)


@relaxed
@given(cases())
def test_element_sets_give_the_closed_counts(case: Case) -> None:
    done = golden(case)
    c = done.counters
    assert closed_counts(case)[:4] == (c["fmap_rd"], c["ring_xfer"], c["res_rd"], c["res_wr"])
    if case.cres:
        assert done.reserved_peak <= case.spec.RCAP // 2 // case.units


@relaxed
@given(cases())
def test_classes_add_up(case: Case) -> None:
    done = golden(case)
    c, Kt, patches = done.counters, len(case.w), case.rows * case.geo.OW
    assert c["mac_effectual"] + c["mac_gated"] + c["mac_skipped"] == case.reductions * Kt * patches
    steps = len(done.chunk_cycles)
    assert c["items"] + c["skip_w"] + c["skip_a"] + c["skip_both"] == case.reductions * steps
    F = -(-Kt // (case.spec.NR // case.units))
    slots = c["items"] * F * case.spec.NR * case.spec.NC
    assert c["idle_slots"] + c["mac_effectual"] + c["mac_gated"] == slots
    assert c["patch_elems"] == case.reductions * patches
    assert c["obuf_wr"] == Kt * patches
    assert c["ibuf_rd"] <= c["ibuf_wr"]
    skew = -(-Kt // F) - 1 + case.spec.NC - 1
    assert c["gemm_busy"] + c["psum_busy"] + c["stall_gemm"] + skew == done.cycles
    waits = done.cycles - skew - case.spec.NC - c["im2col_busy"] - c["stall_im2col"]
    assert waits >= case.spec.NC * F, "IM2COL ends before the last step's shift"


def direct(
    geo: Geometry, x: list[list[list[int]]], w: list[list[list[list[int]]]], psh: int, oy: int,
    ox: int, k: int,
) -> int:  # fmt: skip
    """One output as a plain sum of rounded products."""
    total = 0
    for c, channel in enumerate(x):
        for r in range(geo.R):
            for s in range(geo.S):
                y, z = geo.row(oy, r), geo.column(ox, s)
                if y is not None and z is not None:
                    total += rounded(w[k][c][r][s] * channel[y][z], psh)
    return total


@relaxed
@given(cases())
def test_unsaturated_sums_are_the_convolution(case: Case) -> None:
    done = golden(case)
    high = (1 << (case.spec.ACC - 1)) - 1
    for k, channel in enumerate(done.sums):
        for n, line in enumerate(channel):
            for ox, got in enumerate(line):
                assert -high - 1 <= got <= high
                if not done.counters["saturated"]:
                    start = case.sums[k][n][ox] if case.sums is not None else 0
                    total = direct(case.geo, case.x, case.w, case.psh, case.oy0 + n, ox, k)
                    assert got == start + total


def pooled(case: Case, op: int, incpad: int) -> Result:
    return pool(
        case.spec, x=case.x, geo=case.geo, oy0=case.oy0, rows=case.rows, Q=case.Q, cres=case.cres,
        op=op, incpad=incpad,
    )  # fmt: skip


@relaxed
@given(pools(), st.integers(0, 2))
def test_pooling_keeps_the_closed_rules(case: Case, kind: int) -> None:
    """Kinds: maximum, average of the in-map elements, average over R*S."""
    op, incpad = min(kind, 1), int(kind == 2)
    done = pooled(case, op, incpad)
    c, geo = done.counters, case.geo
    *moved, in_map = closed_counts(case)
    assert moved == [c["fmap_rd"], c["ring_xfer"], c["res_rd"], c["res_wr"]]
    assert c["pool_ops"] == in_map
    assert done.cycles == case.spec.NC + sum(map(sum, done.chunk_cycles))
    for channel, plane in zip(case.x, done.sums, strict=True):
        for n, line in enumerate(plane):
            for ox, got in enumerate(line):
                window = [p for p in geo.window(case.oy0 + n, ox) if p is not None]
                values = [channel[y][z] for y, z in window]
                d = geo.R * geo.S if incpad else len(values)
                mean = Fraction(sum(values), d) + Fraction(1, 2)
                assert got == (math.floor(mean) if op else max(values))


@given(st.integers(0, 1 << 30), st.integers(1, 11), st.integers(1, 150), st.integers(1, 9))
def test_weight_tile_reads_back(seed: int, Kt: int, Kred: int, G: int) -> None:
    rng = random.Random(seed)
    density = rng.choice([0.0, 0.02, 0.3, 1.0])
    tile = [
        [rng.randint(-32768, 32767) if rng.random() < density else 0 for _ in range(Kred)]
        for _ in range(Kt)
    ]
    image = encode_bytes(tile, G)
    assert decode_bytes(image, Kt, Kred, G) == tile
    parts = encode(tile, G)
    counts = [sum(flags) for flags in parts.m2]
    nb, nzc = -(-Kt // G), sum(parts.m1)
    block_words = sum(-(-G * count // 4) for count in counts)
    assert len(image) == 8 * (-(-Kred // 64) + nb * -(-nzc // 64) + block_words)


@relaxed
@given(layers())
def test_tiled_layer_is_the_convolution(case: Layer) -> None:
    geo, psh = case.geo, 9
    try:
        done = tiler.layer(
            case.spec, case.x, case.w, groups=case.groups, geo=geo, OH=case.OH, psh=psh
        )  # fmt: skip
    except DoesNotFitError:
        return
    Kg, Cg = len(case.w) // case.groups, len(case.w[0])
    assert done.counters["dram_out"] == 2 * len(case.x) * len(case.w) * case.OH * geo.OW
    if done.counters["saturated"]:
        return
    for image, x in zip(done.output, case.x, strict=True):
        for k, channel in enumerate(image):
            first = k // Kg * Cg
            part = x[first : first + Cg]
            for oy, line in enumerate(channel):
                assert line == [direct(geo, part, case.w, psh, oy, ox, k) for ox in range(geo.OW)]
