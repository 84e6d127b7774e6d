"""The names of networks, and what importing the layer costs."""

import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from spcc import models
from spcc.isa.errors import FrontendError
from spcc.models import digits, light
from spcc.models import zoo as spcc_zoo
from spcc.models.zoo import names as zoo


def test_import_brings_in_nothing_heavy() -> None:
    links = Path(__file__).parents[3] / ".links"
    code = (
        f"import sys; sys.path.insert(0, {str(links)!r}); import spcc.models; "
        "print(*{'numpy', 'onnx', 'onnxruntime'} & set(sys.modules))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_digits_is_a_file() -> None:
    path = models.resolve("digits")
    assert path == digits.MODEL
    assert isinstance(path, Path)
    assert path.is_file()


def test_light_names_build_a_network() -> None:
    model = models.resolve("light:squeezenet", seed=3)
    assert isinstance(model, onnx.ModelProto)
    assert model == light.build("squeezenet", 3)


def test_names_are_all_that_resolve() -> None:
    assert models.names()[0] == "digits"
    assert set(models.names()[1:]) == {*(f"light:{name}" for name in light.names()), *zoo.names()}


@pytest.mark.parametrize("name", ["lenet5", "lenet5.deepcomp", "zoo:lenet5.deepcomp:flat"])
def test_zoo_names_build_a_network(name: str) -> None:
    model = models.resolve(name, seed=3, batch=2)
    assert isinstance(model, onnx.ModelProto)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2


@pytest.mark.parametrize("name", ["light:squeezenet", "lenet5", "alexnet_es:beta:4"])
def test_finding_builds_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def noted(name: str, seed: int, batch: int) -> onnx.ModelProto:
        return onnx.ModelProto(producer_name=f"{name} {seed} {batch}")

    for module in (light, spcc_zoo):
        monkeypatch.setattr(module, "build", noted)
    found = models.find(name)
    assert callable(found)
    stem = name.removeprefix(models.LIGHT)
    assert found(3, 2).producer_name == f"{stem} 3 2"


def test_recipe_changes_with_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = models.recipe_sha256()
    assert first == models.recipe_sha256()
    shutil.copytree(Path(models.__file__).parent, tmp_path / "models")
    monkeypatch.setattr(models, "__file__", str(tmp_path / "models" / "__init__.py"))
    assert models.recipe_sha256() == first
    with (tmp_path / "models/zoo/densities.toml").open("a") as file:
        file.write("# more\n")
    assert models.recipe_sha256() != first


def test_a_file_comes_before_the_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet5.deepcomp").touch()
    assert models.resolve("lenet5.deepcomp") is None
    assert isinstance(models.resolve("zoo:lenet5.deepcomp"), onnx.ModelProto)


@pytest.mark.parametrize("name", ["lenet5.dense", "zoo:lenet5.dense"])
def test_wrong_sets_list_the_networks_own(name: str) -> None:
    with pytest.raises(FrontendError, match=r"'lenet5'.*'dense'[\s\S]*are lenet5.deepcomp$"):
        models.resolve(name)


@pytest.mark.parametrize("name", ["net.onnx", "folder/net", "./digits", "net.mlir"])
def test_paths_are_not_ours(name: str) -> None:
    assert models.resolve(name) is None


def test_existing_file_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").touch()
    assert models.resolve("plain") is None


@pytest.mark.parametrize("name", ["vgg13", "digit", ""])
def test_unknown_name_lists_the_names(name: str) -> None:
    with pytest.raises(FrontendError) as caught:
        models.resolve(name)
    assert f"'{name}'" in caught.value.message
    assert "digits, light:bvlc_alexnet" in caught.value.hint
    assert "light:vgg19" in caught.value.hint


def test_unknown_light_name_lists_the_names() -> None:
    with pytest.raises(FrontendError, match=r"'vgg16'[\s\S]*vgg19, zfnet512"):
        models.resolve("light:vgg16")
