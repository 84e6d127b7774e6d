"""The dialect of an accelerator, made from its instruction set.

There is one op per instruction and one property per field.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, ClassVar, cast

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, IntegerType, i64
from xdsl.ir import Attribute, Dialect, Operation
from xdsl.irdl import IRDLOperation, irdl_op_definition, opt_prop_def, prop_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ...isa.encoding import SEMAPHORE_COUNT, WAIT_SLOTS, Instruction, InstructionSet
from ...isa.errors import EncodingError
from ...isa.tables import NO_LAYER

_KEYWORDS = ("wait", "signal")
_KEPT = 1 << 16  # attributes; making one costs more than the rest of its instruction


@lru_cache(_KEPT)
def _integer(value: int) -> IntegerAttr[IntegerType]:
    return IntegerAttr(value, i64)


@lru_cache(_KEPT)
def _numbers(values: tuple[int, ...]) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, values)


class InstructionOp(IRDLOperation):
    """One machine instruction; `layer` is the index of its layer, none for the frame."""

    INSTRUCTION: ClassVar[type[Instruction]]
    wait = opt_prop_def(DenseArrayBase)
    signal = opt_prop_def(DenseArrayBase)
    layer = opt_prop_def(IntegerAttr)

    @classmethod
    def of(cls, instruction: Instruction, layer: int | None = None) -> InstructionOp:
        """Make the op of an instruction."""
        properties: dict[str, Attribute] = {
            name: _integer(value) for name, value in instruction.values().items()
        }
        for keyword in _KEYWORDS:
            if numbers := getattr(instruction, keyword):
                properties[keyword] = _numbers(numbers)
        if layer is not None:
            properties["layer"] = _integer(layer)
        return cls.create(properties=properties)

    def to_instruction(self) -> Instruction:
        """The instruction of the op."""
        properties: dict[str, Any] = self.properties
        values = {name: properties[name].value.data for name in self.INSTRUCTION.fields}
        semaphores = self.semaphores()
        return self.INSTRUCTION(
            wait=semaphores.get("wait", ()), signal=semaphores.get("signal", ()), **values
        )

    def semaphores(self) -> dict[str, tuple[int, ...]]:
        """The semaphores to wait on and to signal."""
        return {
            keyword: cast("DenseArrayBase[IntegerType]", self.properties[keyword]).get_values()
            for keyword in _KEYWORDS
            if keyword in self.properties
        }

    def set_semaphores(self, wait: list[int], signal: list[int]) -> None:
        """Replace the semaphores."""
        for keyword, numbers in zip(_KEYWORDS, (wait, signal), strict=True):
            self.properties.pop(keyword, None)
            if numbers:
                self.properties[keyword] = _numbers(tuple(sorted(numbers)))

    @property
    def layer_index(self) -> int | None:
        """The layer as a plain number."""
        return None if self.layer is None else self.layer.value.data

    def verify(self, verify_nested_ops: bool = True) -> None:
        """Check at once what most instructions are; the rest takes the long way to its error."""
        if not self._is_sound():
            super().verify(verify_nested_ops)

    def _is_sound(self) -> bool:
        """Whether this is an op in the midst of others with legal fields and nothing else."""
        if self.next_op is None or self.operands or self.results or self.regions or self.successors:
            return False
        properties: dict[str, Any] = self.properties
        known = len(self.INSTRUCTION.fields)
        for name, field in self.INSTRUCTION.fields.items():
            if not _is_within(properties.get(name), field.minimum, field.maximum):
                return False
        if "layer" in properties:
            known += 1
            if not _is_within(properties["layer"], 0, NO_LAYER - 1):
                return False
        for keyword in _KEYWORDS:
            if keyword in properties:
                known += 1
                if not _are_slots(properties[keyword]):
                    return False
        return known == len(properties)

    def verify_(self) -> None:
        """Check every field by its own range."""
        try:
            self.to_instruction().pack()
        except EncodingError as error:
            raise VerifyException(str(error)) from error
        if self.layer is not None and not 0 <= self.layer.value.data < NO_LAYER:
            raise VerifyException(f"layer {self.layer.value.data} is no index")

    def print(self, printer: Printer) -> None:
        """Print as `name field=value ... wait(1, 2) signal(3) layer(0)`."""
        parts = [
            f"{n}={cast(IntegerAttr, self.properties[n]).value.data}"
            for n in self.INSTRUCTION.fields
        ]
        for keyword, numbers in self.semaphores().items():
            parts.append(f"{keyword}({', '.join(map(str, numbers))})")
        if self.layer is not None:
            parts.append(f"layer({self.layer.value.data})")
        printer.print_string("".join(f" {part}" for part in parts))

    @classmethod
    def parse(cls, parser: Parser) -> InstructionOp:
        """Parse what `print` writes."""
        properties: dict[str, Attribute] = {}
        for name in cls.INSTRUCTION.fields:
            parser.parse_keyword(name)
            parser.parse_punctuation("=")
            properties[name] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        for keyword in _KEYWORDS:
            if parser.parse_optional_keyword(keyword) is not None:
                numbers = parser.parse_comma_separated_list(
                    parser.Delimiter.PAREN, lambda: _parse_up_to(parser, SEMAPHORE_COUNT)
                )
                properties[keyword] = DenseArrayBase.from_list(i64, numbers)
        if parser.parse_optional_keyword("layer") is not None:
            with parser.in_parens():
                properties["layer"] = IntegerAttr(_parse_up_to(parser, NO_LAYER - 1), i64)
        return cls.create(properties=properties)


def _is_within(attribute: Any, low: int, high: int) -> bool:
    """Whether this is an integer of a range."""
    return type(attribute) is IntegerAttr and low <= attribute.value.data <= high


@lru_cache(_KEPT)
def _are_slots(attribute: Any) -> bool:
    """Whether these are semaphores that an instruction word holds."""
    if not isinstance(attribute, DenseArrayBase):
        return False
    values = cast("DenseArrayBase[IntegerType]", attribute).get_values()
    legal = all(0 < number <= SEMAPHORE_COUNT for number in values)
    return legal and 0 < len(values) == len(set(values)) <= len(WAIT_SLOTS)


def _parse_up_to(parser: Parser, limit: int) -> int:
    value = parser.parse_integer(allow_boolean=False, allow_negative=False)
    if value > limit:
        parser.raise_error(f"{value} is more than {limit}")
    return value


def _make_op(dialect: str, instruction: type[Instruction]) -> type[InstructionOp]:
    # Properties have the fields' names; the accessors a prefix, for fields such as `len` or `R`.
    members: dict[str, Any] = {
        f"field_{name}": prop_def(IntegerAttr, prop_name=name) for name in instruction.fields
    }
    members |= {
        "name": f"{dialect}.{instruction.mnemonic}",
        "__doc__": instruction.__doc__,
        "__module__": __name__,
    }
    op = type(f"{instruction.__name__}Op", (InstructionOp,), members)
    made = cast(type[InstructionOp], irdl_op_definition(op))
    made.INSTRUCTION = instruction  # not a member: irdl_op_definition takes only IR definitions
    return made


@cache
def _ops(
    isa_name: str, instructions: tuple[type[Instruction], ...]
) -> dict[type[Instruction], type[InstructionOp]]:
    return {instruction: _make_op(isa_name, instruction) for instruction in instructions}


def instruction_ops(isa: InstructionSet) -> dict[type[Instruction], type[InstructionOp]]:
    """The op of every instruction of a set."""
    return _ops(isa.name, isa.instructions)


def make_dialect(isa: InstructionSet) -> Dialect:
    """The dialect of an instruction set."""
    operations: list[type[Operation]] = list(instruction_ops(isa).values())
    return Dialect(isa.name, operations)
