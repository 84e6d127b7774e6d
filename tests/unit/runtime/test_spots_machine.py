"""SPOTS' machine on bytes: what `conv` and `pool` read from and write to the SRAMs, and traps."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from spcc.isa.errors import TrapError
from spcc.isa.footprint import Region
from spcc.isa.formats.spots_tile import encode
from spcc.isa.targets.spots import ISA, MEMORIES, Conv, Pool, Sgemm, Sgeo, SpotsSpec
from spcc.runtime.machines.spots import COSTS, MACHINE, SEMANTICS
from spcc.tests.e2e.spots_layers import MINI
from spcc.tests.unit.runtime import machine_runs

WEIGHTS = np.array([[1, 2, 0, 0, 3, 0, 0, 0, -1], [0, 0, 0, 0, 5, 0, 0, 0, 4]], np.int16)
MAP = np.array([[0, 0, 3, 1], [0, 0, 0, 2], [5, 0, 0, 0], [1, 4, 0, 0]], np.int16)
SUMS = [
    [[0, 0, 4, 2], [0, 0, 3, 6], [6, 0, 0, 2], [7, 9, 0, 0]],
    [[0, 0, 12, 3], [0, 0, 0, 5], [21, 0, 0, 0], [3, 10, 0, 0]],
]
"""Example 3 of SPOTS sheet section 10."""
SGEO = {"R": 3, "S": 3, "sh": 1, "sw": 1, "dh": 1, "dw": 1, "pt": 1, "pl": 1}
SGEO |= {"H": 4, "W": 4, "OW": 4}
SGEMM = {"split": 1, "F": 1, "Kt": 2, "Ct": 1, "Q": 1, "cres": 1, "psh": 1}
CONV = {"fm": 2, "row0": 0, "oy0": 0, "rows": 4, "wt": 3, "ob": 5, "acc": 0}
POOL = {"op": 0, "incpad": 0, "fm": 2, "row0": 0, "oy0": 0, "rows": 2, "ob": 5}

run = partial(machine_runs.execute, MACHINE)


def configure(state, geo=None, gemm=None):
    run(state, Sgeo(**{**SGEO, **(geo or {})}), Sgemm(**{**SGEMM, **(gemm or {})}))


@pytest.fixture
def state():
    """Example 3 loaded at fm=2, wt=3; OBUF full of a pattern that no conv leaves."""
    state = MACHINE.new_state(MINI)
    state.memories["fmap"].write(16, MAP)
    state.memories["filter"].write(24, encode(WEIGHTS, 2))
    state.memories["obuf"].write(0, np.full(1024, 77, "<i4"))
    configure(state)
    state.memories["obuf"].log.clear()
    return state


def obuf(state):
    return state.memories["obuf"].data.view("<i4")


def test_conv_writes_its_sums_and_nothing_else(state):
    cost = run(state, Conv(**CONV))
    assert obuf(state)[5:37].reshape(2, 4, 4).tolist() == SUMS
    assert (np.delete(obuf(state), slice(5, 37)) == 77).all()
    assert cost.cycles == 45
    assert dict(cost.stalls) == {"stall_gemm": 24, "stall_im2col": 0}
    assert dict(cost.busy) == {"gemm_busy": 11, "psum_busy": 8, "im2col_busy": 36}
    assert cost.counters["items"] == 11
    assert not cost.counters.keys() & {*cost.busy, *cost.stalls}


def test_conv_notes_the_bytes_it_touches(state):
    run(state, Conv(**CONV))
    log = state.memories["obuf"].log
    assert Region("fmap", 16, 32) in log.reads
    assert sum(r.size_bytes for r in log.reads if r.memory == "filter") == 8 + 8 + 16
    assert max(r.end for r in log.reads if r.memory == "filter") == 24 + encode(WEIGHTS, 2).size
    assert log.writes == [Region("obuf", 20, 128)]
    assert not any(r.memory == "obuf" for r in log.reads)


def test_the_cost_changes_no_memory(state):
    before = {name: memory.data.copy() for name, memory in state.memories.items()}
    COSTS[Conv](state, Conv(**CONV))
    assert all(np.array_equal(before[name], m.data) for name, m in state.memories.items())
    assert not state.memories["obuf"].log.writes


def test_accumulating_starts_from_the_sums_there(state):
    first = run(state, Conv(**CONV))
    again = run(state, Conv(**{**CONV, "acc": 1}))
    assert obuf(state)[5:37].reshape(2, 4, 4).tolist() == (2 * np.array(SUMS)).tolist()
    assert Region("obuf", 20, 128) in state.memories["obuf"].log.reads
    assert again.counters["obuf_rd"] == 32
    assert again.busy["psum_busy"] == first.busy["psum_busy"] + 2


def test_bands_together_are_the_layer(state):
    for oy0, ob in ((0, 0), (2, 16)):
        low = max(oy0 - 1, 0)
        state.memories["fmap"].write(800, MAP[low : oy0 + 3])
        fields = {"fm": 100, "row0": low, "oy0": oy0, "rows": 2, "ob": ob}
        run(state, Conv(**{**CONV, **fields}))
    halves = obuf(state)[:32].reshape(2, 2, 2, 4)
    assert np.concatenate([halves[0], halves[1]], axis=1).tolist() == SUMS


def test_pool_ignores_what_only_gemm_uses(state):
    geo = {"R": 2, "S": 2, "sh": 2, "sw": 2, "pt": 0, "pl": 0, "OW": 2}
    configure(state, geo, {"Kt": 0, "F": 0})
    cost = run(state, Pool(**POOL))
    assert obuf(state)[5:9].tolist() == [0, 3, 5, 0]
    assert cost.cycles == 6
    assert cost.busy == {"im2col_busy": 4, "gemm_busy": 0, "psum_busy": 0}
    assert run(state, Pool(**{**POOL, "op": 1})).cycles == 6
    assert obuf(state)[5:9].tolist() == [0, 2, 3, 0]  # 0, 6/4, 10/4, 0: halves round up


def test_average_counts_padding_if_told(state):
    configure(state, {"OW": 1})
    run(state, corner(incpad=0))
    assert obuf(state)[5] == 3  # (5 + 0 + 1 + 4) / 4 = 2.5
    run(state, corner(incpad=1))
    assert obuf(state)[5] == 1  # 10 / 9


def corner(incpad):
    """The bottom left window of the map, with its padding; input rows 2 and 3 stand at 8*(2+2)."""
    return Pool(op=1, incpad=incpad, fm=4, row0=2, oy0=3, rows=1, ob=5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row0": 1}, r"row0=1 is not the first input row of output rows 0\.\.3, which is 0"),
        ({"fm": 509}, r"32 bytes at fmap\[4072\]"),
        ({"wt": 511}, r"bytes at filter\[4096\]"),
        ({"wt": 513}, r"bytes at filter\[4104\]"),
        ({"ob": 993}, r"128 bytes at obuf\[3972\]"),
        ({"ob": 993, "acc": 1}, r"cannot read 128 bytes at obuf\[3972\]"),
        ({"rows": 0}, "rows=0 is less than 1"),
    ],
)
def test_fields_out_of_range_trap(state, change, message):
    if change.get("wt") == 511:
        state.memories["filter"].data[4088:] = [1, 0, 0, 0, 0, 0, 0, 0]
    with pytest.raises(TrapError, match=message):
        run(state, Conv(**{**CONV, **change}))


def test_a_malformed_tile_traps_and_names_its_place(state):
    state.memories["filter"].data[24 + 16] ^= 0xFF
    run(state, Conv(**CONV))  # another weight, still a tile
    state.memories["filter"].data[24 + 8] = 0
    with pytest.raises(TrapError, match=r"filter\[24\], weight tile: M1 says that column"):
        run(state, Conv(**CONV))
    state.memories["filter"].data[24:32] = 255
    with pytest.raises(TrapError, match=r"M1 has bit 9 set(.|\n)*Kt=2 filters, Ct\*R\*S=9 columns"):
        run(state, Conv(**CONV))


def test_pool_checks_its_registers(state):
    with pytest.raises(TrapError, match=r"24 bytes at fmap\[4080\]"):
        run(state, Pool(**{**POOL, "fm": 510}))
    configure(state, gemm={"cres": 2})
    with pytest.raises(TrapError, match="cres=2 is too much"):
        run(state, Pool(**{**POOL, "rows": 4}))
    configure(state, gemm={"Ct": 200, "cres": 0})
    with pytest.raises(TrapError, match="need 6400 bytes, but obuf has 4096"):
        run(state, Pool(**POOL))


def test_registers_must_be_set_and_positive():
    state = MACHINE.new_state(MINI)
    with pytest.raises(TrapError, match="registers of sgeo are not set"):
        run(state, Conv(**CONV))
    for name in ("R", "S", "sh", "sw", "dh", "dw", "H", "W", "OW"):
        with pytest.raises(TrapError, match=f"{name}=0 is less than 1"):
            configure(state, geo={name: 0})
    for name in ("Ct", "Q"):
        with pytest.raises(TrapError, match=f"{name}=0 is less than 1"):
            configure(state, gemm={name: 0})


def test_the_machine_is_complete():
    assert {cls.mnemonic for cls in ISA.instructions} - {cls.mnemonic for cls in SEMANTICS} == {
        "host",
        "halt",
        "psrc",  # any pitch will do
    }
    specs = {m.name: m for m in MACHINE.memories(SpotsSpec())}
    assert tuple(specs) == MEMORIES
    assert {name: m.stream for name, m in specs.items()} == {
        "obuf": "",
        "fmap": "dram_in",
        "filter": "dram_wt",
        "pbuf": "dram_res",
        "bbuf": "dram_bias",
    }
    sizes = {
        name: (m.banks, m.capacity_bytes // m.banks, m.width_bits) for name, m in specs.items()
    }
    assert sizes["fmap"] == (16, 32 << 10, 16)
    assert sizes["filter"] == (64, 16 << 10, 128)
    assert sizes["obuf"] == (16, 64 << 10, 32)
    assert MACHINE.units == ("ld", "st", "ppu", "array")


def test_energy_entries_name_counters_that_exist(state):
    counted = run(state, Conv(**CONV)).counters.keys()
    configure(state, {"R": 2, "S": 2, "sh": 2, "sw": 2, "pt": 0, "pl": 0, "OW": 2})
    counted |= run(state, Pool(**POOL)).counters.keys()
    outside = {"ppu_ops", "cycles"}
    for entry in MACHINE.energy(MINI):
        assert entry.counter in counted | outside or entry.counter.startswith("dram_")


def test_the_machine_does_not_load_numba():
    code = "import sys, spcc.runtime.machines.spots; sys.exit('numba' in sys.modules)"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
