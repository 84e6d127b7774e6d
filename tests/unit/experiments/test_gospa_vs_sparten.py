"""GoSPA beside SparTen: the ratios, and the whole experiment on a small network of the zoo."""

import csv
from pathlib import Path

import msgspec
import pytest
from spcc.experiments.gospa_vs_sparten.__main__ import experiment, main
from spcc.experiments.gospa_vs_sparten.kinds import (
    DEPTHWISE,
    FIRST,
    GROUPED,
    LARGER,
    POINTWISE,
    STRIDED,
    kind_of,
)
from spcc.experiments.gospa_vs_sparten.published import PUBLISHED, Published
from spcc.experiments.gospa_vs_sparten.ratios import SRAM, Pair, Side, side, total
from spcc.experiments.gospa_vs_sparten.words import words
from spcc.models.zoo.names import knows
from spcc.models.zoo.networks import networks
from spcc.tools.compare_store import StoredRun
from spcc.tools.targets import find_target

LENET = Published("lenet5.deepcomp", "LeNet-5", 1.5, 4.0)


def test_totals_are_ratios_of_sums() -> None:
    one = Pair("a", Side(10, 5, 10, 1.0), Side(20, 5, 40, 3.0))
    other = Pair("b", Side(30, 5, 10, 1.0), Side(30, 5, 20, 5.0))
    both = total("all", [one, other])
    assert (one.speedup, other.speedup, both.speedup) == (2.0, 1.0, 1.25)
    assert (both.access_ratio, both.energy_ratio) == (3.0, 4.0)
    assert (both.gospa.accesses_per_mac, both.sparten.accesses_per_mac) == (2.0, 6.0)
    assert total("none", []).speedup == 0


def test_every_network_and_counter_is_there() -> None:
    assert all(knows(each.name) for each in PUBLISHED)
    for target, names in SRAM.items():
        machine = find_target(target).machine()
        charged = {entry.counter for entry in machine.energy(find_target(target).spec()())}
        assert charged.issuperset(names), target


def test_kinds_are_those_of_the_zoo() -> None:
    found = {
        name: {kind_of(node) for node in networks()[name].nodes if node.op == "conv"}
        for name in ("vgg16", "mobilenet_v2", "resnext50")
    }
    assert found == {
        "vgg16": {FIRST, LARGER},
        "mobilenet_v2": {FIRST, DEPTHWISE, POINTWISE},
        "resnext50": {FIRST, GROUPED, STRIDED, POINTWISE},
    }


def a_pair(name: str, gospa: int, sparten: int) -> Pair:
    """A layer of 100 MACs on multipliers that are busy in every cycle they are not idle."""
    return Pair(
        name,
        Side(gospa, 100, 10, 1.0, idle=gospa - 100, scanned=8, dropped=2),
        Side(sparten, 100, 10, 4.0, logic_uj=2.0, idle=sparten - 100, joins=50),
    )


DW, CONV = "btlnck1_dw", "btlnck1_project"


def test_words_name_the_layers_that_pull_the_ratio_away() -> None:
    published = Published("mobilenet_v2.half", "MobileNet-V2", 1.0, 3.0)
    layers = [a_pair(DW, 200, 1600), a_pair(CONV, 400, 400)]
    said = "; ".join(words(published, {"H": layers}))
    assert "the speed-up is 3.33 over GB-H: no balancing explains the slides' 1.0" in said
    assert "depthwise layers, 80% of SparTen's cycles, take it 8.00 times GoSPA's" in said
    assert "work in 50.0% and 6.2% of their cycles" in said
    assert "the others alone make 1.00" in said
    assert "1x1 layers" not in said  # without them the ratio would be further away
    assert "50% of SparTen's on-chip energy" in said
    assert "4.00 times GoSPA's, 2.00 without any such logic" in said
    assert "the slides' 3.0 lies between" in said


def test_words_about_balancing() -> None:
    published = Published("mobilenet_v2.half", "MobileNet-V2", 1.3, 9.0)
    by_gb = {"H": [a_pair(CONV, 400, 440)], "none": [a_pair(CONV, 400, 600)]}
    said = "; ".join(words(published, by_gb))
    assert "1.10 over GB-H, 1.50 over no balancing: the slides' 1.3" in said
    assert "lies between, and they do not say" in said
    assert "1x1 layers" not in said
    assert "the slides' 9.0 lies not between" in said
    near = "; ".join(words(published._replace(speedup=1.6), by_gb))
    assert "the slides' 1.6 is within 10 % of one of them" in near


@pytest.mark.slow
def test_a_small_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert experiment([LENET], tmp_path, ["S", "H"], resume=False) == 0
    rows = list(csv.DictReader((tmp_path / "layers.csv").read_text().splitlines()))
    assert [(row["layer"], row["gb"]) for row in rows] == [
        (layer, gb) for gb in "SH" for layer in ("conv1", "conv2", "all convolutions")
    ]
    *layers, whole = rows[:3]
    for column in ("gospa_cycles", "sparten_cycles"):
        assert sum(int(row[column]) for row in layers) == int(whole[column]) > 0
    assert float(whole["sram_ratio"]) > 1
    text = (tmp_path / "report.md").read_text()
    assert "speed-up over GB-S" in text
    assert "| LeNet-5 | " in text
    assert text in capsys.readouterr().out
    for file in (tmp_path / "runs").iterdir():
        stored = msgspec.json.decode(file.read_bytes(), type=StoredRun).report
        for layer in (each for each in stored.layers if each.op == "Conv"):
            mine = side(stored.target, [layer])
            assert mine.effectual + mine.lost + mine.idle == 128 * mine.cycles
    before = (tmp_path / "layers.csv").read_bytes()
    assert experiment([LENET], tmp_path, ["S", "H"], resume=True) == 0
    assert (tmp_path / "layers.csv").read_bytes() == before


def test_an_unknown_network_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nonsense", "-o", str(tmp_path)]) == 2
    assert "the networks are alexnet, vgg16" in capsys.readouterr().err


def test_an_unknown_balancing_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--gb", "H,X", "-o", str(tmp_path)]) == 2
    assert "there is no balancing 'X'" in capsys.readouterr().err
