"""lit's view of the same files: `lit tests/filecheck` with spcc installed."""

import lit.formats

config.name = "spcc"  # noqa: F821  # lit puts `config` into this file's names
config.test_format = lit.formats.ShTest()  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
