"""Assembly text of any instruction set: instructions to text and back.

A line is `conv fm=0 row0=0 oy0=0 rows=2 wt=0 ob=0 acc=1 wait=1,2 signal=3  # comment`. Numbers are
decimal or hexadecimal, with a minus sign if negative; a field with a table of names is written by
name (`ld mem=fmap ...`). The grammar, `asm.lark`, also has the directives of whole programs.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from .encoding import Instruction, InstructionSet
from .errors import EncodingError, ProgramError

_HEXADECIMAL_FIELDS = {"dram"}
_SEMAPHORES = ("wait", "signal")
_MAX_DIGITS = 40
_NUMBER = re.compile(r"-?(0[xX][0-9a-fA-F]+|[0-9]+)")
_OPERAND = re.compile(r"(\w+)=(\S+)")
_TERMINALS = {
    "MNEMONIC": "an instruction",
    "OPERANDS": "field=value",
    "NAME": "a name",
    "INTEGER": "a number",
    "_TARGET": ".target",
    "_DRAM": ".dram_bytes",
    "_SECTION": ".section",
    "_HEX": ".hex",
    "_INCBIN": ".incbin",
    "_LAYER": ".layer",
    "RECORD": ".config, .info, .input, .output, .layerinfo, .fragment",
    "SECTION": "text, data, fragment.N",
    "JSON": "{JSON}",
    "STRING": '"file name"',
    "HEX": "hexadecimal digits",
    "NONE": "none",
    "_NEWLINE": "end of line",
    "$END": "end of file",
}
_SHORT = 60


class Statement(NamedTuple):
    """A line of assembly: its kind is the grammar rule's name."""

    kind: str
    tokens: list[Token]


def statements(text: str, where: str) -> list[Statement]:
    """Take assembly text apart.

    Raises:
        ProgramError: A line is malformed; the place is line:column.
    """
    try:
        tree: Any = _parser().parse(text + "\n")
    except UnexpectedInput as error:
        raise _syntax_error(error, text, where) from error
    return [Statement(str(child.data), child.children) for child in tree.children]


def assemble(text: str, isa: InstructionSet, where: str = "assembly") -> list[Instruction]:
    """Read instructions; directives are refused.

    Raises:
        ProgramError: A line is malformed, or an instruction, field or value is not of the set; the
            place is line:column.
    """
    read = reader(isa, where)
    instructions: list[Instruction] = []
    for kind, tokens in statements(text, where):
        if kind != "instruction":
            raise ProgramError(
                f"directive of kind '{kind}' in a list of instructions", place(where, tokens[0])
            )
        instructions.append(read(tokens))
    return instructions


def disassemble(instructions: Iterable[Instruction], isa: InstructionSet) -> str:
    """Write instructions, one per line."""
    return "".join(f"{instruction_text(each, isa)}\n" for each in instructions)


def instruction_text(instruction: Instruction, isa: InstructionSet) -> str:
    """Write one instruction."""
    parts = [instruction.mnemonic]
    for name, value in instruction.values().items():
        symbols = instruction.fields[name].symbols
        if symbols and value < len(isa.symbols[symbols]):
            parts.append(f"{name}={isa.symbols[symbols][value]}")
        else:
            parts.append(f"{name}={value:#x}" if name in _HEXADECIMAL_FIELDS else f"{name}={value}")
    for name, numbers in (("wait", instruction.wait), ("signal", instruction.signal)):
        if numbers:
            parts.append(f"{name}={','.join(map(str, numbers))}")
    return " ".join(parts)


def place(where: str, token: Token, skip: int = 0) -> str:
    """Where a token (without its first `skip` characters) stands, as file:line:column."""
    return f"{where}:{token.line}:{(token.column or 1) + skip}"


def integer(token: Token, where: str) -> int:
    """Read a number, decimal or hexadecimal.

    Raises:
        ProgramError: It is not one.
    """
    try:
        return _integer(token)
    except ProgramError as error:
        raise ProgramError(error.message, place(where, token), error.hint) from error


def _integer(text: str) -> int:
    if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text):
        return int(text, 16 if "x" in text or "X" in text else 10)
    raise ProgramError(
        f"'{shorten(text)}' is not a number",
        hint=f"numbers are decimal or hexadecimal (0x10), up to {_MAX_DIGITS} digits",
    )


