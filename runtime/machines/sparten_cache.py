"""What SparTen's rules derived from bytes, kept for when the same bytes come again.

Neighbouring blocks need the same input rows, and every block of a batch the same filters: decoding
them again would take longer than looking whether they are the same.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ..machine import State

Bytes = npt.NDArray[np.uint8]
ValueT = TypeVar("ValueT", bound="tuple[Any, ...]")

BUDGET_BYTES = 1 << 26
"""Bytes and what was derived from them; the oldest go first."""


class _Kept(NamedTuple):
    """Bytes, what was derived from them, and how much room both take."""

    data: list[Bytes]
    value: tuple[Any, ...]
    size_bytes: int


def recall(
    state: State, key: tuple[Any, ...], data: Sequence[Bytes], derive: Callable[[], ValueT]
) -> ValueT:
    """What was derived from the same bytes before, or is now.

    Args:
        state: Whose cache.
        key: Everything else that the value depends on.
        data: The bytes.
        derive: Makes the value, a tuple; its arrays must never be changed.
    """
    kept: _Kept | None = state.cache.get(key)
    if kept is not None and all(map(np.array_equal, kept.data, data)):
        return kept.value  # type: ignore[return-value]  # the key tells its type
    value = derive()
    state.cache.pop(key, None)
    size = sum(array.nbytes for array in data)
    size += sum(getattr(part, "nbytes", 0) for part in value)
    state.cache[key] = _Kept([array.copy() for array in data], value, size)
    room = BUDGET_BYTES - sum(entry.size_bytes for entry in state.cache.values())
    while room < 0:
        oldest = next(iter(state.cache))
        room += state.cache.pop(oldest).size_bytes
    return value
