"""Instructions as data: fields, instructions and instruction sets.

An instruction is defined once, as a class of `Field`s. Packing, unpacking, equality, assembly text,
the reference page and the compiler's IR op are all derived from that class.

A word has 128 bits, little endian in memory: opcode in bits 127..120, up to three semaphores to
wait on in 119..105, up to three to signal in 104..90, two zero bits, 88 bits of payload (87..0).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from .errors import EncodingError
from .footprint import Footprint, Region

WORD_BITS = 128
WORD_BYTES = WORD_BITS // 8
PAYLOAD_BITS = 88
SEMAPHORE_COUNT = 31
"""Semaphores are numbered 1..31; 0 in a slot means none."""

_MNEMONIC = re.compile(r"[a-z_]\w*(\.\w+)*", re.ASCII | re.IGNORECASE)
SLOT_BITS = 5
WAIT_SLOTS = (115, 110, 105)
SIGNAL_SLOTS = (100, 95, 90)


class Field:
    """A named range of payload bits, `hi` down to `lo`, both inclusive.

    Args:
        hi: Highest bit.
        lo: Lowest bit.
        doc: What the field means, for the reference page.
        unit: The unit of the value ("bytes", "rows", ...), for the reference page.
        signed: Whether the bits are two's complement.
        symbols: Name of a table of the instruction set, whose names stand for the values in text.
    """

    def __init__(
        self,
        hi: int,
        lo: int,
        doc: str,
        *,
        unit: str = "",
        signed: bool = False,
        symbols: str = "",
    ) -> None:
        self.hi, self.lo, self.doc = hi, lo, doc
        self.unit, self.signed, self.symbols = unit, signed, symbols
        self.name = ""
        # Programs have millions of fields: what follows from the bits is worked out once.
        self.bits = hi - lo + 1
        """Width in bits."""
        self.minimum = -(1 << (self.bits - 1)) if signed else 0
        """Smallest value that fits."""
        self.maximum = (1 << (self.bits - signed)) - 1
        """Largest value that fits."""
        self.mask = ((1 << self.bits) - 1) << lo
        """The field's bits within the word."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:
        # An instruction's own values hide its class's fields: `inst.row0` is a number.
        @overload
        def __get__(self, instance: None, owner: type, /) -> "Field": ...
        @overload
        def __get__(self, instance: object, owner: type, /) -> int: ...
        def __get__(self, instance: object, owner: type, /) -> "Field | int": ...

    def pack(self, value: int, where: str = "") -> int:
        """Place a value at the field's bits.

        Raises:
            EncodingError: The value does not fit.
        """
        if not self.minimum <= value <= self.maximum:
            raise EncodingError(
                f"field {self.name}={value} is outside {self.minimum}..{self.maximum}",
                where,
                f"the field has {self.bits} {'signed' if self.signed else 'unsigned'} bits",
            )
        return value << self.lo & self.mask

    def unpack(self, word: int) -> int:
        """Read the field out of a word."""
        value = (word & self.mask) >> self.lo
        return value - (1 << self.bits) if self.signed and value > self.maximum else value


Registers = dict[Any, "Instruction"]
"""Configuration registers: the last configuration instruction by its `register` key."""


