"""lit's view of the same files: `lit tests/filecheck` with spcc installed."""

from pathlib import Path

import lit.formats

config.name = "spcc"  # noqa: F821  # lit puts `config` into this file's names
config.test_format = lit.formats.ShTest()  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.test_exec_root = str(Path(__file__).parents[2] / "build" / "lit")  # noqa: F821
