"""Everything wrong with a program file is said in a sentence."""

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from spcc.isa import container
from spcc.isa.base import Halt, Host, Ld
from spcc.isa.errors import ProgramError
from spcc.isa.program import NO_LAYER, Fragment, Program
from spcc.isa.targets.spots import ISA
from spcc.tests.unit.isa.program_cases import tensor

replace = msgspec.structs.replace


WRONG: dict[str, tuple[Callable[[Program], dict[str, Any]], str]] = {
    "target": (lambda p: {"target": "gospa"}, "for gospa version 1, not spots version 1"),
    "version": (lambda p: {"isa_version": 2}, "for spots version 2, not spots version 1"),
    "dram": (lambda p: {"dram_bytes": 63}, r"dram_bytes = 63 is outside 64\.\."),
    "dram40": (lambda p: {"dram_bytes": 1 << 41}, "dram_bytes"),
    "input in constants": (lambda p: {"inputs": (tensor(offset=62),)}, r"bytes 62\.\.66 are outs"),
    "output": (lambda p: {"outputs": (tensor(offset=189),)}, r"bytes 189\.\.193 are outside"),
    "strided": (lambda p: {"outputs": (tensor(strides=(128,)),)}, "are outside"),
    "negative stride": (lambda p: {"outputs": (tensor(strides=(-2,)),)}, "not those of a tensor"),
    "negative extent": (lambda p: {"outputs": (tensor(shape=(-2,)),)}, "not those of a tensor"),
    "negative offset": (lambda p: {"outputs": (tensor(offset=-2),)}, "outside"),
    "rank": (lambda p: {"outputs": (tensor(strides=()),)}, "not those of a tensor"),
    "deep": (lambda p: {"outputs": (tensor(shape=(1,) * 33, strides=(1,) * 33),)}, "not those"),
    "output on chip": (lambda p: {"outputs": (tensor(memory="buf"),)}, "'t' is in buf"),
    "huge view on chip": (
        lambda p: {
            "layers": (
                replace(
                    p.layers[0], output=tensor(shape=(1 << 28,), strides=(0,), memory="buf")
                ),
                p.layers[1],
            )
        },
        "268435456 elements of 2 bytes exceed",
    ),
    "huge view": (lambda p: {"outputs": (tensor(shape=(1 << 50,), strides=(0,)),)}, "elements"),
    "dtype": (lambda p: {"outputs": (tensor(dtype="object"),)}, "dtype 'object' is unknown"),
    "frac": (lambda p: {"outputs": (tensor(frac=None),)}, "cannot have frac = None"),
    "frac size": (lambda p: {"outputs": (tensor(frac=2000),)}, "cannot have frac = 2000"),
    "bits": (lambda p: {"outputs": (tensor(bits=9),)}, "bits = 9"),
    "raw frac": (lambda p: {"outputs": (tensor(dtype="int8", bits=8),)}, "frac = 0"),
    "raw bits": (lambda p: {"outputs": (tensor(dtype="int8", frac=None),)}, "bits = 16"),
    "twice": (lambda p: {"outputs": (tensor(), tensor())}, "tensor 't' is there 2 times"),
    "layer tensor": (
        lambda p: {"layers": (replace(p.layers[0], output=tensor(offset=999)), p.layers[1])},
        "layer 0 'copy': output: bytes 999",
    ),
    "macs": (lambda p: {"layers": (p.layers[0], replace(p.layers[1], nominal_macs=-1))}, "macs -1"),
    "product shift": (
        lambda p: {"layers": (replace(p.layers[0], product_shift=-2), p.layers[1])},
        "layer 0 'copy': product shift -2 must not be negative",
    ),
    "static count": (
        lambda p: {"layers": (replace(p.layers[0], static_counts={"work": -1}), p.layers[1])},
        "layer 0 'copy': count work = -1 must not be negative",
    ),
    "fragment input": (
        lambda p: {"fragments": (Fragment(model=b"", inputs=(tensor(offset=999),), outputs=()),)},
        "fragment 0: inputs: tensor 't'",
    ),
    "fragment output": (
        lambda p: {"fragments": (Fragment(model=b"", inputs=(), outputs=(tensor(offset=0),)),)},
        "fragment 0: outputs: tensor 't'",
    ),
    "lines": (lambda p: {"lines": p.lines[1:]}, "3 entries stand against 4 instructions"),
    "line": (lambda p: {"lines": np.array([0, 0, 2, 1], np.uint32)}, "pc 2: layer 2 is not one"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tables_are_refused_when_written_and_when_read(name: str, program: Program):
    changes, message = WRONG[name]
    wrong = replace(program, **changes(program))
    with pytest.raises(ProgramError, match=message):
        wrong.verify(ISA)
    if name not in ("target", "version"):
        with pytest.raises(ProgramError, match=message):
            wrong.to_bytes()
    raw = container.to_bytes(wrong.header(), wrong.sections())
    with pytest.raises(ProgramError, match=message) as caught:
        Program.from_bytes(raw, ISA, "f.spx")
    assert caught.value.where.startswith("f.spx: ")


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        ([], "pc 0: the last instruction is not halt"),
        ([Host(fragment=0)], "pc 0: the last instruction is not halt"),
        ([Halt(), Halt()], "pc 0: halt is not the last"),
        ([Host(fragment=1), Halt()], "pc 0: host calls fragment 1 of 1"),
        ([Halt(wait=[3])], "pc 0: deadlock: halt waits for semaphore 3"),
        ([Host(fragment=0, wait=[3], signal=[3]), Halt()], "pc 0: deadlock: host waits for semaph"),
        (
            [
                Ld(mem=0, addr=0, dram=0, bytes=1, signal=[3]),
                Host(fragment=0, wait=[3]),
                Halt(wait=[3]),
            ],
            "pc 2: deadlock",
        ),
    ],
)
def test_wrong_texts_are_refused(instructions: list[Any], message: str, program: Program):
    lines = np.full(len(instructions), NO_LAYER, np.uint32)
    wrong = replace(program, text=ISA.encode(instructions), lines=lines)
    with pytest.raises(ProgramError, match=message):
        Program.from_bytes(wrong.to_bytes(), ISA)


