"""Counting semaphores with time: a signal leaves a token with its cycle, a wait takes one."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..isa.encoding import SEMAPHORE_COUNT, Instruction
from ..isa.errors import TrapError


class Token(NamedTuple):
    """One signal that nobody has waited for yet."""

    cycle: int
    unit: str
    pc: int


class Semaphores:
    """All semaphores of a machine; each hands out its tokens in the order they were signalled."""

    def __init__(self) -> None:
        self._tokens: list[deque[Token]] = [deque() for _ in range(SEMAPHORE_COUNT + 1)]

    def signal(self, numbers: Iterable[int], cycle: int, unit: str, pc: int) -> None:
        """Leave a token on each semaphore."""
        for number in numbers:
            self._tokens[number].append(Token(cycle, unit, pc))

    def lacking(self, numbers: Iterable[int]) -> int:
        """The first of these semaphores that has no token, or 0."""
        return next((number for number in numbers if not self._tokens[number]), 0)

    def take(self, numbers: Iterable[int]) -> Token | None:
        """Take one token of each; the latest of them, or None if there is nothing to wait for."""
        latest = None
        for number in numbers:
            token = self._tokens[number].popleft()
            if latest is None or token.cycle > latest.cycle:
                latest = token
        return latest


def deadlock(semaphore: int, pc: int, instructions: Sequence[Instruction]) -> TrapError:
    """The error of an instruction that waits for a semaphore without a token."""
    earlier = [at for at in range(pc) if semaphore in instructions[at].signal]
    later = next(
        (at for at in range(pc, len(instructions)) if semaphore in instructions[at].signal), None
    )
    reason = "no earlier instruction signals it"
    if earlier:
        reason = (
            f"the {len(earlier)} earlier signals, the last by "
            f"{instructions[earlier[-1]].mnemonic} at pc {earlier[-1]}, are used up"
        )
    hint = "no instruction signals it later either"
    if later is not None:
        hint = f"{instructions[later].mnemonic} at pc {later} signals it, too late"
    return TrapError(f"deadlock: waits for semaphore {semaphore}, but {reason}", hint=hint)
