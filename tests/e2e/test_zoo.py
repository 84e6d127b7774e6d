"""The zoo from the command line: spcc-zoo, and its names in the place of a file."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from cli_cases import assert_sentence
from spcc.models import zoo as spcc_zoo
from spcc.models.session import run
from spcc.models.zoo.densities import density_sets
from spcc.models.zoo.networks import networks
from spcc.tools import spcc, zoo


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert zoo.main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in (*networks(), *density_sets(), "alexnet_es", "bit-tactical"):
        assert name in printed
    assert "vgg16.permcnn [pd]: PermCNN slides" in printed
    assert "alexnet: AlexNet, two-tower" in printed


def test_build_writes_a_network_and_its_densities(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["build", "lenet5", "-o", "new/net.onnx", "--seed", "2", "--images", "in.npz"]
    assert zoo.main([*words, "--spread", "beta:4"]) == 0
    printed = capsys.readouterr().out
    assert "new/net.onnx: lenet5.deepcomp:beta:4, seed 2; recalled" in printed
    assert "conv2  published 0.1200  here 0.1200" in printed
    assert "128 fresh images" in printed
    assert "pool2  published 0.5000  here 0." in printed
    model = onnx.load("new/net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "spcc.zoo": "lenet5.deepcomp:beta:4",
        "spcc.zoo.seed": "2",
        "spcc.zoo.status": "recalled (weights), estimate (activations)",
    }
    images = np.load("in.npz")["input"]
    assert np.count_nonzero(images) == round(0.2 * 784)
    first = Path("new/net.onnx").read_bytes()
    again = ["build", "lenet5:beta:4", "-o", "again.onnx", "--seed", "2", "--no-measure"]
    assert zoo.main(again) == 0
    assert Path("again.onnx").read_bytes() == first


@pytest.mark.slow
def test_a_file_runs_on_the_images_written_with_it() -> None:
    words = ["build", "lenet5", "-o", "net.onnx", "--images", "in.npz", "--no-measure"]
    assert zoo.main(words) == 0
    argv = ["net.onnx", "--target", "spots", "--calibration", "in.npz", "--out-dir", "out"]
    assert spcc.main(argv) == 0
    macs = json.loads(Path("out/report.json").read_text())["layers"][0]["macs"]
    assert spcc.main(["lenet5", *argv[1:3], "--out-dir", "name"]) == 0
    named = json.loads(Path("name/report.json").read_text())["layers"][0]["macs"]
    assert macs == named


@pytest.mark.parametrize(
    ("argv", "code", "parts"),
    [
        (["lenet"], 1, ["'lenet'", "alexnet.scnn", "resnet50_ss"]),
        (["lenet5.scnn"], 1, ["'lenet5'", "'scnn'", "lenet5.deepcomp"]),
        (["lenet5:wide"], 1, ["'wide'", "flat, or beta:4"]),
        (["lenet5:flat", "--spread", "flat"], 2, ["--spread", "leave one out"]),
        (["lenet5", "-o", "/dev/null/x.onnx"], 1, ["/dev/null"]),
    ],
)
def test_wrong_words_are_answered_with_a_sentence(
    argv: list[str], code: int, parts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert zoo.main(["build", *argv]) == code
    assert_sentence(capsys.readouterr().err, *parts)
    assert list(Path().iterdir()) == []


def test_spcc_answers_a_wrong_set_with_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert spcc.main(["vgg16.es", "--target", "spots"]) == 1
    assert_sentence(capsys.readouterr().err, "'es'", "vgg16.scnn, vgg16.permcnn, vgg16.spots")


@pytest.mark.parametrize("name", ["example_3x3", "feie_example.sparse", "zoo:lenet5:beta:4"])
def test_spcc_takes_a_name_for_a_file(name: str) -> None:
    assert spcc.main([name, "--target", "spots", "--check-layers", "--out-dir", "out"]) == 0
    report = json.loads(Path("out/report.json").read_text())
    assert report["model"] == name.replace(":", "-")


def test_published_inputs_are_not_called_random(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["lenet_300_100", "--target", "spots", "-c", "-o", "net.spx"]
    assert spcc.main(argv) == 0
    assert "random" not in capsys.readouterr().err
    np.save("in.npy", np.ones((1, 784, 1, 1), np.float32))
    assert spcc.main([*argv, "--input", "input=in.npy"]) == 0
    assert "random" not in capsys.readouterr().err


def test_worked_example_computes_the_published_values() -> None:
    """Outputs 9, -3, 6 and 0: four of sixteen products are of two nonzeros."""
    argv = ["example_3x3", "--target", "spots", "--check-layers", "--out-dir", "out"]
    assert spcc.main(argv) == 0
    layer = json.loads(Path("out/report.json").read_text())["layers"][0]
    assert layer["macs"]["effectual"] == 4
    model = spcc_zoo.build("example_3x3")
    feeds = spcc_zoo.published_inputs(model, 0)
    assert run(model.SerializeToString(), feeds)[0].tolist() == [[[[9, -3], [6, 0]]]]


def test_the_batch_is_the_users() -> None:
    argv = ["lenet5", "--target", "spots", "--batch", "2", "-c", "-o", "two.spx"]
    assert spcc.main(argv) == 0
    assert Path("two.spx").is_file()