def test_tokens_left_over_are_no_error(program: Program):
    text = ISA.encode([Host(fragment=0, signal=[1]), Host(fragment=0, signal=[1]), Halt(wait=[1])])
    replace(program, text=text, lines=np.zeros(3, np.uint32)).verify(ISA)


def test_illegal_words_name_their_pc(program: Program):
    text = bytearray(program.text)
    text[16 + 11] |= 1  # bit 88 of word 1
    raw = replace(program, text=bytes(text)).to_bytes()
    with pytest.raises(ProgramError, match=r"f\.spx: section text: pc 1: st has bit 88 set"):
        Program.from_bytes(raw, ISA, "f.spx")
    raw = replace(program, text=program.text + b"\0" * 3).to_bytes()
    with pytest.raises(ProgramError, match="67 bytes"):
        Program.from_bytes(raw, ISA)


def test_sections_must_be_those_of_the_header(program: Program):
    sections = program.sections()
    others = [
        {name: array for name, array in sections.items() if name != "fragment.0"},
        sections | {"more": sections["data"]},
        sections | {"lines": sections["data"]},
        sections | {"data": sections["lines"]},
    ]
    for other in others:
        with pytest.raises(ProgramError, match=r"sections missing or unknown|holds uint"):
            Program.from_bytes(container.to_bytes(program.header(), other), ISA)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "0 bytes, too few"),
        (b"\x7fELF\x02\x01\x01\0" + b"\0" * 100, "header claims"),
        (b"\xff" * 8, "header claims"),
        (b"\2\0\0\0\0\0\0\0{}", "no metadata"),
        (b"\2\0\0\0\0\0\0\0{x", "malformed JSON"),
        (b"\x17\0\0\0\0\0\0\0" + b'{"__metadata__":{"a":1}}'[:23], "malformed JSON"),
        (b"\0\0\1\0\0\0\0\0" + b"[" * 65536, "malformed JSON"),
    ],
)
def test_other_files_are_refused(raw: bytes, message: str):
    with pytest.raises(ProgramError, match=message):
        Program.from_bytes(raw, ISA)


