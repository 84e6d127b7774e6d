"""Assembly text: what is written is read back, and what is wrong is named with its place."""

import json
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
from spcc.isa.asm import assemble, disassemble
from spcc.isa.base import Dim, Halt, Ld, Pgeo
from spcc.isa.dump import byte_lines, header_lines, listing_lines, section_lines
from spcc.isa.encoding import Field, Instruction, InstructionSet
from spcc.isa.errors import ProgramError, UsageError
from spcc.isa.program import Program
from spcc.isa.report import page
from spcc.isa.source import (
    INLINE_LIMIT_BYTES,
    load_source,
    parse_source,
    save_source,
    source_lines,
)
from spcc.isa.targets.spots import ISA, Conv

replace = msgspec.structs.replace
CONV = Conv(fm=0, row0=0, oy0=0, rows=2, wt=0, ob=0, acc=1, wait=[1, 2], signal=[3])


def test_one_line_of_each_kind():
    instructions = [
        CONV,
        Ld(mem=1, addr=10, dram=4096, bytes=5),
        Pgeo(shift=-3, rshift=0, lo=-32768, hi=32767, staged=0, residual=0, bias=1),
        Halt(),
    ]
    text = (
        "conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=1 wait=1,2 signal=3\n"
        "ld mem=fmap addr=10 dram=0x1000 bytes=5\n"
        "pgeo shift=-3 rshift=0 lo=-32768 hi=32767 staged=0 residual=0 bias=1\n"
        "halt\n"
    )
    assert disassemble(instructions, ISA) == text
    assert assemble(text, ISA) == instructions
    assert assemble(text.replace("\n", "  # comment = 1\r\n"), ISA) == instructions


def test_space_comments_order_and_radix_are_free():
    text = (
        "\n# a comment\n\n\t conv  acc=0x1 wait=0x2,1\tsignal=03 ob=0 wt=0 rows=02"
        " oy0=0 row0=0 fm=-0# c\n  # end"
    )
    assert assemble(text, ISA) == [CONV]
    assert assemble("dim channel=0 level=0 count=1 stride=0XFF", ISA) == [
        Dim(channel=0, level=0, count=1, stride=255)
    ]
    assert assemble("ld mem=1 addr=0 dram=0 bytes=0", ISA)[0].values()["mem"] == 1
    for nothing in ("", "\n\n", "# only a comment", "   "):
        assert assemble(nothing, ISA) == []


def test_another_instruction_set(toy: InstructionSet):
    text = "mac row=65535 shift=-16 mem=c\nmode on=1\nhalt\n"
    assert disassemble(assemble(text, toy), toy) == text
    with pytest.raises(ProgramError, match="'conv' is not an instruction of toy"):
        assemble("conv fm=0", toy)


