"""The sparse_tensor dialect: layers on tensors whose type says how numbers and zeros are stored.

Every layer op names the ONNX nodes it stands for (`nodes`) and the ONNX tensor its result equals
(`tensor`, empty for what lies between two of them: partial sums, the view that a layer reads), so
that programs, reports and checks can speak of the user's model; ONNX names are written as `to_text`
does. Activations are row-major in the
order of their ONNX shape; weights are [K, C/groups, R, S] or [K, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    DictionaryAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
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
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from . import shape_checks as checks
from .encoding import BITS, LARGEST_FRAC, EncodingAttr
from .onnx_values import check_texts, from_text

Tensor = TensorType[Attribute]

PLACEMENTS = ("native", "lowered")
COPY = "Copy"
"""The `op_type` of a layer that no ONNX node asks for; it serves the node that it names."""


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The shape of a tensor value."""
    kind: Any = value.type
    assert isinstance(kind, TensorType)
    return cast(Tensor, kind).get_shape()


def numbers(array: DenseArrayBase[Any]) -> tuple[int, ...]:
    """What `ints` was given.

    Raises:
        VerifyException: The array has another type of elements.
    """
    checks.check(array.elt_type == i64, f"{array} is no array of i64")
    return cast("DenseArrayBase[IntegerType]", array).get_values()


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
    """What all layers share: the ONNX nodes they stand for, the tensor they produce, an epilogue.

    The epilogue is what the PPU does after the sums: a residual to add, a range to clip to.
    """

    nodes = prop_def(ArrayAttr[StringAttr])
    tensor = prop_def(StringAttr)
    op_type = prop_def(StringAttr)
    placement = prop_def(StringAttr)
    clip = opt_prop_def(ArrayAttr[FloatAttr])
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())

    def verify_(self) -> None:
        """Check what all layers have."""
        check_texts(*self.nodes, self.tensor)
        choices = ", ".join(PLACEMENTS)
        checks.check(
            self.placement.data in PLACEMENTS,
            f"placement '{self.placement.data}' is not one of {choices}",
        )
        clip = None if self.clip is None else [bound.value.data for bound in self.clip]
        residual, result = residual_of(self), shape_of(self.results[0])
        checks.check_epilogue(clip, None if residual is None else shape_of(residual), result)

    @property
    def label(self) -> str:
        """Where errors and reports say this layer is."""
        nodes = self.nodes.data
        return f"node '{from_text(nodes[0])}'" if nodes else f"'{from_text(self.tensor)}'"

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

    def check_window(self, kernel: Sequence[int]) -> None:
        """Check the maps of input and result against a window of that kernel."""
        geometry = map(numbers, (self.strides, self.pads, self.dilations))
        x, y = shape_of(self.operands[0]), shape_of(self.results[0])
        checks.check_window(x, kernel, y, *geometry)


@irdl_op_definition
class WeightOp(IRDLOperation):
    """A constant tensor, held by key; the array lives in the WeightStore.

    `source` is the ONNX constant it came from, or what a DequantizeLinear makes of one;
    `transposed` says that it was transposed since.
    """

    name = "sparse_tensor.weight"
    key = prop_def(StringAttr)
    source = opt_prop_def(StringAttr)
    transposed = opt_prop_def(BoolAttr)
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())
    assembly_format = "$key attr-dict `:` type($result)"


class SumsOp(LayerOp):
    """A layer that sums products of its input with weights [K, ...]; one bias per filter."""

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
        """Check the biases."""
        super().verify_()
        bias, weight = self.bias, shape_of(self.weight)
        checks.check_bias(None if bias is None else shape_of(bias), weight[0] if weight else 0)


@irdl_op_definition
class Conv2dOp(SumsOp, WindowOp):
    """Convolution of [N, C, H, W] with weights [K, C/groups, R, S], bias [K]."""

    name = "sparse_tensor.conv2d"
    groups = prop_def(IntegerAttr)

    def verify_(self) -> None:
        """Check that the shapes of input, weights, bias and result agree."""
        super().verify_()
        x, w, y = shape_of(self.input), shape_of(self.weight), shape_of(self.result)
        checks.check_conv(x, w, y, self.groups.value.data)
        self.check_window(w[2:])


