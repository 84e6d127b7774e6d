"""What `tct`'s compiler does to a weight matrix: connections, Algorithm 2, bubbles, shuffling.

Algorithm 2 stands here as the sheet's section 6 has it, over all lanes of a unit at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .ddn_golden_plan import Ints

Link = tuple[int, int]
"""(ahead, aside)."""
Matrix = list[list[int]]
"""[R][L] weights of a unit; lane l of it is lane l mod N of its slot l/N."""

ORDERS = ("ahead", "ahead_far", "aside", "near")
SCHEDULERS = ("alg2", "alg2_one", "greedy")


@dataclass(frozen=True)
class Entry:
    """One scheduled row: original row index, L weights, L select signals."""

    r: int
    weights: tuple[int, ...]
    ws: tuple[int, ...]

    @property
    def is_bubble(self) -> bool:
        """Whether it only moves the window: a kept row has a weight of its own."""
        return not any(self.weights)


def connections(shape: str, h: int, d: int) -> list[Link]:
    """The canonical list: lookaheads, then d lookasides; ws = 1 + index (section 2)."""
    assert h >= 1 or d == 0
    links = [(ahead, 0) for ahead in range(1, h + 1)]
    if shape == "L":
        return links + [(1, -aside) for aside in range(1, d + 1)]
    a, i = 1, 1
    asides: list[Link] = []
    while len(asides) < d:
        asides += [(a, i), (a, -i)]
        i, a = i + 1, a + 1 if a < h else 1
    return links + asides[:d]


def scan(links: Sequence[Link], order: str) -> list[Link]:
    """The list in the order in which the scheduler tries it."""
    aheads = [link for link in links if link[1] == 0]
    asides = [link for link in links if link[1] != 0]

    def distance(link: Link) -> Link:
        return link[0], abs(link[1])

    match order:
        case "ahead":
            return list(links)
        case "ahead_far":
            return aheads[::-1] + asides[::-1]
        case "aside":
            return sorted(asides, key=distance) + aheads
        case "near":
            return sorted(links, key=distance)
        case _:
            raise ValueError(order)


@dataclass
class Scheduler:
    """Algorithm 2 on one unit, in place: W and WS [R][L].

    Attributes:
        links: connections in scan order.
        codes: ws of every connection.
    """

    W: Matrix
    N: int
    links: list[Link]
    codes: dict[Link, int]

    def __post_init__(self) -> None:
        self.R, self.L = len(self.W), len(self.W[0])
        self.WS = [[0] * self.L for _ in range(self.R)]

    def source(self, r: int, lane: int, link: Link) -> tuple[int, int]:
        """Row and lane behind a connection; the lane wraps inside the PE."""
        slot, own = divmod(lane, self.N)
        return r + link[0], slot * self.N + (own + link[1]) % self.N

    def is_candidate(self, r: int, lane: int, link: Link) -> bool:
        """Whether there is a weight behind a connection."""
        q, m = self.source(r, lane, link)
        return q < self.R and self.W[q][m] != 0

    def count(self, r: int) -> list[int]:
        """Candidates of every lane that has no weight."""
        return [
            sum(self.is_candidate(r, lane, link) for link in self.links)
            if self.W[r][lane] == 0
            else 0
            for lane in range(self.L)
        ]

    def promote(self, r: int, lane: int) -> bool:
        """Fill a lane with its first candidate, if there is one."""
        for link in self.links:
            if self.is_candidate(r, lane, link):
                q, m = self.source(r, lane, link)
                self.W[r][lane], self.W[q][m] = self.W[q][m], 0
                self.WS[r][lane] = self.codes[link]
                return True
        return False

    def alg2(self, r: int, only_one: bool = False) -> None:
        """Fill a row, fewest candidates first; `only_one` promotion per PE and pass."""
        num = self.count(r)
        while any(num):
            low = min(value for value in num if value)
            served: set[int] = set()
            for lane in range(self.L):
                is_free = not (only_one and lane // self.N in served)
                if self.W[r][lane] == 0 and num[lane] == low and is_free and self.promote(r, lane):
                    served.add(lane // self.N)
            num = self.count(r)

    def alg2_one(self, r: int) -> None:
        """Algorithm 2 with one promotion per PE and pass."""
        self.alg2(r, only_one=True)

    def greedy(self, r: int) -> None:
        """Fill a row lane by lane."""
        for lane in range(self.L):
            if self.W[r][lane] == 0:
                self.promote(r, lane)

    def run(self, fill_row: Callable[[int], None]) -> list[Entry]:
        """Work off all rows; rows without a weight are dropped."""
        entries: list[Entry] = []
        for r in range(self.R):
            if any(self.W[r]):
                fill_row(r)
                entries.append(Entry(r, tuple(self.W[r]), tuple(self.WS[r])))
        return entries


def schedule(
    matrix: Matrix, N: int, links: Sequence[Link], order: str = "ahead", scheduler: str = "alg2"
) -> list[Entry]:
    """Schedule one unit; `links` is the canonical list. No bubbles yet."""
    work = Scheduler(
        [list(row) for row in matrix], N, scan(links, order),
        {link: code for code, link in enumerate(links, start=1)},
    )  # fmt: skip
    fill = {"alg2": work.alg2, "alg2_one": work.alg2_one, "greedy": work.greedy}
    return work.run(fill[scheduler])


def with_bubbles(entries: Sequence[Entry], adv_max: int) -> list[Entry]:
    """Insert empty entries where the next row is further than the window moves in one cycle."""
    full: list[Entry] = []
    for entry in entries:
        while full and entry.r - full[-1].r > adv_max:
            empty = (0,) * len(entry.weights)
            full.append(Entry(full[-1].r + adv_max, empty, empty))
        full.append(entry)
    return full


def by_pe(
    matrix: Matrix, N: int, links: Sequence[Link], order: str = "ahead", scheduler: str = "alg2"
) -> list[Entry]:
    """The same schedule, PEs on their own: they share only which rows are kept.

    The sheet claims that this equals the literal form; the tests hold both together.
    """
    codes = {link: code for code, link in enumerate(links, start=1)}
    order_links = scan(links, order)
    pes = [
        Scheduler([row[at : at + N] for row in matrix], N, order_links, codes)
        for at in range(0, len(matrix[0]), N)
    ]
    entries: list[Entry] = []
    for r in range(len(matrix)):
        if any(any(pe.W[r]) for pe in pes):
            for pe in pes:
                fill = {"alg2": pe.alg2, "alg2_one": pe.alg2_one, "greedy": pe.greedy}
                fill[scheduler](r)
            weights = tuple(v for pe in pes for v in pe.W[r])
            entries.append(Entry(r, weights, tuple(v for pe in pes for v in pe.WS[r])))
    return entries


def shuffled(w: Ints) -> list[int]:
    """Filters by number of weights, most first, equal ones by index (section 6)."""
    counts = [int((w[f] != 0).sum()) for f in range(len(w))]
    return sorted(range(len(w)), key=lambda f: (-counts[f], f))