LD = "ld addr=0 dram=0 bytes=0 "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("convv fm=1", "f.s:1:1: 'convv' is not an instruction of spots\n  hint: did you mean con"),
        ("\n\n  halt x=1", "f.s:3:8: halt has no field 'x'\n  hint: one of: wait, signal"),
        ("conv fm=1", "f.s:1:1: conv lacks row0, oy0, rows, wt, ob, acc"),
        ("ld mem=0 addr=0  addr=1", "f.s:1:18: ld has addr twice"),
        ("halt wait=1 wait=2", "f.s:1:13: halt has wait twice"),
        (LD + "mem=fmpa", "f.s:1:30: 'fmpa' is not one of the memories\n  hint: did you mean fmap"),
        (LD + "mem=5", "f.s:1:30: mem=5 of ld is outside 0..4"),
        ("ld addr=0x400000", "f.s:1:9: addr=0x400000 of ld is outside 0..4194303"),
        ("pgeo shift=-65", "f.s:1:12: shift=-65 of pgeo is outside -64..63"),
        ("ld addr=1_0", "f.s:1:9: '1_0' is not a number"),
        ("ld addr=ten", "f.s:1:9: 'ten' is not a number"),
        ("ld addr=--1", "f.s:1:9: '--1' is not a number"),
        ("ld addr=0x", "f.s:1:9: '0x' is not a number"),
        ("ld addr=0b1", "f.s:1:9: '0b1' is not a number"),
        ("ld addr=" + "9" * 5000, "f.s:1:9: '99999"),
        ("halt wait=", "f.s:1:6: unexpected 'wait='"),
        ("halt wait=,", "f.s:1:11: '' is not a number"),
        ("halt wait=0", "f.s:1:1: halt: semaphore 0 is outside 1..31"),
        ("halt signal=1,1", "f.s:1:1: halt: semaphores (1, 1)"),
        ("halt wait=1,2,3,4", "f.s:1:1: halt: semaphores (1, 2, 3, 4)"),
        ("halt halt", "f.s:1:6: unexpected 'halt'\n  hint: expected end of line or field=value"),
        ("halt wait=1 )", "f.s:1:13: unexpected ')'\n  hint: expected end of line"),
        ("halt \0", "f.s:1:6: unexpected '\\x00'"),
        ("12", "f.s:1:1: unexpected '12'"),
        (".foo 1", "f.s:1:1: unexpected '.foo'\n  hint: expected .config"),
        (".layers 0", "f.s:1:1: unexpected '.layers'"),
        (".layer", "f.s:1:7: unexpected end of line\n  hint: expected a number or none"),
        (".layer 0", "f.s:1:8: directive of kind 'layer' in a list of instructions"),
        (".target 5", "f.s:1:9: unexpected '5'\n  hint: expected a name"),
        (".section bss", "f.s:1:10: unexpected 'bss'\n  hint: expected text, data, fragment.N"),
        ('.incbin "a', 'f.s:1:9: unexpected \'"a\'\n  hint: expected "file name"'),
        (".config [1]", "f.s:1:9: unexpected '[1]'\n  hint: expected {JSON}"),
    ],
)
def test_errors_name_place_token_and_right_words(text: str, message: str):
    with pytest.raises(ProgramError) as caught:
        assemble(text, ISA, "f.s")
    assert str(caught.value).startswith(message)


def test_mnemonics_may_have_dots():
    members = {"opcode": 0x42, "unit": "pe", "mnemonic": "gs.tile.2", "rows": Field(3, 0, "rows")}
    tile = type("Tile", (Instruction,), members)
    isa = InstructionSet("gs", 1, (tile, Halt), {})
    assert disassemble([tile(rows=3, wait=[1])], isa) == "gs.tile.2 rows=3 wait=1\n"
    assert assemble("gs.tile.2 rows=3 wait=1\nhalt", isa) == [tile(rows=3, wait=[1]), Halt()]
    assert "[`gs.tile.2`](#gstile2)" in page(isa)
    with pytest.raises(ProgramError, match=r"'gs\.tile' is not an instruction of gs"):
        assemble("gs.tile rows=3", isa)


def source_of(program: Program) -> str:
    return "".join(f"{line}\n" for line in source_lines(program, ISA))


def test_a_program_as_text(program: Program):
    lines = source_of(program).splitlines()
    assert lines[0] == ".target spots 1"
    assert '.info {"model":"dïgits.onnx","seed":"0"}' in lines
    assert ".dram_bytes 192" in lines
    at = lines.index(".section text")
    assert lines[at + 1 :] == [
        '.layer 0  # "copy" "Identity"',
        "    ld mem=fmap addr=0 dram=0x40 bytes=12 signal=1",
        "    st mem=fmap addr=0 dram=0x80 bytes=12 wait=1 signal=2,3",
        '.layer 1  # "s\\"oft\\n" "Softmax"',
        "    host fragment=0 wait=2",
        ".layer none",
        "    halt",
    ]
    assert lines[at - 2 : at] == [".section fragment.0", ".hex 08096f6e6e78"]
    assert parse_source(source_of(program), ISA).to_bytes() == program.to_bytes()
    assert parse_source(source_of(program), lambda name: ISA) == program