@irdl_op_definition
class MatmulOp(SumsOp):
    """Product of activations [N, C] with weights [K, C] (transposed), bias [K]: [N, K]."""

    name = "sparse_tensor.matmul"

    def verify_(self) -> None:
        """Check that the inner dimensions agree."""
        super().verify_()
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
        """Check kind and shapes."""
        super().verify_()
        if self.kind.data not in self.KINDS:
            raise VerifyException(f"kind '{self.kind.data}' is not one of {', '.join(self.KINDS)}")
        x, y = shape_of(self.input), shape_of(self.result)
        if len(x) != 4 or len(y) != 4 or x[:2] != y[:2]:
            raise VerifyException(f"a pool keeps batch and channels of {x}, got {y}")
        self.check_window(numbers(self.kernel))


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

    def verify_(self) -> None:
        """Check that there is one scale and one shift per channel."""
        super().verify_()
        checks.check_affine(*map(shape_of, (self.input, self.scale, self.shift, self.result)))


@irdl_op_definition
class ElementwiseOp(LayerOp):
    """y = clip(x + residual): an add, a clip, a requantisation or a copy, by the PPU alone.

    With `image_bytes` the result is row-major whatever the target's layout, its images so many
    bytes apart.
    """

    name = "sparse_tensor.elementwise"
    input = operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    image_bytes = opt_prop_def(IntegerAttr)
    result = result_def(TensorType)
    assembly_format = (
        "$input (`residual` $residual^ `:` type($residual))? attr-dict "
        "`:` type($input) `->` type($result)"
    )

    def verify_(self) -> None:
        """Check that the shapes are equal."""
        super().verify_()
        shape = shape_of(self.input)
        if shape != shape_of(self.result):
            raise VerifyException("elementwise takes and gives tensors of one shape")
        if self.image_bytes is not None:
            image_bytes, least = self.image_bytes.value.data, 2 * prod(shape[1:])
            checks.check(bool(shape), "a scalar has no images to be image_bytes apart")
            checks.check(
                least <= image_bytes < 1 << 40,
                f"image_bytes = {image_bytes} is less than the {least} bytes of an image",
            )


@irdl_op_definition
class RequantizeOp(LayerOp):
    """Store the input with given fraction bits and width (a QuantizeLinear of the model)."""

    name = "sparse_tensor.requantize"
    input = operand_def(TensorType)
    frac = prop_def(IntegerAttr)
    bits = prop_def(IntegerAttr)
    result = result_def(TensorType)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def verify_(self) -> None:
        """Check the encoding asked for."""
        super().verify_()
        frac, bits = self.frac.value.data, self.bits.value.data
        checks.check(bits in BITS, f"bits = {bits}: fixed-point tensors have 8 or 16 bits")
        checks.check(abs(frac) <= LARGEST_FRAC, f"frac = {frac} is not a scale")
        same = shape_of(self.input) == shape_of(self.result)
        checks.check(same, "requantize takes and gives tensors of one shape")


@irdl_op_definition
class ConcatOp(LayerOp):
    """Concatenation along axis 1, by address: the operands are written where the result lies."""

    name = "sparse_tensor.concat"
    inputs = var_operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = "$inputs attr-dict `:` functional-type(operands, results)"

    def verify_(self) -> None:
        """Check that the operands fill the result."""
        super().verify_()
        checks.check_concat([shape_of(value) for value in self.inputs], shape_of(self.result))


@irdl_op_definition
class ReshapeOp(LayerOp):
    """Another shape for the same bytes."""

    name = "sparse_tensor.reshape"
    input = operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def verify_(self) -> None:
        """Check that no element is lost."""
        super().verify_()
        checks.check_reshape(shape_of(self.input), shape_of(self.result))


@irdl_op_definition
class HostCallOp(IRDLOperation):
    """ONNX nodes that the accelerator does not run; `fragment` is the key of their model."""

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

    def verify_(self) -> None:
        """Check that the call has a node and every result a name."""
        checks.check(bool(self.nodes.data), "a host call stands for at least one node")
        names, count = len(self.tensors), len(self.results)
        checks.check(names == count, f"host_call has {count} results but {names} names")
        check_texts(*self.nodes, *self.tensors, self.op_type)

    @property
    def label(self) -> str:
        """Where errors and reports say this call is."""
        return f"node '{from_text(self.nodes.data[0])}'"


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


def residual_of(op: Operation) -> SSAValue | None:
    """The residual operand of an op's epilogue, if it has one."""
    return getattr(op, "residual", None)