def test_another_format_version_is_named(program: Program, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(container, "FORMAT", 9)
    raw = program.to_bytes()
    monkeypatch.undo()
    with pytest.raises(ProgramError, match="container has format 9, this spcc reads format 1"):
        Program.from_bytes(raw, ISA)


def reload(raw: bytes) -> Program | None:
    """The program, or None if it was refused; any exception but ProgramError is a failure."""
    try:
        return Program.from_bytes(raw, ISA, "f.spx")
    except ProgramError as error:
        return (
            None if error.message and error.where.startswith("f.spx") else pytest.fail(str(error))
        )


def test_every_flipped_byte_is_detected_or_changes_nothing(program: Program):
    raw, rng = program.to_bytes(), random.Random(1)
    detected = 0
    for at in range(len(raw)):
        flipped = bytearray(raw)
        flipped[at] ^= rng.randrange(1, 256)
        read = reload(bytes(flipped))
        assert read is None or read == program, at
        detected += read is None
    assert detected > 0.9 * len(raw)


def test_cut_lengthened_and_shuffled_files_are_refused(program: Program):
    raw, rng = program.to_bytes(), random.Random(2)
    assert all(reload(raw[:length]) is None for length in range(len(raw)))
    assert reload(raw + b"\0") is None
    for _ in range(200):
        a, b = sorted(rng.randrange(len(raw)) for _ in range(2))
        shuffled = raw[:a] + raw[b:] + raw[a:b]
        read = reload(shuffled)
        assert shuffled == raw or read is None or read == program


ODD_VALUES = [
    None,
    True,
    -1,
    1 << 40,
    (1 << 63) - 1,
    1 << 64,
    1.5,
    1e400,
    "",
    "x" * 50,
    [],
    {},
    [[]],
]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path] + [p for k, v in value.items() for p in leaves(v, (*path, k))]
    if isinstance(value, list):
        return [path] + [p for i, v in enumerate(value) for p in leaves(v, (*path, i))]
    return [path]


def test_any_header_value_replaced_under_a_right_checksum_is_refused_or_sound(program: Program):
    """An attacker, not an accident: the digests fit, the content does not."""
    text = container.canonical_json(program.header())
    accepted = 0
    for path in leaves(json.loads(text)):
        for odd in ODD_VALUES:
            header = json.loads(text)
            if not path:
                header = odd
            else:
                inner = header
                for key in path[:-1]:
                    inner = inner[key]
                inner[path[-1]] = odd
            raw = container.to_bytes(msgspec.Raw(json.dumps(header).encode()), program.sections())
            read = reload(raw)
            if read is not None:
                read.verify(ISA)
                assert Program.from_bytes(read.to_bytes(), ISA) == read
                accepted += 1
    assert accepted > 0


def test_deep_nesting_is_refused(program: Program):
    deep = b'{"config":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    raw = container.to_bytes(msgspec.Raw(deep), program.sections())
    with pytest.raises(ProgramError, match="malformed JSON"):
        Program.from_bytes(raw, ISA)


def test_gaps_between_sections_are_refused(program: Program):
    raw = program.to_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    table = json.loads(raw[8:start])
    last = max(
        (name for name in table if name != "__metadata__"), key=lambda n: table[n]["data_offsets"]
    )
    begin, end = table[last]["data_offsets"]
    table[last]["data_offsets"] = [begin + 4, end + 4]
    header = json.dumps(table).encode()
    moved = raw[start : start + begin] + b"hide" + raw[start + begin :]
    with pytest.raises(ProgramError, match=rf"section {last}: bytes \d+\.\.\d+ do not follow byte"):
        Program.from_bytes(len(header).to_bytes(8, "little") + header + moved, ISA)
