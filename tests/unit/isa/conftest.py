"""A small complete program, and a toy instruction set with every kind of field."""

import msgspec
import numpy as np
import pytest
from spcc.isa.base import Halt, Host, Ld, St
from spcc.isa.encoding import Field, Instruction, InstructionSet
from spcc.isa.program import Fragment, LayerInfo, Program, TensorInfo
from spcc.isa.targets.spots import ISA, SpotsSpec


class Mac(Instruction):
    """acc[lane] += weight * activation | all lanes."""

    opcode = 0x20
    unit = "array"
    row = Field(87, 72, "weight row", unit="rows")
    shift = Field(71, 67, "requantise shift", unit="bits", signed=True)
    mem = Field(3, 2, "buffer", symbols="memories")


class Mode(Instruction):
    """Set the mode."""

    opcode = 0x21
    unit = "array"
    is_config = True
    on = Field(0, 0, "1: on")


TOY = InstructionSet(
    "toy", version=3, instructions=(Mac, Mode, Halt), symbols={"memories": ("a", "b", "c")}
)


@pytest.fixture
def toy() -> InstructionSet:
    return TOY


def sample_program() -> Program:
    """Two layers, one of them on the host: 64 constant bytes, 192 bytes of DRAM."""
    x = TensorInfo(name="x", dtype="i16", shape=(2, 3), offset=64, strides=(6, 2), frac=8, bits=16)
    y = TensorInfo(name="y", dtype="float32", shape=(4,), offset=96, strides=(8,), bits=32)
    text = ISA.encode(
        [
            Ld(mem=1, addr=0, dram=64, bytes=12, signal=[1]),
            St(mem=1, addr=0, dram=128, bytes=12, wait=[1], signal=[2, 3]),
            Host(fragment=0, wait=[2]),
            Halt(),
        ]
    )
    return Program(
        target="spots",
        isa_version=1,
        config=msgspec.to_builtins(SpotsSpec()),
        text=text,
        data=np.arange(64, dtype=np.uint8),
        dram_bytes=192,
        inputs=(x,),
        outputs=(y,),
        layers=(
            LayerInfo(name="copy", op="Identity", placement="native", nodes=("n0",), output=x),
            LayerInfo(name='s"oft\n', op="Softmax", placement="host", nominal_macs=7),
        ),
        lines=np.array([0, 0, 1, 0xFFFFFFFF], np.uint32),
        fragments=(Fragment(model=b"\x08\x09onnx", inputs=(x,), outputs=(y,)),),
        info={"model": "dïgits.onnx", "seed": "0"},
    )


@pytest.fixture
def program() -> Program:
    return sample_program()
