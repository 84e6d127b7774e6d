"""Offers toydot as an installed package would: through the entry-point group, by nothing else."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
from spcc.tools import targets


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make `toydot:TARGET` the only entry point of the group."""
    entry = EntryPoint("toydot", "toydot:TARGET", targets.GROUP)

    def entry_points(**select: Any) -> EntryPoints:
        return EntryPoints([entry]).select(**select)

    def forget() -> None:
        targets._offered.cache_clear()
        targets._load.cache_clear()

    monkeypatch.setattr(targets, "entry_points", entry_points)
    forget()
    yield
    forget()
