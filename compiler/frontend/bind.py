"""Static shapes for the graph inputs: from the model, `--shape`, `--batch`, or a batch of 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from onnx import GraphProto, TypeProto, ValueInfoProto

from ...isa.errors import UsageError
from .problems import Problems
from .tensors import DTYPES, MAX_ELEMENTS, TensorKind, elem_type_name, shape_problem

Dim = int | str | None  # a size, a symbol such as "batch_size", or nothing known


def dims_of(kind: TypeProto) -> list[Dim] | None:
    """The dimensions of a tensor type as written; None when not even the rank is known."""
    if not kind.tensor_type.HasField("shape"):
        return None
    return [
        d.dim_value if d.HasField("dim_value") else d.dim_param or None
        for d in kind.tensor_type.shape.dim
    ]


def could_be(dims: Sequence[Dim], shape: tuple[int, ...]) -> bool:
    """Whether dimensions as written allow a shape."""
    return len(dims) == len(shape) and all(
        size == d for d, size in zip(dims, shape, strict=True) if isinstance(d, int)
    )


@dataclass
class Binding:
    """The shapes of the graph inputs while they are found.

    Args:
        shapes: Shapes that the user gave, by input name.
        batch: The batch size that the user gave.
        problems: Takes what is wrong.
        symbols: The size of each symbol, such as "batch_size", once it is known.
    """

    shapes: Mapping[str, tuple[int, ...]]
    batch: int | None
    problems: Problems
    symbols: dict[str, int] = field(default_factory=dict[str, int])

    def bind(self, graph: GraphProto, constants: Mapping[str, TensorKind]) -> dict[str, TensorKind]:
        """Find a static kind for every graph input that is not a constant, and write it there.

        Raises:
            UsageError: A shape or batch that the user gave is not positive.
        """
        self._check_given()
        for value in graph.input:
            if value.name in constants:
                self._check_default(value, constants[value.name])
        inputs = [i for i in graph.input if i.name not in constants]
        names = [i.name for i in inputs]
        for name in self.shapes:
            if name not in names:
                known = ", ".join(map(repr, names)) or "none"
                self.problems.add("", f"a shape was given for '{name}'; the inputs are {known}")
        inputs = [i for i in inputs if self._is_tensor(i)]
        dims = {i.name: self._given_dims(i) for i in inputs}
        for name in dims:
            self._bind_batch(name, dims[name])
        self._check_batch(dims)
        kinds: dict[str, TensorKind] = {}
        for value in inputs:
            if shape := self._static(value.name, dims[value.name]):
                kinds[value.name] = kind = TensorKind(
                    DTYPES[value.type.tensor_type.elem_type], shape[0]
                )
                _write(value, kind)
        return kinds

    def resolve(self, kind: TypeProto) -> list[int | None] | None:
        """The dimensions of a type with known symbols replaced; None when the rank is unknown."""
        dims = dims_of(kind)
        if dims is None:
            return None
        return [self.symbols.get(d) if isinstance(d, str) else d for d in dims]

    def _check_given(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch size {self.batch} is not positive", "--batch")
        for name, shape in self.shapes.items():
            if any(d < 1 for d in shape) or prod(shape) > MAX_ELEMENTS:
                raise UsageError(
                    f"shape {_text(shape)} has a dimension below 1 or too many elements "
                    f"(at most {MAX_ELEMENTS})",
                    f"--shape {name}",
                )

    def _check_default(self, value: ValueInfoProto, kind: TensorKind) -> None:
        """An initializer that is also a graph input has that input's type."""
        dims = dims_of(value.type)
        is_other = dims is not None and not could_be(dims, kind.shape)
        if is_other or DTYPES.get(value.type.tensor_type.elem_type) != kind.dtype:
            self.problems.add(
                f"initializer '{value.name}'",
                f"is {kind.dtype} of shape {kind.shape}, unlike the graph input of its name",
            )

    def _is_tensor(self, value: ValueInfoProto) -> bool:
        where = f"input '{value.name}'"
        kind = value.type.WhichOneof("value")
        if kind is None:
            self.problems.add(where, "has no type")
        elif kind != "tensor_type":
            self.problems.unsupported(where, f"is a {kind.removesuffix('_type')}, not a tensor")
        elif (elem := value.type.tensor_type.elem_type) not in DTYPES:
            self.problems.unsupported(
                where, f"elements of type {elem_type_name(elem)} are not supported"
            )
        else:
            return True
        return False

    def _given_dims(self, value: ValueInfoProto) -> list[Dim] | None:
        """The dimensions of an input, those that the user gave put in."""
        dims, given = dims_of(value.type), self.shapes.get(value.name)
        if given is None:
            return dims
        where = f"input '{value.name}'"
        if dims is not None and not could_be(dims, given):
            self.problems.add(
                where,
                f"has shape {_text(dims)}, but the shape given is {_text(given)}",
                "give only sizes that the model leaves open (?, or names such as N)",
            )
            return list(given)
        for dim, size in zip(dims or given, given, strict=True):
            if isinstance(dim, str) and self.symbols.setdefault(dim, size) != size:
                self.problems.add(where, f"'{dim}' is {self.symbols[dim]} elsewhere, {size} here")
        return list(given)

    def _bind_batch(self, name: str, dims: list[Dim] | None) -> None:
        """Give the first dimension a size when it is dynamic."""
        if not dims or isinstance(dims[0], int) or dims[0] in self.symbols:
            return
        size = self.batch or 1
        if self.batch is None:
            symbol = f" ('{dims[0]}')" if dims[0] else ""
            self.problems.warn(f"input '{name}': the dynamic batch dimension{symbol} is taken as 1")
        if isinstance(dims[0], str):
            self.symbols[dims[0]] = size
        dims[0] = size

    def _check_batch(self, dims: Mapping[str, list[Dim] | None]) -> None:
        sizes = {n: self.symbols.get(str(d[0]), d[0]) for n, d in dims.items() if d}
        if self.batch is None or not sizes or self.batch in sizes.values():
            return
        name, size = next(iter(sizes.items()))
        self.problems.add(
            f"input '{name}'",
            f"its batch dimension is fixed at {size}, but a batch of {self.batch} was asked for",
            "export the model with a dynamic batch dimension",
        )

    def _static(self, name: str, dims: list[Dim] | None) -> tuple[tuple[int, ...]] | None:
        """The final shape in a tuple of one; None, and a problem, when there is none."""
        where = f"input '{name}'"
        if dims is None:
            self.problems.add(where, "has no shape", f"--shape {name}=1x3x224x224")
            return None
        sizes = [self.symbols.get(d, d) if isinstance(d, str) else d for d in dims]
        shape = tuple(s for s in sizes if isinstance(s, int))
        if len(shape) != len(sizes):
            unknown = [
                f"{d or '?'} (axis {i})" for i, d in enumerate(sizes) if not isinstance(d, int)
            ]
            example = "x".join(str(s) if isinstance(s, int) else "N" for s in sizes)
            self.problems.add(
                where, f"dynamic dimensions {', '.join(unknown)}", f"--shape {name}={example}"
            )
        elif (problem := shape_problem(shape)) is not None:
            self.problems.add(where, f"its shape {problem}")
        elif 0 in shape:
            self.problems.unsupported(
                where, f"shape {_text(shape)} has no elements; empty tensors are not supported"
            )
        else:
            return (shape,)
        return None


def _write(value: ValueInfoProto, kind: TensorKind) -> None:
    """Put a static shape into a graph input."""
    value.type.tensor_type.ClearField("shape")
    value.type.tensor_type.shape.SetInParent()
    for size in kind.shape:
        value.type.tensor_type.shape.dim.add().dim_value = size


def _text(shape: tuple[int, ...] | list[Dim] | tuple[Dim, ...]) -> str:
    return "x".join("?" if d is None else str(d) for d in shape) or "()"
