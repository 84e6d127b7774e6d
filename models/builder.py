"""A small builder of ONNX graphs with seeded weights: one method per step, tensors by name."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 21, 10  # 21: QuantizeLinear to int16


class GraphBuilder:
    """Collects nodes and constants, then makes a checked model of them.

    Tensors are named after their node, nodes by op type and number: "conv0", "relu1".

    Args:
        name: Name of the graph.
        seed: Seed of every weight drawn.
        density: Share of weights that stay nonzero, at random places, 0..1.
        integers: Draw whole numbers in -integers..integers instead of normal weights, so that
            sums below 2^24 are exact in float32.
    """

    def __init__(
        self, name: str, seed: int = 0, density: float = 1.0, integers: int | None = None
    ) -> None:
        self._name = name
        self._random = np.random.default_rng(seed)
        self._density = density
        self._integers = integers
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: list[onnx.TensorProto] = []

    def input(self, *shape: int | str, name: str = "x") -> str:
        """Declare a float32 graph input and return its name."""
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        self._inputs.append(value)
        return name

    def constant(self, values: npt.ArrayLike, name: str = "") -> str:
        """Add an initializer and return its name."""
        name = name or f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weights(self, *shape: int) -> npt.NDArray[np.float32]:
        """Draw weights [K, ...]: He-normal over the fan-in, or integers, `density` of them."""
        if self._integers is None:
            values = self._random.standard_normal(shape, np.float32)
            values *= np.float32(math.sqrt(2 / math.prod(shape[1:])))
        else:
            values = self._random.integers(-self._integers, self._integers + 1, shape)
        kept = self._random.random(shape) < self._density
        return np.where(kept, values, 0).astype(np.float32)

    def vector(self, count: int, centre: float = 0.0) -> npt.NDArray[np.float32]:
        """Draw `count` biases or scales around `centre`, integers where weights are integers."""
        if self._integers is not None:
            return self._random.integers(-self._integers, self._integers + 1, count).astype(
                np.float32
            )
        return (centre + 0.1 * self._random.standard_normal(count)).astype(np.float32)

    def node(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node and return the name of its first output; further ones get ".1", ".2"."""
        name = f"{op_type.lower()}{len(self._nodes)}"
        names = [name, *(f"{name}.{index}" for index in range(1, outputs))]
        self._nodes.append(helper.make_node(op_type, inputs, names, name=name, **attributes))
        return name

    def conv(
        self,
        source: str,
        weights: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32] | None = None,
        **attributes: Any,
    ) -> str:
        """Add a convolution.

        Args:
            source: [N, C, H, W].
            weights: [K, C/group, R, S].
            bias: [K].
            attributes: Attributes of Conv.
        """
        constants = [self.constant(value) for value in (weights, bias) if value is not None]
        return self.node("Conv", source, *constants, **attributes)

    def conv_same(self, source: str, C: int, K: int, kernel: int = 3, **attributes: Any) -> str:
        """Add a convolution with bias and an odd square kernel that keeps the map's size."""
        weights = self.weights(K, C // attributes.get("group", 1), kernel, kernel)
        pads = [kernel // 2] * 4
        return self.conv(source, weights, self.vector(K), pads=pads, **attributes)

    def batch_norm(self, source: str, C: int) -> str:
        """Add a BatchNormalization with statistics that are not trivial."""
        scale, shift, mean = (self.vector(C, centre) for centre in (1.0, 0.0, 0.0))
        variance = 0.5 + self._random.random(C)
        constants = [self.constant(value.astype(np.float32)) for value in (scale, shift, mean)]
        return self.node(
            "BatchNormalization",
            source,
            *constants,
            self.constant(variance.astype(np.float32)),
        )

    def gemm(self, source: str, C: int, K: int) -> str:
        """Add a fully connected layer [N, C] -> [N, K]."""
        constants = self.constant(self.weights(K, C)), self.constant(self.vector(K))
        return self.node("Gemm", source, *constants, transB=1)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Make the model; its shapes are inferred and the whole is checked.

        Raises:
            onnx.checker.ValidationError, onnx.shape_inference.InferenceError: The graph built is
                no valid ONNX.
        """
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self._nodes, self._name, self._inputs, values, self._constants)
        model = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="spcc",
        )
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        del model.graph.value_info[:]
        onnx.checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]  # bare PathLike
        return model
