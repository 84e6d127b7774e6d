"""The entry point works for real: build a wheel, install it beside spcc, use it from the shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spcc

HERE = Path(__file__).parent


@pytest.mark.slow
def test_an_installed_package_brings_a_target(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*test*", "__pycache__"))
    path = os.pathsep.join([str(Path(spcc.__file__).parents[1]), str(site)])
    environment = {**os.environ, "PYTHONPATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def python(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    options = ("--no-build-isolation", "--no-deps", "--no-index", "--target", str(site))
    python("-m", "pip", "install", *options, str(source))
    assert (site / "toydot" / "machine.py").is_file()
    assert "toydot " in python("-m", "spcc.tools.spcc", "--list-targets")
    printed = python("-m", "spcc.tools.spcc", "--target", "toydot", "--out-dir", "out")
    assert "float 100.0%, toydot 100.0%" in printed
    (program,) = (tmp_path / "out").glob("*.spx")
    # spcc-run takes only the machine from the package; the compiler stays unloaded.
    run = f"import sys; from spcc.tools.run import main; code = main([{str(program)!r}]); "
    loaded = "print('toydot.compiler' in sys.modules); sys.exit(code)"
    printed = python("-c", run + loaded)
    assert "toydot: 31784 cycles, 6 layers" in printed
    assert printed.splitlines()[-1] == "False"
