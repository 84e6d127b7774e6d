"""A cycle count moves together with bench/expected.json, or not at all."""

import hashlib
import sys
from pathlib import Path

import pytest
from spcc.models import digits
from spcc.tools.api import InferenceSession, compile

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def expectations():
    sys.path.insert(0, str(BENCH))
    try:
        import expectations
    finally:
        sys.path.remove(str(BENCH))
    return expectations


def test_the_network_that_ships_takes_the_expected_cycles(expectations):
    feeds = {"image": digits.load_test()[0][:1]}
    session = InferenceSession(compile(digits.MODEL, inputs=feeds))
    session.run(None, feeds)
    facts = {"model_sha256": hashlib.sha256(digits.MODEL.read_bytes()).hexdigest()}
    found = {"digits": facts | session.report["totals"]}
    assert not expectations.moves(found, expectations.read())


def test_every_count_of_the_same_model_must_be_equal(expectations):
    known = {"a": {"model_sha256": "1", "cycles": 10_000, "elapsed_cycles": 20_000}}
    moved = {"a": {**known["a"], "cycles": 10_001}}
    assert expectations.moves(known, known) == []
    assert expectations.moves(moved, known) == ["a: cycles moved: 10000 -> 10001"]


def test_another_rounding_of_the_weights_may_move_a_thousandth(expectations):
    known = {"a": {"model_sha256": "1", "cycles": 10_000, "elapsed_cycles": 20_000}}
    near = {"a": {"model_sha256": "2", "cycles": 10_005, "elapsed_cycles": 20_500}}
    assert expectations.moves(near, known) == ["a: elapsed_cycles moved: 20000 -> 20500"]


def test_a_network_without_expectation_is_told(expectations):
    found = {"b": {"model_sha256": "1", "cycles": 1, "elapsed_cycles": 2}}
    assert len(expectations.moves(found, {})) == 2
