"""The sparse_tensor dialect: layers on tensors whose type says how numbers and zeros are stored.

Every layer op names the ONNX nodes it stands for (`nodes`) and the ONNX tensor its result equals
(`tensor`), so that programs, reports and checks can speak of the user's model. Activations are row-major in
the order of their ONNX shape; weights are [K, C/groups, R, S] or [K, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    DictionaryAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

Tensor = TensorType[Attribute]


@irdl_attr_definition
class EncodingAttr(ParametrizedAttribute):
    """How a tensor is stored: `#sparse_tensor.encoding<spots_tile, [8, 1], frac = 12, bits = 16>`.

    `format` is `dense` or the name of a packed format of the target, `block` its block shape (may be empty).
    A fixed-point tensor has `frac` fraction bits (value = integer * 2^-frac) and is `bits` wide.
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
            block = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: IntegerAttr(parser.parse_integer(), i64)
            )
            values: list[IntegerAttr] = []
            for keyword in ("frac", "bits"):
                parser.parse_punctuation(",")
                parser.parse_keyword(keyword)
                parser.parse_punctuation("=")
                values.append(IntegerAttr(parser.parse_integer(allow_boolean=False), i64))
            bits = values[1].value.data
            if bits not in (8, 16):
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


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value."""
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def names(*values: str) -> ArrayAttr[StringAttr]:
    """An array of strings."""
    return ArrayAttr([StringAttr(v) for v in values])


def bounds(lo: float, hi: float) -> ArrayAttr[FloatAttr]:
    """A clip range as an attribute."""
    return ArrayAttr([FloatAttr(lo, Float64Type()), FloatAttr(hi, Float64Type())])


def ints(*values: int) -> DenseArrayBase:
    """A dense array of i64."""
    return DenseArrayBase.from_list(i64, list(values))


class LayerOp(IRDLOperation):
    """What all layers share: the ONNX nodes they stand for, the ONNX tensor they produce, an epilogue.

    The epilogue is what the PPU does after the sums: a residual to add, a range to clip to.
    """

    nodes = prop_def(ArrayAttr[StringAttr])
    tensor = prop_def(StringAttr)
    op_type = prop_def(StringAttr)
    placement = prop_def(StringAttr)
    clip = opt_prop_def(ArrayAttr[FloatAttr])
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    @property
    def label(self) -> str:
        """Where errors and reports say this layer is."""
        return f"node '{self.nodes.data[0].data}'" if self.nodes.data else f"'{self.tensor.data}'"

    def clip_range(self) -> tuple[float, float]:
        """The epilogue's clip range, infinite where there is none."""
        if self.clip is None:
            return (-float("inf"), float("inf"))
        low, high = (a.value.data for a in self.clip)
        return low, high


class WindowOp(LayerOp):
    """A layer that slides a window over [N, C, H, W]; pads are top, left, bottom, right."""

    strides = prop_def(DenseArrayBase)
    pads = prop_def(DenseArrayBase)
    dilations = prop_def(DenseArrayBase)


@irdl_op_definition
class WeightOp(IRDLOperation):
    """A constant tensor, held by key; the array lives in the WeightStore.

    `source` is the ONNX initializer it came from; `transposed` says that it was transposed on the way.
    """

    name = "sparse_tensor.weight"
    key = prop_def(StringAttr)
    source = opt_prop_def(StringAttr)
    transposed = opt_prop_def(BoolAttr)
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())
    assembly_format = "$key attr-dict `:` type($result)"


@irdl_op_definition
class Conv2dOp(WindowOp):
    """Convolution of [N, C, H, W] with weights [K, C/groups, R, S], bias [K]."""

    name = "sparse_tensor.conv2d"
    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = opt_operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    groups = prop_def(IntegerAttr)
    product_shift = opt_prop_def(IntegerAttr)
    tiling = opt_prop_def(ArrayAttr[DictionaryAttr])
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(), AttrSizedOperandSegments(as_property=True))
    assembly_format = (
        "$input `,` $weight (`bias` $bias^ `:` type($bias))? "
        "(`residual` $residual^ `:` type($residual))? attr-dict "
        "`:` type($input) `,` type($weight) `->` type($result)"
    )

    def verify_(self) -> None:
        """Check that the channels of input, weights and result agree."""
        x, w, y = shape_of(self.input), shape_of(self.weight), shape_of(self.result)
        groups = self.groups.value.data
        if len(x) != 4 or len(w) != 4 or len(y) != 4:
            raise VerifyException(f"conv2d takes rank-4 tensors, got {x}, {w} and {y}")
        if groups < 1 or x[1] != w[1] * groups or w[0] % groups or y[1] != w[0] or y[0] != x[0]:
            raise VerifyException(
                f"channels of {x}, {w} and {y} do not agree for groups = {groups}"
            )


@irdl_op_definition
class MatmulOp(LayerOp):
    """Product of activations [N, C] with weights [K, C] (transposed), bias [K]: [N, K]."""

    name = "sparse_tensor.matmul"
    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = opt_operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    product_shift = opt_prop_def(IntegerAttr)
    tiling = opt_prop_def(ArrayAttr[DictionaryAttr])
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(), AttrSizedOperandSegments(as_property=True))
    assembly_format = (
        "$input `,` $weight (`bias` $bias^ `:` type($bias))? "
        "(`residual` $residual^ `:` type($residual))? attr-dict "
        "`:` type($input) `,` type($weight) `->` type($result)"
    )

    def verify_(self) -> None:
        """Check that the inner dimensions agree."""
        x, w, y = shape_of(self.input), shape_of(self.weight), shape_of(self.result)
        if len(x) != 2 or len(w) != 2 or x[1] != w[1] or y != (x[0], w[0]):
            raise VerifyException(f"matmul of {x} with {w} transposed does not give {y}")


