"""Time in the SPOTS array: IM2COL and GEMM side stepped cycle by cycle, PEs register by register.

Nothing here computes a finishing time: the sides look at what is ready, and a clock ticks
(sheet section 7).
"""

from dataclasses import dataclass, field


@dataclass
class Chunk:
    """What one hand-over from the IM2COL units to the array costs.

    Attributes:
        outputs: elements that every patch unit puts out, one per cycle.
        fetches: elements that each live IM2COL unit fetches from the Fmap SRAM.
        issued: reduction indices of the chunk that the array works on.
    """

    outputs: int
    fetches: list[int]
    issued: list[int]


@dataclass
class Board:
    """What the two sides tell each other.

    Attributes:
        handed: (step, chunk) pairs that the IM2COL units have finished.
        released: steps whose IBUF slot the array has emptied.
    """

    handed: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    released: set[int] = field(default_factory=set[int])


class Im2colSide:
    """All IM2COL units together: they start and hand over each chunk at the same time."""

    def __init__(self, steps: list[list[Chunk]], NC: int, INBW: int, slots: int | None) -> None:
        self.steps, self.port, self.slots = steps, INBW, slots
        self.skew_left = NC
        self.step = self.chunk = 0
        self.outputs_left = 0
        self.fetches_left: list[int] = []
        self.is_active = False
        self.busy = self.stall = 0

    @property
    def is_done(self) -> bool:
        """Whether the last chunk was handed over."""
        return self.step == len(self.steps)

    def settle(self, board: Board) -> bool:
        """Do what takes no time; answer whether anything was done."""
        if self.skew_left or self.is_done:
            return False
        if self.is_active:
            if self.outputs_left or any(self.fetches_left):
                return False
            board.handed.add((self.step, self.chunk))
            self.is_active = False
            self.chunk += 1
            if self.chunk == len(self.steps[self.step]):
                self.step, self.chunk = self.step + 1, 0
            return True
        if self.slots is not None and 0 <= self.step - self.slots not in board.released:
            return False
        chunk = self.steps[self.step][self.chunk]
        self.outputs_left, self.fetches_left = chunk.outputs, list(chunk.fetches)
        self.is_active = True
        return True

    def clock(self) -> None:
        """Let one cycle pass: a patch unit puts out one element, a port fetches up to INBW."""
        if self.skew_left:
            self.skew_left -= 1
        elif self.is_active:
            self.busy += 1
            self.outputs_left = max(0, self.outputs_left - 1)
            self.fetches_left = [max(0, left - self.port) for left in self.fetches_left]
        elif not self.is_done:
            self.stall += 1


class GemmSide:
    """The array's controller: it issues reduction indices, F cycles each, and shifts sums out."""

    def __init__(self, steps: list[list[Chunk]], NC: int, F: int, preload: bool) -> None:
        self.steps, self.F, self.shift = steps, F, NC * F
        self.shift_left = self.shift if preload else 0
        self.register_left = 0
        self.step = self.chunk = 0
        self.queue: list[int] = []
        self.has_chunk = False
        self.busy = self.stall = self.psum_busy = 0
        self.issue_times: list[list[int]] = [[] for _ in steps]
        self.ends: list[int] = []

    @property
    def is_done(self) -> bool:
        """Whether the last step was worked off; its sums may still be on their way."""
        return self.step == len(self.steps)

    def settle(self, board: Board, now: int) -> bool:
        """Do what takes no time at cycle `now`; answer whether anything was done."""
        if self.shift_left or self.register_left or self.is_done:
            return False
        if not self.has_chunk:
            if (self.step, self.chunk) not in board.handed:
                return False
            self.queue = list(self.steps[self.step][self.chunk].issued)
            self.has_chunk = True
            return True
        if self.queue:
            self.queue.pop(0)
            self.issue_times[self.step].append(now)
            self.register_left = self.F
            return True
        self.has_chunk = False
        self.chunk += 1
        if self.chunk == len(self.steps[self.step]):
            board.released.add(self.step)
            self.ends.append(now)
            self.shift_left = self.shift
            self.step, self.chunk = self.step + 1, 0
        return True

    def clock(self) -> None:
        """Let one cycle pass."""
        if self.shift_left:
            self.shift_left -= 1
            self.psum_busy += 1
        elif self.register_left:
            self.register_left -= 1
            self.busy += 1
        elif not self.is_done:
            self.stall += 1