class Instruction:
    """One machine word; a subclass states opcode, unit and fields, and the rest is derived.

    Instances are immutable and compare by value. Every field must be given by keyword. A subclass
    without an opcode is a form: fields that several instructions share at the same bits.

    Class attributes:
        opcode: Bits 127..120.
        mnemonic: Name in assembly, dots allowed; the class name in lower case if not stated.
        unit: The unit whose queue takes the instruction.
        is_config: It sets registers of its unit, and takes no cycles unless the machine says so.
        fields: The fields by name, in definition order, those of a form first.
        legal_bits: The bits of a word that may be set.
    """

    opcode: ClassVar[int]
    mnemonic: ClassVar[str]
    unit: ClassVar[str]
    is_config: ClassVar[bool] = False
    fields: ClassVar[dict[str, Field]]
    legal_bits: ClassVar[int]

    wait: tuple[int, ...]
    signal: tuple[int, ...]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "mnemonic" not in cls.__dict__:
            cls.mnemonic = cls.__name__.lower()
        if not _MNEMONIC.fullmatch(cls.mnemonic):
            raise TypeError(f"{cls.__name__}: '{cls.mnemonic}' is no name for an instruction")
        stated = (item for base in reversed(cls.__mro__) for item in vars(base).items())
        cls.fields = {name: f for name, f in stated if isinstance(f, Field)}
        taken = 0
        for field in cls.fields.values():
            if field.name in _RESERVED_NAMES:
                raise TypeError(f"{cls.__name__}.{field.name} hides what every instruction has")
            if not 0 <= field.lo <= field.hi < PAYLOAD_BITS:
                raise TypeError(f"{cls.__name__}.{field.name} lies outside bits 87..0")
            if taken & field.mask:
                raise TypeError(f"{cls.__name__}.{field.name} overlaps another field")
            taken |= field.mask
        cls.legal_bits = taken | (((1 << 30) - 1) << 90) | (0xFF << 120)

    def __init__(
        self, *, wait: Sequence[int] = (), signal: Sequence[int] = (), **values: int
    ) -> None:
        if values.keys() != self.fields.keys():
            missing = sorted(self.fields.keys() - values.keys())
            unknown = sorted(values.keys() - self.fields.keys())
            raise EncodingError(
                f"{self.mnemonic} lacks {missing} and does not know {unknown}",
                hint=f"the fields of {self.mnemonic} are {', '.join(self.fields) or 'none'}",
            )
        own = self.__dict__
        try:
            # numpy integers would overflow silently when shifted into a 128-bit word.
            for name in self.fields:
                value = values[name]
                own[name] = value if type(value) is int else int(index(value))
            own["wait"] = tuple(sorted(int(index(number)) for number in wait)) if wait else ()
            own["signal"] = tuple(sorted(int(index(number)) for number in signal)) if signal else ()
        except TypeError as error:
            raise EncodingError(f"a value of {self.mnemonic} is not an integer: {error}") from error

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("instructions are immutable; use with_semaphores or make a new one")

    def with_semaphores(self, wait: Sequence[int], signal: Sequence[int]) -> "Instruction":
        """Return the same instruction with other semaphores."""
        return type(self)(wait=wait, signal=signal, **self.values())

    def values(self) -> dict[str, int]:
        """The field values by name, in definition order."""
        return {name: self.__dict__[name] for name in self.fields}

    @property
    def queue(self) -> str:
        """The unit whose queue takes this very instruction."""
        return self.unit

    @property
    def register(self) -> Any:
        """Key of the configuration register this instruction sets (its class unless stated)."""
        return type(self)

    def footprint(self, registers: Mapping[Any, "Instruction"]) -> Footprint:
        """The bytes this instruction reads and writes, given the configuration registers.

        The compiler orders instructions by it; the interpreter does not use it, it watches the
        bytes really touched.
        """
        return Footprint()

    def pack(self) -> int:
        """Encode as a 128-bit word.

        Raises:
            EncodingError: A value does not fit its field, or a semaphore number is not 1..31.
        """
        word = self.opcode << 120
        for name, field in self.fields.items():
            word |= field.pack(self.__dict__[name], self.mnemonic)
        for numbers, slots in ((self.wait, WAIT_SLOTS), (self.signal, SIGNAL_SLOTS)):
            word |= _pack_semaphores(numbers, slots, self.mnemonic)
        return word

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        parts = [f"{name}={value}" for name, value in self.values().items()]
        parts += [f"wait={self.wait}"] * bool(self.wait)
        parts += [f"signal={self.signal}"] * bool(self.signal)
        return f"{type(self).__name__}({', '.join(parts)})"


InstructionT = TypeVar("InstructionT", bound=Instruction)


def register(
    registers: Mapping[Any, Instruction], cls: type[InstructionT], user: str, key: Any = None
) -> InstructionT:
    """The last configuration instruction of a class, for footprints.

    Args:
        registers: Registers as they stand.
        cls: The class that sets it.
        user: Mnemonic of who needs it.
        key: Its register, if it is not the class.

    Raises:
        EncodingError: There is none yet.
    """
    inst = registers.get(key or cls)
    if not isinstance(inst, cls):
        raise EncodingError(f"{user} needs the registers that {cls.mnemonic} sets", user)
    return inst


_RESERVED_NAMES = {*vars(Instruction), *Instruction.__annotations__}


def _pack_semaphores(numbers: tuple[int, ...], slots: tuple[int, ...], where: str) -> int:
    if not numbers:
        return 0
    if len(numbers) > len(slots) or len(set(numbers)) < len(numbers):
        raise EncodingError(
            f"semaphores {numbers} need {len(slots)} or fewer, all different", where
        )
    word = 0
    for number, slot in zip(numbers, slots, strict=False):
        if not 1 <= number <= SEMAPHORE_COUNT:
            raise EncodingError(f"semaphore {number} is outside 1..{SEMAPHORE_COUNT}", where)
        word |= number << slot
    return word


def _unpack_semaphores(word: int, slots: tuple[int, ...], where: str) -> tuple[int, ...]:
    if not word >> slots[-1] & (1 << SLOT_BITS * len(slots)) - 1:
        return ()
    numbers = tuple((word >> slot) & ((1 << SLOT_BITS) - 1) for slot in slots)
    used = tuple(n for n in numbers if n)
    if used != numbers[: len(used)] or list(used) != sorted(set(used)):
        raise EncodingError(
            f"semaphore slots {numbers} are not in canonical form",
            where,
            "used slots come first, ascending and all different",
        )
    return used


