"""The program dialect: the frame around a target's instructions, part for part the program file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec
from xdsl.dialects.builtin import (
    ArrayAttr,
    BytesAttr,
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
from xdsl.utils.exceptions import VerifyException

from ...isa.errors import PassError
from ...isa.program import LayerInfo, TensorInfo
from ...isa.tables import DRAM, DRAM_LIMIT_BYTES
from .onnx_values import from_text, is_text, to_text

InfoT = TypeVar("InfoT", TensorInfo, LayerInfo)


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
        case BytesAttr():  # how xDSL reads a string with letters beyond ASCII
            return attribute.data.decode()
        case DictionaryAttr():
            return {key: from_attribute(item) for key, item in attribute.data.items()}
        case DenseArrayBase():
            return tuple(cast("DenseArrayBase[IntegerType]", attribute).get_values())
        case ArrayAttr():
            return tuple(from_attribute(item) for item in attribute)
        case _:
            raise TypeError(f"no plain form of {attribute}")


def tensor_attribute(info: TensorInfo) -> DictionaryAttr:
    """A tensor as an attribute; its name is written as all ONNX names are, defaults left out."""
    plain = {name: getattr(info, name) for name in info.__struct_fields__}
    if info.memory == DRAM:
        del plain["memory"]
    if not info.channels:
        del plain["channels"]
    return cast(DictionaryAttr, to_attribute(plain | {"name": to_text(info.name).data}))


def tensor_info(attribute: Attribute) -> TensorInfo:
    """What `tensor_attribute` was given.

    Raises:
        PassError: The attribute does not describe a tensor.
    """
    plain = _convert(attribute, TensorInfo)
    return msgspec.structs.replace(plain, name=_raw(plain.name))


def layer_attribute(info: LayerInfo) -> DictionaryAttr:
    """A layer of the debug table without its output; counts are left out if there are none."""
    names = {"name": info.name, "op": info.op, "source": info.source}
    plain = {name: getattr(info, name) for name in info.__struct_fields__ if name != "output"}
    plain |= {key: to_text(name).data for key, name in names.items()}
    plain["nodes"] = [to_text(name).data for name in info.nodes]
    if not info.static_counts:
        del plain["static_counts"]
    return cast(DictionaryAttr, to_attribute(plain))


def layer_info(attribute: Attribute, output: Attribute | None) -> LayerInfo:
    """What `layer_attribute` was given, with its output.

    Raises:
        PassError: The attributes do not describe a layer.
    """
    plain = _convert(attribute, LayerInfo)
    return msgspec.structs.replace(
        plain,
        name=_raw(plain.name),
        op=_raw(plain.op),
        source=_raw(plain.source),
        nodes=tuple(map(_raw, plain.nodes)),
        output=None if output is None else tensor_info(output),
    )


def _convert(attribute: Attribute, kind: type[InfoT]) -> InfoT:
    try:
        return msgspec.convert(from_attribute(attribute), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise PassError(f"{attribute} is no {kind.__name__}: {error}", "program") from error


def _raw(text: str) -> str:
    attribute = StringAttr(text)
    if not is_text(attribute):
        raise PassError(f"'{text}' has a malformed escape", "program")
    return from_text(attribute)


class _FrameOp(IRDLOperation):
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict"

    def check(self) -> None:
        """Read what the op describes; a subclass's own.

        Raises:
            PassError: It describes nothing.
        """

    def verify_(self) -> None:
        """Check that the op can be read."""
        try:
            self.check()
        except PassError as error:
            raise VerifyException(error.message) from error


@irdl_op_definition
class SegmentOp(_FrameOp):
    """Constant bytes of the DRAM image: the array `key` of the WeightStore at byte `dram`."""

    name = "program.segment"
    key = prop_def(StringAttr)
    dram = prop_def(IntegerAttr)

    def check(self) -> None:
        """The place is an address."""
        _check_range("dram", self.dram.value.data, 0, DRAM_LIMIT_BYTES)


@irdl_op_definition
class ImageOp(_FrameOp):
    """The sizes of the DRAM image: `constants` bytes at the start, `bytes` in all."""

    name = "program.image"
    constants = prop_def(IntegerAttr)
    bytes = prop_def(IntegerAttr)

    def check(self) -> None:
        """The constants lie within the image, and that within DRAM."""
        total = self.bytes.value.data
        _check_range("bytes", total, 0, DRAM_LIMIT_BYTES)
        _check_range("constants", self.constants.value.data, 0, total)


@irdl_op_definition
class InputOp(_FrameOp):
    """A tensor that the caller writes before the run."""

    name = "program.input"
    info = prop_def(DictionaryAttr)

    def check(self) -> None:
        """It describes a tensor."""
        tensor_info(self.info)


@irdl_op_definition
class OutputOp(_FrameOp):
    """A tensor that the caller reads after the run."""

    name = "program.output"
    info = prop_def(DictionaryAttr)

    def check(self) -> None:
        """It describes a tensor."""
        tensor_info(self.info)


@irdl_op_definition
class LayerOp(_FrameOp):
    """A layer of the debug table; layers are numbered in order."""

    name = "program.layer"
    info = prop_def(DictionaryAttr)
    output = opt_prop_def(DictionaryAttr)

    def check(self) -> None:
        """It describes a layer."""
        layer_info(self.info, self.output)


@irdl_op_definition
class FragmentOp(_FrameOp):
    """A host call: the ONNX model `key` of the WeightStore and its tensors in the DRAM image."""

    name = "program.fragment"
    key = prop_def(StringAttr)
    inputs = prop_def(ArrayAttr[DictionaryAttr])
    outputs = prop_def(ArrayAttr[DictionaryAttr])

    def check(self) -> None:
        """It describes tensors."""
        for info in (*self.inputs, *self.outputs):
            tensor_info(info)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise PassError(f"{name} = {value} is outside {low}..{high}", "program")


Program = Dialect("program", [SegmentOp, ImageOp, InputOp, OutputOp, LayerOp, FragmentOp])
