"""Memories that are too small for a layer: which layer, which memory, by how much."""

import pytest
import spcc
from spcc.isa.errors import UnsupportedError, UsageError


@pytest.mark.parametrize(
    ("target", "config", "sentence"),
    [
        (
            "gospa",
            {"ring_entries": 17, "act_half": 9},
            "'conv1': a kernel that spans 3 x 3 positions needs ring_entries of at least 18, but "
            "it is 17, and act_half of at least 10, but it is 9\n",
        ),
        (
            "gospa",
            {"act_half": 60},
            "'classifier': a kernel that spans 1 x 64 positions needs act_half of at least 68, "
            "but it is 60\n",
        ),
        (
            "gospa",
            {"w_half": 4},
            "'conv1'.*a channel of a filter takes 8 halfwords.*w_half = 4",
        ),
        (
            "sparten",
            {"ibuf_bytes": 500},
            "'classifier': the input rows of one position need 544 bytes, but the input memory "
            "has ibuf_bytes = 500",
        ),
        ("sparten", {"fbuf_bytes": 64}, "'conv2'.*needs 74 bytes of a CU.*fbuf_bytes = 64"),
    ],
)
def test_what_does_not_fit_is_said(target: str, config: dict[str, int], sentence: str) -> None:
    with pytest.raises(UnsupportedError, match=f"(?s){sentence}"):
        spcc.compile("digits", target, config=config)


def test_buffers_that_serve_all_layers_have_a_least_size() -> None:
    for target, name, size in (("gospa", "BCAP", 508), ("gospa", "obuf", 8191)):
        with pytest.raises(UsageError, match=f"{name} = {size}"):
            spcc.compile("digits", target, config={name: size})
