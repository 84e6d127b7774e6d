"""A whole program as assembly text (`.s`): everything needed to rebuild the program byte for byte.

.target spots 1                       instruction set and version; first
.config {...}  .info {...}            JSON, as in the program's header
.dram_bytes 65536
.input {...}  .output {...}           a tensor each
.layerinfo {...}  .fragment {...}     layers and host fragments, numbered from 0
.section data                         then `.hex` lines or `.incbin "file" offset size sha256`
.section fragment.0                   the fragment's model, likewise
.section text                         then instructions
.layer 0                              what follows belongs to layer 0 (or `none`)
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from lark import Token

from .asm import instruction_text, integer, place, reader, statements
from .container import Sections, decode_json, digest
from .encoding import Instruction, InstructionSet
from .errors import ProgramError, UsageError
from .files import replacing
from .program import FindIsa, Header, Ports, Program
from .tables import NO_LAYER, LayerInfo, TensorInfo

INLINE_LIMIT_BYTES = 4096
"""Larger sections go to a file of their own beside the text."""
_HEX_LINE_BYTES = 32

_RECORDS: dict[str, tuple[str, Any]] = {
    ".config": ("config", dict[str, Any]),
    ".info": ("info", dict[str, str]),
    ".input": ("inputs", TensorInfo),
    ".output": ("outputs", TensorInfo),
    ".layerinfo": ("layers", LayerInfo),
    ".fragment": ("fragments", Ports),
}

_LISTS = ("inputs", "outputs", "layers", "fragments")


def source_lines(program: Program, isa: InstructionSet, blob: str | None = None) -> Iterator[str]:
    """Write a program as lines of text.

    Args:
        program: The program.
        isa: Its instruction set.
        blob: Name of the file that holds the sections above INLINE_LIMIT_BYTES, one after the other
            (`large_sections`); None writes them into the text.
    """
    yield f".target {program.target} {program.isa_version}"
    header = program.header()
    for directive, (name, _) in _RECORDS.items():
        value = getattr(header, name)
        yield from (
            f"{directive} {_json(each)}" for each in (value if name in _LISTS else (value,))
        )
    yield f".dram_bytes {program.dram_bytes}"
    offset, large = 0, large_sections(program) if blob else {}
    for name, array in program.sections().items():
        if name in ("text", "lines"):
            continue
        yield f".section {name}"
        if name in large:
            yield f".incbin {_json(blob)} {offset} {array.size} {digest(array)}"
            offset += array.size
        else:
            yield from _hex_lines(array)
    yield ".section text"
    for pc, instruction in enumerate(program.instructions(isa)):
        if pc == 0 or program.lines[pc] != program.lines[pc - 1]:
            yield _layer_line(program, pc)
        yield f"    {instruction_text(instruction, isa)}"


def large_sections(program: Program) -> Sections:
    """The sections that go to the file beside the text, in the file's order."""
    return {
        name: array
        for name, array in program.sections().items()
        if name not in ("text", "lines") and array.size > INLINE_LIMIT_BYTES
    }


def save_source(program: Program, isa: InstructionSet, path: Path) -> None:
    """Write a program as text, and its large sections beside it as `<name>.bin`.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    blob = path.with_name(f"{path.name}.bin")
    if large := large_sections(program):
        with replacing(blob) as temporary, temporary.open("wb") as file:
            for array in large.values():
                file.write(array.data)
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(f"{line}\n" for line in source_lines(program, isa, blob.name))


def load_source(path: Path, isa: FindIsa) -> Program:
    """Read an assembly file and verify the program.

    Raises:
        ProgramError: A line is malformed (line:column), or the program cannot run (see `verify`).
        OSError: The file cannot be read.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ProgramError("the file is not UTF-8 text", f"{path}: byte {error.start}") from error
    return parse_source(text, isa, str(path), path.parent)


def parse_source(
    text: str, isa: FindIsa, where: str = "assembly", folder: Path | None = None
) -> Program:
    """Read a whole program from text; `folder` is where its `.incbin` files are.

    Raises:
        ProgramError: A line is malformed (line:column), or the program cannot run (see `verify`).
    """
    source = _Source(isa, where, folder)
    for kind, tokens in statements(text, where):
        source.handlers[kind](tokens)
    return source.program()


