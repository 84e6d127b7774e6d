"""An instruction set as a Markdown page (docs/isa/<target>.md), all of it from the definitions."""

import inspect
from collections.abc import Iterable, Sequence

from .encoding import (
    PAYLOAD_BITS,
    SEMAPHORE_COUNT,
    SIGNAL_SLOTS,
    SLOT_BITS,
    WAIT_SLOTS,
    WORD_BITS,
    Field,
    Instruction,
    InstructionSet,
)


def page(isa: InstructionSet) -> str:
    """The reference page of an instruction set."""
    parts = [
        f"# Instruction set `{isa.name}`, version {isa.version}",
        "Made from the definitions by `python -m spcc.tools.docs`; do not edit.",
        "## The word",
        _word(),
        "## Instructions",
        _table(
            ("instruction", "opcode", "unit", "sets registers", "meaning"),
            [
                (f"[`{c.mnemonic}`](#{_anchor(c)})", _opcode(c), f"`{c.unit}`", _yes(c), _first(c))
                for c in sorted(isa.instructions, key=lambda c: c.opcode)
            ],
        ),
        *(_section(cls, isa) for cls in sorted(isa.instructions, key=lambda c: c.opcode)),
        *(["## Names of values", *_symbols(isa)] if isa.symbols else []),
    ]
    return "\n\n".join(parts) + "\n"


def _word() -> str:
    slots = [
        *((f"wait {i}", low) for i, low in enumerate(WAIT_SLOTS)),
        *((f"signal {i}", low) for i, low in enumerate(SIGNAL_SLOTS)),
    ]
    rows = [
        (f"{WORD_BITS - 1}..{WORD_BITS - 8}", "opcode"),
        *((f"{low + SLOT_BITS - 1}..{low}", f"semaphore slot `{name}`") for name, low in slots),
        (f"{min(SIGNAL_SLOTS) - 1}..{PAYLOAD_BITS}", "0"),
        (f"{PAYLOAD_BITS - 1}..0", "fields of the instruction; bits of no field are 0"),
    ]
    text = (
        f"An instruction has {WORD_BITS} bits, little endian in memory. A slot holds the number of "
        f"a counting semaphore, 1..{SEMAPHORE_COUNT}, or 0 for none; used slots come first, "
        "ascending and all different. An instruction starts when its unit is free and every "
        "semaphore it waits for has a token, which it takes; when it ends it adds a token to every "
        "semaphore it signals. Any other bit pattern is illegal and refused."
    )
    return f"{text}\n\n{_table(('bits', 'meaning'), rows)}"


def _section(cls: type[Instruction], isa: InstructionSet) -> str:
    kind = "sets configuration registers of" if cls.is_config else "runs on"
    facts = [f"Opcode `{_opcode(cls)}`, {kind} unit `{cls.unit}`."]
    if cls.queue is not Instruction.queue:
        facts.append(f"Queue: {_sentence(cls.queue)}")
    if cls.footprint is not Instruction.footprint:
        facts.append(f"Bytes: {_sentence(cls.footprint)}")
    parts = [f"### `{cls.mnemonic}`", inspect.cleandoc(cls.__doc__ or ""), " ".join(facts)]
    if cls.fields:
        head = ("field", "bits", "values", "unit", "meaning")
        parts += [
            _diagram(cls.fields.values()),
            _table(head, [_row(field, isa) for field in cls.fields.values()]),
        ]
    else:
        parts.append("It has no fields.")
    return "\n\n".join(parts)


def _row(field: Field, isa: InstructionSet) -> tuple[str, ...]:
    bits = f"{field.hi}..{field.lo}" if field.bits > 1 else str(field.lo)
    if field.symbols:
        values = ", ".join(f"`{name}`" for name in isa.symbols[field.symbols])
    else:
        values = f"{field.minimum}..{field.maximum}" + (" (signed)" if field.signed else "")
    return (f"`{field.name}`", f"{bits} ({field.bits})", values, field.unit, field.doc)


def _diagram(fields: Iterable[Field]) -> str:
    """The payload's bits from the highest down, unused ones as 0."""
    cells: list[tuple[str, str]] = []
    above = PAYLOAD_BITS
    for field in sorted(fields, key=lambda field: -field.hi):
        if field.hi + 1 < above:
            cells.append((_span(above - 1, field.hi + 1), "0"))
        cells.append((_span(field.hi, field.lo), field.name))
        above = field.lo
    if above:
        cells.append((_span(above - 1, 0), "0"))
    widths = [max(map(len, cell)) for cell in cells]
    lines = [
        "  ".join(text.center(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*cells, strict=True)
    ]
    return "\n".join(["```text", *lines, "```"])


def _span(high: int, low: int) -> str:
    return f"{high}..{low}" if high > low else str(low)


def _symbols(isa: InstructionSet) -> Iterable[str]:
    for name, values in isa.symbols.items():
        yield f"`{name}`: " + ", ".join(f"{i} = `{value}`" for i, value in enumerate(values)) + "."


def _anchor(cls: type[Instruction]) -> str:
    """The anchor that Markdown gives the instruction's heading: dots are left out."""
    return cls.mnemonic.replace(".", "")


def _opcode(cls: type[Instruction]) -> str:
    return f"0x{cls.opcode:02x}"


def _yes(cls: type[Instruction]) -> str:
    return "yes" if cls.is_config else ""


def _first(cls: type[Instruction]) -> str:
    return inspect.cleandoc(cls.__doc__ or "").split("\n", 1)[0]


def _sentence(documented: object) -> str:
    """The docstring as one paragraph."""
    return " ".join((inspect.getdoc(documented) or "").split())


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
