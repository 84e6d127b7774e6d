"""What spcc-compare is asked for: lists of targets, settings for some of them, keys of runs."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from spcc.isa.errors import FrontendError, SpccError, UsageError
from spcc.tests.e2e.cli_cases import conv_relu, save
from spcc.tools import targets
from spcc.tools.compare import parser
from spcc.tools.compare_jobs import Job, find_networks, make_jobs, shared_words
from spcc.tools.compare_plan import configurations, find_baseline, split_targets
from spcc.tools.compare_work import Build

KNOWN = ("dadiannao", "tct", "spots")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def options(*argv: str) -> Namespace:
    return parser().parse_args(argv)


def jobs(*argv: str) -> list[Job]:
    args = options(*argv)
    return make_jobs(find_networks(args), configurations(args), args)


# Lists of targets --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["spots"], ["spots"]),
        (["dadiannao,tct:T8h2,5i,spots"], ["dadiannao", "tct:T8h2,5i", "spots"]),
        (["tct:a,b", "spots"], ["tct:a,b", "spots"]),
        (["tct:a,spots:b,c,tct"], ["tct:a", "spots:b,c", "tct"]),
        (["tct:a,b@x,y.toml,spots@z.toml"], ["tct:a,b@x,y.toml", "spots@z.toml"]),
        (["spots,spotz"], ["spots", "spotz"]),  # refused later, by its own name
        (["tct:a,tctx"], ["tct:a,tctx"]),
        (["spots, dadiannao"], ["spots", "dadiannao"]),
    ],
)
def test_lists_end_where_a_target_begins(texts: list[str], names: list[str]) -> None:
    assert split_targets(texts, KNOWN) == names


@pytest.mark.parametrize("text", ["", "spots,", ",spots", "spots,,tct"])
def test_empty_names_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a name is empty"):
        split_targets([text], KNOWN)


@pytest.fixture
def variants(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target with a variant whose name has a comma."""

    def known(name: str) -> Mapping[str, Any]:
        if name != "tall,2":
            raise UsageError(f"no variant '{name}'")
        return {"NR": 32}

    table = {"spots": replace(targets.TARGETS["spots"], variants=lambda: known)}
    monkeypatch.setattr(targets, "TARGETS", table)


@pytest.mark.usefixtures("variants")
def test_variants_are_configurations() -> None:
    args = options("--target", "spots,spots:tall,2", "--set", "spots:tall,2.P=4", "--set", "B=2")
    plain, tall = configurations(args)
    assert (plain.label, plain.info.target, plain.info.variant) == ("spots", "spots", "")
    assert (tall.label, tall.info.target, tall.info.variant) == ("spots:tall,2", "spots", "tall,2")
    assert [(each.parameters["NR"], each.parameters["P"]) for each in (plain, tall)] == [
        (128, 16),
        (32, 4),
    ]
    assert {each.parameters["B"] for each in (plain, tall)} == {2}
    assert tall.words == ("--target=spots:tall,2", "--set=B=2", "--set=P=4")
    assert find_baseline("spots:tall,2", (plain, tall)) is tall
    with pytest.raises(UsageError, match="no variant 'flat'"):
        configurations(options("--target", "spots:flat"))


def test_every_target_is_compared_by_default() -> None:
    found = configurations(options())
    assert [each.label for each in found] == list(targets.all_targets())
    assert find_baseline(None, found) is found[0]


# Parameters --------------------------------------------------------------------------------------


def test_files_and_settings_of_one_machine() -> None:
    Path("a").mkdir()
    Path("a/small.toml").write_text("[spots]\nNR = 64\nNC = 2\n")
    Path("all.toml").write_text("[spots]\nNR = 32\n")
    settings = ["P=2", "spots@small.NC=8", "spots.NC=1", "spots.P=4", "P=3"]
    words = [word for text in settings for word in ("--set", text)]
    args = options("--target", "spots,spots@a/small.toml", "--config", "all.toml", *words)
    plain, small = configurations(args)
    assert (plain.label, small.label) == ("spots", "spots@small")
    # Its own file takes the place of the shared one; the more special setting wins.
    values = [[each.parameters[name] for name in ("NR", "NC", "P")] for each in (plain, small)]
    assert values == [[32, 1, 4], [64, 8, 4]]
    assert plain.file == Path("all.toml")
    assert small.words == (
        "--target=spots",
        "--config=a/small.toml",
        *(f"--set={text}" for text in ("P=2", "P=3", "NC=1", "P=4", "NC=8")),
    )
    assert find_baseline("spots@a/small.toml", (plain, small)) is small


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--target", "spotz"], ["unknown target 'spotz'", "the targets are"]),
        (["--target", "spots,spots"], ["is there twice", "spots"]),
        (["--target", "spots@a/x.toml,spots@b/x.toml"], ["is there twice", "spots@x"]),
        (["--target", "spots@"], ["the file is missing"]),
        (["--target", "spots@no.toml"], ["spots@no", "no.toml", "cannot be read"]),
        (["--set", "dad.NR=3"], ["no target compared is called 'dad'"]),
        (["--set", "spots.NR=3"], ["spots: ", "NR = 3 is outside"]),
        (["--set", "spots.NRR=3"], ["spots: ", "unknown parameter 'NRR'"]),
        (["--set", "NR"], ["'NR' is not of the form key=value"]),
    ],
)
def test_wrong_targets_are_refused_with_a_sentence(argv: list[str], parts: list[str]) -> None:
    if "--target" not in argv:
        argv = ["--target", "spots", *argv]
    with pytest.raises(UsageError) as caught:
        configurations(options(*argv))
    for part in parts:
        assert part in str(caught.value)


