"""SparTen's machine, instruction by instruction: what they leave in memory, what traps."""

from typing import Any

import numpy as np
import pytest
from spcc.isa.base import Dim
from spcc.isa.encoding import Instruction
from spcc.isa.errors import EncodingError, TrapError, UsageError
from spcc.isa.formats import sparsemap
from spcc.isa.targets.sparten import (
    ISA,
    Asg,
    Cfg,
    Drn,
    Lda,
    Ldf,
    Ldr,
    Map,
    Run,
    SpartenSpec,
    Sto,
)
from spcc.isa.targets.sparten_shape import TAG_BYTES, Shape
from spcc.runtime.energy_model import NODES, mac, mask_and, prefix_sum, priority_encoder
from spcc.runtime.machine import Cost, State
from spcc.runtime.machines.sparten import MACHINE
from spcc.runtime.memory import Dram
from spcc.tests.unit.runtime.machine_runs import execute

SPEC = SpartenSpec(
    clusters=2, cus=2, chunk=4, pos_block=4, ibuf_bytes=128, fbuf_bytes=64, perm_bw=2,
    bus_bits=32, obuf_bytes=512, PCAP=256, BCAP=64, B=2, L=1,
)  # fmt: skip
"""Two clusters: with as=2 one set on two shares, with as=1 two sets on one."""
X = np.array([[1, 0, 0, 2, 0, 3], [0, 0, 0, 0, 0, 0], [4, 0, 5, 0, 6, 0], [7, 8, 9, 1, 2, 3]])
"""Four pixels of six channels: two chunks each, the second one of two values."""
W = np.array([[0, 1, 0, 1, 2, 0], [3, 0, 0, 4, 0, 5], [0, 0, 0, 0, 0, 0]])
"""Three filters; their outputs are 2, 0 and 5 of 6."""
OUTPUTS, CUS = [2, 0, 5], [[0, 1, 1], [1, 0, 1]]
TABLE, RECORDS, IMAGE, RESULT, CONSTANTS = 0, 32, 192, 320, 192
SHAPE = Shape.of(SPEC)
CFG: dict[str, int] = {
    "r": 1, "s": 1, "uh": 1, "uw": 1, "dh": 1, "dw": 1, "pt": 0, "pl": 0, "nc": 2, "gb": 2,
    "as": 2, "cg": 6,
}  # fmt: skip
MAP = Map(h=2, w=2, e=2, f=2, n=1)
PIXELS = Dim(channel=0, level=0, count=2, stride=2 * 8)
ASG = Asg(daddr=TABLE, lo=0, hi=2, nf=3, z=0, half=1)
LDF = Ldf(daddr=RECORDS, lo=0, hi=2, nf=3, z=0, half=1)
LDA = (
    Lda(daddr=IMAGE, row0=0, rows=1, img=0, half=0, q=0),
    Lda(daddr=IMAGE + 32, row0=1, rows=1, img=0, half=0, q=1),
)
RUN = Run(p0=0, np=2, lo=0, hi=2, clear=1, last=1, half=0, hf=1, bank=1, sets=1)
DRN = Drn(p0=0, np=2, z=0, oaddr=8, nf=3, bank=1, half=1)
STO = Sto(addr=4, nf=3, z=0, half=1, row=6, daddr=RESULT)
LDR = Ldr(addr=40, nf=3, z=0, half=1, row=6, daddr=RESULT)
ROWS = (
    Dim(channel=1, level=0, count=4, stride=14),
    Dim(channel=0, level=0, count=4, stride=14),
)
LOADED = (PIXELS, ASG, LDF, *LDA)


def changed(inst: Instruction, **fields: int) -> Any:
    """The same instruction with other fields."""
    return type(inst)(**{**inst.values(), **fields})