@irdl_op_definition
class PoolOp(WindowOp):
    """Maximum or average over windows of [N, C, H, W]; `kind` is `max` or `average`."""

    name = "sparse_tensor.pool"
    KINDS: ClassVar[tuple[str, ...]] = ("max", "average")
    input = operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    kind = prop_def(StringAttr)
    kernel = prop_def(DenseArrayBase)
    include_pad = prop_def(BoolAttr)
    tiling = opt_prop_def(ArrayAttr[DictionaryAttr])
    result = result_def(TensorType)
    assembly_format = (
        "$input (`residual` $residual^ `:` type($residual))? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def verify_(self) -> None:
        """Check kind and ranks."""
        if self.kind.data not in self.KINDS:
            raise VerifyException(f"kind '{self.kind.data}' is not one of {', '.join(self.KINDS)}")
        if shape_of(self.input)[:2] != shape_of(self.result)[:2]:
            raise VerifyException("a pool keeps batch and channels")


@irdl_op_definition
class AffineOp(LayerOp):
    """y = x * scale[c] + shift[c] along axis 1 (a BatchNormalization at inference)."""

    name = "sparse_tensor.affine"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    shift = operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = (
        "$input `,` $scale `,` $shift attr-dict `:` functional-type(operands, results)"
    )


@irdl_op_definition
class ElementwiseOp(LayerOp):
    """y = clip(x + residual): an add, a clip, a requantisation or a plain copy, done by the PPU alone."""

    name = "sparse_tensor.elementwise"
    input = operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = (
        "$input (`residual` $residual^ `:` type($residual))? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def verify_(self) -> None:
        """Check that the shapes are equal."""
        for value in (self.input, *([self.residual] if self.residual else [])):
            if shape_of(value) != shape_of(self.result):
                raise VerifyException("elementwise takes and gives tensors of one shape")


@irdl_op_definition
class RequantizeOp(LayerOp):
    """Store the input with a given number of fraction bits and width (a QuantizeLinear of the model)."""

    name = "sparse_tensor.requantize"
    input = operand_def(TensorType)
    frac = prop_def(IntegerAttr)
    bits = prop_def(IntegerAttr)
    result = result_def(TensorType)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class ConcatOp(LayerOp):
    """Concatenation along axis 1, done by address: the operands are written where the result lies."""

    name = "sparse_tensor.concat"
    inputs = var_operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = "$inputs attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class ReshapeOp(LayerOp):
    """Another shape for the same bytes."""

    name = "sparse_tensor.reshape"
    input = operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class HostCallOp(IRDLOperation):
    """ONNX nodes that the accelerator does not run; `fragment` is the key of their serialised model."""

    name = "sparse_tensor.host_call"
    inputs = var_operand_def(TensorType)
    nodes = prop_def(ArrayAttr[StringAttr])
    tensors = prop_def(ArrayAttr[StringAttr])
    op_type = prop_def(StringAttr)
    fragment = prop_def(StringAttr)
    reason = prop_def(StringAttr)
    results_ = var_result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$fragment `(` $inputs `)` attr-dict `:` functional-type(operands, results)"

    @property
    def label(self) -> str:
        """Where errors and reports say this call is."""
        return f"node '{self.nodes.data[0].data}'"


Layer = (
    Conv2dOp | MatmulOp | PoolOp | AffineOp | ElementwiseOp | RequantizeOp | ConcatOp | ReshapeOp
)

SparseTensor = Dialect(
    "sparse_tensor",
    [
        WeightOp,
        Conv2dOp,
        MatmulOp,
        PoolOp,
        AffineOp,
        ElementwiseOp,
        RequantizeOp,
        ConcatOp,
        ReshapeOp,
        HostCallOp,
    ],
    [EncodingAttr],
)


def layer_properties(
    nodes: Sequence[str], tensor: str, op_type: str, placement: str = "native"
) -> dict[str, Attribute]:
    """The properties that every layer op has."""
    return {
        "nodes": names(*nodes),
        "tensor": StringAttr(tensor),
        "op_type": StringAttr(op_type),
        "placement": StringAttr(placement),
    }


def residual_of(op: Operation) -> SSAValue | None:
    """The residual operand of an op's epilogue, if it has one."""
    return getattr(op, "residual", None)


_EPILOGUE = ("nodes", "tensor", "clip", "operandSegmentSizes")


def merged_properties(first: Operation, second: Operation) -> dict[str, Attribute]:
    """The first op's properties, standing for the nodes of both and producing the second's tensor."""
    assert isinstance(first, LayerOp) and isinstance(second, LayerOp)
    kept = {key: value for key, value in first.properties.items() if key not in _EPILOGUE}
    nodes = ArrayAttr([*first.nodes.data, *second.nodes.data])
    # The second clip of the first one's bounds: right where the ranges lie apart, too.
    floor, ceiling = second.clip_range()
    low, high = (min(max(bound, floor), ceiling) for bound in first.clip_range())
    clip = {"clip": bounds(low, high)} if (low, high) != (-float("inf"), float("inf")) else {}
    return kept | {"nodes": nodes, "tensor": second.tensor} | clip
