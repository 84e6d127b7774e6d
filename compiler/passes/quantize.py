"""Choose scales by calibration and turn weights, biases and activations into fixed point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import frexp
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType, i16, i32, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...isa.errors import PassError, UnsupportedError
from ..analysis.evaluate import evaluate, weight_values
from ..analysis.fixed_point import (
    best_frac,
    largest_conv_sum,
    largest_matmul_sum,
    product_shift,
    to_fixed,
)
from ..context import CALIBRATION_KEY, context_of, main_of, target_of
from ..dialects.encoding import LARGEST_FRAC, EncodingAttr, encoding_of
from ..dialects.onnx import INPUTS_ATTRIBUTE, InitializerOp, NodeOp, names_of
from ..dialects.program import from_attribute
from ..dialects.sparse_tensor import (
    COPY,
    AffineOp,
    ConcatOp,
    Conv2dOp,
    ElementwiseOp,
    PoolOp,
    RequantizeOp,
    ReshapeOp,
    SumsOp,
    WeightOp,
    numbers,
    shape_of,
)
from ..layer_properties import layer_properties
from ..layer_weights import array_of, new_weight, weight_encoding, weight_op
from ..requirements import require
from ..signature import update_signature
from ..weight_update import WeightUpdate
from ..weights import WeightStore
from .fold_affine import BIAS_BITS

_NATIVE = (SumsOp, PoolOp, ElementwiseOp, ConcatOp)
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class QuantizePass(ModulePass):
    """Give tensors of layers fixed-point encodings. Requires fused layers, calibration inputs."""

    name = "quantize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Measure ranges, choose scales, then measure sums to choose the product shifts."""
        target, spec = target_of(ctx, op)
        main, store = main_of(op), context_of(ctx).store
        for layer in main.body.block.ops:
            _check_ready(layer)
        runs = _calibration_runs(op, main, store)
        classes = _Classes.of(main)
        ranges = _ranges(main, store, runs)
        encodings = classes.encodings(ranges)
        for pool in [o for o in main.body.block.ops if isinstance(o, PoolOp)]:
            _keep_fraction(pool, classes, encodings, ranges)
        layers = [o for o in main.body.block.ops if isinstance(o, SumsOp)]
        fracs = _weight_fracs(layers, store, encodings)
        bits = target.accumulator_bits(spec)
        if target.narrows_weights:
            sums = _largest_sums(main, store, runs, encodings, fracs)
            _narrow(fracs, sums, bits)
        update = WeightUpdate.of(main, store)
        for layer in layers:
            _quantize_weight(layer, update, fracs)
        forced = target.forced_product_shift(spec)
        sums = {} if forced is not None else _largest_sums(main, store, runs, encodings, fracs)
        for layer in layers:
            shift = product_shift(sums[layer], bits) if forced is None else forced
            layer.properties["product_shift"] = IntegerAttr(shift, i64)
            _quantize_bias(layer, store, _frac(encodings, layer.input), shift)
        for value, encoding in encodings.items():
            Rewriter.replace_value_with_new_type(value, TensorType(i16, shape_of(value), encoding))
        update_signature(main)


def _check_ready(op: Operation) -> None:
    match op:
        case NodeOp() | InitializerOp():
            require(False, f"{op.name} is left", "module", "convert-onnx-to-sparse-tensor")
        case AffineOp():
            require(False, f"{op.name} is left", op.label, "lower-affine")
        case RequantizeOp():
            require(False, f"{op.name} is left", op.label, "fuse-epilogue")
        case SumsOp() if op.product_shift is not None:
            raise PassError("it is quantised already", op.label)
        case _:
            pass


def _frac(encodings: dict[SSAValue, EncodingAttr], value: SSAValue) -> int:
    return encodings[value].frac.value.data


def _calibration_runs(module: ModuleOp, main: FuncOp, store: WeightStore) -> list[dict[str, Array]]:
    names = names_of(main, INPUTS_ATTRIBUTE)
    keys = module.attributes.get(CALIBRATION_KEY)
    if keys is None:
        raise PassError(
            f"the module has no calibration inputs ({CALIBRATION_KEY})",
            "quantize",
            "spcc writes them; give spcc-opt a dump of spcc's",
        )
    return [
        {name: store[key] for name, key in zip(names, run, strict=True)}
        for run in from_attribute(keys)
    ]