@pytest.mark.parametrize("size", [0, INLINE_LIMIT_BYTES, INLINE_LIMIT_BYTES + 1, 100_000])
def test_large_sections_go_to_a_file_beside_the_text(size: int, program: Program, tmp_path: Path):
    data = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    fragment = replace(program.fragments[0], model=bytes(5000), inputs=(), outputs=())
    one = replace(
        program, data=data, dram_bytes=200_000, inputs=(), outputs=(), layers=program.layers[:2],
        fragments=(fragment, fragment),
    )  # fmt: skip
    save_source(one, ISA, tmp_path / "a b.s")
    assert load_source(tmp_path / "a b.s", ISA).to_bytes() == one.to_bytes()
    assert parse_source(source_of(one), ISA).to_bytes() == one.to_bytes()
    blob = tmp_path / "a b.s.bin"
    large = size if size > INLINE_LIMIT_BYTES else 0
    assert blob.stat().st_size == large + 10_000
    assert len((tmp_path / "a b.s").read_text()) < 20_000
    assert len(list(tmp_path.iterdir())) == 2

    changed = bytearray(blob.read_bytes())
    changed[-1] ^= 1
    blob.write_bytes(changed)
    with pytest.raises(ProgramError, match="sha256 of 5000 bytes"):
        load_source(tmp_path / "a b.s", ISA)
    blob.write_bytes(changed[:-1])
    with pytest.raises(ProgramError, match=rf"has {large + 9999} bytes, not {large + 5000}\.\."):
        load_source(tmp_path / "a b.s", ISA)
    blob.unlink()
    with pytest.raises(ProgramError, match=r"there is no file 'a b\.s\.bin' beside the text"):
        load_source(tmp_path / "a b.s", ISA)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "", ".", "..", "a/b", "a\0b", "x" * 300, "é"]
)
def test_only_files_beside_the_text_are_read(name: str, program: Program, tmp_path: Path):
    line = f".incbin {json.dumps(name)} 0 0 {'0' * 64}"
    text = source_of(program).replace(".hex 08096f6e6e78", line)
    with pytest.raises(ProgramError, match=r"beside the text|cannot read"):
        parse_source(text, ISA, "f.s", tmp_path)
    with pytest.raises(ProgramError, match="not a file beside the text"):
        parse_source(text, ISA, "f.s")


def test_text_that_is_not_utf8(tmp_path: Path):
    (tmp_path / "a.s").write_bytes(b".target \xff")
    with pytest.raises(ProgramError, match=r"a\.s: byte 8: the file is not UTF-8"):
        load_source(tmp_path / "a.s", ISA)


def without(text: str, start: str) -> str:
    return "".join(line for line in text.splitlines(True) if not line.startswith(start))


def test_statements_missing_twice_or_misplaced(program: Program):
    text = source_of(program)
    hex_line = next(line for line in text.splitlines() if line.startswith(".hex 00"))
    cases = [
        ("", "there is no .target"),
        (without(text, ".target"), "an instruction before .target"),
        (text.replace("spots 1", "spots 2"), "spots 2 is not spots 1"),
        (text.replace("spots 1", "gospa 1"), "gospa 1 is not spots 1"),
        (without(text, ".config"), "there is no .config"),
        (without(text, ".info"), "there is no .info"),
        (without(text, ".dram_bytes"), "there is no .dram_bytes"),
        (without(without(text, ".section data"), ".hex"), "there is no .section data"),
        (without(text, ".section data"), "bytes outside a section"),
        (without(text, ".section text"), "an instruction outside .section text"),
        (text.split(".section text")[0], "there is no .section text"),
        (without(text, ".fragment"), "sections missing or unknown: fragment.0"),
        (without(text, ".section fragment"), "host calls|unknown: fragment.0"),
        (without(text, ".layerinfo"), "layer 0 is not one of 0"),
        (without(text, "    halt"), "last instruction is not halt"),
        (text + ".target spots 1", "is there twice"),
        (text + ".info {}", r"\.info is there twice"),
        (text + ".dram_bytes 5", r"\.dram_bytes is there twice"),
        (text + ".section data", "section data is there twice"),
        (text + ".layer 2", "layer 2 is not one of 2"),
        (text + ".layer -1", "layer -1 is not one of 2"),
        (text + "halt", "pc 3: halt is not the last"),
        (text.replace(hex_line, hex_line[:-1]), "63 hexadecimal digits"),
        (text.replace(hex_line, hex_line + f'\n.incbin "x" 0 0 {0:064}'), "one .incbin or lines"),
        (text.replace(".dram_bytes 192", ".dram_bytes 5"), "dram_bytes = 5 is outside"),
        (text.replace('"offset":64', '"offset":-64'), "outside 64"),
        (text.replace('"offset":64', '"offset":"64"'), r"f\.s:4:8: malformed JSON: Expected `int`"),
        (text.replace('"offset"', '"ofset"'), "unknown field `ofset`|missing required"),
        (text.replace(".config {", ".config {{"), "malformed JSON"),
        (text.replace("wait=1", "wait=4"), "deadlock: st waits for semaphore 4"),
    ]
    for changed, message in cases:
        with pytest.raises(ProgramError, match=message) as caught:
            parse_source(changed, ISA, "f.s")
        assert caught.value.where.startswith("f.s"), message


