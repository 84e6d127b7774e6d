"""One cluster of `sparten`, cycle by cycle (sparten sheet, sections 4 and 7).

A step of the broadcast is a barrier: the CUs join the chunk at hand, the bus loads the next one
into the other buffer, and the permutation network takes the sums of the one before back to their
filters. The step ends when all three are done.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .sparten_golden_bits import CHUNK, MASK_BYTES, Record, next_match
from .sparten_golden_plan import FilterSet, SpartenSpec

Broadcast = tuple[int, int, Record]
"""(output position, chunk index, input chunk)."""
Psum = tuple[int, int]
"""(position in the set, output position)."""


@dataclass
class Join:
    """An inner join of one filter chunk.

    Attributes:
        psum: where the sum belongs; bit: of the last match; spent: cycles so far.
    """

    psum: Psum
    weights: Record
    bit: int = -1
    matches: int = 0
    total: int = 0
    spent: int = 0


@dataclass
class Cluster:
    """A cluster in one run.

    Attributes:
        records: chunks of every filter of the set.
        current: index in the sequence of the chunk that is joined; -1 before the first.
        bits_left: of the chunk that is loaded into the other buffer.
        cus: joins left, per CU.
        joined: sums of the chunk at hand; network: sums on their way to the filters.
    """

    spec: SpartenSpec
    members: FilterSet
    records: Sequence[Sequence[Record]]
    sequence: Sequence[Broadcast]
    psums: Counter[Psum]
    counters: Counter[str]
    now: int = 0
    current: int = -1
    bits_left: int = 0
    joined: list[tuple[Psum, int]] = field(default_factory=list[tuple[Psum, int]])
    network: list[tuple[Psum, int]] = field(default_factory=list[tuple[Psum, int]])

    def __post_init__(self) -> None:
        self.cus: list[list[Join]] = [[] for _ in range(self.spec.cus)]

    def run(self) -> int:
        """Step until all sums are where they belong; give the cycles."""
        if not self.sequence:
            return 0
        self.load(0)
        while True:
            while self.bits_left > 0 or self.network or any(self.cus):
                self.tick()
            if self.current == len(self.sequence) and not self.joined:
                return self.now
            self.advance()

    def advance(self) -> None:
        """Pass the barrier: swap the buffers, hand the sums to the network."""
        self.network, self.joined = self.joined, []
        self.counters["perm_words"] += len(self.network)
        self.current += 1
        if self.current < len(self.sequence):
            self.broadcast(*self.sequence[self.current])
            self.load(self.current + 1)

    def load(self, index: int) -> None:
        """Begin to read a chunk from the input memory."""
        if index < len(self.sequence):
            chunk = self.sequence[index][2]
            self.bits_left = 8 * MASK_BYTES + 16 * len(chunk.values)
            assert 8 * MASK_BYTES == CHUNK
            self.counters["in_mask_reads"] += 1
            self.counters["in_value_reads"] += len(chunk.values)

    def broadcast(self, position: int, i: int, chunk: Record) -> None:
        """Give the CUs a chunk and the filters that they join it with."""
        for member, j in enumerate(self.members.cu[i]):
            self.cus[j].append(Join((member, position), self.records[member][i]))
            self.counters["chunk_joins"] += 1
            self.counters["fmask_reads"] += 1
        for cu in self.cus:
            self.counters["cu_in_writes"] += len(chunk.values) if cu else 0
            self.retire(cu, chunk)

    def tick(self) -> None:
        """Let one cycle pass."""
        self.now += 1
        self.bits_left = max(0, self.bits_left - self.spec.bus_bits)
        for psum, total in self.network[: self.spec.perm_bw]:
            self.psums[psum] += total
        del self.network[: self.spec.perm_bw]
        for cu in self.cus:
            if cu:
                self.step(cu, self.sequence[self.current][2])

    def step(self, cu: list[Join], chunk: Record) -> None:
        """One cycle of a CU: a match, or waiting for the floor or the bubble to pass."""
        join = cu[0]
        bit = next_match(chunk, join.weights, join.bit)
        if bit is None:
            self.counters["join_overhead_cycles"] += 1
        else:
            join.total += chunk.value_at(bit) * join.weights.value_at(bit)
            join.bit, join.matches = bit, join.matches + 1
            for name in ("macs_effectual", "cu_in_reads", "fval_reads"):
                self.counters[name] += 1
        join.spent += 1
        self.retire(cu, chunk)

    def retire(self, cu: list[Join], chunk: Record) -> None:
        """Take finished joins out of a CU; GB-H sends their sums through the network."""
        while cu:
            join = cu[0]
            floor = max(self.spec.join_lat, join.matches) + self.spec.join_bubble
            if next_match(chunk, join.weights, join.bit) is not None or join.spent < floor:
                return
            if self.spec.gb == "H":
                self.joined.append((join.psum, join.total))
            else:
                self.psums[join.psum] += join.total
            cu.pop(0)
