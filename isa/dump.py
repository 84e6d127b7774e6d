"""A program for the reader's eye: sections, header, listing and bytes, as lines of text."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from .asm import instruction_text, nearest
from .container import digest
from .encoding import InstructionSet
from .errors import UsageError
from .program import Program
from .tables import DRAM, LayerInfo, TensorInfo

_DIGEST_DIGITS = 16
_ROW_BYTES = 16


def section_lines(program: Program) -> Iterator[str]:
    """A table of the sections: name, bytes, the first digits of the sha256."""
    rows = [
        (name, str(array.nbytes), digest(array)[:_DIGEST_DIGITS])
        for name, array in program.sections().items()
    ]
    yield from _table(("section", "bytes", "sha256"), rows)


def header_lines(program: Program) -> Iterator[str]:
    """Everything of the header: target, configuration, tensors, layers, fragments, info."""
    yield f"target      {program.target} version {program.isa_version}"
    yield f"dram_bytes  {program.dram_bytes}, of which {len(program.data)} are constants"
    for title, table in (("config", program.config), ("info", program.info)):
        yield f"{title}:"
        yield from (f"  {name} = {quoted(value)}" for name, value in sorted(table.items()))
    yield "inputs:"
    yield from _tensors(program.inputs)
    yield "outputs:"
    yield from _tensors(program.outputs)
    yield "layers:"
    yield from _layers(program.layers)
    for index, fragment in enumerate(program.fragments):
        yield f"fragment {index}: {len(fragment.model)} bytes of ONNX; inputs, then outputs:"
        yield from _tensors((*fragment.inputs, *fragment.outputs))


def listing_lines(program: Program, isa: InstructionSet) -> Iterator[str]:
    """The text disassembled: pc, word in hex (opcode first), instruction; layers as labels."""
    instructions = program.instructions(isa)
    width = len(str(len(instructions)))
    for pc, instruction in enumerate(instructions):
        if pc == 0 or program.lines[pc] != program.lines[pc - 1]:
            yield ""
            yield _label(program, pc)
        yield f"{pc:>{width}}:  {instruction.pack():032x}  {instruction_text(instruction, isa)}"


def byte_lines(
    program: Program, section: str, start: int = 0, stop: int | None = None
) -> Iterator[str]:
    """A section's bytes start..stop in hex and ASCII, sixteen per line.

    Raises:
        UsageError: There is no such section.
    """
    sections = program.sections()
    if section not in sections:
        raise UsageError(f"there is no section '{section}'", "-s", nearest(section, sections))
    content = sections[section].view(np.uint8)[:stop]
    yield f"contents of section {section}:"
    width = len(f"{content.size:x}")
    for at in range(start, content.size, _ROW_BYTES):
        row = content[at : at + _ROW_BYTES].tobytes()
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f" {at:0{width}x}  {row.hex(' ', -4):<35}  {shown}"


def quoted(value: object) -> str:
    """A value as JSON, so that odd characters of a name cannot disturb the page."""
    return msgspec.json.encode(value).decode()


def _label(program: Program, pc: int) -> str:
    layer = program.layer_of(pc)
    if layer is None:
        return "<no layer>:"
    return f"<layer {program.lines[pc]} {quoted(layer.name)} {quoted(layer.op)} {layer.placement}>:"


def _tensors(tensors: Iterable[TensorInfo]) -> Iterator[str]:
    head = ("name", "dtype", "shape", "offset", "strides", "frac", "bits")
    return _table(
        head,
        [
            (
                quoted(t.name),
                t.dtype,
                _dims(t.shape),
                f"{t.offset:#x}",
                _dims(t.strides),
                "-" if t.frac is None else str(t.frac),
                str(t.bits),
            )
            for t in tensors
        ],
    )


def _layers(layers: Sequence[LayerInfo]) -> Iterator[str]:
    head = ("index", "name", "op", "placement", "macs", "expanded", "source", "output", "nodes")
    rows = [
        (
            str(index),
            quoted(each.name),
            quoted(each.op),
            each.placement,
            str(each.nominal_macs),
            str(each.expanded_macs),
            quoted(each.source),
            _where(each.output),
            quoted(each.nodes),
        )
        for index, each in enumerate(layers)
    ]
    return _table(head, rows)


def _where(tensor: TensorInfo | None) -> str:
    if tensor is None:
        return "-"
    memory = "" if tensor.memory == DRAM else f"{tensor.memory} "
    order = ", channels reordered" if tensor.channels else ""
    return f"{tensor.dtype} {_dims(tensor.shape)} @ {memory}{tensor.offset:#x}{order}"


def _dims(values: tuple[int, ...]) -> str:
    return "x".join(map(str, values)) or "scalar"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(cells).rstrip()