def test_an_unknown_target_is_an_error_of_the_file(program: Program):
    def unknown(name: str) -> InstructionSet:
        raise UsageError(f"unknown target '{name}'", "--target", "take another")

    with pytest.raises(ProgramError, match=r"^f\.s:1:9: unknown target 'spots'\n  hint: take"):
        parse_source(source_of(program), unknown, "f.s")


def edit(text: str, rng: random.Random) -> str:
    """One random edit: a character or a line, removed, doubled, replaced or inserted."""
    lines = text.splitlines(True)
    at, line = rng.randrange(len(text)), rng.randrange(len(lines))
    odd = rng.choice([*'0-9=,#."{}[]\\ \n\t\r\0xaZ_é', "halt", ".layer", "999999999999"])
    match rng.randrange(6):
        case 0:
            return text[:at] + text[at + 1 :]
        case 1:
            return text[:at] + odd + text[at:]
        case 2:
            return text[:at] + odd + text[at + 1 :]
        case 3:
            return "".join(lines[:line] + lines[line + 1 :])
        case 4:
            return "".join([*lines[:line], rng.choice(lines), *lines[line:]])
        case _:
            return text[:at]


def test_random_edits_give_a_program_or_a_sentence(program: Program):
    text, rng = source_of(program), random.Random(5)
    refused = accepted = 0
    for _ in range(1500):
        changed = text
        for _ in range(rng.randrange(1, 4)):
            changed = edit(changed, rng) if changed else ""
        try:
            read = parse_source(changed, ISA, "f.s")
        except ProgramError as error:
            refused += bool(error.message and error.where.startswith("f.s"))
        else:
            accepted += 1
            assert Program.from_bytes(read.to_bytes(), ISA) == read
            assert parse_source(source_of(read), ISA) == read
    assert refused > 1000
    assert refused + accepted == 1500


def test_sections_and_header_for_the_eye(program: Program):
    sections = list(section_lines(program))
    assert sections[0].split() == ["section", "bytes", "sha256"]
    assert [line.split()[:2] for line in sections[1:]] == [
        ["text", "64"], ["data", "64"], ["lines", "16"], ["fragment.0", "6"],
    ]  # fmt: skip
    header = "\n".join(header_lines(program))
    for piece in (
        "spots version 1", "192, of which 64", "NREG = 4", 'model = "dïgits.onnx"', "2x3", "0x40",
        '"s\\"oft\\n"', "Softmax", "fragment 0: 6 bytes", "i16 2x3 @ 0x40",
    ):  # fmt: skip
        assert piece in header, piece


def test_listing_with_labels_and_words(program: Program):
    lines = list(listing_lines(program, ISA))
    assert lines[1] == '<layer 0 "copy" "Identity" native>:'
    assert lines[2].split(maxsplit=2) == [
        "0:", f"{int.from_bytes(program.text[:16], 'little'):032x}",
        "ld mem=fmap addr=0 dram=0x40 bytes=12 signal=1",
    ]  # fmt: skip
    assert lines[-2] == "<no layer>:"


def test_bytes_of_a_section(program: Program):
    assert list(byte_lines(program, "fragment.0")) == [
        "contents of section fragment.0:",
        " 0  0809 6f6e6e78                        ..onnx".replace("0809 6f6e6e78", "08096f6e 6e78"),
    ]
    data = list(byte_lines(program, "data", 0x20, 0x31))
    assert data[1] == " 20  20212223 24252627 28292a2b 2c2d2e2f   !\"#$%&'()*+,-./"
    assert data[2].split() == ["30", "30", "0"]
    assert len(data) == 3
    assert len(list(byte_lines(program, "data", 100, 50))) == 1
    assert list(byte_lines(program, "lines"))[1].split()[4] == "ffffffff"
    with pytest.raises(UsageError, match="no section 'dat'\n  hint: did you mean data"):
        list(byte_lines(program, "dat"))