class _Source:
    """What the statements have said so far."""

    def __init__(self, find_isa: FindIsa, where: str, folder: Path | None) -> None:
        self.find_isa, self.where, self.folder = find_isa, where, folder
        self.isa: InstructionSet | None = None
        self.read: Callable[[list[Token]], Instruction]
        self.values: dict[str, Any] = {}
        self.lists: dict[str, list[Any]] = {name: [] for name in _LISTS}
        self.section = ""
        self.chunks: dict[str, list[npt.NDArray[np.uint8]]] = {}
        self.instructions: list[Instruction] = []
        self.layer = NO_LAYER
        self.lines: list[int] = []
        self.handlers: dict[str, Callable[[list[Token]], None]] = {
            "instruction": self.on_instruction,
            "target": self.on_target,
            "record": self.on_record,
            "dram": self.on_dram,
            "section": self.on_section,
            "hex": self.on_hex,
            "incbin": self.on_incbin,
            "layer": self.on_layer,
        }

    def fail(self, token: Token, message: str, hint: str = "") -> ProgramError:
        return ProgramError(message, place(self.where, token), hint)

    def on_target(self, tokens: list[Token]) -> None:
        name, version = str(tokens[0]), integer(tokens[1], self.where)
        if self.isa is not None:
            raise self.fail(tokens[0], ".target is there twice")
        try:
            isa = self.find_isa(name) if callable(self.find_isa) else self.find_isa
        except UsageError as error:
            raise self.fail(tokens[0], error.message, error.hint) from error
        if (name, version) != (isa.name, isa.version):
            raise self.fail(
                tokens[0], f"{name} {version} is not {isa.name} {isa.version}", "compile again"
            )
        self.isa, self.read = isa, reader(isa, self.where)
        self.values |= {"target": name, "isa_version": version}

    def on_record(self, tokens: list[Token]) -> None:
        name, kind = _RECORDS[str(tokens[0])]
        value = decode_json(tokens[1].encode(), kind, place(self.where, tokens[1]))
        if name in _LISTS:
            self.lists[name].append(value)
        elif name in self.values:
            raise self.fail(tokens[0], f"{tokens[0]} is there twice")
        else:
            self.values[name] = value

    def on_dram(self, tokens: list[Token]) -> None:
        if "dram_bytes" in self.values:
            raise self.fail(tokens[0], ".dram_bytes is there twice")
        self.values["dram_bytes"] = integer(tokens[0], self.where)

    def on_section(self, tokens: list[Token]) -> None:
        self.section = str(tokens[0])
        if self.section in self.chunks:
            raise self.fail(tokens[0], f"section {self.section} is there twice")
        self.chunks[self.section] = []

    def on_hex(self, tokens: list[Token]) -> None:
        chunks = self.open_section(tokens[0])
        if len(tokens[0]) % 2:
            raise self.fail(tokens[0], f"{len(tokens[0])} hexadecimal digits are not whole bytes")
        chunks.append(np.frombuffer(bytes.fromhex(tokens[0]), np.uint8))

    def on_incbin(self, tokens: list[Token]) -> None:
        chunks = self.open_section(tokens[0])
        if chunks:
            raise self.fail(tokens[0], "a section is one .incbin or lines of .hex")
        name = decode_json(tokens[0].encode(), str, place(self.where, tokens[0]))
        offset, size = (integer(token, self.where) for token in tokens[1:3])
        try:
            content = self.read_blob(name, offset, size, tokens[0])
        except (OSError, ValueError) as error:
            raise self.fail(tokens[0], f"cannot read {name!r}: {error}") from error
        if digest(content) != tokens[3]:
            raise self.fail(
                tokens[3], f"the sha256 of {size} bytes of {name!r} at {offset} is another one"
            )
        chunks.append(content)

    def read_blob(self, name: str, offset: int, size: int, token: Token) -> npt.NDArray[np.uint8]:
        if self.folder is None or Path(name).name != name:
            raise self.fail(
                token, f"{name!r} is not a file beside the text", "give a name without folders"
            )
        path = self.folder / name
        if not path.is_file():
            raise self.fail(token, f"there is no file {name!r} beside the text")
        if not 0 <= offset <= offset + size <= path.stat().st_size:
            raise self.fail(
                token, f"{name!r} has {path.stat().st_size} bytes, not {offset}..{offset + size}"
            )
        return np.fromfile(path, np.uint8, size, offset=offset)

    def open_section(self, token: Token) -> list[npt.NDArray[np.uint8]]:
        if self.section in ("", "text"):
            raise self.fail(token, "bytes outside a section", ".section data or fragment.N first")
        return self.chunks[self.section]

    def on_layer(self, tokens: list[Token]) -> None:
        if tokens[0].type == "NONE":
            self.layer = NO_LAYER
            return
        self.layer, count = integer(tokens[0], self.where), len(self.lists["layers"])
        if not 0 <= self.layer < count:
            raise self.fail(
                tokens[0], f"layer {self.layer} is not one of {count}", "see the .layerinfo lines"
            )

    def on_instruction(self, tokens: list[Token]) -> None:
        if self.isa is None:
            raise self.fail(tokens[0], "an instruction before .target")
        if self.section != "text":
            raise self.fail(tokens[0], "an instruction outside .section text")
        self.instructions.append(self.read(tokens))
        self.lines.append(self.layer)

    def program(self) -> Program:
        if self.isa is None:
            raise ProgramError("there is no .target", self.where)
        for name in ("config", "info", "dram_bytes"):
            if name not in self.values:
                raise ProgramError(f"there is no .{name}", self.where)
        for section in ("data", "text"):
            if section not in self.chunks:
                raise ProgramError(f"there is no .section {section}", self.where)
        lists = {name: tuple(values) for name, values in self.lists.items()}
        parts: dict[str, Any] = {**self.values, **lists}
        header = Header(**parts)
        sections: Sections = {name: _joined(chunks) for name, chunks in self.chunks.items()}
        sections["text"] = np.frombuffer(self.isa.encode(self.instructions), np.uint8)
        sections["lines"] = np.array(self.lines, np.uint32)
        program = Program.of_parts(header, sections, self.where)
        try:
            program.verify(self.isa)
        except ProgramError as error:
            raise ProgramError(error.message, f"{self.where}: {error.where}", error.hint) from error
        return program


def _joined(chunks: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    match chunks:
        case []:
            return np.empty(0, np.uint8)
        case [only]:
            return only
        case _:
            return np.concatenate(chunks)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _hex_lines(array: npt.NDArray[np.uint8]) -> Iterator[str]:
    for start in range(0, array.size, _HEX_LINE_BYTES):
        yield f".hex {array[start : start + _HEX_LINE_BYTES].tobytes().hex()}"


def _layer_line(program: Program, pc: int) -> str:
    layer = program.layer_of(pc)
    if layer is None:
        return ".layer none"
    return f".layer {program.lines[pc]}  # {_json(layer.name)} {_json(layer.op)}"