def shorten(text: str) -> str:
    """Text for a message, cut if it is long."""
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint: the list of right words, the most similar one named first."""
    words = tuple(words)
    close = difflib.get_close_matches(word[:_SHORT], words, 1)
    best = f"did you mean {close[0]}? " if close else ""
    return f"{best}one of: {', '.join(words) or 'none'}"


def reader(isa: InstructionSet, where: str) -> Callable[[list[Token]], Instruction]:
    """A function that builds an instruction of the set from a statement's tokens.

    It raises ProgramError if the instruction, a field or a value is not of the set.
    """
    by_mnemonic = {cls.mnemonic: cls for cls in isa.instructions}

    def read(tokens: list[Token]) -> Instruction:
        head = tokens[0]
        cls = by_mnemonic.get(str(head))
        if cls is None:
            raise ProgramError(
                f"'{shorten(head)}' is not an instruction of {isa.name}",
                place(where, head),
                nearest(head, by_mnemonic),
            )
        values, semaphores = _operands(tokens[1:], cls, isa, where)
        if missing := [name for name in cls.fields if name not in values]:
            raise ProgramError(f"{cls.mnemonic} lacks {', '.join(missing)}", place(where, head))
        try:
            instruction = cls(
                wait=semaphores.get("wait", ()), signal=semaphores.get("signal", ()), **values
            )
            instruction.pack()
        except EncodingError as error:
            raise ProgramError(
                f"{cls.mnemonic}: {error.message}", place(where, head), error.hint
            ) from error
        return instruction

    return read


def _operands(
    tokens: list[Token], cls: type[Instruction], isa: InstructionSet, where: str
) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """Fields and semaphores by name, out of the token behind the mnemonic, if there is one."""
    values: dict[str, int] = {}
    semaphores: dict[str, tuple[int, ...]] = {}
    for token in tokens[:1]:
        for operand in _OPERAND.finditer(token):
            name, text = operand.groups()
            if name in values or name in semaphores:
                at = place(where, token, operand.start(1))
                raise ProgramError(f"{cls.mnemonic} has {name} twice", at)
            try:
                if name in _SEMAPHORES:
                    semaphores[name] = tuple(map(_integer, text.split(",")))
                else:
                    values[name] = _value(text, cls, name, isa)
            except ProgramError as error:
                skip = operand.start(2 if name in (*cls.fields, *_SEMAPHORES) else 1)
                raise ProgramError(error.message, place(where, token, skip), error.hint) from error
    return values, semaphores


def _value(text: str, cls: type[Instruction], name: str, isa: InstructionSet) -> int:
    field = cls.fields.get(name)
    if field is None:
        raise ProgramError(
            f"{cls.mnemonic} has no field '{shorten(name)}'",
            hint=nearest(name, (*cls.fields, *_SEMAPHORES)),
        )
    names = isa.symbols[field.symbols] if field.symbols else ()
    if names and text[0] not in "-0123456789":
        if text not in names:
            raise ProgramError(
                f"'{shorten(text)}' is not one of the {field.symbols}", hint=nearest(text, names)
            )
        return names.index(text)
    value, last = _integer(text), len(names) - 1 if names else field.maximum
    if not field.minimum <= value <= last:
        raise ProgramError(
            f"{name}={text} of {cls.mnemonic} is outside {field.minimum}..{last}",
            hint=f"these are {', '.join(names)}" if names else "",
        )
    return value


@cache
def _parser() -> Any:  # lark's own types are partly unknown
    grammar = Path(__file__).with_suffix(".lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def _position(error: Any) -> int:
    return error.pos_in_stream or 0


def _syntax_error(error: UnexpectedInput, text: str, where: str) -> ProgramError:
    match error:
        case UnexpectedToken():
            expected = error.accepts or error.expected
        case UnexpectedCharacters():
            expected = error.allowed
        case _:
            expected = set[str]()
    rest = text[_position(error) :].split("\n", 1)[0].split(maxsplit=1)
    found = repr(shorten(rest[0])) if rest else "end of line"
    words = sorted(_TERMINALS[name] for name in expected or ())
    return ProgramError(
        f"unexpected {found}",
        f"{where}:{error.line}:{error.column}",
        f"expected {' or '.join(words)}",
    )