@dataclass
class _Classes:
    """Values that share one scale: what concat places together, and reshaped views."""

    parent: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    fixed: set[SSAValue] = field(default_factory=set[SSAValue])
    pinned: dict[SSAValue, EncodingAttr] = field(default_factory=dict[SSAValue, EncodingAttr])

    @classmethod
    def of(cls, main: FuncOp) -> _Classes:
        classes = cls()
        for argument in main.body.block.args:
            classes.parent[argument] = argument
        for op in main.body.block.ops:
            for result in op.results:
                classes.parent[result] = result
            match op:
                case ConcatOp():
                    for value in op.inputs:
                        classes.join(value, op.result)
                case ReshapeOp():
                    classes.join(op.input, op.result)
                case _:
                    pass
            if isinstance(op, _NATIVE):
                classes.fixed.update(_activations(op))
        for value in classes.parent:
            if (encoding := encoding_of(value)) is not None and not _is_weight(value):
                classes.pinned.setdefault(classes.root(value), encoding)
                classes.fixed.add(value)
        return classes

    def root(self, value: SSAValue) -> SSAValue:
        while self.parent[value] is not value:
            value = self.parent[value]
        return value

    def join(self, one: SSAValue, other: SSAValue) -> None:
        self.parent[self.root(one)] = self.root(other)

    def encodings(self, ranges: dict[SSAValue, float]) -> dict[SSAValue, EncodingAttr]:
        """The encoding of every value that a layer touches."""
        largest: dict[SSAValue, float] = {}
        fixed = {self.root(value) for value in self.fixed}
        for value in self.parent:
            root = self.root(value)
            largest[root] = max(largest.get(root, 0.0), ranges.get(value, 0.0))
        return {
            value: self.pinned.get(
                self.root(value), EncodingAttr.of(best_frac(largest[self.root(value)]))
            )
            for value in self.parent
            if self.root(value) in fixed and not _is_weight(value)
        }


def _keep_fraction(
    pool: PoolOp,
    classes: _Classes,
    encodings: dict[SSAValue, EncodingAttr],
    ranges: dict[SSAValue, float],
) -> None:
    """Let an average of the model's own integers read them on a finer scale, through a copy.

    The pool rounds to steps of its input. That is right where the model quantises the result to
    the same steps; the mean of the real values is finer, and coarser steps would round twice.
    """
    own = classes.pinned.get(classes.root(pool.input))
    if pool.kind.data != "average" or own is None:
        return
    frac, bits = own.frac.value.data, own.bits.value.data
    if encodings[pool.result].frac.value.data == frac:
        return
    # Narrow integers fit whatever they are; wide ones as far as calibration says.
    finer = frac + 16 - bits if bits < 16 else best_frac(ranges[pool.input])
    if finer <= frac:
        return
    nodes: dict[str, Attribute] = {"nodes": pool.nodes}
    copy = ElementwiseOp(
        operands=[pool.input, None],
        result_types=[pool.input.type],
        properties=layer_properties((), "", COPY, "lowered") | nodes,
    )
    Rewriter.insert_op(copy, InsertPoint.before(pool))
    pool.operands[0] = copy.result
    encodings[copy.result] = EncodingAttr.of(min(finer, LARGEST_FRAC))


def _is_weight(value: SSAValue) -> bool:
    return isinstance(value.owner, WeightOp)


def _activations(op: Operation) -> Iterable[SSAValue]:
    return [v for v in (*op.operands, *op.results) if not _is_weight(v)]


def _ranges(
    main: FuncOp, store: WeightStore, runs: list[dict[str, Array]]
) -> dict[SSAValue, float]:
    """Largest magnitude of every float value over all runs.

    Raises:
        PassError: A calibration run gives an infinite or undefined value.
    """
    ranges: dict[SSAValue, float] = {}
    for run in runs:
        for op, values in evaluate(main, store, run, names_of(main, INPUTS_ATTRIBUTE)):
            for value in main.body.block.args if op is None else op.results:
                array = values[value]
                if array.dtype != np.float32 or not array.size:
                    continue
                largest = float(max(array.max(), -array.min()))
                if not np.isfinite(largest):
                    raise PassError(
                        f"calibration makes {value.name_hint} infinite or undefined",
                        "quantize",
                        "check the model's weights and the --calibration inputs",
                    )
                ranges[value] = max(ranges.get(value, 0.0), largest)
    return ranges


