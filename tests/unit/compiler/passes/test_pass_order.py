"""A pass that is run too early or twice says which pass must come first, and is no bug of spcc."""

import pytest
from spcc.isa.errors import PassError
from spcc.models.small import BUILDERS
from spcc.tools.opt import main

CONVERT = "convert-onnx-to-sparse-tensor"
FLOAT = f"{CONVERT},fold-affine,lower-affine,fuse-epilogue,insert-copies"

# What was run, what is run too early, what the error says, what the hint names.
EARLY = [
    ("", "prune-weights,fold-affine,quantize", "onnx.Initializer", CONVERT),
    (CONVERT, "quantize", "sparse_tensor.affine is left", "lower-affine"),
    (FLOAT, "assign-format", "not quantised", "quantize"),
    (FLOAT, "tile", "not quantised", "quantize"),
    (f"{FLOAT},quantize,quantize", "", "quantised already", ""),
    (f"{FLOAT},quantize,assign-format", "pack-weights", "not tiled", "tile"),
    (f"{FLOAT},quantize,assign-format,tile", "allocate", "not packed", "pack-weights"),
    (FLOAT, "convert-sparse-tensor-to-target", "no place", "allocate"),
    (
        f"{FLOAT},quantize,assign-format,tile,pack-weights,allocate,convert-sparse-tensor-to-target",
        "tile",
        "no function @main",
        "lowered already",
    ),
]


@pytest.mark.parametrize(("before", "early", "message", "hint"), EARLY)
def test_a_pass_too_early_names_the_pass_that_is_missing(start, before, early, message, hint):
    lowering = start(BUILDERS["preactivation"]())
    passes = ",".join(filter(None, (before, early)))
    with pytest.raises(PassError) as caught:
        lowering.run(passes)
    assert message in str(caught.value)
    assert hint in caught.value.hint


MODULE = """
builtin.module {
  func.func @main(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> attributes {onnx.inputs = ["x"]} {
    func.return %x : tensor<1x2x4x4xf32>
  }
}
"""


@pytest.mark.parametrize(
    ("passes", "message"),
    [
        ("tile", "does not say what it is compiled for"),
        ("attach-target{target=nowhere}", "unknown target 'nowhere'"),
        ('attach-target{target=spots set="NR=3"}', "NR = 3"),
        ("attach-target", "requires argument"),
        ("prune-weights{scheme=odd}", "unknown scheme 'odd'"),
        ("prune-weights{amount=1.5}", "amount = 1.5 is outside 0..1"),
        ("prune-weights{block=0}", "block = 0 is not at least 1"),
        ("prune-weights{amount=much}", "Incompatible types"),
        ("prune-weights{odd=1}", "not found in expected"),
        ("prune-weights{", "Error parsing pass pipeline"),
        ("no-such-pass", "Unrecognized passes"),
        ("attach-target{target=spots},quantize", "no calibration inputs"),
        ("attach-target{target=spots},convert-onnx-to-sparse-tensor", "onnx.opset"),
    ],
)
def test_wrong_options_and_modules_are_sentences(tmp_path, capsys, passes: str, message: str):
    file = tmp_path / "module.mlir"
    file.write_text(MODULE)
    assert main([str(file), "-p", passes]) in (1, 2)
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
