"""From instruction IR to a program: words, constants and tables, and what is no such IR."""

import numpy as np
import pytest
from spcc.compiler.backend.emit import emit
from spcc.compiler.driver import new_context
from spcc.compiler.weights import WeightStore
from spcc.isa.errors import EncodingError, PassError
from spcc.isa.program import Program
from spcc.isa.tables import NO_LAYER
from spcc.isa.targets.spots import ISA
from spcc.tools.targets import TARGETS
from xdsl.parser import Parser

TENSOR = (
    'name = "x", dtype = "i16", shape = [2 : i64], offset = 64 : i64, strides = [2 : i64], '
    "frac = 3 : i64, bits = 16 : i64"
)
FRAME = f"""
program.image {{constants = 8 : i64, bytes = 128 : i64}}
program.segment {{key = "a", dram = 0 : i64}}
program.segment {{key = "b", dram = 4 : i64}}
program.input {{info = {{{TENSOR}}}}}
program.output {{info = {{{TENSOR}}}}}
program.layer {{info = {{name = "one", op = "Copy", placement = "native"}}, output = {{{TENSOR}}}}}
program.fragment {{key = "f", inputs = [{{{TENSOR}}}], outputs = []}}
"""
WORDS = """
spots.ld mem=1 addr=0 dram=64 bytes=4 signal(1) layer(0)
spots.st mem=1 addr=0 dram=64 bytes=4 wait(1) layer(0)
spots.host fragment=0
spots.halt
"""


def program_of(text: str) -> Program:
    store = WeightStore(
        {
            "a": np.array([1, 2], np.int16),
            "b": np.array([[3], [4]], np.int16).T,  # not contiguous
            "f": np.frombuffer(b"model", np.uint8),
        }
    )
    ctx = new_context(lambda name: TARGETS[name].compiler(), TARGETS["spots"].compiler())
    module = Parser(ctx, text).parse_module()
    module.verify()
    return emit(module, store, ISA, {"NR": 128}, {"model": "m"})


def test_words_constants_and_tables():
    program = program_of(FRAME + WORDS)
    mnemonics = [i.mnemonic for i in ISA.decode(program.text)]
    assert mnemonics == ["ld", "st", "host", "halt"]
    assert program.lines.tolist() == [0, 0, NO_LAYER, NO_LAYER]
    assert program.data.tolist() == [1, 0, 2, 0, 3, 0, 4, 0]
    assert program.dram_bytes == 128
    assert [t.name for t in (*program.inputs, *program.outputs)] == ["x", "x"]
    assert [(layer.name, layer.output.frac) for layer in program.layers] == [("one", 3)]
    assert [(f.model, len(f.inputs), len(f.outputs)) for f in program.fragments] == [
        (b"model", 1, 0)
    ]
    assert (program.target, program.isa_version) == ("spots", ISA.version)
    assert (program.config, program.info) == ({"NR": 128}, {"model": "m"})


@pytest.mark.parametrize("text", [FRAME, WORDS, "builtin.module {}", FRAME + FRAME + WORDS])
def test_a_module_that_is_not_lowered_is_refused(text: str):
    with pytest.raises(PassError, match="not lowered to instructions"):
        program_of(text)


def test_a_segment_lies_within_the_constants():
    with pytest.raises(PassError, match="4 bytes at 5 end behind the 8 bytes") as caught:
        program_of(FRAME.replace("dram = 4", "dram = 5") + WORDS)
    assert caught.value.where == "segment 'b'"


def test_a_memory_that_is_not_there_is_named_by_its_place():
    with pytest.raises(EncodingError, match=r"pc 0: .*field mem=9 is not one of 0\.\.4"):
        program_of(FRAME + WORDS.replace("mem=1", "mem=9"))
