"""The table of targets: ours, and those that installed packages offer."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from spcc.compiler.dialects.sparse_tensor import Conv2dOp
from spcc.isa.base import BaseSpec
from spcc.isa.errors import PassError, UsageError
from spcc.tools import targets
from spcc.tools.sources import configuration

GUEST = replace(targets.TARGETS["spots"], name="guest")
Offer = Callable[..., None]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Install entry points `name=object`; an exception is raised when its entry is loaded."""

    class Entry(SimpleNamespace):
        def load(self) -> object:
            if isinstance(self.content, Exception):
                raise self.content
            return self.content

    def forget() -> None:
        targets._offered.cache_clear()
        targets._load.cache_clear()

    def install(*offers: tuple[str, object]) -> None:
        entries = [
            Entry(name=name, value="guest:TARGET", content=content) for name, content in offers
        ]
        monkeypatch.setattr(
            targets, "entry_points", lambda group: entries if group == targets.GROUP else []
        )
        forget()

    yield install  # type: ignore[misc]
    monkeypatch.undo()
    forget()


def test_a_guest_is_a_target_like_ours(offer: Offer) -> None:
    offer(("guest", GUEST))
    assert targets.find_target("guest") is GUEST
    assert list(targets.all_targets()) == [*targets.TARGETS, "guest"]


def test_ours_need_no_guest_to_load(offer: Offer) -> None:
    offer(("guest", ImportError("no module named numpy2")))
    assert targets.find_target("spots") is targets.TARGETS["spots"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ImportError("no module named numpy2"), "cannot be loaded: ImportError: no module named"),
        (ZeroDivisionError("at import"), "cannot be loaded: ZeroDivisionError: at import"),
        (42, "names 42, not a Target called 'guest'"),
        (targets.TARGETS["spots"], "names the target 'spots', not a Target called 'guest'"),
    ],
)
def test_a_broken_guest_is_named(offer: Offer, content: object, sentence: str) -> None:
    offer(("guest", content))
    for use in (lambda: targets.find_target("guest"), targets.all_targets):
        with pytest.raises(UsageError, match=r"of group spcc\.targets") as caught:
            use()
        assert sentence in caught.value.message


@pytest.mark.parametrize("names", [("spots",), ("guest", "guest")])
def test_a_name_is_taken_once(offer: Offer, names: tuple[str, ...]) -> None:
    offer(*((name, GUEST) for name in names))
    with pytest.raises(UsageError, match=f"target '{names[0]}' of guest:TARGET is already taken"):
        targets.find_target("spots")


def test_an_unknown_name_gets_all_the_known_ones(offer: Offer) -> None:
    offer(("guest", ImportError("never imported")))
    with pytest.raises(UsageError, match="unknown target 'spot'") as caught:
        targets.find_target("spot")
    known = ", ".join(sorted(["guest", *targets.TARGETS]))
    assert caught.value.hint == f"the targets are {known}"


def test_real_entry_points_are_read(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    offer()
    entry = EntryPoint("guest", f"{__name__}:GUEST", targets.GROUP)

    def lookup(**select: Any) -> EntryPoints:
        return EntryPoints([entry]).select(**select)

    monkeypatch.setattr(targets, "entry_points", lookup)
    assert targets.find_target("guest") is GUEST


@pytest.mark.parametrize("name", targets.TARGETS)
def test_the_parts_of_our_targets_belong_together(name: str) -> None:
    targets.check_target(targets.TARGETS[name])


SPOTS = targets.TARGETS["spots"]


def altered(kind: str, **changes: Any) -> targets.Target:
    """SPOTS with another part."""
    other = replace(getattr(SPOTS, kind)(), **changes)
    return replace(SPOTS, **{kind: lambda: other})


class OtherSpec(BaseSpec, frozen=True, kw_only=True):
    """Parameters of no target."""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (replace(SPOTS, name="guest"), "instruction set of target 'guest' is called 'spots'"),
        (altered("machine", name="guest"), "the machine of target 'spots' is called 'guest'"),
        (altered("compiler", name="guest"), "the compiler of target 'spots' is called 'guest'"),
        (altered("isa", version=9), "the compiler of spots has other instructions"),
        (altered("machine", spec_type=OtherSpec), "the machine of spots has other instructions"),
        (
            altered("compiler", limits={Conv2dOp: (lambda op: True,)}),
            "a limit of spots on sparse_tensor.conv2d lacks its sentence",
        ),
        (altered("machine", memories=lambda spec: ()), "machine spots has no memory obuf"),
    ],
)
def test_parts_that_do_not_belong_together_are_named(target: targets.Target, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        targets.check_target(target)


def test_a_pipeline_must_name_passes_that_are_there() -> None:
    with pytest.raises(PassError, match="no-such-pass"):
        targets.check_target(altered("compiler", pipeline="tile,no-such-pass"))


def sizes(variant: str) -> dict[str, int]:
    """Variants of SPOTS named by their rows."""
    if not variant.isdecimal():
        raise UsageError(f"'{variant}' is no number of rows", "--target")
    return {"NR": int(variant), "NC": 4}


def test_a_variant_sets_parameters_under_those_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(targets.TARGETS, "spots", replace(SPOTS, variants=lambda: sizes))
    found = targets.find_target("spots:64")
    assert (found.name, found.label) == ("spots", "spots:64")
    assert targets.find_target("spots").label == "spots"
    file = tmp_path / "c.toml"
    file.write_text("NC = 8\n")
    specs = [configuration(found, *rest) for rest in ((None, ()), (file, ()), (file, ("NR=32",)))]
    assert [(s.NR, s.NC) for s in specs] == [(64, 4), (64, 8), (32, 8)]
    with pytest.raises(UsageError, match="'big' is no number of rows"):
        targets.find_target("spots:big")


def test_a_target_without_variants_says_so() -> None:
    with pytest.raises(UsageError, match="spots has no variants"):
        targets.find_target("spots:64")
