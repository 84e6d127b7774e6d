"""docs/adding-a-target.md shows the files as they are."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs" / "adding-a-target.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", PAGE, re.M | re.S)


def test_every_block_names_its_file() -> None:
    assert len(BLOCKS) == PAGE.count("```") // 2 >= 10


@pytest.mark.parametrize(("path", "code"), BLOCKS, ids=[path for path, _ in BLOCKS])
def test_block_is_in_the_file(path: str, code: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    at = 0
    for part in re.split(r"^ *\.\.\.\n", code, flags=re.M):  # "..." leaves lines out
        assert part in source[at:], f"{path} no longer has\n{part}"
        at = source.index(part, at) + len(part)


def test_cycles_in_the_table_are_those_of_the_tests() -> None:
    table = dict(re.findall(r"^    (\w+) .*? (?:native|host|  +) +([\d,]+) +\d+\.\d", PAGE, re.M))
    shown = {name: int(cycles.replace(",", "")) for name, cycles in table.items()}
    layers = {
        "conv1": 2048,
        "conv2": 20480,
        "pool1": 0,
        "conv3": 9216,
        "pool2": 0,
        "classifier": 40,
    }
    # test_toydot.py derives these from the shapes.
    assert shown == {**layers, "total": sum(layers.values())}


def test_names_in_the_tables_exist() -> None:
    for path in re.findall(
        r"`((?:isa|compiler|runtime|tools|models|tests)/[\w/]+(?:\.py|/))`", PAGE
    ):
        assert "NAME" in path or (ROOT / path).exists(), path
    for cell in re.findall(r"^\| .* \| `((?:compiler|runtime)/\S+\.py)`: (.*) \|$", PAGE, re.M):
        source = (ROOT / cell[0]).read_text(encoding="utf-8")
        for name in re.findall(r"`(\w+)`", cell[1]):
            assert re.search(rf"^((class|def) {name}\b|{name} = )", source, re.M), (
                f"{cell[0]} has no {name}"
            )