@dataclass
class Timeline:
    """When everything happened, in cycles from the instruction's start.

    Attributes:
        cycles: the cycle after the last sum has left the array (or the last element the units).
        issue_times: per step, the cycle in which each reduction index enters PE (0, 0).
        ends: per step, the cycle in which its IBUF slot is free.
        im2col_busy, gemm_busy, psum_busy, stall_im2col, stall_gemm: cycles.
    """

    cycles: int
    issue_times: list[list[int]] = field(default_factory=list[list[int]])
    ends: list[int] = field(default_factory=list[int])
    im2col_busy: int = 0
    gemm_busy: int = 0
    psum_busy: int = 0
    stall_im2col: int = 0
    stall_gemm: int = 0


def run(
    steps: list[list[Chunk]], *, NC: int, F: int, INBW: int, rows_used: int, preload: bool
) -> Timeline:
    """Step both sides until the last sum has left the array."""
    board = Board()
    im2col = Im2colSide(steps, NC, INBW, slots=2)
    gemm = GemmSide(steps, NC, F, preload)
    now = 0
    while True:
        while im2col.settle(board) or gemm.settle(board, now):
            pass
        if gemm.is_done and not gemm.shift_left:
            break
        im2col.clock()
        gemm.clock()
        now += 1
    # The controller is through; the wavefront reaches PE (i, j) i + j cycles later.
    return Timeline(
        cycles=now + (rows_used - 1) + (NC - 1), issue_times=gemm.issue_times, ends=gemm.ends,
        im2col_busy=im2col.busy, gemm_busy=gemm.busy, psum_busy=gemm.psum_busy,
        stall_im2col=im2col.stall, stall_gemm=gemm.stall,
    )  # fmt: skip


def run_im2col(steps: list[list[Chunk]], *, NC: int, INBW: int) -> Timeline:
    """Step the IM2COL units alone: POOL takes the elements at their outputs and never waits."""
    board = Board()
    im2col = Im2colSide(steps, NC, INBW, slots=None)
    now = 0
    while True:
        while im2col.settle(board):
            pass
        if im2col.is_done:
            return Timeline(now, im2col_busy=im2col.busy)
        im2col.clock()
        now += 1


def check_array(
    issue_times: list[list[int]],
    ends: list[int],
    *,
    NC: int,
    F: int,
    rows_used: int,
    preload: bool,
) -> int:
    """Follow every register of one array through an instruction and find conflicts.

    An index issued at T uses register f of PE (i, j) in cycle T+i+j+f. After a step's end, row i
    shifts NC*F sums to the right, one hop per cycle, column NC-1 first; with `preload` the next
    step's sums come in from the left in the same train.

    Returns:
        The cycle after the last sum has left the array.

    Raises:
        AssertionError: A PE multiplies twice in a cycle, a row's link carries two values in a
            cycle, a sum leaves before its last product or after the next step's first.
    """
    macs: set[tuple[int, int, int]] = set()
    links: set[tuple[int, int, int]] = set()
    last_exit = 0
    registers = [(i, j, f) for i in range(rows_used) for j in range(NC) for f in range(F)]
    ready = dict.fromkeys(registers, -1)  # cycle of the swap that the next step must come after

    def shift(end: int, outgoing: bool, incoming: bool) -> None:
        nonlocal last_exit
        for i, j, f in registers:
            place = (NC - 1 - j) * F + f
            ready[i, j, f] = end + i + j + place
            ways = [*range(j, NC)] if outgoing else []  # links to the right of these columns
            ways += [*range(-1, j)] if incoming else []
            for column in ways:
                key = (i, column, end + i + column + place)
                assert key not in links, f"two values on the link right of PE {key}"
                links.add(key)
                last_exit = max(last_exit, key[2]) if outgoing else last_exit

    if preload:
        shift(0, outgoing=False, incoming=True)
    for step, (times, end) in enumerate(zip(issue_times, ends, strict=True)):
        for T in times:
            for i, j, f in registers:
                cycle = T + i + j + f
                assert (i, j, cycle) not in macs, f"PE {i, j} multiplies twice in cycle {cycle}"
                macs.add((i, j, cycle))
                assert ready[i, j, f] < cycle, f"step {step} meets old sums in {i, j, f}"
                assert cycle < end + i + j + (NC - 1 - j) * F + f, f"sum leaves early: {i, j, f}"
        shift(end, outgoing=True, incoming=preload and step + 1 < len(ends))
    return last_exit + 1
