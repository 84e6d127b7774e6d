"""The encoding of a tensor type: its storage format and its fixed point."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, StringAttr, TensorType, i64
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

BITS = (8, 16)
LARGEST_FRAC = 1000  # scales of float64 values end at 2^1074


@irdl_attr_definition
class EncodingAttr(ParametrizedAttribute):
    """How a tensor is stored: `#sparse_tensor.encoding<spots_tile, [8, 1], frac = 12, bits = 16>`.

    `format` is `dense` or the name of a packed format of the target, `block` its block shape (may
    be empty). A fixed-point tensor has `frac` fraction bits (value = integer * 2^-frac) and is
    `bits` wide.
    """

    name = "sparse_tensor.encoding"
    format: StringAttr
    block: ArrayAttr[IntegerAttr]
    frac: IntegerAttr
    bits: IntegerAttr

    @staticmethod
    def of(
        frac: int, bits: int = 16, format: str = "dense", block: Sequence[int] = ()
    ) -> EncodingAttr:
        """Build from plain Python values."""
        return EncodingAttr(
            StringAttr(format),
            ArrayAttr([IntegerAttr(b, i64) for b in block]),
            IntegerAttr(frac, i64),
            IntegerAttr(bits, i64),
        )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """Parse `<format, [block], frac = F, bits = B>`."""
        with parser.in_angle_brackets():
            name = StringAttr(parser.parse_identifier(" for a storage format"))
            parser.parse_punctuation(",")
            sides = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: parser.parse_integer(False, False)
            )
            block = [IntegerAttr(side, i64) for side in sides]
            values: list[IntegerAttr] = []
            for keyword in ("frac", "bits"):
                parser.parse_punctuation(",")
                parser.parse_keyword(keyword)
                parser.parse_punctuation("=")
                values.append(IntegerAttr(parser.parse_integer(allow_boolean=False), i64))
            frac, bits = (value.value.data for value in values)
            if abs(frac) > LARGEST_FRAC:
                parser.raise_error(f"frac = {frac} is outside -{LARGEST_FRAC}..{LARGEST_FRAC}")
            if bits not in BITS:
                parser.raise_error(f"bits = {bits}: fixed-point tensors have 8 or 16 bits")
        return [name, ArrayAttr(block), *values]

    def print_parameters(self, printer: Printer) -> None:
        """Print what `parse_parameters` reads."""
        block = ", ".join(str(b.value.data) for b in self.block)
        with printer.in_angle_brackets():
            printer.print_string(
                f"{self.format.data}, [{block}], frac = {self.frac.value.data}, "
                f"bits = {self.bits.value.data}"
            )


def encoding_of(value: SSAValue | Attribute) -> EncodingAttr | None:
    """The encoding of a tensor value or type, None while it is still float or raw."""
    kind = value.type if isinstance(value, SSAValue) else value
    if isinstance(kind, TensorType) and isinstance(kind.encoding, EncodingAttr):
        return kind.encoding
    return None
