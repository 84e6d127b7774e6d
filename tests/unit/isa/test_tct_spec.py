"""Bit-Tactical's parameters: what follows from them, and what is refused (tct sheet, section 2)."""

import pytest
from spcc.isa.errors import UsageError
from spcc.isa.targets import dadiannao as ddn
from spcc.isa.targets.tct import ISA, Cfg, Conv, Ldw, TctSpec


def test_the_default_is_t8h2_5i():
    spec = TctSpec()
    assert spec.pairs == ((1, 0), (2, 0), (1, 1), (1, -1), (2, 2), (2, -2), (1, 3))
    cfg = Cfg.of(spec)
    assert cfg.values() == {"h": 2, "ni": 7, "wsb": 3, "alcb": 2, "adv": 3, "sync": 0}


@pytest.mark.parametrize(
    ("settings", "advance", "bits"),
    [
        ({"adv_max": 0}, 256, 8),
        ({"h": 3, "d": 4}, 4, 2),
        ({"h": 1, "d": 6}, 2, 1),
        ({"h": 0, "d": 0}, 1, 0),
        ({"adv_max": 4}, 4, 2),
    ],
)
def test_advances(settings, advance, bits):
    cfg = Cfg.of(TctSpec(**settings))
    assert (cfg.adv, cfg.alcb) == (advance, bits)
    cfg.pack()


@pytest.mark.parametrize(
    ("sync", "slots"), [("tile", (2, 2, 1)), ("accel", (5,)), ("pe", (1, 1, 1, 1, 1))]
)
def test_units_of_five_filters_on_tiles_of_two(sync, slots):
    spec = TctSpec(tiles=4, pes=2, lanes=4, sync=sync)
    assert spec.unit_slots(5) == slots
    assert spec.metadata_form.word_bits == 2 * 4 * 3 + (4 if sync == "pe" else 2)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"h": 5}, "h = 5"),
        ({"d": 7}, "d = 7"),
        ({"h": 0}, "need rows ahead"),
        ({"lanes": 2}, "lookaside of 3 lanes"),
        ({"lanes": 100, "tiles": 25}, "lanes = 100"),
        ({"adv_max": 257}, "adv_max = 257"),
        ({"tiles": 31, "wm_rows": 4096}, "may have 38616700 bytes, more than 16777215"),
    ],
)
def test_what_is_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        TctSpec(**settings)


def test_footprints_keep_to_their_halves():
    spec = TctSpec(tiles=2, pes=2, lanes=4, wm_rows=8, pb_windows=4)
    registers = {ddn.Cfg: ddn.Cfg.of(spec), Cfg: Cfg.of(spec)}
    word = spec.metadata_form.word_bytes
    load = Ldw(half=1, units=2, slots=3, bytes=99, mode=0, dram=64)
    reads, writes = ISA.footprint(load, registers)
    assert [(r.memory, r.base, r.size_bytes) for r in reads] == [("dram", 64, 99)]
    assert [(r.memory, r.base, r.size_bytes) for r in writes] == [
        ("wm", 4 * 4 * 8, 4 * 3 * 8),
        ("mm", 4 * 2 * word, 4 * 2 * word),
        ("uh", 20, 12),
    ]
    registers[ddn.In] = ddn.In(base=7, h=2, w=3, cb=2, img=1, y0=0, pt=0, pl=0)
    registers[ddn.Ker] = ddn.Ker(kh=1, kw=1, sy=1, sx=1, dy=1, dx=1, oh=2, ow=3)
    conv = Conv(half=0, first=0, b0=0, nb=2, win0=3, nwin=3, bank=1)
    reads, writes = ISA.footprint(conv, registers)
    assert {r.memory for r in reads} == {"uh", "wm", "mm", "am", "pb"}
    assert next(r for r in reads if r.memory == "am")[1:3] == ((7 + 6) * 8, 6 * 8)
    assert {r.memory for r in writes} == {"pb"}
