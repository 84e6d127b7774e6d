"""GoSPA beside SparTen: the ratios, and the whole experiment on a small network of the zoo."""

import csv
from pathlib import Path

import pytest
from spcc.experiments.gospa_vs_sparten.__main__ import experiment, main
from spcc.experiments.gospa_vs_sparten.published import PUBLISHED, Published
from spcc.experiments.gospa_vs_sparten.ratios import SRAM, Pair, Side, total
from spcc.models.zoo.names import knows
from spcc.tools.targets import find_target

LENET = Published("lenet5.deepcomp", "LeNet-5", 1.5, 4.0, "because")


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


@pytest.mark.slow
def test_a_small_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert experiment([LENET], tmp_path, "S", resume=False) == 0
    rows = list(csv.DictReader((tmp_path / "layers.csv").read_text().splitlines()))
    *layers, whole = rows
    assert [row["layer"] for row in rows] == ["conv1", "conv2", "all convolutions"]
    for column in ("gospa_cycles", "sparten_cycles"):
        assert sum(int(row[column]) for row in layers) == int(whole[column]) > 0
    assert float(whole["sram_ratio"]) > 1
    text = (tmp_path / "report.md").read_text()
    assert "gb=S" in text
    assert "| LeNet-5 (lenet5.deepcomp) |" in text
    assert text in capsys.readouterr().out
    before = (tmp_path / "layers.csv").read_bytes()
    assert experiment([LENET], tmp_path, "S", resume=True) == 0
    assert (tmp_path / "layers.csv").read_bytes() == before


def test_an_unknown_network_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nonsense", "-o", str(tmp_path)]) == 2
    assert "the networks are alexnet, vgg16" in capsys.readouterr().err
