"""Settings whose value is a word."""

import re

import pytest
from spcc.isa.config import apply_settings
from spcc.isa.errors import UsageError
from spcc.isa.targets.sparten import SpartenSpec
from spcc.isa.targets.spots import SpotsSpec


def test_none_is_a_word_where_words_are_asked_for() -> None:
    assert apply_settings(SpartenSpec, {}, ["gb=none"]).gb == "none"
    assert apply_settings(SpartenSpec, {"gb": "none"}, ["gb = S"]).gb == "S"
    assert apply_settings(SpotsSpec, {"psh": 3}, ["psh=none"]).psh is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gb=T", "gb = T is none of H, S, none$"),
        ("gb=1", "gb = 1 is none of H, S, none$"),
        ("cus=none", r"at `\$\.cus"),
    ],
)
def test_another_word_is_refused(setting: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        apply_settings(SpartenSpec, {}, [setting])
    assert re.search(message, caught.value.message)


def test_numbers_of_a_few_are_words_too() -> None:
    with pytest.raises(UsageError, match="REUSE = 2 is none of 0, 1"):
        apply_settings(SpotsSpec, {"REUSE": 2})
