"""The program file: same bytes in and out, saved whole or not at all."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import pytest
from spcc.isa.base import Halt
from spcc.isa.encoding import InstructionSet
from spcc.isa.errors import ProgramError, UsageError
from spcc.isa.files import replacing
from spcc.isa.program import NO_LAYER, LayerInfo, Program
from spcc.isa.targets.spots import ISA, SpotsSpec
from spcc.tests.unit.isa.program_cases import tensor

replace = msgspec.structs.replace


def test_bytes_to_program_and_back(program: Program, tmp_path: Path):
    raw = program.to_bytes()
    read = Program.from_bytes(raw, ISA)
    assert read == program
    assert read.to_bytes() == raw
    program.save(tmp_path / "a.spx")
    assert (tmp_path / "a.spx").read_bytes() == raw
    assert Program.load(tmp_path / "a.spx", ISA) == program
    assert [path.name for path in tmp_path.iterdir()] == ["a.spx"]


def test_programs_are_compared_by_value(program: Program):
    assert program == replace(program, data=program.data.copy())
    assert program != replace(program, data=program.data[::-1].copy())
    assert program != replace(program, dram_bytes=200)
    assert program != replace(program, fragments=())
    assert program != 1


def test_the_same_program_gives_the_same_bytes_in_every_process(program: Program):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest, hashlib\n"
        "print(hashlib.sha256(conftest.sample_program().to_bytes()).hexdigest())"
    )
    links = str(Path(__file__).parents[3] / ".links")
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parent)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": links},
            capture_output=True, check=True, text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert outputs == {hashlib.sha256(program.to_bytes()).hexdigest()}


def test_sections_are_views_of_the_file_and_read_only(program: Program):
    raw = program.to_bytes()
    data = Program.from_bytes(raw, ISA).data
    assert np.shares_memory(data, np.frombuffer(raw, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 1


def test_the_smallest_program():
    empty = Program(
        target="spots", isa_version=1, config={}, text=ISA.encode([Halt()]),
        data=np.empty(0, np.uint8), dram_bytes=0, inputs=(), outputs=(), layers=(),
        lines=np.array([NO_LAYER], np.uint32),
    )  # fmt: skip
    assert Program.from_bytes(empty.to_bytes(), ISA) == empty


def test_layers_of_instructions(program: Program):
    names = [layer and layer.name for layer in map(program.layer_of, range(-1, 6))]
    assert names == [None, "copy", "copy", 's"oft\n', None, None, None]


def test_the_target_is_found_by_the_name_in_the_file(program: Program):
    asked: list[str] = []

    def find(name: str) -> InstructionSet:
        asked.append(name)
        return ISA

    def unknown(name: str) -> InstructionSet:
        raise UsageError(f"unknown target '{name}'", "--target", "take another")

    raw = program.to_bytes()
    assert Program.from_bytes(raw, find) == program
    assert asked == ["spots"]
    with pytest.raises(
        ProgramError, match=r"^f\.spx: header: unknown target 'spots'\n  hint: take"
    ):
        Program.from_bytes(raw, unknown, "f.spx")


def test_the_configuration_becomes_a_spec(program: Program):
    assert program.spec(SpotsSpec) == SpotsSpec()
    smaller = {name: value for name, value in program.config.items() if name != "NR"}
    for config, message in [
        (smaller, "lacks NR"),
        (program.config | {"NR": 5}, r"NR = 5 is outside"),
        (program.config | {"NR": "many"}, r"Expected `int`, got `str`.*NR"),
        (program.config | {"NRR": 4}, "NRR"),
    ]:
        with pytest.raises(ProgramError, match=message):
            replace(program, config=config).spec(SpotsSpec)


def test_a_failed_save_leaves_the_old_file(program: Program, tmp_path: Path):
    path = tmp_path / "a.spx"
    path.write_bytes(b"old")
    with pytest.raises(ProgramError, match="cannot be written as JSON"):
        replace(program, config={"x": object()}).save(path)
    with pytest.raises(ProgramError, match="changes when written"):
        replace(program, config={"x": (1, 2)}).save(path)
    with pytest.raises(ProgramError, match="changes when written"):
        replace(program, config={"x": float("nan")}).save(path)
    assert path.read_bytes() == b"old"
    with pytest.raises(FileNotFoundError) as caught:
        program.save(tmp_path / "none" / "a.spx")
    assert caught.value.filename == str(tmp_path / "none" / "a.spx")
    with pytest.raises(IsADirectoryError):
        program.save(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.spx"]


def test_a_pipe_is_written_and_not_replaced(program: Program, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content: list[bytes] = []
    reader = Thread(target=lambda: content.append(pipe.read_bytes()), daemon=True)
    reader.start()
    program.save(pipe)
    reader.join(10)
    assert content == [program.to_bytes()]
    assert pipe.is_fifo()


def test_saved_files_have_the_usual_permissions(program: Program, tmp_path: Path):
    (tmp_path / "usual").touch()
    program.save(tmp_path / "a.spx")
    assert (tmp_path / "a.spx").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_saving_follows_links(program: Program, tmp_path: Path):
    (tmp_path / "link").symlink_to("real")
    program.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == program.to_bytes()


def test_tensors_may_fill_their_part_to_the_last_byte(program: Program):
    replace(program, inputs=(tensor(offset=64),), outputs=(tensor(offset=188),)).verify(ISA)
    replace(program, outputs=(tensor(offset=192, shape=(0,)),)).verify(ISA)


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path):
    (tmp_path / "a").write_text("old")

    def interrupted() -> None:
        with replacing(tmp_path / "a") as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_layer_needs_no_more_than_a_name():
    layer = LayerInfo(name="l", op="Conv", placement="native")
    assert (layer.output, layer.nodes, layer.nominal_macs) == (None, (), 0)
    assert layer.product_shift is None


def test_tensors_know_their_extent():
    t = tensor(shape=(2, 3), strides=(100, 10), offset=7)
    assert (t.element_count, t.item_bytes, t.end) == (6, 2, 7 + 100 + 20 + 2)
    assert tensor(shape=(0, 3), strides=(6, 2)).end == 64
    assert tensor(shape=(), strides=()).end == 66


def test_a_layer_written_before_there_were_static_counts_has_none() -> None:
    layer = LayerInfo(name="a", op="Conv", placement="native", static_counts={"work_dense": 3})
    written = msgspec.to_builtins(layer)
    assert msgspec.convert(written, LayerInfo) == layer
    assert written.pop("static_counts") == {"work_dense": 3}
    assert msgspec.convert(written, LayerInfo).static_counts == {}