def records_of(weights: Any) -> Any:
    """A set's records, filter after filter."""
    cut = sparsemap.cut_chunks(np.asarray(weights, np.int16), SPEC.chunk)
    return sparsemap.encode(cut.reshape(-1, SPEC.chunk))


class Bench:
    """A machine to run instructions on one by one."""

    def __init__(self, records: Any = None, table: Any = None, **cfg: int) -> None:
        constants = np.zeros(CONSTANTS, np.uint8)
        if table is None:
            table = np.array(OUTPUTS, "<u2").view(np.uint8).tolist() + np.ravel(CUS).tolist()
        constants[TABLE : TABLE + len(table)] = table
        records = records_of(W) if records is None else np.array(records, np.uint8)
        constants[RECORDS : RECORDS + len(records)] = records
        dram = Dram(constants, 512)
        image = np.full((4, 8), 99, np.int16)  # what lies between the pixels is not theirs
        image[:, :6] = X
        dram.write(IMAGE, image)
        self.state: State = MACHINE.new_state(SPEC, dram)
        self.do(SHAPE, Cfg(**{**CFG, **cfg}), MAP)

    def do(self, *instructions: Instruction) -> Cost:
        """Run instructions as the interpreter does; the last one's cost."""
        return execute(MACHINE, self.state, *instructions)

    def behind_tag(self, name: str, index: int, half: int, nbytes: int) -> list[int]:
        """Bytes of a slot."""
        slot = SHAPE.slot(name, index, half)
        return self.state.memories[name].read(slot.base + TAG_BYTES, nbytes).tolist()

    def sums(self) -> list[list[int]]:
        """What `DRN` leaves, by position."""
        return self.state.memories["obuf"].read(32, 48).view("<i4").reshape(4, 3).tolist()


# What they do ------------------------------------------------------------------------------------


def test_pixels_become_records_in_slots_of_their_own() -> None:
    bench = Bench()
    cost = bench.do(PIXELS, LDA[0])
    # 14 bytes per pixel: two masks, six values; the second pixel has none.
    found = bench.behind_tag("ibuf", 0, 0, 28)
    assert found == [0b1001, 1, 0, 2, 0, 0, 0, 0, 0, 0b10, 3, 0, 0, 0] + 14 * [0]
    # Masks and nonzeros alone are moved.
    assert cost == Cost(1 + 5, {"dram_in": 4 * 1 + 2 * 3})


def test_records_go_to_the_units_of_their_chunk() -> None:
    bench = Bench()
    cost = bench.do(ASG)
    assert cost == Cost(1 + 6, {"dram_asg": 3 * (2 + 2)})
    cost = bench.do(LDF)
    by_filter = [[0b1010, 1, 0, 1, 0, 1, 2, 0], [0b1001, 3, 0, 4, 0, 0b10, 5, 0], [0, 0]]
    assert records_of(W).tolist() == [byte for each in by_filter for byte in each]
    # CU 0 has filter 0 of chunk 0 and filter 1 of chunk 1, CU 1 the others.
    wanted = [*by_filter[0][:5], *by_filter[1][5:], *by_filter[1][:5], 0, *by_filter[0][5:], 0]
    assert bench.behind_tag("fbuf", 0, 1, 18) == wanted
    assert cost == Cost(1 + 9, {"dram_wt": 18})


