"""The Python interface, as the README shows it."""

from pathlib import Path

import numpy as np
import pytest
import spcc
from spcc.models import digits


def test_compile_save_load_run(tmp_path: Path) -> None:
    images = digits.load_test()[0][:2]
    program = spcc.compile(digits.MODEL, inputs={"image": images}, batch=2)
    assert isinstance(program, spcc.Program)
    program.save(tmp_path / "digits.spx")
    again = spcc.load(tmp_path / "digits.spx")
    assert again.to_bytes() == program.to_bytes()
    results = [
        spcc.InferenceSession(source).run(None, {"image": images})[0]
        for source in (program, tmp_path / "digits.spx")
    ]
    assert np.array_equal(*results)


def test_a_variant_and_settings() -> None:
    feeds = {"image": digits.load_test()[0][:1]}
    counts = []
    for settings in ({}, {"h": 1, "d": 6}):
        program = spcc.compile(digits.MODEL, "tct:T8h2,5i", config=settings, inputs=feeds)
        session = spcc.InferenceSession(program)
        session.run(None, feeds)
        counts.append((program.config["h"], session.report["totals"]["cycles"]))
    (two, fewer), (one, more) = counts
    assert (two, one) == (2, 1)
    assert fewer <= more


def test_only_its_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        spcc.nonsense  # noqa: B018
