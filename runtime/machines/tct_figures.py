"""What Bit-Tactical's papers report of a run, as ratios of its counters (tct sheet, 8 and 11)."""

from collections.abc import Mapping

_SLOTS = {
    "slots_own": "slot_own",
    "slots_lookahead": "slot_ahead",
    "slots_lookaside": "slot_aside",
    "slots_zero": "slot_zero",
}
"""Shares of executed slots and their counters: the classes of S002 Fig. 10."""


def figures(counters: Mapping[str, int]) -> dict[str, float]:
    """Speed-up over dadiannao and its two factors, zeros removed, and shares of executed slots.

    `speedup_lookahead` is that of the machine without lookasides (the lower part of the bars in
    S002 Fig. 8), `speedup_lookaside` the factor that they add to it. `zeros_removed` (S002 Table 4)
    is the share of time saved over the share of zeros in the padded weight matrices, both weighted
    by the windows that they are multiplied with.
    """
    found: dict[str, float] = {}
    work, dense = counters.get("work", 0), counters.get("work_dense", 0)
    ahead = counters.get("work_lookahead", 0)
    if work and dense and ahead:
        found["speedup"] = dense / work
        found["speedup_lookahead"] = dense / ahead
        found["speedup_lookaside"] = ahead / work
    nonzero = counters.get("mac_eff", 0) + counters.get("mac_ineff_a", 0)
    zero = counters.get("mac_skipped", 0) + counters.get("mac_ineff_w", 0)
    if dense and zero:
        found["zeros_removed"] = (1 - work / dense) * (zero + nonzero) / zero
    slots = sum(counters.get(counter, 0) for counter in _SLOTS.values())
    if slots:
        found |= {name: counters.get(counter, 0) / slots for name, counter in _SLOTS.items()}
    return found
