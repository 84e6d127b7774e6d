"""The reference page: complete, and right to the letter for a toy set."""

import re

import pytest
from spcc.isa.encoding import InstructionSet
from spcc.isa.report import page
from spcc.tools.targets import TARGETS

MAC = """
### `mac`

acc[lane] += weight * activation | all lanes.

Opcode `0x20`, runs on unit `array`.

```text
87..72  71..67  66..4  3..2  1..0
 row    shift     0    mem    0
```

| field | bits | values | unit | meaning |
| --- | --- | --- | --- | --- |
| `row` | 87..72 (16) | 0..65535 | rows | weight row |
| `shift` | 71..67 (5) | -16..15 (signed) | bits | requantise shift |
| `mem` | 3..2 (2) | `a`, `b`, `c` |  | buffer |
"""


def test_the_page_of_a_toy_set(toy: InstructionSet):
    text = page(toy)
    assert text.startswith("# Instruction set `toy`, version 3\n")
    assert MAC in text
    assert "Opcode `0x21`, sets configuration registers of unit `array`." in text
    assert (
        "| [`mac`](#mac) | 0x20 | `array` |  | acc[lane] += weight * activation \\| all l" in text
    )
    assert "`memories`: 0 = `a`, 1 = `b`, 2 = `c`." in text
    assert text == page(toy)


@pytest.mark.parametrize("name", TARGETS)
def test_every_instruction_and_field_is_on_the_page(name: str):
    isa = TARGETS[name].isa()
    text = page(isa)
    sections = dict(re.findall(r"^### `([\w.]+)`\n(.*?)(?=^##)", text + "\n##", re.M | re.S))
    assert sections.keys() == {cls.mnemonic for cls in isa.instructions}
    for cls in isa.instructions:
        section = sections[cls.mnemonic]
        assert f"`0x{cls.opcode:02x}`" in section
        for field in cls.fields.values():
            bits = f"{field.hi}..{field.lo}" if field.bits > 1 else str(field.lo)
            row = next(
                line for line in section.splitlines() if line.startswith(f"| `{field.name}`")
            )
            assert f"| {bits} ({field.bits}) |" in row
            assert field.doc.replace("|", "\\|") in row
        if cls.fields:
            spans = section.split("```text\n")[1].splitlines()[0].split()
            assert covered(spans) == list(range(88))


def covered(spans: list[str]) -> list[int]:
    """The bits of a diagram, each once."""
    bits: list[int] = []
    for span in spans:
        high, _, low = span.partition("..")
        bits += range(int(low or high), int(high) + 1)
    return sorted(bits)


@pytest.mark.parametrize("name", TARGETS)
def test_tables_are_rectangular(name: str):
    for block in re.findall(r"(?:^\|.*\n)+", page(TARGETS[name].isa()), re.M):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1, block


def test_queue_and_bytes_are_told():
    text = page(TARGETS["spots"].isa())
    assert "Queue: The unit of the channel." in text
    assert "Bytes: Read the DRAM runs, write the SRAM bytes." in text
    assert "| 119..115 | semaphore slot `wait 0` |" in text
    assert "| 94..90 | semaphore slot `signal 2` |" in text
    assert "| 89..88 | 0 |" in text
