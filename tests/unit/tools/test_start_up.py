"""What a tool says without a model or a program comes without the libraries that those need."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from importlib import import_module
module, option = sys.argv[1:]
try:
    code = import_module(f"spcc.tools.{module}").main([option])
except SystemExit as stopped:
    code = stopped.code
assert code == 0, code
heavy = {"numpy", "onnx", "onnxruntime", "xdsl", "numba", "lark", "rich", "safetensors"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""


@pytest.mark.parametrize(
    ("module", "option"),
    [
        ("spcc", "--help"),
        ("spcc", "--version"),
        ("spcc", "--list-targets"),
        ("run", "--help"),
        ("asm", "--help"),
        ("objdump", "--help"),
    ],
)
def test_light_options_load_no_heavy_library(module: str, option: str) -> None:
    links = next(path for path in sys.path if path.endswith(".links"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, module, option],
        env={"PYTHONPATH": links},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
