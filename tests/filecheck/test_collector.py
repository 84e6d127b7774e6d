"""This folder's collector fails where lit would: wrong CHECK line, failing tool, no RUN line."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

MODULE = "func.func @main() {\n  func.return\n}\n"
CHECK = f"{MODULE}// CHECK: func.func @main\n"

# File -> (text, what the report says); None: it passes.
CASES: dict[str, tuple[str, str | None]] = {
    "two_lines": (
        "// RUN: spcc-opt %s | spcc-opt --print-op-generic | filecheck %s --check-prefix GENERIC\n"
        f'// RUN: spcc-opt %s | filecheck %s\n{CHECK}// GENERIC: "func.func"\n',
        None,
    ),
    "wrong_check": (
        f"// RUN: spcc-opt %s | filecheck %s\n{MODULE}// CHECK: func.func @other\n",
        '*wrong_check.mlir:5: error: Couldn\'t match "func.func @other"*',
    ),
    "no_check": (f"// RUN: spcc-opt %s | filecheck %s\n{MODULE}", "*No check strings found*"),
    "wrong_pass": (
        f"// RUN: spcc-opt %s -p nonsense | filecheck %s\n{CHECK}",
        "error: Unrecognized passes: ['nonsense']",
    ),
    "wrong_option": (
        f"// RUN: spcc-opt %s --nonsense | filecheck %s\n{CHECK}",
        "*unrecognized arguments: --nonsense",
    ),
    "wrong_text": ("// RUN: spcc-opt %s | filecheck %s\n%x\n// CHECK: @main\n", "*exits with 1"),
    "no_pipe": (f"// RUN: spcc-opt %s\n{CHECK}", "*no_pipe.mlir:1: spcc-opt %s"),
    "wrong_tool": (f"// RUN: rm %s | filecheck %s\n{CHECK}", "expected: spcc-opt*"),
    "no_run": (CHECK, "*no_run.mlir has no RUN line"),
}


def test_what_lit_refuses_fails(pytester: pytest.Pytester):
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    for name, (text, _) in CASES.items():
        (pytester.path / f"{name}.mlir").write_text(text, encoding="utf-8")
    options = ("-p", "no:cacheprovider", "--continue-on-collection-errors")
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=2, failed=len(CASES) - 2, errors=1)
    for name, (_, message) in CASES.items():
        if message is not None:
            result.stdout.fnmatch_lines([message])
        assert (f"{name}.mlir" in result.stdout.str().partition("FAILURES")[2]) == bool(message)