@dataclass(frozen=True)
class InstructionSet:
    """The instructions of one target.

    Args:
        name: The target's name.
        version: Raised whenever an encoding changes; programs of another version are refused.
        instructions: All instruction classes, the base machine's included.
        symbols: Tables of names for fields that are written by name (`symbols["memories"]`).
    """

    name: str
    version: int
    instructions: tuple[type[Instruction], ...]
    symbols: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        for key in ("opcode", "mnemonic"):
            seen = [getattr(cls, key) for cls in self.instructions]
            if len(set(seen)) < len(seen):
                raise TypeError(f"two instructions of {self.name} have the same {key}")
        for cls in self.instructions:
            if not 0 <= cls.opcode <= 0xFF:
                raise TypeError(f"opcode {cls.opcode} of {cls.__name__} has more than 8 bits")
            for field in cls.fields.values():
                if field.symbols and not 0 < len(self.symbols[field.symbols]) <= 1 << field.bits:
                    raise TypeError(f"{cls.__name__}.{field.name} cannot number {field.symbols}")

    def by_mnemonic(self, mnemonic: str) -> type[Instruction] | None:
        """The instruction of that name, or None."""
        return next((cls for cls in self.instructions if cls.mnemonic == mnemonic), None)

    def encode(self, instructions: Iterable[Instruction]) -> bytes:
        """Encode a program's text.

        Raises:
            EncodingError: A value does not fit; the place is the instruction's index.
        """
        words: list[bytes] = []
        for pc, instruction in enumerate(instructions):
            try:
                self._check_symbols(instruction, instruction.mnemonic)
                words.append(instruction.pack().to_bytes(WORD_BYTES, "little"))
            except EncodingError as error:
                raise EncodingError(error.message, f"pc {pc}: {error.where}", error.hint) from error
        return b"".join(words)

    def decode_word(self, word: int, where: str = "") -> Instruction:
        """Decode one word.

        Raises:
            EncodingError: Unknown opcode, a set bit outside the fields, malformed semaphores, or
                a value that has no name in the field's table.
        """
        cls = self._by_opcode.get(word >> 120)
        if cls is None:
            raise EncodingError(f"opcode 0x{word >> 120:02x} is not one of {self.name}", where)
        if stray := word & ~cls.legal_bits:
            raise EncodingError(
                f"{cls.mnemonic} has bit {stray.bit_length() - 1} set, which belongs to no field",
                where,
            )
        instruction = cls.__new__(cls)  # its bits are integers of the fields' widths already
        own = instruction.__dict__
        for name, field in cls.fields.items():
            own[name] = field.unpack(word)
        own["wait"] = _unpack_semaphores(word, WAIT_SLOTS, where)
        own["signal"] = _unpack_semaphores(word, SIGNAL_SLOTS, where)
        self._check_symbols(instruction, where)
        return instruction

    def decode(self, text: bytes) -> list[Instruction]:
        """Decode a program's text.

        Raises:
            EncodingError: The length is not a multiple of 16, or a word is not legal.
        """
        if len(text) % WORD_BYTES:
            raise EncodingError(f"the text has {len(text)} bytes, not a multiple of {WORD_BYTES}")
        return [
            self.decode_word(
                int.from_bytes(text[at : at + WORD_BYTES], "little"), f"pc {at // WORD_BYTES}"
            )
            for at in range(0, len(text), WORD_BYTES)
        ]

    def footprint(
        self, instruction: Instruction, registers: Mapping[Any, Instruction]
    ) -> Footprint:
        """The instruction's footprint with every memory by name."""
        names = self.symbols["memories"]

        def named(region: Region) -> Region:
            at = region.memory
            return region._replace(memory=names[at]) if isinstance(at, int) else region

        reads, writes = instruction.footprint(registers)
        return Footprint(tuple(map(named, reads)), tuple(map(named, writes)))

    def _check_symbols(self, instruction: Instruction, where: str) -> None:
        for name, names in self._symbols_of[type(instruction)]:
            value = instruction.__dict__[name]
            if value >= len(names):
                raise EncodingError(
                    f"field {name}={value} is not one of 0..{len(names) - 1}",
                    where,
                    f"these are {', '.join(names)}",
                )

    @cached_property
    def _symbols_of(self) -> dict[type[Instruction], list[tuple[str, tuple[str, ...]]]]:
        return {
            cls: [(f.name, self.symbols[f.symbols]) for f in cls.fields.values() if f.symbols]
            for cls in self.instructions
        }

    @cached_property
    def _by_opcode(self) -> dict[int, type[Instruction]]:
        return {cls.opcode: cls for cls in self.instructions}