def test_a_run_joins_and_a_drain_undoes_the_order() -> None:
    bench = Bench()
    cost = bench.do(*LOADED, RUN)
    # Joins cost a cycle and their matches, at least 2; CU 1 has two filters. By chunk:
    #   pixel 0: 2 | 3 + 2 and 2 | 2 + 2; pixel 1: 2 | 2 + 2 twice;
    #   pixel 2: 2 | 2 + 2 twice; pixel 3: 3 | 3 + 2 and 2 | 2 + 2.
    # Loads of 4 + 16 * nonzeros bits at 32: 2 1, 1 1; 2 1, 3 2. Three psums take 2 cycles.
    shares = (2 + 5 + 4 + 4 + 4 + 2, 2 + 4 + 4 + 5 + 4 + 2)
    assert cost.cycles == max(shares) + 6
    matches, without = 12, 15
    assert cost.counters == {
        "macs_effectual": matches, "macs_ineffectual": 0, "macs_gated": 0,
        "macs_dense": 4 * 3 * 6, "macs_skipped": 4 * 3 * 6 - matches, "dram_in": 0,
        "chunk_joins": 24, "fmask_reads": 24, "join_overhead_cycles": 24 + without,
        "in_mask_reads": 8, "in_value_reads": 12, "cu_in_writes": 24, "cu_in_reads": matches,
        "fval_reads": matches, "perm_words": 24,
        "cu_idle": cost.cycles * 2 * 2 - matches - 24 - without,
    }  # fmt: skip
    cost = bench.do(DRN)
    assert bench.sums() == (X @ W.T)[:, [1, 0, 2]].tolist()
    assert cost == Cost(1, {"out_words": 12, "psum_saturated": 0})


def test_values_go_to_their_channels_and_come_back() -> None:
    bench = Bench()
    values = np.arange(1, 13, dtype=np.int16).reshape(3, 4)
    bench.state.memories["pbuf"].write(8, values)
    cost = bench.do(ASG, *ROWS, STO)
    assert cost == Cost(1 + 12, {"dram_out": 24})
    rows = bench.state.dram.read(RESULT, 56).view("<i2").reshape(4, 7)
    assert rows[:, [0, 2, 5]].T.tolist() == values.tolist()
    assert not rows[:, [1, 3, 4, 6]].any()
    cost = bench.do(LDR)
    assert cost == Cost(1 + 12, {"dram_res": 24})
    assert bench.state.memories["pbuf"].read(80, 24).view("<i2").tolist() == values.ravel().tolist()


def test_segments_add_up() -> None:
    """The chunks of a filter in two runs, one set of two filters per chunk."""
    halves = [X[:, :4] @ W[:, :4].T, X[:, 4:] @ W[:, 4:].T]
    table = np.array(OUTPUTS, "<u2").view(np.uint8).tolist()
    bench = Bench(table=table + CUS[0])
    bench.do(PIXELS, changed(ASG, hi=1), *LDA)
    for chunk in range(2):
        piece = np.zeros_like(W)[:, :4]
        piece[:, : 4 - 2 * chunk] = W[:, 4 * chunk : 4 * chunk + 4]
        again = Bench(records=records_of(piece), table=table + CUS[chunk])
        again.do(changed(ASG, lo=chunk, hi=chunk + 1), changed(LDF, lo=chunk, hi=chunk + 1))
        for name in ("asg", "fbuf"):
            bench.state.memories[name].write(0, again.state.memories[name].data)
        run = changed(RUN, clear=int(chunk == 0), last=int(chunk == 1), lo=chunk, hi=chunk + 1)
        if chunk:
            with pytest.raises(TrapError, match="no complete sums of 3 filters"):
                bench.do(DRN)
        bench.do(run)
    bench.do(DRN)
    assert bench.sums() == (halves[0] + halves[1])[:, [1, 0, 2]].tolist()


# What traps --------------------------------------------------------------------------------------

