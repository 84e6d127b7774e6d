"""Dumps of the IR: all of them resume; changed ones end in a sentence, and nothing is written."""

import re
import shutil
from pathlib import Path

import pytest
from spcc.tests.e2e.cli_cases import assert_sentence, call, conv_relu, files, normal, save

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(scope="module")
def dumped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with m.onnx, m.spx and the dumps of its compilation in ir/."""
    folder = tmp_path_factory.mktemp("dumped")
    save(conv_relu(), folder / "m.onnx")
    argv = [folder / "m.onnx", "-c", "-o", folder / "m.spx", "--dump-ir", folder / "ir"]
    assert call("spcc", *argv) == 0
    return folder


def test_every_stage_resumes_to_the_same_program(dumped: Path) -> None:
    stages = sorted((dumped / "ir").glob("*.mlir"))
    assert [stage.name[:2] for stage in stages] == [f"{n:02}" for n in range(len(stages))]
    assert len(stages) > 10
    for stage in stages:
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 0
        assert Path("m.spx").read_bytes() == (dumped / "m.spx").read_bytes(), stage.name


def test_resumed_dumps_resume(dumped: Path) -> None:
    middle = next((dumped / "ir").glob("05-*.mlir"))
    assert call("spcc", "--resume-from", middle, "-c", "--dump-ir", "ir") == 0
    stages = sorted(Path("ir").glob("*.mlir"))
    assert [stage.name for stage in stages] == [
        stage.name for stage in sorted((dumped / "ir").glob("*.mlir"))[6:]
    ]
    for stage in stages:
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 0
        assert Path("m.spx").read_bytes() == (dumped / "m.spx").read_bytes(), stage.name


def test_resumed_stage_is_emitted_run_and_checked(
    dumped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = dumped / "ir" / "00-import.mlir"
    assert call("spcc", "--resume-from", first, "--emit", "sparse") == 0
    assert "sparse_tensor.conv2d" in capsys.readouterr().out
    assert call("spcc", "--resume-from", first, "--emit", "asm", "-o", "m.s") == 0
    assert Path("m.s").read_text().startswith(".target spots")
    assert call("spcc", dumped / "m.onnx", "--resume-from", first, "--check-layers") == 0
    assert "agrees with the reference" in capsys.readouterr().out
    assert call("spcc", "--resume-from", first, "--check-layers") == 2
    assert_sentence(capsys.readouterr().err, "needs the model")
    later = next((dumped / "ir").glob("05-*.mlir"))
    assert call("spcc", "--resume-from", later, "--emit", "onnx") == 2
    assert_sentence(capsys.readouterr().err, "has the pass import behind it")
    save(conv_relu(w=normal(4, 3, 3, 3, seed=5)), "other.onnx")
    assert call("spcc", "other.onnx", "--resume-from", first) == 2
    assert_sentence(capsys.readouterr().err, "another model")


def test_pruned_dumps_are_checked_while_they_can_be(
    dumped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(dumped / "m.onnx", "m.onnx")
    assert call("spcc", "m.onnx", "-c", "--prune", "group=0.5", "--dump-ir", "ir") == 0
    assert call("spcc", "m.onnx", "--resume-from", "ir/01-convert-onnx-to-sparse-tensor.mlir") == 0
    assert "agrees with the reference" in capsys.readouterr().out
    assert call("spcc", "m.onnx", "--resume-from", "ir/03-fold-affine.mlir") == 0
    seen = capsys.readouterr()
    assert "not checked" in seen.err
    assert "agrees" not in seen.out


def test_dump_folder_holds_one_compilation(dumped: Path) -> None:
    shutil.copy(dumped / "m.onnx", "m.onnx")
    Path("ir").mkdir()
    Path("ir/99-mine.mlir").write_text("// not a dump of ours\n")
    assert call("spcc", "m.onnx", "-c", "--prune", "group=0.5", "--dump-ir", "ir") == 0
    assert "02-prune-weights.mlir" in files("ir")
    assert call("spcc", "m.onnx", "-c", "--dump-ir", "ir") == 0
    assert set(files("ir")) == {*files(dumped / "ir"), "99-mine.mlir"}


def test_dumps_without_their_weights(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ir").mkdir()
    for stage in (dumped / "ir").glob("*.mlir"):
        shutil.copy(stage, "ir")
    for stage in sorted(Path("ir").glob("*.mlir")):
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 1
        assert_sentence(capsys.readouterr().err, "weights.npz", "hint")
    Path("ir/weights.npz").write_bytes((dumped / "ir/weights.npz").read_bytes()[:-100])
    for stage in sorted(Path("ir").glob("*.mlir")):
        assert call("spcc", "--resume-from", stage, "-c", "-o", "m.spx") == 1
        assert_sentence(capsys.readouterr().err, "weights.npz", "hint")
    assert not Path("m.spx").exists()


CHANGES = {
    "another stage": (r"spcc.stage = \d+", "spcc.stage = 77"),
    "negative stage": (r"spcc.stage = \d+", "spcc.stage = -1"),
    "stage that is no number": (r"spcc.stage = \d+ : i64", 'spcc.stage = "x"'),
    "unknown pass": (r'spcc.pipeline = "', 'spcc.pipeline = "nonsense,'),
    "no pipeline": (r"spcc.pipeline", "spcc.nothing"),
    "no stage": (r"spcc.stage", "spcc.nothing"),
    "no target": (r"spcc.target", "spcc.nothing"),
    "unknown target": (r'spcc.target = "spots"', 'spcc.target = "other"'),
    "illegal configuration": (r"NR = 128", "NR = 7"),
    "configuration with another name": (r"NR = 128", "NRR = 128"),
    "no info": (r"spcc.info", "spcc.nothing"),
    "info of numbers": (r'seed = "0"', "seed = 0 : i64"),
    "other weights": (r'spcc.weights = "weights.npz"', 'spcc.weights = "../weights.npz"'),
    "weights that are no name": (r'spcc.weights = "weights.npz"', "spcc.weights = 3 : i64"),
    "cut text": (r"(?s)\}\s*\Z", ""),
    "unknown op": (r"builtin.module", "builtin.nonsense"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_dumps(name: str, dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dumped / "ir", "ir")
    pattern, replacement = CHANGES[name]
    for stage in sorted(Path("ir").glob("*.mlir")):
        text, count = re.subn(pattern, replacement, stage.read_text(), count=1)
        assert count, stage
        stage.write_text(text)
        code = call("spcc", "--resume-from", stage, "-c", "-o", "m.spx")
        assert code in (1, 2), stage
        assert_sentence(capsys.readouterr().err, "hint")
        assert not Path("m.spx").exists()


SIZES = [
    ("import", r"tensor<1x3x8x8xf32>", "tensor<1x3x99999999x99999999xf32>"),
    ("import", r"tensor<1x3x8x8xf32>", "tensor<1x3x?x8xf32>"),
    ("import", r"tensor<4x3x3x3xf32>", "tensor<4x3x5x5xf32>"),
    ("import", r"onnx.Initializer \"w\"", 'onnx.Initializer "v"'),
    ("fuse-epilogue", r"strides = array<i64: 1, 1>", "strides = array<i64: 0, 1>"),
    ("fuse-epilogue", r"pads = array<i64: 1, 1, 1, 1>", "pads = array<i64: -9, 1, 1, 1>"),
    ("quantize", r"frac = \d+", "frac = 99999999999"),
    ("quantize", r"bits = 16", "bits = 7"),
    ("tile", r"tiling = \[\{", "tiling = [{nonsense = 1 : i64, "),
    ("allocate", r"packed_dram = \d+", "packed_dram = 123456789012345678"),
    ("convert-sparse-tensor-to-target", r"bytes = \d+ : i64", "bytes = 1 : i64"),
    ("convert-sparse-tensor-to-target", r"constants = \d+", "constants = 99999999999999"),
    ("convert-sparse-tensor-to-target", r"program.layer", "program.nonsense"),
    ("insert-semaphores", r"wait\(\d+", "wait(31"),
    ("insert-semaphores", r"spots.halt", "spots.conv"),
]


@pytest.mark.parametrize(("stage", "pattern", "replacement"), SIZES)
def test_changed_values(
    stage: str,
    pattern: str,
    replacement: str,
    dumped: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(dumped / "ir", "ir")
    path = next(Path("ir").glob(f"*-{stage}.mlir"))
    text, count = re.subn(pattern, replacement, path.read_text())
    assert count
    path.write_text(text)
    assert call("spcc", "--resume-from", path, "-c", "-o", "m.spx") == 1
    assert_sentence(capsys.readouterr().err, "hint")
    assert not Path("m.spx").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"// \xe9",
        b"\0" * 100,
        b"builtin.module {" * 3000,
        b"builtin.module attributes {a = " + b"[" * 4000,
        b"builtin.module {}",
        b'"builtin.module"() ({ "a.b"() : () -> () }) : () -> ()',
    ],
)
def test_text_that_is_no_dump(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.mlir").write_bytes(content)
    assert call("spcc", "--resume-from", "x.mlir", "-c", "-o", "m.spx") == 1
    assert_sentence(capsys.readouterr().err, "x.mlir", "hint")
    code = call("spcc-opt", "x.mlir", "-p", "quantize", "-o", "y.mlir")
    assert code == 1
    assert_sentence(capsys.readouterr().err, "hint")
    assert set(files()) == {"x.mlir"}


# spcc-opt ----------------------------------------------------------------------------------------

OPT = {
    "m.mlir -p nonsense": (2, "Unrecognized passes"),
    "m.mlir -p quantize{x=1}": (2, "not found"),
    "m.mlir -p quantize{": (2, "argument name"),
    "m.mlir -p quantize": (1, "what it is compiled for"),
    "m.mlir --quant": (2, "unrecognized arguments"),
    "m.mlir -o folder": (1, "folder: "),
    "m.mlir -o /dev/full": (1, "/dev/full: "),
    "m.mlir --weights folder": (1, "folder: "),
    "m.mlir --weights=": (2, "the path is empty"),
    "m.mlir -t llvm": (2, "invalid choice"),
    "m.onnx": (2, "IR ends in .mlir"),
    "folder": (1, "folder"),
    "nothing.mlir": (1, "nothing.mlir"),
    "ir/00-import.mlir -p convert-sparse-tensor-to-target": (1, "spcc.image"),
}


@pytest.mark.parametrize("line", OPT)
def test_spcc_opt_errors(line: str, dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dumped / "ir", "ir")
    shutil.copy(dumped / "m.onnx", "m.onnx")
    Path("folder").mkdir()
    Path("m.mlir").write_text("builtin.module {\n}\n")
    before = files()
    code, part = OPT[line]
    assert call("spcc-opt", *line.split()) == code
    assert_sentence(capsys.readouterr().err, part)
    assert files() == before


def test_spcc_opt_works_in_place(dumped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(dumped / "ir", "ir")
    convert = "convert-onnx-to-sparse-tensor"
    path = Path("ir/00-import.mlir")
    assert call("spcc-opt", path, "-p", convert, "-o", path) == 0
    assert "sparse_tensor.conv2d" in path.read_text()
    good = path.read_bytes()
    assert call("spcc-opt", path, "-p", "allocate,quantize", "-o", path) == 1
    assert_sentence(capsys.readouterr().err)
    assert path.read_bytes() == good