def test_the_baseline_is_one_of_the_targets() -> None:
    found = configurations(options("--target", "spots"))
    with pytest.raises(UsageError, match="'tct' is not among the targets compared") as caught:
        find_baseline("tct", found)
    assert "they are spots" in caught.value.hint


# Runs --------------------------------------------------------------------------------------------


def test_a_run_is_what_spcc_would_do() -> None:
    save(conv_relu(), "m.onnx")
    np.save("x.npy", np.zeros((1, 3, 8, 8), np.float32))
    np.savez("c.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    argv = ["--prune", "group=0.5", "--calibration", "c.npz", "--batch", "2", "--seed", "3"]
    argv += ["--shape", "x=2x3x8x8", "--input", "x=x.npy", "--no-check", "--max-cycles", "9"]
    (job,) = jobs("m.onnx", "--target", "spots", "--fail-on-host", *argv)
    assert job.words == (
        *("m.onnx", "--target=spots", "--prune=group=0.5", "--calibration=c.npz", "--batch=2"),
        *("--max-cycles=9", "--shape=x=2x3x8x8", "--input=x=x.npy", "--seed=3", "--fail-on-host"),
        "--no-check",
    )
    assert job.file == f"runs/m-spots-{job.key[:16]}.json"


def test_keys_change_with_what_a_result_depends_on() -> None:
    save(conv_relu(), "m.onnx")
    np.save("x.npy", np.zeros((1, 3, 8, 8), np.float32))
    argv = ["m.onnx", "--target", "spots"]

    def key(*more: str) -> str:
        return jobs(*argv, *more)[0].key

    first = key()
    others = {key("--seed", "1"), key("--set", "NR=64"), key("--prune", "group=0.5")}
    others |= {key("--input", "x=x.npy"), key("--batch", "1"), key("--no-check")}
    assert len(others) == 6
    assert first not in others
    assert key("-j", "7", "-o", "x", "--check-layers", "--set", "spots.NR=128") == first
    before = key("--input", "x=x.npy")
    np.save("x.npy", np.ones((1, 3, 8, 8), np.float32))
    assert key("--input", "x=x.npy") != before
    save(conv_relu(b=np.zeros(4, np.float32)), "m.onnx")
    assert key() != first


def test_keys_change_with_weights_beside_the_model() -> None:
    def store(model: onnx.ModelProto) -> None:
        onnx.save_model(
            model, "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
        )

    store(conv_relu())
    raw, first = Path("m.onnx").read_bytes(), jobs("m.onnx")[0].key
    Path("w.bin").unlink()
    store(conv_relu(w=np.ones((4, 3, 3, 3), np.float32)))
    assert Path("m.onnx").read_bytes() == raw
    assert jobs("m.onnx")[0].key != first


def test_networks_to_build_are_told_by_what_builds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError("built")

    for name in ("light", "zoo"):
        monkeypatch.setattr(f"spcc.models.{name}.build", unwanted)
    argv = ["lenet5:beta:4", "light:vgg19", "--target", "spots"]
    zoo, light = jobs(*argv)
    assert zoo.build == Build("lenet5:beta:4", "lenet5-beta-4", 0, 1)
    assert zoo.words == ("lenet5:beta:4", "--target=spots")
    assert light.build == Build("light:vgg19", "light-vgg19", 0, 1)
    seeded, _ = jobs(*argv, "--seed", "2", "--batch", "3")
    assert seeded.build == Build("lenet5:beta:4", "lenet5-beta-4", 2, 3)
    assert len({zoo.key, light.key, seeded.key}) == 3
    monkeypatch.setattr("spcc.models.recipe_sha256", lambda: "other sources")
    assert jobs(*argv)[0].key != zoo.key


def test_names_that_files_and_options_cannot_have() -> None:
    save(conv_relu(), "a b&c.onnx")
    save(conv_relu(), "-m.onnx")
    spaced, dashed = jobs("--target", "spots", "--", "a b&c.onnx", "-m.onnx")
    assert spaced.file.startswith("runs/a_b_c-spots-")
    assert dashed.words[0] == "./-m.onnx"


@pytest.mark.parametrize(
    ("argv", "kind", "part"),
    [
        (["no.onnx"], FrontendError, "is not there"),
        (["nothing"], FrontendError, "no network and no file is called 'nothing'"),
        (["lenet5.no"], FrontendError, "no density set 'no'"),
        (["lenet5:wide"], FrontendError, "no spread of densities"),
        (["light:no"], FrontendError, "no light network is called 'no'"),
        (["lenet5", "lenet5"], UsageError, "has the same name as lenet5"),
        ([""], UsageError, "the name is empty"),
        (["m.onnx", "a/m.onnx"], UsageError, "a/m.onnx: has the same name as m.onnx"),
        (["m.onnx", "m.onnx"], UsageError, "has the same name"),
        (["m.onnx", "--no-check", "--check-layers"], UsageError, "excludes --no-check"),
        (["m.onnx", "--prune", "x=1"], UsageError, "unknown pruning scheme"),
        (["m.onnx", "--shape", "x"], UsageError, "is not NAME=1x3x224x224"),
        (["m.onnx", "--input", "x=no.npy"], UsageError, "cannot be read as an array"),
        (["m.onnx", "--calibration", "no.npz"], UsageError, "cannot be read as an archive"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(
    argv: list[str], kind: type[SpccError], part: str
) -> None:
    Path("a").mkdir()
    for name in ("m.onnx", "a/m.onnx"):
        save(conv_relu(), name)
    with pytest.raises(kind, match=part):
        jobs(*argv, "--target", "spots")


def test_shared_options_without_any() -> None:
    assert shared_words(options()) == ()
