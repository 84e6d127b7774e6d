"""The program dialect: the frame around a target's instructions, part for part the program file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Dialect
from xdsl.irdl import IRDLOperation, ParsePropInAttrDict, irdl_op_definition, opt_prop_def, prop_def

from ...isa.program import TensorInfo


def to_attribute(value: Any) -> Attribute:
    """Plain Python data as an attribute: None, bool, int, str, tuples and dictionaries of these."""
    match value:
        case None:
            return UnitAttr()
        case bool() | int():
            return IntegerAttr(int(value), i64)
        case str():
            return StringAttr(value)
        case Mapping():
            items = cast(Mapping[str, Any], value).items()
            return DictionaryAttr({key: to_attribute(item) for key, item in items})
        case _:
            return ArrayAttr([to_attribute(item) for item in value])


def from_attribute(attribute: Attribute) -> Any:
    """What `to_attribute` was given, sequences as tuples."""
    match attribute:
        case UnitAttr():
            return None
        case IntegerAttr():
            return attribute.value.data
        case StringAttr():
            return attribute.data
        case DictionaryAttr():
            return {key: from_attribute(item) for key, item in attribute.data.items()}
        case DenseArrayBase():
            return tuple(cast("DenseArrayBase[IntegerType]", attribute).get_values())
        case ArrayAttr():
            return tuple(from_attribute(item) for item in attribute)
        case _:
            raise TypeError(f"no plain form of {attribute}")


def tensor_attribute(info: TensorInfo) -> DictionaryAttr:
    """A tensor of the DRAM image as an attribute."""
    plain = {name: getattr(info, name) for name in info.__struct_fields__}
    return cast(DictionaryAttr, to_attribute(plain))


def tensor_info(attribute: Attribute) -> TensorInfo:
    """What `tensor_attribute` was given."""
    return TensorInfo(**from_attribute(attribute))


class _FrameOp(IRDLOperation):
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict"


@irdl_op_definition
class SegmentOp(_FrameOp):
    """Constant bytes of the DRAM image: the array `key` of the WeightStore at byte `dram`."""

    name = "program.segment"
    key = prop_def(StringAttr)
    dram = prop_def(IntegerAttr)


@irdl_op_definition
class ImageOp(_FrameOp):
    """The sizes of the DRAM image: `constants` bytes at the start, `bytes` in all."""

    name = "program.image"
    constants = prop_def(IntegerAttr)
    bytes = prop_def(IntegerAttr)


@irdl_op_definition
class InputOp(_FrameOp):
    """A tensor that the caller writes before the run."""

    name = "program.input"
    info = prop_def(DictionaryAttr)


@irdl_op_definition
class OutputOp(_FrameOp):
    """A tensor that the caller reads after the run."""

    name = "program.output"
    info = prop_def(DictionaryAttr)


@irdl_op_definition
class LayerOp(_FrameOp):
    """A layer of the debug table; layers are numbered in order."""

    name = "program.layer"
    info = prop_def(DictionaryAttr)
    output = opt_prop_def(DictionaryAttr)


@irdl_op_definition
class FragmentOp(_FrameOp):
    """A host call: the ONNX model `key` of the WeightStore and its tensors in the DRAM image."""

    name = "program.fragment"
    key = prop_def(StringAttr)
    inputs = prop_def(ArrayAttr[DictionaryAttr])
    outputs = prop_def(ArrayAttr[DictionaryAttr])


Program = Dialect("program", [SegmentOp, ImageOp, InputOp, OutputOp, LayerOp, FragmentOp])
