"""Every tool of the command line in a folder of its own."""

from pathlib import Path

import pytest


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in its temporary folder."""
    monkeypatch.chdir(tmp_path)
