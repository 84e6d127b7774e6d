"""What SparTen's rules derived from bytes, kept for when the same bytes come again.

Neighbouring blocks need the same input rows, and every block of a batch the same filters: decoding
them again would take longer than looking whether they are the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ..machine import State

Bytes = npt.NDArray[np.uint8]
ValueT = TypeVar("ValueT", bound="tuple[Any, ...]")

BUDGET_BYTES = 1 << 26
"""Bytes and what was derived from them; the oldest go first."""


class _Entry(NamedTuple):
    """Bytes, what was derived from them, and how much room both take."""

    data: list[Bytes]
    value: tuple[Any, ...]
    size_bytes: int


@dataclass
class Kept:
    """Everything that is kept, the oldest first, and how much room it takes."""

    entries: dict[tuple[Any, ...], _Entry] = field(default_factory=dict[tuple[Any, ...], _Entry])
    size_bytes: int = 0

    @classmethod
    def of(cls, state: State) -> "Kept":
        """A machine's."""
        if cls not in state.cache:
            state.cache[cls] = cls()
        return state.cache[cls]

    def drop(self, key: tuple[Any, ...]) -> None:
        """Forget an entry if there is one."""
        if key in self.entries:
            self.size_bytes -= self.entries.pop(key).size_bytes

    def keep(self, key: tuple[Any, ...], data: Sequence[Bytes], value: tuple[Any, ...]) -> None:
        """Add an entry; the oldest go if it takes too much room."""
        self.drop(key)
        size = sum(array.nbytes for array in data)
        size += sum(getattr(part, "nbytes", 0) for part in value)
        self.entries[key] = _Entry([array.copy() for array in data], value, size)
        self.size_bytes += size
        while self.size_bytes > BUDGET_BYTES:
            self.drop(next(iter(self.entries)))


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
    store = Kept.of(state)
    kept = store.entries.get(key)
    if kept is not None and all(map(np.array_equal, kept.data, data)):
        return kept.value  # type: ignore[return-value]  # the key tells its type
    value = derive()
    store.keep(key, data, value)
    return value
