"""Generated documents are what the definitions say; `make docs` writes them again."""

import pytest
from spcc.tools.docs import DOCS, documents


@pytest.mark.parametrize("name", sorted(documents(), key=str), ids=str)
def test_document_is_fresh(name) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == documents()[name], "run `make docs`"