TRAPS: list[tuple[dict[str, int], tuple[Instruction, ...], str]] = [
    ({}, (changed(SHAPE, cus=3),), "cus=3 is not this machine's, which has 2"),
    ({"nc": 3}, (), "nc=3, but cg=6 make 2 chunks"),
    ({"gb": 3}, (), "gb=3 is none of"),
    ({"as": 3}, (), "as=3 does not divide the 2 clusters"),
    ({"uh": 0}, (), "uh is 0"),
    ({}, (changed(LDA[0], q=2),), "share 2 is beyond as=2"),
    ({}, (changed(LDA[0], img=1),), "image 1 is beyond n=1"),
    ({}, (changed(LDA[0], row0=2),), r"rows 2\.\.2 are not all in a map of h=2"),
    ({}, (changed(LDA[0], rows=0),), "are not all in a map"),
    ({}, (PIXELS, changed(LDA[0], rows=2)), "of ld are 2 positions, but 2 rows have 4"),
    ({}, (changed(MAP, w=10), LDA[0]), "1 rows of 10 pixels need 140 bytes, but .* has 128"),
    ({}, (changed(ASG, nf=5),), r"nf=5 is outside 1\.\.4"),
    ({"gb": 0}, (changed(ASG, nf=3),), r"nf=3 is outside 1\.\.2"),
    ({}, (changed(ASG, z=1),), "set 1 is beyond the 1 of a batch"),
    ({}, (changed(ASG, hi=3),), r"chunks 0\.\.2 are not all of a filter, which has 2"),
    ({}, (LDF,), "half 1 holds no table of set 0"),
    ({}, (ASG, changed(LDF, nf=2)), r"is of chunks 0\.\.1 of 3 filters"),
    ({}, (ASG, changed(LDF, hi=1)), r"is of chunks 0\.\.1 of 3 filters"),
    ({}, (ASG, changed(LDF, daddr=CONSTANTS - 2)), "record 2 of 6 .* goes beyond dram.192."),
    ({}, (*LOADED, changed(RUN, np=5)), r"np=5 is outside 1\.\.4"),
    ({}, (*LOADED, changed(RUN, np=0)), r"np=0 is outside 1\.\.4"),
    ({}, (*LOADED, changed(RUN, sets=2)), "sets=0b10 must name some of the 1 sets"),
    ({}, (*LOADED, changed(RUN, sets=0)), "must name some of the 1 sets"),
    ({}, (*LOADED, changed(RUN, p0=2)), "no share has block 1"),
    ({}, (*LOADED, changed(RUN, p0=1)), "p0=1 is no multiple of np=2"),
    ({}, (*LOADED, changed(RUN, half=1)), "does not hold rows of image 0"),
    ({}, (*LOADED, changed(RUN, hf=0)), "half 0 holds no table of set 0"),
    ({}, (PIXELS, ASG, *LDA, RUN), r"does not hold chunks 0\.\.1 of 3 filters"),
    ({}, (*LOADED, changed(RUN, hi=1)), r"set 0 holds chunks 0\.\.1, beyond lo=0 hi=1"),
    ({}, (*LOADED, changed(RUN, clear=0)), r"bank 1 holds no sums of chunks 0\.\.-1 of 3"),
    ({}, (*LOADED, changed(MAP, n=2), RUN), "does not hold rows of image 1"),
    ({}, (*LOADED, changed(MAP, e=1, f=1, n=2), changed(RUN, np=1)), "rows of image 1"),
    ({}, (*LOADED, DRN), "bank 1 holds no complete sums of 3 filters of set 0 at p0=0"),
    ({}, (*LOADED, RUN, changed(DRN, nf=2)), "nf=2, but the table of set 0 has 3 filters"),
    ({}, (*LOADED, RUN, changed(DRN, z=1)), "set 1 is beyond the 1 of a batch"),
    ({}, (*LOADED, RUN, changed(DRN, p0=2)), "no share has block 1"),
    ({}, (*LOADED, RUN, changed(DRN, np=0)), "np is 0"),
    ({}, (*LOADED, RUN, changed(DRN, np=1)), "holds no complete sums"),
    ({}, (*LOADED, RUN, changed(DRN, oaddr=126)), r"cannot write 48 bytes at obuf\[504\]"),
    ({}, (ASG, changed(STO, nf=4)), "nf=4, but the table of set 0 has 3"),
    ({}, (ASG, changed(STO, row=5)), "output 5 is beyond row=5"),
    ({}, (ASG, changed(STO, daddr=0)), r"bytes 0\.\.191 are constants"),
    ({}, (ASG, changed(ROWS[0], stride=10), STO), "rows of 6 channels lie 10 bytes apart"),
    ({}, (ASG, changed(STO, daddr=505)), r"leaves the image"),
    ({}, (ASG, changed(STO, addr=126)), r"cannot read 6 bytes at pbuf\[252\]"),
]  # fmt: skip


