"""Bit-Tactical's connections, scan orders and names (tct sheet, section 2)."""

import pytest
from spcc.isa.errors import UsageError
from spcc.isa.targets.tct_connectivity import (
    ORDERS,
    code_bits,
    connections,
    parse_name,
    scan_order,
)

TABLE = {
    "T8h1,6i": "(1,0) (1,1) (1,-1) (1,2) (1,-2) (1,3) (1,-3)",
    "T8h2,5i": "(1,0) (2,0) (1,1) (1,-1) (2,2) (2,-2) (1,3)",
    "T8h3,4i": "(1,0) (2,0) (3,0) (1,1) (1,-1) (2,2) (2,-2)",
    "L8h1,6i": "(1,0) (1,-1) (1,-2) (1,-3) (1,-4) (1,-5) (1,-6)",
    "L8h2,5i": "(1,0) (2,0) (1,-1) (1,-2) (1,-3) (1,-4) (1,-5)",
    "L8h3,4i": "(1,0) (2,0) (3,0) (1,-1) (1,-2) (1,-3) (1,-4)",
    "T3h2,0i": "(1,0) (2,0)",
    "T1h0,0i": "",
}


@pytest.mark.parametrize(("name", "text"), TABLE.items())
def test_canonical_lists(name, text):
    settings = parse_name(name)
    pairs = connections(settings["shape"], settings["h"], settings["d"])
    assert " ".join(f"({a},{s})" for a, s in pairs) == text


def ordered(name, order):
    pairs = connections(**parse_name(name))
    return [tuple(pairs[i]) for i in scan_order(pairs, order)]


def test_scan_orders():
    assert scan_order(connections("T", 2, 5), "ahead") == tuple(range(7))
    assert ordered("T8h2,5i", "ahead_far") == [
        *[(2, 0), (1, 0)],
        *[(1, 3), (2, -2), (2, 2), (1, -1), (1, 1)],
    ]
    assert ordered("T8h2,5i", "aside") == [
        *[(1, 1), (1, -1), (1, 3), (2, 2), (2, -2)],
        *[(1, 0), (2, 0)],
    ]
    assert ordered("T8h2,5i", "near") == [
        *[(1, 0), (1, 1), (1, -1), (1, 3)],
        *[(2, 0), (2, 2), (2, -2)],
    ]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", TABLE)
def test_every_order_tries_every_connection_once(name, order):
    pairs = connections(**parse_name(name))
    assert sorted(scan_order(pairs, order)) == list(range(len(pairs)))


def test_code_widths():
    assert [code_bits(n) for n in (1, 2, 3, 4, 5, 8, 9, 256)] == [0, 1, 2, 2, 3, 3, 4, 8]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("T8h2", "is not a pattern"),
        ("t8h2,5i", "is not a pattern"),
        ("T8h2,5i ", "is not a pattern"),
        ("T8h3,5i", "says 8 multiplexer inputs, but h3,5i has 9"),
    ],
)
def test_names_that_are_refused(name, says):
    with pytest.raises(UsageError, match=says) as caught:
        parse_name(name)
    assert caught.value.hint
