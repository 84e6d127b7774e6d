"""A tiny machine for the runtime's tests: the base instructions and one compute unit `cu`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from spcc.isa.base import BASE_INSTRUCTIONS, BaseSpec, Dim, Halt, Ld, Pgeo, Ppu, St
from spcc.isa.encoding import Field, Instruction, InstructionSet
from spcc.isa.footprint import Footprint, Region
from spcc.isa.program import Program
from spcc.isa.tables import NO_LAYER, Fragment, LayerInfo, TensorInfo
from spcc.runtime.base import BASE_COSTS, BASE_SEMANTICS
from spcc.runtime.machine import Cost, Machine, MemorySpec, State

MEMORIES = ("acc", "buf", "pbuf", "bbuf")


class ToySpec(BaseSpec, frozen=True, kw_only=True):
    """The base machine's parameters and nothing else."""


class Scale(Instruction):
    """acc[dst + i] = k * buf[src + i]; n * slow cycles."""

    opcode = 0x10
    unit = "cu"
    src = Field(87, 72, "first 16-bit word of buf", unit="words")
    dst = Field(71, 56, "first 32-bit word of acc", unit="words")
    n = Field(55, 40, "values")
    k = Field(39, 24, "factor", signed=True)
    slow = Field(23, 8, "cycles per value")

    def footprint(self, registers: Mapping[Any, Instruction]) -> Footprint:
        return Footprint(
            (Region("buf", 2 * self.src, 2 * self.n),), (Region("acc", 4 * self.dst, 4 * self.n),)
        )


def _scale_cost(state: State, inst: Scale) -> Cost:
    values = state.memories["buf"].read(2 * inst.src, 2 * inst.n).view("<i2")
    state.scratch["values"] = values
    zeros = int(np.count_nonzero(values == 0))
    counters = {"mac_effectual": inst.n - zeros, "mac_ineff_a": zeros, "buf_rd": inst.n}
    return Cost(inst.n * inst.slow, counters, busy={"mul_busy": inst.n}, stalls={"stall_mul": 1})


def _scale(state: State, inst: Scale) -> None:
    products = state.scratch["values"].astype(np.int32) * inst.k
    state.memories["acc"].write(4 * inst.dst, products)


ISA = InstructionSet(
    "toy", version=1, instructions=(*BASE_INSTRUCTIONS, Scale), symbols={"memories": MEMORIES}
)


def _memories(spec: ToySpec) -> tuple[MemorySpec, ...]:
    return (
        MemorySpec("acc", 4096, width_bits=32),
        MemorySpec("buf", 4096, stream="dram_in"),
        MemorySpec("pbuf", spec.PCAP, stream="dram_res"),
        MemorySpec("bbuf", spec.BCAP, width_bits=32, stream="dram_bias"),
    )


MACHINE = Machine(
    "toy",
    ISA,
    ToySpec,
    ("ld", "st", "cu", "ppu"),
    _memories,
    {**BASE_SEMANTICS, Scale: _scale},
    {**BASE_COSTS, Scale: _scale_cost},
)

ACC, BUF, PBUF, BBUF = range(4)


def dim(channel: int, level: int, count: int, stride: int, **sem: Sequence[int]) -> Dim:
    return Dim(channel=channel, level=level, count=count, stride=stride, **sem)


def ld(mem: int, addr: int, dram: int, nbytes: int, **sem: Sequence[int]) -> Ld:
    return Ld(mem=mem, addr=addr, dram=dram, bytes=nbytes, **sem)


def st(mem: int, addr: int, dram: int, nbytes: int, **sem: Sequence[int]) -> St:
    return St(mem=mem, addr=addr, dram=dram, bytes=nbytes, **sem)


def pgeo(
    shift: int = 0, rshift: int = 0, lo: int = -32768, hi: int = 32767, staged: int = 0,
    residual: int = 0, bias: int = 0, **sem: Sequence[int],
) -> Pgeo:  # fmt: skip
    return Pgeo(
        shift=shift, rshift=rshift, lo=lo, hi=hi, staged=staged, residual=residual, bias=bias, **sem
    )


def ppu(src: int, dst: int, chans: int, length: int, bias: int = 0, **sem: Sequence[int]) -> Ppu:
    return Ppu(src=src, dst=dst, chans=chans, len=length, bias=bias, **sem)


def scale(src: int, dst: int, n: int, k: int = 1, slow: int = 1, **sem: Sequence[int]) -> Scale:
    return Scale(src=src, dst=dst, n=n, k=k, slow=slow, **sem)


def layer(name: str, output: TensorInfo | None = None, **values: Any) -> LayerInfo:
    nodes = (f"node_{name}",)
    return LayerInfo(
        name=name, op="Mul", placement="native", nodes=nodes, output=output, source=name, **values
    )


def tensor(
    name: str, shape: tuple[int, ...], offset: int, dtype: str = "i16", frac: int | None = 4,
    bits: int = 16, strides: tuple[int, ...] | None = None,
) -> TensorInfo:  # fmt: skip
    """A tensor; contiguous unless strides are given."""
    if dtype != "i16":
        frac, bits = None, 8 * np.dtype(dtype).itemsize
    item = bits // 8 if dtype != "i16" else 2
    if strides is None:
        strides = tuple(item * int(np.prod(shape[at + 1 :])) for at in range(len(shape)))
    return TensorInfo(
        name=name, dtype=dtype, shape=shape, offset=offset, strides=strides, frac=frac, bits=bits
    )


def make_program(
    instructions: Iterable[Instruction], *, constants: bytes = b"", dram_bytes: int = 8192,
    inputs: tuple[TensorInfo, ...] = (), outputs: tuple[TensorInfo, ...] = (),
    layers: tuple[LayerInfo, ...] = (), lines: Sequence[int] | None = None,
    fragments: tuple[Fragment, ...] = (), halt: bool = True, **config: int,
) -> Program:  # fmt: skip
    """A program of these instructions and `halt`; all of the first layer unless lines are given."""
    words = [*instructions, Halt()] if halt else list(instructions)
    if lines is None:
        lines = [0 if layers else NO_LAYER] * len(words)
    return Program(
        target="toy", isa_version=1, config=msgspec.to_builtins(ToySpec(**config)),
        text=ISA.encode(words), data=np.frombuffer(constants, np.uint8), dram_bytes=dram_bytes,
        inputs=inputs, outputs=outputs, layers=layers, lines=np.array(lines, np.uint32),
        fragments=fragments, info={"model": "toy.onnx"},
    )  # fmt: skip
