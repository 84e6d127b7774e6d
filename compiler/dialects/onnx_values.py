"""What the onnx dialect writes inside its ops: attribute values and element types.

Attribute values keep their ONNX type and every bit of a float: INT is an i64, FLOAT an f32, STRING
a string, INTS a dense array of i64, FLOATS `#onnx.floats`, STRINGS an array of strings. TENSOR and
GRAPH are keys into the WeightStore. The custom form of an op writes numbers without their types.

Names and strings pass through `to_text`: xDSL 0.74 reads a string with letters beyond ASCII back as
bytes, so these letters (and backslash and control letters) are written as Python escapes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    BFloat16Type,
    BytesAttr,
    DenseArrayBase,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    StringAttr,
    TensorType,
    f32,
    f64,
    i64,
)
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

Tensor = TensorType[Attribute]
Value = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]


class KeyAttr(ParametrizedAttribute):
    """Something in the WeightStore, by key."""

    key: StringAttr

    @classmethod
    def of(cls, key: str) -> Self:
        """Build from the store's key, which must be plain ASCII (`to_text`)."""
        return cls.new([StringAttr(key)])

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """Parse `<"key">`."""
        with parser.in_angle_brackets():
            return [StringAttr(parser.parse_str_literal())]

    def print_parameters(self, printer: Printer) -> None:
        """Print what `parse_parameters` reads."""
        with printer.in_angle_brackets():
            printer.print_string_literal(self.key.data)


@irdl_attr_definition
class FloatsAttr(ParametrizedAttribute):
    """A FLOATS attribute: `#onnx.floats<[0.5, 0x7f800000]>`; hex is the bits of an infinity or NaN.

    (The builtin `array<f32: ...>` prints large and infinite values in a way that it cannot read.)
    """

    name = "onnx.floats"
    data: BytesAttr

    @staticmethod
    def of(values: Sequence[float]) -> FloatsAttr:
        """Build from Python floats, each rounded to float32."""
        return FloatsAttr(BytesAttr(f32.pack(values)))

    def get_values(self) -> tuple[float, ...]:
        """The values."""
        return f32.unpack(self.data.data, len(self))

    def text(self) -> str:
        """The values as printed, in brackets."""
        return f"[{', '.join(map(_shortest, self.get_values()))}]"

    def __len__(self) -> int:
        return len(self.data.data) // f32.size

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """Parse `<[...]>`."""
        with parser.in_angle_brackets():
            numbers = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, parser.parse_number
            )
        bad = [n for n in numbers if isinstance(n, int) and not 0 <= n < 1 << 32]
        if bad:
            parser.raise_error(f"{bad[0]} is not the 32 bits of a float")
        parts = (n.to_bytes(4, "little") if isinstance(n, int) else f32.pack([n]) for n in numbers)
        return [BytesAttr(b"".join(parts))]

    def print_parameters(self, printer: Printer) -> None:
        """Print what `parse_parameters` reads."""
        with printer.in_angle_brackets():
            printer.print_string(self.text())


@irdl_attr_definition
class TensorKeyAttr(KeyAttr):
    """A TENSOR attribute: its array lies in the WeightStore."""

    name = "onnx.tensor"


@irdl_attr_definition
class GraphKeyAttr(KeyAttr):
    """A GRAPH attribute: the bytes of its GraphProto lie in the WeightStore as uint8."""

    name = "onnx.graph"


_TYPES: dict[str, Attribute] = {
    "float16": Float16Type(),
    "bfloat16": BFloat16Type(),
    "float32": Float32Type(),
    "float64": Float64Type(),
    "bool": IntegerType(1),
    **{f"int{n}": IntegerType(n) for n in (8, 16, 32, 64)},
    **{f"uint{n}": IntegerType(n, Signedness.UNSIGNED) for n in (8, 16, 32, 64)},
}
_ESCAPED = re.compile(
    r"(?:[^\\\x80-\U0010FFFF]|"
    r"\\(?:[\\tnr]|x[\da-fA-F]{2}|u(?![dD][89a-fA-F])[\da-fA-F]{4}|"
    r"U00(?:0[1-9a-fA-F]|10)[\da-fA-F]{4}))*",
    re.ASCII | re.DOTALL,
)
"""What `to_text` writes: ASCII, and Python's escapes of letters; half a surrogate pair is none."""
_DTYPES = {kind: name for name, kind in _TYPES.items()}


def to_text(text: str) -> StringAttr:
    """A string attribute that prints and parses back whatever the letters."""
    return StringAttr(text.encode("unicode_escape").decode("ascii"))


def from_text(attribute: StringAttr) -> str:
    """The string that `to_text` was given.

    Raises:
        ValueError: The text holds something that `to_text` does not write (it was written by hand).
    """
    if not _ESCAPED.fullmatch(attribute.data):  # Python would only warn of an unknown escape
        raise ValueError(f"'{attribute.data}' has a malformed escape")
    return attribute.data.encode("ascii").decode("unicode_escape")


def is_text(attribute: StringAttr) -> bool:
    """Whether `from_text` can read a string attribute."""
    try:
        from_text(attribute)
    except ValueError:
        return False
    return True


def check_texts(*attributes: StringAttr) -> None:
    """Refuse strings that `from_text` cannot read.

    Raises:
        VerifyException: Naming the first.
    """
    for attribute in attributes:
        if not is_text(attribute):
            raise VerifyException(f"{attribute} has a malformed escape")


def tensor_type(dtype: str | np.dtype[Any], shape: Sequence[int]) -> Tensor:
    """The tensor type of a numpy dtype (or its name) and a static shape.

    Raises:
        KeyError: The dtype has no place in the IR.
    """
    return TensorType(_TYPES[dtype if isinstance(dtype, str) else dtype.name], shape)


