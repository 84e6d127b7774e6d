"""Bits of a word: what fits, what is refused, what is derived."""

import random

import numpy as np
import pytest
from spcc.isa.base import Dim, Halt, Ld, Pgeo, Ppu, St
from spcc.isa.encoding import Field, Instruction, InstructionSet
from spcc.isa.errors import EncodingError
from spcc.isa.footprint import Footprint, Region
from spcc.isa.targets.spots import ISA, Conv, Sgeo


def test_a_word_holds_the_fields_where_the_table_says():
    conv = Conv(fm=1, row0=2, oy0=3, rows=4, wt=5, ob=6, acc=1, wait=[2, 1], signal=[31])
    expected = (
        0x12 << 120 | 1 << 115 | 2 << 110 | 31 << 100  # opcode, two waits, one signal
        | 1 << 72 | 2 << 60 | 3 << 48 | 4 << 36 | 5 << 19 | 6 << 1 | 1
    )  # fmt: skip
    assert conv.pack() == expected
    assert ISA.decode_word(expected) == conv
    assert ISA.encode([conv]) == expected.to_bytes(16, "little")


@pytest.mark.parametrize("value", [-64, -1, 0, 1, 63])
def test_signed_fields_keep_their_sign(value: int):
    pgeo = Pgeo(shift=value, rshift=0, lo=-32768, hi=32767, staged=0, residual=0, bias=0)
    decoded = ISA.decode_word(pgeo.pack())
    assert decoded == pgeo
    assert [decoded.values()[name] for name in ("shift", "lo", "hi")] == [value, -32768, 32767]


@pytest.mark.parametrize(
    ("name", "value"), [("shift", 64), ("shift", -65), ("bias", 2), ("lo", -32769)]
)
def test_values_beyond_a_field_are_refused(name: str, value: int):
    values = {"shift": 0, "rshift": 0, "lo": 0, "hi": 0, "staged": 0, "residual": 0, "bias": 0}
    with pytest.raises(EncodingError, match=f"{name}={value} is outside"):
        Pgeo(**(values | {name: value})).pack()


def test_a_form_gives_its_fields_first():
    class Form(Instruction):
        a = Field(87, 80, "a")
        b = Field(79, 72, "b")

    class User(Form):
        opcode, unit = 0x70, "u"
        c = Field(71, 64, "c")

    class Other(Form):
        opcode, unit = 0x71, "u"

    assert [*User.fields] == ["a", "b", "c"]
    assert [*Other.fields] == [*Form.fields] == ["a", "b"]
    assert User(a=1, b=2, c=3).pack() == 0x70 << 120 | 0x010203 << 64
    with pytest.raises(TypeError, match=r"Clash\.d overlaps another field"):
        type("Clash", (Form,), {"d": Field(80, 80, "d")})


def test_numpy_integers_do_not_overflow_in_high_bits():
    plain = Ld(mem=1, addr=3, dram=1 << 39, bytes=5, wait=[7])
    for kind in (np.int64, np.uint32, np.uint8):
        other = Ld(mem=kind(1), addr=kind(3), dram=np.int64(1 << 39), bytes=kind(5), wait=[kind(7)])
        assert other.pack() == plain.pack()
        assert type(other.values()["addr"]) is int
    assert Conv(fm=0, row0=0, oy0=0, rows=0, wt=0, ob=0, acc=True).values()["acc"] is not True


def test_fractions_are_refused():
    with pytest.raises(EncodingError, match="not an integer"):
        Ld(mem=1, addr=1.5, dram=0, bytes=0)  # type: ignore[arg-type]
    with pytest.raises(EncodingError, match="not an integer"):
        Halt(wait=["1"])  # type: ignore[list-item]


def test_every_field_must_be_given_and_no_other():
    with pytest.raises(EncodingError, match=r"lacks \['bytes'\] and does not know \['byte'\]"):
        Ld(mem=1, addr=1, dram=0, byte=0)


def test_instructions_are_values():
    one, same = Halt(wait=[2, 1]), Halt(wait=(1, 2))
    assert (one, hash(one), repr(one)) == (same, hash(same), "Halt(wait=(1, 2))")
    assert Ld(mem=1, addr=2, dram=3, bytes=4) == (other := Ld(bytes=4, dram=3, addr=2, mem=1))
    assert hash(Ld(mem=1, addr=2, dram=3, bytes=4)) == hash(other)
    assert Ld(mem=1, addr=2, dram=3, bytes=4) != St(mem=1, addr=2, dram=3, bytes=4)
    assert one.with_semaphores((), (5,)) == Halt(signal=[5])
    with pytest.raises(AttributeError, match="immutable"):
        one.wait = ()


@pytest.mark.parametrize("numbers", [(0,), (32,), (-1,), (1, 1), (1, 2, 3, 4)])
def test_wrong_semaphores_are_refused(numbers: tuple[int, ...]):
    for halt in (Halt(wait=numbers), Halt(signal=numbers)):
        with pytest.raises(EncodingError, match="semaphore"):
            halt.pack()


@pytest.mark.parametrize(
    ("slots", "legal"),
    [((0, 0, 0), True), ((3, 0, 0), True), ((3, 4, 0), True), ((3, 4, 31), True),
     ((0, 3, 0), False), ((3, 0, 4), False), ((4, 3, 0), False), ((3, 3, 0), False)],
)  # fmt: skip
def test_semaphore_slots_have_one_form(slots: tuple[int, int, int], legal: bool):
    for top in (115, 100):
        word = 0x07 << 120 | sum(n << (top - 5 * i) for i, n in enumerate(slots))
        if legal:
            assert ISA.decode_word(word).pack() == word
        else:
            with pytest.raises(EncodingError, match="canonical"):
                ISA.decode_word(word)


