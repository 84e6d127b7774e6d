"""The program: plain data that the compiler writes and the runtime reads (`.spx` files)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from . import container
from .encoding import WORD_BYTES, Instruction, InstructionSet
from .errors import EncodingError, ProgramError, UsageError
from .tables import DRAM_LIMIT_BYTES, NO_LAYER, Fragment, LayerInfo, TensorInfo
from .verify import check_layers, check_lines, check_tensors, check_text

FindIsa = InstructionSet | Callable[[str], InstructionSet]
"""An instruction set, or how to find it by the target's name."""

_T = TypeVar("_T")


class Ports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fragment without its model, which is a section of its own."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything of a program that is not a section."""

    target: str
    isa_version: int
    config: dict[str, Any]
    dram_bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    layers: tuple[LayerInfo, ...]
    fragments: tuple[Ports, ...]
    info: dict[str, str]


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, eq=False):
    """A compiled network, ready to run.

    Args:
        target: Name of the instruction set.
        isa_version: Its version.
        config: Every field of the target's Spec, as JSON values.
        text: Instruction words, 16 bytes each; the last is `halt`.
        data: Constants, uint8: DRAM bytes 0..len(data).
        dram_bytes: Size of the whole image; [len(data), dram_bytes) is writable and zero at start.
        inputs: The network's inputs, in the writable part.
        outputs: The network's outputs.
        layers: What the instructions belong to.
        lines: uint32, per instruction the index of its layer or NO_LAYER.
        fragments: What `host` instructions call.
        info: Model name, sha256, versions, command: anything that helps to trace the program back.
    """

    target: str
    isa_version: int
    config: dict[str, Any]
    text: bytes
    data: npt.NDArray[np.uint8]
    dram_bytes: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    layers: tuple[LayerInfo, ...]
    lines: npt.NDArray[np.uint32]
    fragments: tuple[Fragment, ...] = ()
    info: dict[str, str] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        mine, theirs = self.sections(), other.sections()
        return self.header() == other.header() and all(
            name in theirs and np.array_equal(array, theirs[name]) for name, array in mine.items()
        )

    __hash__ = None  # type: ignore[assignment]  # arrays are compared by value

    @property
    def instruction_count(self) -> int:
        """How many instruction words the text has."""
        return len(self.text) // WORD_BYTES

    def instructions(self, isa: InstructionSet) -> list[Instruction]:
        """Decode the text.

        Raises:
            ProgramError: A word is not legal; the place is its pc.
        """
        try:
            return isa.decode(self.text)
        except EncodingError as error:
            raise ProgramError(error.message, f"section text: {error.where}", error.hint) from error

    def layer_of(self, pc: int) -> LayerInfo | None:
        """The layer an instruction belongs to, or None."""
        index = int(self.lines[pc]) if 0 <= pc < len(self.lines) else NO_LAYER
        return self.layers[index] if index < len(self.layers) else None

    def spec(self, kind: type[_T]) -> _T:
        """The configuration as the target's Spec.

        Raises:
            ProgramError: A parameter is missing, unknown, of the wrong type or out of range.
        """
        try:
            spec = msgspec.convert(self.config, kind)
        except UsageError as error:
            raise ProgramError(error.message, "config", error.hint) from error
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise ProgramError(
                f"the configuration is not one of {self.target}: {error}", "config"
            ) from error
        missing = sorted(set(msgspec.to_builtins(spec)) - set(self.config))
        if missing:
            raise ProgramError(f"the configuration lacks {', '.join(missing)}", "config")
        return spec

    def header(self) -> Header:
        """Everything that is not a section."""
        ports = tuple(Ports(inputs=f.inputs, outputs=f.outputs) for f in self.fragments)
        return Header(
            target=self.target, isa_version=self.isa_version, config=self.config,
            dram_bytes=self.dram_bytes, inputs=self.inputs, outputs=self.outputs,
            layers=self.layers, fragments=ports, info=self.info,
        )  # fmt: skip

    def sections(self) -> container.Sections:
        """The binary parts by name: text, data, lines (uint32) and fragment.0, fragment.1, ..."""
        sections: container.Sections = {
            "text": np.frombuffer(self.text, np.uint8),
            "data": self.data,
            "lines": self.lines,
        }
        for index, fragment in enumerate(self.fragments):
            sections[f"fragment.{index}"] = np.frombuffer(fragment.model, np.uint8)
        return sections

    @staticmethod
    def of_parts(header: Header, sections: container.Sections, where: str) -> "Program":
        """Put a program together from its header and sections.

        Raises:
            ProgramError: A section is missing, unknown or of the wrong type.
        """
        fragments = {f"fragment.{index}": ports for index, ports in enumerate(header.fragments)}
        names = {"text", "data", "lines", *fragments}
        if sections.keys() != names:
            odd = ", ".join(sorted(sections.keys() ^ names))
            raise ProgramError(f"sections missing or unknown: {odd}", where)
        for name, array in sections.items():
            kind = np.uint32 if name == "lines" else np.uint8
            if array.dtype != kind:
                raise ProgramError(
                    f"section {name} holds {array.dtype}, not {kind.__name__}", where
                )
        return Program(
            **{
                name: getattr(header, name)
                for name in Header.__struct_fields__
                if name != "fragments"
            },
            text=sections["text"].tobytes(),
            data=sections["data"],
            lines=sections["lines"],
            fragments=tuple(
                Fragment(model=sections[name].tobytes(), inputs=ports.inputs, outputs=ports.outputs)
                for name, ports in fragments.items()
            ),
        )

    def to_bytes(self) -> bytes:
        """The file's bytes; equal programs give equal bytes.

        Raises:
            ProgramError: A table is wrong (see `verify`), or the configuration is not JSON.
        """
        return container.to_bytes(self._checked_header(), self.sections())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file; it appears whole or not at all.

        Raises:
            ProgramError: A table is wrong (see `verify`), or the configuration is not JSON.
            OSError: The folder is missing or not writable, or the disk is full.
        """
        container.write(Path(path), self._checked_header(), self.sections())

    @staticmethod
    def from_bytes(raw: bytes, isa: FindIsa, where: str = "program") -> "Program":
        """Read a program and verify all of it; arrays are read-only views of `raw`.

        Raises:
            ProgramError: See `load`.
        """
        text, sections = container.read(raw, where)
        header = container.decode_json(text, Header, f"{where}: header")
        program = Program.of_parts(header, sections, where)
        try:
            program.verify(isa(program.target) if callable(isa) else isa)
        except UsageError as error:
            raise ProgramError(error.message, f"{where}: header", error.hint) from error
        except ProgramError as error:
            raise ProgramError(error.message, f"{where}: {error.where}", error.hint) from error
        return program

    @staticmethod
    def load(path: str | os.PathLike[str], isa: FindIsa) -> "Program":
        """Read a program file and verify all of it before anything is used.

        Args:
            path: The file.
            isa: The instruction set, or how to find it by the target's name.

        Raises:
            ProgramError: The file is cut, changed, of another version, or what it says cannot be
                run; the place is the section and the byte offset or pc.
            OSError: The file cannot be read.
        """
        return Program.from_bytes(Path(path).read_bytes(), isa, str(path))

    def verify(self, isa: InstructionSet) -> None:
        """Check every address, index and word that a machine will follow.

        Raises:
            ProgramError: It cannot; says where (section and pc, or tensor).
        """
        if (self.target, self.isa_version) != (isa.name, isa.version):
            raise ProgramError(
                f"the program is for {self.target} version {self.isa_version}, "
                f"not {isa.name} version {isa.version}",
                "header",
                "compile the model again for this target",
            )
        self._check_tables()
        check_text(self.instructions(isa), len(self.fragments))

    def _checked_header(self) -> Header:
        self._check_tables()
        header = self.header()
        written = container.canonical_json(header)
        if container.decode_json(written, Header, "header") != header:
            raise ProgramError(
                "the configuration changes when written as JSON",
                "header",
                "use int, float, str, bool, None, list and dict only",
            )
        return header

    def _check_tables(self) -> None:
        constants = len(self.data)
        if not constants <= self.dram_bytes <= DRAM_LIMIT_BYTES:
            raise ProgramError(
                f"dram_bytes = {self.dram_bytes} is outside {constants}..{DRAM_LIMIT_BYTES}",
                "header",
                "the constants (section data) are part of the image, and addresses have 40 bits",
            )
        writable, image = (constants, self.dram_bytes), (0, self.dram_bytes)
        check_tensors(self.inputs, writable, "inputs")
        check_tensors(self.outputs, image, "outputs")
        for index, fragment in enumerate(self.fragments):
            check_tensors(fragment.inputs, image, f"fragment {index}: inputs")
            check_tensors(fragment.outputs, writable, f"fragment {index}: outputs")
        check_layers(self.layers, image)
        check_lines(self.lines, self.instruction_count, len(self.layers))
