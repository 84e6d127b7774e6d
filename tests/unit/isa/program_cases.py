"""Parts of program files."""

from typing import Any

from spcc.isa.program import TensorInfo


def tensor(**changes: Any) -> TensorInfo:
    """Two 16-bit values behind the constants, with changes."""
    base = {"name": "t", "dtype": "i16", "shape": (2,), "offset": 64, "strides": (2,), "frac": 0}
    return TensorInfo(**({"bits": 16} | base | changes))