def test_every_bit_outside_the_fields_is_refused():
    sgeo = Sgeo(**dict.fromkeys(Sgeo.fields, 0)).pack()
    for bit in [*range(14), 88, 89]:
        with pytest.raises(EncodingError, match=f"bit {bit} set"):
            ISA.decode_word(sgeo | 1 << bit)


def test_unknown_opcodes_and_cut_texts_are_refused():
    with pytest.raises(EncodingError, match="opcode 0xff is not one of spots"):
        ISA.decode_word(0xFF << 120)
    with pytest.raises(EncodingError, match="17 bytes"):
        ISA.decode(b"\0" * 17)
    with pytest.raises(EncodingError, match="pc 1"):
        ISA.decode(ISA.encode([Halt()]) + b"\0" * 16)
    with pytest.raises(EncodingError, match="pc 1: ld"):
        ISA.encode([Halt(), Ld(mem=1, addr=1 << 22, dram=0, bytes=0)])


def test_values_without_a_name_are_refused():
    nameless = Ld(mem=5, addr=0, dram=0, bytes=0)
    with pytest.raises(EncodingError, match=r"mem=5 is not one of 0\.\.4"):
        ISA.encode([nameless])
    with pytest.raises(EncodingError, match="obuf, fmap, filter, pbuf, bbuf"):
        ISA.decode_word(nameless.pack())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"a": (88, 80)}, "outside bits"),
        ({"a": (3, 4)}, "outside bits"),
        ({"a": (7, 0), "b": (10, 7)}, "overlaps"),
        ({"wait": (7, 0)}, "hides"),
        ({"values": (7, 0)}, "hides"),
    ],
)
def test_definitions_are_checked(fields: dict[str, tuple[int, int]], message: str):
    members = {name: Field(hi, lo, "x") for name, (hi, lo) in fields.items()}
    with pytest.raises(TypeError, match=message):
        type("Bad", (Instruction,), members)


@pytest.mark.parametrize("mnemonic", ["", "a b", "a.", ".a", "a..b", "1a", "a=", "ä"])
def test_a_mnemonic_must_be_readable(mnemonic: str):
    with pytest.raises(TypeError, match="is no name for an instruction"):
        type("Bad", (Instruction,), {"mnemonic": mnemonic})


def test_instruction_sets_are_checked():
    def make(opcode: int, name: str, **members: Field) -> type[Instruction]:
        body = {"opcode": opcode, "unit": "u", "mnemonic": name}
        return type(name, (Instruction,), {**body, **members})

    def isa(*classes: type[Instruction]) -> InstructionSet:
        return InstructionSet("x", 1, classes, {"two": ("a", "b")})

    with pytest.raises(TypeError, match="same opcode"):
        isa(make(1, "a"), make(1, "b"))
    with pytest.raises(TypeError, match="same mnemonic"):
        isa(make(1, "a"), make(2, "a"))
    with pytest.raises(TypeError, match="more than 8 bits"):
        isa(make(256, "a"))
    symbol = Field(0, 0, "x", symbols="two")
    made = isa(make(1, "a", f=symbol))
    assert made.by_mnemonic("a") is made.instructions[0]
    assert made.by_mnemonic("b") is None
    with pytest.raises(TypeError, match="cannot number"):
        InstructionSet("x", 1, made.instructions, {"two": ("a", "b", "c")})


def test_regions_know_their_bytes():
    region = Region("m", 10, 2, ((3, 5), (2, 100)))
    assert region.starts().tolist() == [10, 15, 20, 110, 115, 120]
    assert (region.size_bytes, region.end) == (12, 122)


def test_regions_overlap_exactly_when_they_share_a_byte():
    rng = random.Random(7)
    outcomes = set[bool]()
    for _ in range(2000):
        one, two = (
            Region(
                rng.choice("mmmn"), rng.randrange(40), rng.randrange(6),
                tuple((rng.randrange(4), rng.randrange(9)) for _ in range(rng.randrange(3))),
            )
            for _ in range(2)
        )  # fmt: skip
        bytes_of = [
            {(r.memory, start + i) for start in r.starts().tolist() for i in range(r.run)}
            for r in (one, two)
        ]
        expected = bool(bytes_of[0] & bytes_of[1])
        assert one.overlaps(two) == two.overlaps(one) == expected, (one, two)
        outcomes.add(expected)
    assert outcomes == {True, False}


def test_footprints_name_memories():
    registers = {(Dim, 0, 0): Dim(channel=0, level=0, count=3, stride=100)}
    load = Ld(mem=1, addr=8, dram=64, bytes=12)
    assert ISA.footprint(load, registers) == Footprint(
        (Region("dram", 64, 12, ((3, 100),)),), (Region("fmap", 8, 36),)
    )
    geo = Pgeo(shift=0, rshift=0, lo=0, hi=0, staged=0, residual=1, bias=1)
    ppu = Ppu(src=1, dst=2, chans=3, len=4, bias=5)
    reads, writes = ISA.footprint(ppu, {Pgeo: geo})
    assert writes == (Region("pbuf", 4, 24),)
    assert reads == (Region("obuf", 4, 48), Region("pbuf", 4, 24), Region("bbuf", 20, 12))