@pytest.mark.parametrize(("cfg", "instructions", "message"), TRAPS)
def test_what_cannot_be_done_traps(
    cfg: dict[str, int], instructions: tuple[Instruction, ...], message: str
) -> None:
    with pytest.raises(TrapError, match=message):
        Bench(**cfg).do(*instructions)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([0b1111, 1, 0, 2, 0, 3, 0, 4, 0, 0b100, 1, 0], "chunk 1 of filter 0 has a mask bit"),
        ([1, 0, 0], "chunk 0 of filter 0 has a 0 among its values"),
    ],
)
def test_malformed_records_trap_when_they_are_joined(records: list[int], message: str) -> None:
    bench = Bench(records=records)
    with pytest.raises(TrapError, match=message):
        bench.do(*LOADED, RUN)


@pytest.mark.parametrize(
    ("cus", "message"),
    [
        ([[0, 1, 1], [2, 0, 1]], "the table names CU 2, but there are 2"),
        ([[0, 1, 1], [1, 1, 1]], "gives a CU 3 filters of one chunk, but it takes 2"),
    ],
)
def test_tables_name_units_that_there_are(cus: list[list[int]], message: str) -> None:
    outputs = np.array(OUTPUTS, "<u2").view(np.uint8).tolist()
    with pytest.raises(TrapError, match=message):
        Bench(table=outputs + np.ravel(cus).tolist()).do(ASG)


def test_filters_that_do_not_fit_a_unit_trap() -> None:
    table = np.arange(4, dtype="<u2").view(np.uint8).tolist() + 4 * [0, 1, 1, 0]
    bench = Bench(records=records_of(np.ones((4, 16))), table=table, nc=4, cg=16)
    load = (changed(ASG, nf=4, hi=4), changed(LDF, nf=4, hi=4))
    with pytest.raises(
        TrapError, match=r"CU 0 gets 72 bytes of filters, but half of its .* has 64"
    ):
        bench.do(*load)


# Parameters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        {"clusters": 16}, {"cus": 128}, {"chunk": 0}, {"pos_block": 128}, {"fbuf_bytes": 0},
        {"acc_bits": 33}, {"obuf_bytes": 65532}, {"PCAP": 252}, {"BCAP": 1020}, {"bus_bits": 0},
    ],
)  # fmt: skip
def test_parameters_beyond_the_machine_are_refused(setting: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        SpartenSpec(**setting)


def test_a_footprint_needs_the_registers() -> None:
    with pytest.raises(EncodingError, match=r"needs the registers that sp\.shape sets"):
        ISA.footprint(RUN, {})


def test_energy_follows_the_common_model() -> None:
    entries, scale = MACHINE.energy(SpartenSpec()), NODES[28].energy

    def picojoule(counter: str, category: str) -> float:
        return sum(e.common for e in entries if (e.counter, e.category) == (counter, category))

    assert picojoule("macs_effectual", "compute") == pytest.approx(scale * mac(16, 16, 32))
    join = priority_encoder(128) + 2 * prefix_sum(128)
    assert picojoule("macs_effectual", "logic") == pytest.approx(scale * join)
    assert picojoule("chunk_joins", "logic") == pytest.approx(scale * mask_and(128))
    charged = {entry.counter for entry in entries}
    assert {"fmask_reads", "fval_reads", "in_mask_reads", "in_value_reads"} <= charged
    assert {"cu_in_writes", "cu_in_reads", "perm_words", "out_words", "dram_asg"} <= charged
