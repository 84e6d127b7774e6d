"""The worked examples of sparten sheet section 10 through the command line, number for number."""

from pathlib import Path

import pytest
from spcc.tests.e2e.example_runs import outputs_of, spcc_run
from spcc.tests.e2e.test_gospa_examples import A, B, C
from spcc.tests.golden.two_sided_examples import OUT_A, OUT_B, OUT_C

LAYERS = {"A": A, "B": B, "C": C}
OUTPUTS = {"A": OUT_A, "B": OUT_B, "C": OUT_C}
ONE = ("clusters=1", "cus=1", "gb=none")
CASES: list[tuple[str, tuple[str, ...], int, dict[str, int]]] = [
    ("A", ONE, 39, dict(
        chunk_joins=16, macs_effectual=4, join_overhead_cycles=28, in_value_reads=9,
        cu_in_writes=9, cu_in_reads=4, fval_reads=4, fmask_reads=16, in_mask_reads=16,
        perm_words=0, out_words=4, macs_dense=16, macs_skipped=12, cu_idle=39 - 4 - 28,
    )),
    ("A", (), 16, dict(perm_words=16, cu_idle=2016, join_overhead_cycles=28, macs_effectual=4)),
    ("B", ("clusters=1", "cus=2", "gb=none"), 39, dict(
        chunk_joins=32, join_overhead_cycles=56, macs_effectual=8, in_value_reads=14,
        cu_in_writes=28, in_mask_reads=16, out_words=8, cu_idle=2 * 39 - 8 - 56,
    )),
    ("B", ONE, 78, dict(chunk_joins=32, macs_effectual=8, in_value_reads=28, in_mask_reads=32)),
    ("B", (), 16, dict(chunk_joins=32, macs_effectual=8, perm_words=32)),
    ("C", ONE, 57, dict(chunk_joins=25, macs_effectual=2, join_overhead_cycles=48)),
    ("C", (), 26, dict(chunk_joins=25, macs_effectual=2, perm_words=25)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "settings", "cycles", "counters"),
    CASES,
    ids=[f"{name}-{cycles}" for name, _, cycles, _ in CASES],
)
def test_example(
    name: str, settings: tuple[str, ...], cycles: int, counters: dict[str, int], tmp_path: Path
) -> None:
    report = spcc_run(tmp_path, LAYERS[name], "sparten", *(f"--set={s}" for s in settings))
    (layer,) = report["layers"]
    assert layer["placement"] == "native"
    assert layer["cycles"] == report["totals"]["cycles"] == cycles
    # sp.cfg and sp.map take a cycle each, beside the runs.
    assert layer["unit_cycles"]["cl"] == cycles + 2
    assert {counter: layer["counters"][counter] for counter in counters} == counters
    assert layer["macs"]["effectual"] + layer["macs"]["skipped"] == layer["macs"]["nominal"]
    assert report["check"]["passed"]
    assert outputs_of(tmp_path)[0].tolist() == OUTPUTS[name]
