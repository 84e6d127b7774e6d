"""Laws of every target's instruction set, on instructions drawn from the fields themselves."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.isa.asm import assemble, disassemble
from spcc.isa.base import Halt, Host
from spcc.isa.encoding import SEMAPHORE_COUNT, Field, Instruction, InstructionSet
from spcc.isa.errors import EncodingError, ProgramError
from spcc.isa.program import LayerInfo, Program
from spcc.isa.source import parse_source, source_lines
from spcc.tools.targets import TARGETS

ISAS = {name: target.isa() for name, target in TARGETS.items()}
EACH_ISA = pytest.mark.parametrize("isa", ISAS.values(), ids=ISAS)
CLASSES = {c: (n, isa) for n, isa in ISAS.items() for c in isa.instructions}
"""Every instruction once: those of the base machine are in all sets."""
EACH_INSTRUCTION = pytest.mark.parametrize(
    ("isa", "cls"),
    [pytest.param(isa, c, id=f"{n}-{c.mnemonic}") for c, (n, isa) in CLASSES.items()],
)
EACH_WITH_FIELDS = pytest.mark.parametrize(
    ("isa", "cls"),
    [pytest.param(isa, c, id=f"{n}-{c.mnemonic}") for c, (n, isa) in CLASSES.items() if c.fields],
)
QUICK = settings(max_examples=30, deadline=None)

semaphores = st.lists(st.integers(1, SEMAPHORE_COUNT), max_size=3, unique=True)


def field_values(field: Field, isa: InstructionSet) -> st.SearchStrategy[int]:
    """Any legal value, the bounds often."""
    low, high = field.minimum, field.maximum
    if field.symbols:
        high = len(isa.symbols[field.symbols]) - 1
    return st.sampled_from((low, high)) | st.integers(low, high)


def instructions_of(
    cls: type[Instruction], isa: InstructionSet, tokens: st.SearchStrategy[list[int]] = semaphores
) -> st.SearchStrategy[Instruction]:
    values = {name: field_values(field, isa) for name, field in cls.fields.items()}
    return st.builds(cls, wait=tokens, signal=tokens, **values)


@EACH_INSTRUCTION
@QUICK
@given(data=st.data())
def test_decoding_undoes_encoding(isa: InstructionSet, cls: type[Instruction], data: st.DataObject):
    instruction = data.draw(instructions_of(cls, isa))
    assert isa.decode_word(instruction.pack()) == instruction
    assert isa.decode(isa.encode([instruction] * 2)) == [instruction] * 2


@EACH_INSTRUCTION
@QUICK
@given(data=st.data())
def test_assembling_undoes_disassembling(
    isa: InstructionSet, cls: type[Instruction], data: st.DataObject
):
    instructions = data.draw(st.lists(instructions_of(cls, isa), max_size=4))
    assert assemble(disassemble(instructions, isa), isa) == instructions


@pytest.mark.slow
@EACH_WITH_FIELDS
@QUICK
@given(data=st.data())
def test_one_value_too_large_or_small_is_refused(
    isa: InstructionSet, cls: type[Instruction], data: st.DataObject
):
    field = data.draw(st.sampled_from(list(cls.fields.values())))
    beyond = data.draw(st.sampled_from((field.minimum - 1, field.maximum + 1)))
    values = data.draw(instructions_of(cls, isa)).values() | {field.name: beyond}
    with pytest.raises(EncodingError, match=f"{field.name}={beyond} "):
        isa.encode([cls(**values)])
    text = " ".join([cls.mnemonic, *(f"{name}={value}" for name, value in values.items())])
    with pytest.raises(ProgramError, match=f"{field.name}={beyond} .*outside"):
        assemble(text, isa)


@EACH_ISA
@QUICK
@given(data=st.data())
def test_any_word_is_refused_or_the_only_form_of_its_instruction(
    isa: InstructionSet, data: st.DataObject
):
    cls = data.draw(st.sampled_from(isa.instructions))
    bits = data.draw(st.integers(0, (1 << 120) - 1))
    keep = data.draw(st.sampled_from((cls.legal_bits, (1 << 128) - 1)))
    word = (cls.opcode << 120 | bits) & keep
    try:
        instruction = isa.decode_word(word)
    except EncodingError:
        return
    assert instruction.pack() == word
    assert assemble(disassemble([instruction], isa), isa) == [instruction]


@EACH_ISA
@settings(QUICK, max_examples=200)
@given(text=st.text() | st.from_regex(r"\A( ?[a-z.]+ ?[a-z0-9]+=[-0-9a-fx,]+ ?\n?){,4}\Z"))
def test_any_text_is_assembled_or_refused(isa: InstructionSet, text: str):
    for read in (assemble, parse_source):
        try:
            read(text, isa)
        except ProgramError as error:
            if not error.where:
                raise


@EACH_ISA
@QUICK
@given(data=st.data())
def test_a_program_survives_file_and_text(isa: InstructionSet, data: st.DataObject):
    plain = [cls for cls in isa.instructions if cls not in (Halt, Host)]
    each = st.one_of([instructions_of(cls, isa, st.just([])) for cls in plain])
    instructions = [*data.draw(st.lists(each, max_size=6)), Halt()]
    names = data.draw(st.lists(st.text(), max_size=3))
    layer = st.sampled_from([*range(len(names)), 0xFFFFFFFF])
    lines = data.draw(st.lists(layer, min_size=len(instructions), max_size=len(instructions)))
    constants = data.draw(st.binary(max_size=100))
    program = Program(
        target=isa.name,
        isa_version=isa.version,
        config=msgspec.to_builtins(TARGETS[isa.name].spec()()),
        text=isa.encode(instructions),
        data=np.frombuffer(constants, np.uint8),
        dram_bytes=len(constants) + data.draw(st.integers(0, 1 << 30)),
        inputs=(),
        outputs=(),
        layers=tuple(LayerInfo(name=name, op="Conv", placement="native") for name in names),
        lines=np.array(lines, np.uint32),
        info=data.draw(st.dictionaries(st.text(), st.text(), max_size=3)),
    )
    raw = program.to_bytes()
    assert Program.from_bytes(raw, isa) == program
    assert parse_source("\n".join(source_lines(program, isa)), isa).to_bytes() == raw