def _weight_fracs(
    layers: Iterable[SumsOp],
    store: WeightStore,
    encodings: dict[SSAValue, EncodingAttr],
) -> dict[SSAValue, int]:
    """Fraction bits of all weights that the model does not quantise itself."""
    fracs: dict[SSAValue, int] = {}
    for layer in layers:
        weight = layer.weight.owner
        assert isinstance(weight, WeightOp)
        if encoding_of(weight.result) is not None:
            continue
        array = store[weight.key.data]
        peak = float(max(array.max(initial=0.0), -array.min(initial=0.0)))
        frac = best_frac(peak)
        if layer.bias is not None:
            # The bias is a 32-bit integer at the scale of the products: leave room for it.
            largest = float(np.abs(weight_values(layer.bias, store)).max(initial=0.0))
            if largest:
                room = BIAS_BITS - 1 - frexp(largest)[1] - _frac(encodings, layer.input)
                # Weights that are all zero fit any scale: the bias has it for itself.
                frac = min(frac, room) if peak else room
        fracs[layer.weight] = min(frac, fracs.get(layer.weight, frac))
    return fracs


def _narrow(fracs: dict[SSAValue, int], sums: dict[Operation, int], bits: int) -> None:
    """Take the fraction bits from weights that a product shift would take from the products."""
    shifts: dict[SSAValue, int] = {}
    for layer, largest in sums.items():
        assert isinstance(layer, SumsOp)
        shift = product_shift(largest, bits)
        shifts[layer.weight] = max(shift, shifts.get(layer.weight, 0))
    for weight in fracs:
        fracs[weight] -= shifts.get(weight, 0)


def _quantize_weight(layer: SumsOp, update: WeightUpdate, fracs: dict[SSAValue, int]) -> None:
    weight = weight_op(layer.weight)
    if encoding_of(weight.result) is not None:
        return
    array, frac = array_of(layer.weight, update.store), fracs[layer.weight]
    update.replace(weight, "i16", to_fixed(array, frac))
    kind = TensorType(i16, array.shape, EncodingAttr.of(frac))
    Rewriter.replace_value_with_new_type(weight.result, kind)


def _quantize_bias(layer: SumsOp, store: WeightStore, input_frac: int, shift: int) -> None:
    """Replace the bias by 32-bit integers at the scale of the accumulator.

    Raises:
        UnsupportedError: It has more bits at the scales that the model itself asks for.
    """
    if layer.bias is None:
        return
    frac = input_frac + weight_encoding(layer).frac.value.data - shift
    real = weight_values(layer.bias, store).astype(np.float64)
    integers = np.rint(np.ldexp(real, frac))
    if np.abs(integers).max(initial=0) >= 1 << BIAS_BITS:
        worst = float(real[np.abs(real).argmax()])
        raise UnsupportedError(
            f"bias {worst:.6g} needs more than 32 bits in steps of 2^{-frac}, as the sums have",
            layer.label,
            "quantise input or weights with a larger scale",
        )
    source = weight_op(layer.bias)
    made = new_weight(store, source.key.data, "i32", integers.astype(np.int32), i32)
    Rewriter.insert_op(made, InsertPoint.before(layer))
    at = list(layer.operands).index(layer.bias)
    layer.operands[at] = made.result
    if not source.result.uses.get_length():
        Rewriter.erase_op(source)


def _largest_sums(
    main: FuncOp,
    store: WeightStore,
    runs: list[dict[str, Array]],
    encodings: dict[SSAValue, EncodingAttr],
    fracs: dict[SSAValue, int],
) -> dict[Operation, int]:
    """Largest exact sum of products of every layer over all runs."""
    sums: dict[Operation, int] = {}
    for run in runs:
        for op, values in evaluate(main, store, run, names_of(main, INPUTS_ATTRIBUTE)):
            if isinstance(op, SumsOp):
                encoding = encodings[op.input]
                x = to_fixed(values[op.input], encoding.frac.value.data, encoding.bits.value.data)
                weight = op.weight.owner
                assert isinstance(weight, WeightOp)
                integers = store[weight.key.data]
                if encoding_of(weight.result) is None:
                    integers = to_fixed(integers, fracs[op.weight])
                sums[op] = max(sums.get(op, 0), _largest_sum(op, x, integers))
    return sums


def _largest_sum(op: SumsOp, x: Array, weights: Array) -> int:
    if not isinstance(op, Conv2dOp):
        return largest_matmul_sum(x, weights)
    sh, sw = numbers(op.strides)
    top, left, bottom, right = numbers(op.pads)
    dh, dw = numbers(op.dilations)
    return largest_conv_sum(
        x, weights, op.groups.value.data, (sh, sw), (top, left, bottom, right), (dh, dw)
    )
