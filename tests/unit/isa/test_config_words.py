"""Settings whose value is a word."""

import pytest
from spcc.isa.config import apply_settings
from spcc.isa.errors import UsageError
from spcc.isa.targets.sparten import SpartenSpec
from spcc.isa.targets.spots import SpotsSpec


def test_none_is_a_word_where_words_are_asked_for() -> None:
    assert apply_settings(SpartenSpec, {}, ["gb=none"]).gb == "none"
    assert apply_settings(SpartenSpec, {"gb": "none"}, ["gb = S"]).gb == "S"
    assert apply_settings(SpotsSpec, {"psh": 3}, ["psh=none"]).psh is None


@pytest.mark.parametrize("setting", ["gb=T", "gb=1", "cus=none"])
def test_another_word_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match=r"at `\$\."):
        apply_settings(SpartenSpec, {}, [setting])
