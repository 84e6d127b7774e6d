"""The layers of docs/architecture.md: who may import whom, and that every package is packaged."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {
    "isa": {"isa"},
    "compiler": {"compiler", "isa"},
    "runtime": {"runtime", "isa"},
    "models": {"models", "isa"},
    "tools": {"tools", "compiler", "runtime", "models", "isa"},
    "experiments": {"experiments", "tools", "compiler", "runtime", "models", "isa"},
}


def sources() -> list[Path]:
    return [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imports_of(path: Path) -> list[tuple[str, int]]:
    """(absolute module below spcc, line) of every import of ours, lazy and type-only ones too."""
    package = ("spcc", *path.relative_to(ROOT).parts[:-1])
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            assert base, f"{path}:{node.lineno} leaves the package"
            module = node.module.split(".") if node.module else []
            found += [(".".join([*base, *module, alias.name]), node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, node.lineno))
        elif isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    for module, line in imports_of(path):
        top, *rest = module.split(".")
        assert top not in LAYERS, f"{path}:{line} imports the bare folder {top}"
        if top == "spcc" and rest and rest[0] in LAYERS:
            assert rest[0] in LAYERS[layer], f"{path}:{line}: {layer} imports {rest[0]}"


def test_no_import_circles() -> None:
    edges: dict[str, set[str]] = {}
    modules = {".".join(["spcc", *p.relative_to(ROOT).with_suffix("").parts]) for p in sources()}
    for path in sources():
        name = ".".join(["spcc", *path.relative_to(ROOT).with_suffix("").parts])
        known = {m for m, _ in executed_imports(path)}
        edges[name] = {t for m in known for t in (m, m.rpartition(".")[0]) if t in modules}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        if module not in done:
            for target in sorted(edges[module] - {module}):
                visit(target, (*trail, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())


def executed_imports(path: Path) -> list[tuple[str, int]]:
    """Imports that ever run, those in functions too: all but the ones under TYPE_CHECKING."""
    typing: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return [(module, line) for module, line in imports_of(path) if line not in typing]


def test_every_package_is_in_the_wheel() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(config["tool"]["setuptools"]["packages"])
    there = {
        ".".join(["spcc", *path.parent.relative_to(ROOT).parts])
        for layer in LAYERS
        for path in (ROOT / layer).rglob("__init__.py")
    }
    assert listed == there | {"spcc"}


def test_the_root_holds_no_stray_module() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]