def dtype_name(kind: Attribute) -> str:
    """The numpy name of a tensor's element type, such as `float32` (`bfloat16`: ml_dtypes)."""
    assert isinstance(kind, TensorType)
    return _DTYPES[cast(Tensor, kind).element_type]


def encode_value(value: Value | Sequence[Any], kind: str) -> Attribute:
    """Encode an ONNX attribute's value; `kind` is its AttributeType: INT, FLOAT, STRING, INTS...

    Floats keep their bits (float32); integers are i64.
    """
    match kind:
        case "INT":
            return IntegerAttr(cast(int, value), i64)
        case "FLOAT":
            return FloatAttr(cast(float, value), f32)
        case "STRING":
            return to_text(cast(str, value))
        case "INTS":
            return DenseArrayBase.from_list(i64, list(cast("Sequence[int]", value)))
        case "FLOATS":
            return FloatsAttr.of(cast("Sequence[float]", value))
        case "STRINGS":
            return ArrayAttr([to_text(v) for v in cast("Sequence[str]", value)])
        case _:
            raise KeyError(kind)


def decode_value(encoded: Attribute) -> Value:
    """The plain Python value of an encoded attribute: int, float, str or a tuple of these."""
    match encoded:
        case IntegerAttr() | FloatAttr():
            return cast("IntegerAttr[IntegerType]", encoded).value.data
        case StringAttr():
            return from_text(encoded)
        case DenseArrayBase():
            return cast("DenseArrayBase[IntegerType]", encoded).get_values()
        case FloatsAttr():
            return encoded.get_values()
        case ArrayAttr():
            return tuple(from_text(cast(StringAttr, v)) for v in encoded)
        case _:
            raise KeyError(str(encoded))


def value_kind(encoded: Attribute) -> str:
    """The AttributeType of an encoded attribute: INT, FLOAT, STRING, INTS... TENSOR, GRAPH..."""
    match encoded:
        case IntegerAttr():
            return "INT"
        case FloatAttr():
            return "FLOAT"
        case StringAttr():
            return "STRING"
        case DenseArrayBase():
            return "INTS"
        case FloatsAttr():
            return "FLOATS"
        case TensorKeyAttr():
            return "TENSOR"
        case GraphKeyAttr():
            return "GRAPH"
        case ArrayAttr(data=(TensorKeyAttr(), *_)):
            return "TENSORS"
        case ArrayAttr(data=(GraphKeyAttr(), *_)):
            return "GRAPHS"
        case _:
            return "STRINGS"


def is_encoded(value: Attribute) -> bool:
    """Whether an attribute is one that `encode_value` makes, or a key."""
    match value:
        case IntegerAttr(type=kind):
            return kind == i64
        case FloatAttr(type=kind):
            return kind == f32
        case StringAttr():
            return is_text(value)
        case DenseArrayBase(elt_type=kind):
            return kind == i64
        case ArrayAttr(data=items):
            if all(isinstance(i, StringAttr) for i in items):
                return all(is_text(cast(StringAttr, i)) for i in items)
            return any(all(isinstance(i, k) for i in items) for k in (TensorKeyAttr, GraphKeyAttr))
        case _:
            return isinstance(value, FloatsAttr | TensorKeyAttr | GraphKeyAttr)


def print_entry(printer: Printer, name: str, value: Attribute) -> None:
    """Print `name = value` as `parse_entry` reads it."""
    printer.print_identifier_or_string_literal(name)
    printer.print_string(" = ")
    match value:
        case IntegerAttr(type=kind) if kind == i64:
            printer.print_string(str(cast("IntegerAttr[IntegerType]", value).value.data))
        case FloatAttr(type=kind) if kind == f32 and math.isfinite(value.value.data):
            printer.print_string(_shortest(value.value.data))
        case DenseArrayBase(elt_type=kind) if kind == i64 and len(value):
            printer.print_string(str(list(cast("tuple[int, ...]", decode_value(value)))))
        case FloatsAttr() if len(value) and all(map(math.isfinite, value.get_values())):
            printer.print_string(value.text())
        case _:
            printer.print_attribute(value)


def parse_entry(parser: AttrParser) -> tuple[str, Attribute]:
    """Parse `name = value`; numbers without a type are i64 or f32."""
    name = parser.parse_optional_str_literal()
    if name is None:
        name = parser.parse_identifier(" for an attribute")
    parser.parse_punctuation("=")
    value = parser.parse_attribute()
    match value:
        case FloatAttr(type=kind) if kind == f64:
            value = FloatAttr(value.value.data, f32)
        case ArrayAttr(data=(IntegerAttr(type=kind), *_)) if kind == i64:
            value = _dense(value)
        case ArrayAttr(data=(FloatAttr(type=kind), *_)) if kind == f64:
            value = _dense(value)
        case _:
            pass
    if not is_encoded(value):
        parser.raise_error(f"{value} is not the value of an ONNX attribute")
    return name, value


def _dense(array: ArrayAttr[Attribute]) -> Attribute:
    """The dense form of `[3, 3]` or `[0.5, 1.0]`; anything mixed is left as it is."""
    first = cast("IntegerAttr | FloatAttr", array.data[0])
    if any(type(v) is not type(first) or cast(Any, v).type != first.type for v in array):
        return array
    numbers = [cast(Any, v).value.data for v in array]
    return encode_value(numbers, "INTS" if isinstance(first, IntegerAttr) else "FLOATS")


def _shortest(value: float) -> str:
    """The shortest decimal that reads back as this float32, with a point; or its bits in hex."""
    if not math.isfinite(value):
        return f"0x{f32.pack([value])[::-1].hex()}"
    mantissa, exponent, power = str(np.float32(value)).partition("e")
    return mantissa + ("" if "." in mantissa else ".0") + exponent + power
