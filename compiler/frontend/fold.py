"""Constant folding: nodes whose inputs are all constants become constants themselves.

Only operators of `FOLDABLE` are evaluated, those that move, compare or combine elements in time
linear in their size; sizes are bounded. DequantizeLinear is not among them, so that a quantised
model keeps its integers, and neither are random operators.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from .checks import attributes_of
from .infer import Inference
from .problems import FOREIGN_ERRORS
from .structure import is_default, node_place, subgraphs
from .tensors import ELEM_TYPES, Array, TensorKind, check_shape, tensor_to_array

MAX_ELEMENTS = 1 << 26  # in one folded tensor or an input of it
MAX_TOTAL_BYTES = 1 << 30  # of all folded tensors of a model

_FOLDABLE = """
Abs Add And BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Clip Compress
Concat Cos DepthToSpace Div Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements
GatherND Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul Neg NonZero
Not OneHot Or Pad Pow QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round ScatterElements ScatterND Sigmoid
Sign Sin Slice SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Trilu Unsqueeze Where Xor
"""
FOLDABLE = frozenset(_FOLDABLE.split())
_QUANTISED = ("int8", "uint8", "int16", "uint16")
_DATA_DEPENDENT = frozenset({"Compress", "NonZero"})  # shape known only once evaluated


class Folder:
    """Evaluates nodes on constants, within the limits of a whole model."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.problems = inference.problems
        self.total_bytes = 0

    def generate(self, node: NodeProto) -> Array | None:
        """The value of a node that needs no evaluation: constants, and shapes of static tensors.

        A ConstantOfShape is one element repeated without memory (strides of 0), however large.
        """
        if not is_default(node.domain):
            return None
        match node.op_type:
            case "Constant":
                return self._constant(node)
            case "ConstantOfShape":
                return self._filled(node)
            case "Shape":
                shape = self.inference.kinds[node.input[0]].shape
                attributes = attributes_of(node)
                return np.array(shape[attributes.get("start", 0) : attributes.get("end")], np.int64)
            case "Size":
                return np.array(self.inference.kinds[node.input[0]].elements, np.int64)
            case _:
                return None

    def _constant(self, node: NodeProto) -> Array | None:
        where = node_place(node)
        (attribute,) = node.attribute[:1] or (None,)
        match attribute.name if attribute else "":
            case "value":
                assert attribute is not None
                return tensor_to_array(attribute.t, where, None, self.problems)
            case "value_int" | "value_ints" as name:
                return np.array(attributes_of(node)[name], np.int64)
            case "value_float" | "value_floats" as name:
                return np.array(attributes_of(node)[name], np.float32)
            case name:
                self.problems.unsupported(where, f"a constant given as '{name}' is not supported")
                return None

    def _filled(self, node: NodeProto) -> Array | None:
        dims = self.inference.constants.get(node.input[0])
        if dims is None:
            return None
        where = node_place(node)
        if dims.dtype != np.int64:
            return None  # inference says what is wrong
        shape = [int(d) for d in dims.reshape(-1)]
        if not check_shape(where, shape, self.problems):
            return None
        value: Array | None = np.zeros(1, np.float32)
        if node.attribute:
            value = tensor_to_array(node.attribute[0].t, where, None, self.problems)
        if value is not None and value.size != 1:
            self.problems.add(where, f"its value has {value.size} elements, not 1")
            return None
        return None if value is None else np.broadcast_to(value.reshape(()), shape)

    def fold(self, node: NodeProto, kinds: list[TensorKind | None] | None) -> list[Array] | None:
        """The outputs of a node on constants; None when it is left as a node.

        Args:
            node: A node.
            kinds: What inference says of its outputs; None where it was not asked (`needs_value`).
        """
        constants, names = self.inference.constants, [n for n in node.input if n]
        if node.op_type not in FOLDABLE or not is_default(node.domain) or not names:
            return None
        if any(n not in constants for n in names) or any(True for _ in subgraphs(node)):
            return None
        sizes = [constants[n].size for n in names] + [k.elements for k in kinds or () if k]
        if max(sizes) > MAX_ELEMENTS:
            return None
        results = self._results(node, kinds)
        if results is None or not self._as_inferred(results, kinds):
            return None
        self.total_bytes += sum(r.nbytes for r in results)
        return results if self.total_bytes <= MAX_TOTAL_BYTES else None

    def _results(
        self, node: NodeProto, kinds: list[TensorKind | None] | None
    ) -> list[Array] | None:
        constants = self.inference.constants
        if node.op_type != "QuantizeLinear":
            return self._evaluate(node, {n: constants[n] for n in node.input if n})
        (kind,) = kinds or (None,)
        attributes = attributes_of(node)
        if kind is None or kind.dtype not in _QUANTISED or attributes.get("precision", 0):
            return None
        values, scale, *zero = (constants[name] for name in node.input if name)
        zero_point = zero[0] if zero else np.zeros_like(scale, dtype=kind.dtype)
        found = quantised(values, scale, zero_point, attributes.get("axis", 1))
        return None if found is None else [found]

    def _evaluate(self, node: NodeProto, feeds: dict[str, Array]) -> list[Array] | None:
        values = [helper.make_empty_tensor_value_info(name) for name in feeds]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        model = helper.make_model(
            helper.make_graph([node], "fold", values, outputs),
            opset_imports=[helper.make_opsetid("", self.inference.versions[""])],
            ir_version=self.inference.ir_version,
        )
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                evaluator: Any = ReferenceEvaluator(model)
                results: list[Any] = evaluator.run(None, feeds)
        except FOREIGN_ERRORS:
            return None  # left as a node: whoever runs it will say why
        if any(getattr(r, "dtype", None) is None for r in results):
            return None
        return [np.asarray(r) for r in results]

    def _as_inferred(self, results: list[Array], kinds: list[TensorKind | None] | None) -> bool:
        if any(r.dtype.name not in ELEM_TYPES for r in results):
            return False
        wanted = [k for k in kinds or () if k is not None]
        return kinds is None or wanted == [TensorKind(r.dtype.name, r.shape) for r in results]


def needs_value(node: NodeProto) -> bool:
    """Whether a node's shape is only known once it is evaluated."""
    return is_default(node.domain) and node.op_type in _DATA_DEPENDENT


def quantised(values: Array, scale: Array, zero_point: Array, axis: int) -> Array | None:
    """QuantizeLinear as onnxruntime does it, which saturates where onnx's evaluator wraps.

    Args:
        values: float32.
        scale: float32, one or one per index of `axis`.
        zero_point: As many, of the integers' type.
        axis: Of `values`.

    Returns:
        None where the constants have other forms, or a value has no integer.
    """
    is_float = values.dtype == scale.dtype == np.float32
    if not is_float or zero_point.dtype.kind not in "iu" or scale.size != zero_point.size:
        return None
    form = [1] * values.ndim
    if scale.size > 1:
        if not -values.ndim <= axis < values.ndim or scale.shape != (values.shape[axis],):
            return None
        form[axis] = scale.size
    limits = np.iinfo(zero_point.dtype)
    with np.errstate(all="ignore"):
        steps = np.rint(values / scale.reshape(form)).astype(np.float64) + zero_point.reshape(form)
    if np.isnan(steps).any():
        return None
    return np.clip(steps, limits.min, limits.max).astype(zero_point.dtype)
