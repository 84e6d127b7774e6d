"""Limits made of fields: what they let through, and their sentences."""

import pytest
from spcc.compiler.backend.window_limits import (
    kernel_within,
    map_within,
    pads_within,
    steps_within,
)
from spcc.isa.encoding import Field


class Op:
    """As much of a convolution as limits of pads and steps look at."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.pads, self.strides, self.dilations = numbers, numbers[:2], numbers[2:]


def field(bits: int) -> Field:
    return Field(bits - 1, 0, "")


@pytest.fixture(autouse=True)
def _plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spcc.compiler.backend.window_limits.numbers", tuple)


@pytest.mark.parametrize(
    ("steps", "fits"),
    [((3, 3, 7, 7), True), ((4, 1, 1, 1), False), ((1, 1, 1, 8), False), ((1, 4, 1, 1), False)],
)
def test_steps(steps: tuple[int, ...], fits: bool) -> None:
    limit = steps_within((field(2), field(2)), (field(3), field(3)))
    assert limit(Op(steps)) == fits  # type: ignore[arg-type]  # has what the limit looks at


@pytest.mark.parametrize(
    ("pads", "fits"),
    [
        ((3, 1, 9, 9), True),
        ((4, 1, 0, 0), False),
        ((3, 2, 0, 0), False),
        ((-1, 0, 0, 0), False),
        ((0, 0, -1, 0), False),
        ((0, 0, 0, -1), False),
    ],
)
def test_pads(pads: tuple[int, ...], fits: bool) -> None:
    assert pads_within(field(2), field(1))(Op(pads)) == fits  # type: ignore[arg-type]  # likewise


def test_sentences() -> None:
    two, three = field(2), field(3)
    assert [
        limit.__doc__
        for limit in (
            kernel_within(two, three),
            steps_within((two, two), (three, three)),
            steps_within((two, two), (two, two)),
            pads_within(two, three),
            map_within(two, three),
            map_within(two, two),
        )
    ] == [
        "The kernel has at most 3 rows and 7 columns.",
        "Strides are at most 3, dilations at most 7.",
        "Strides and dilations are at most 3.",
        "At most 3 rows of padding at the top and 7 columns at the left.",
        "Input and output maps have at most 3 rows and 7 columns.",
        "Input and output maps have at most 3 rows and columns.",
    ]
