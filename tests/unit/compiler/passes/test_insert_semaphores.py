"""Semaphores on random footprints: conflicts between units are ordered, tokens are all taken."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spcc.compiler.passes.insert_semaphores import tokens
from spcc.isa.encoding import Field, Instruction, InstructionSet
from spcc.isa.errors import PassError
from spcc.isa.footprint import SELF_DELIMITING, Footprint, Region

UNITS = ("a", "b", "c", "d")
FOOTPRINTS: list[Footprint] = []


def unit_class(name: str, code: int) -> type[Instruction]:
    """An instruction of a unit whose footprint is the entry of its number in FOOTPRINTS."""

    def footprint(self: Instruction, registers: object) -> Footprint:
        return FOOTPRINTS[self.values()["number"]]

    members = {
        "opcode": code,
        "unit": name,
        "mnemonic": name,
        "number": Field(15, 0, "entry"),
        "footprint": footprint,
    }
    return type(name, (Instruction,), members)


CLASSES = {name: unit_class(name, code) for code, name in enumerate((*UNITS, "host"), start=1)}
ISA = InstructionSet(
    "toy", version=1, instructions=tuple(CLASSES.values()), symbols={"memories": ()}
)

regions = st.builds(
    Region,
    st.sampled_from(("m", "m", "n")),
    st.integers(0, 9),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(2, 3), st.integers(1, 6)), max_size=2).map(tuple),
)
steps = st.tuples(
    st.sampled_from((*UNITS, *UNITS, *UNITS, "host")),
    st.lists(regions, max_size=2).map(tuple),
    st.lists(regions, max_size=2).map(tuple),
)


def touched(region: Region) -> set[tuple[str, int]]:
    """Every byte of a region."""
    starts = [region.base]
    for count, stride in region.dims:
        starts = [start + i * stride for i in range(count) for start in starts]
    return {(str(region.memory), start + i) for start in starts for i in range(region.run)}


def bytes_of(parts: tuple[Region, ...]) -> set[tuple[str, int]]:
    return set().union(*map(touched, parts)) if parts else set()


def program_of(case) -> list[Instruction]:
    FOOTPRINTS[:] = [Footprint(reads, writes) for _, reads, writes in case]
    return [CLASSES[unit](number=number) for number, (unit, _, _) in enumerate(case)]


def edges(program, found) -> list[set[int]]:
    """What each instruction surely waits for, directly: its unit, its tokens, a host call."""
    before: list[set[int]] = [set() for _ in program]
    last: dict[str, int] = {}
    pending: defaultdict[int, list[int]] = defaultdict(list)
    for index, (instruction, (wait, signal)) in enumerate(zip(program, found, strict=True)):
        if instruction.unit == "host":
            before[index] = set(range(index))
        elif "host" in last:
            before[index].add(last["host"])
        if instruction.unit in last:
            before[index].add(last[instruction.unit])
        for number in wait:
            assert pending[number], f"{index} waits for a token that nobody sent before"
            before[index].add(pending[number].pop(0))
        last[instruction.unit] = index
        for number in signal:
            pending[number].append(index)
    assert not any(pending.values()), "a token was never taken"
    return before


def ancestors(before: list[set[int]]) -> list[set[int]]:
    """All that each instruction waits for, over others."""
    full: list[set[int]] = []
    for direct in before:
        full.append(direct.union(*(full[index] for index in direct)))
    return full


def senders_and_takers(program, found) -> dict[int, set[tuple[str, str]]]:
    roles: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for instruction, (wait, signal) in zip(program, found, strict=True):
        for number in wait:
            roles[number].add(("takes", instruction.unit))
        for number in signal:
            roles[number].add(("sends", instruction.unit))
    return roles


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, min_size=3, max_size=12))
def test_every_conflict_between_units_is_ordered(case):
    program = program_of(case)
    found = tokens(ISA, program)
    waited = ancestors(edges(program, found))
    for later, (unit, reads, writes) in enumerate(case):
        for earlier, (other, other_reads, other_writes) in enumerate(case[:later]):
            if unit == other or "host" in (unit, other):
                continue
            mine, theirs = bytes_of(writes), bytes_of(other_writes)
            clash = mine & (theirs | bytes_of(other_reads)) | bytes_of(reads) & theirs
            if clash:
                assert earlier in waited[later], f"{later} may overtake {earlier} on {clash}"


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, min_size=3, max_size=12))
def test_a_semaphore_has_one_sender_and_one_taker(case):
    """So that its tokens keep program order whatever the timing."""
    program = program_of(case)
    found = tokens(ISA, program)
    for roles in senders_and_takers(program, found).values():
        assert sorted(role for role, _ in roles) == ["sends", "takes"]
    for instruction, (wait, signal) in zip(program, found, strict=True):
        instruction.with_semaphores(wait, signal).pack()


def test_what_is_covered_already_costs_no_token():
    """Two loads, then two readers: the first reader's token stands for both loads."""
    one, two = Region("m", 0, 4), Region("m", 4, 4)
    case = [("a", (), (one,)), ("a", (), (two,)), ("b", (two,), ()), ("b", (one,), ())]
    found = tokens(ISA, program_of(case))
    assert [len(wait) for wait, _ in found] == [0, 0, 1, 0]
    assert [len(signal) for _, signal in found] == [0, 1, 0, 0]


def test_a_token_covers_nothing_that_comes_after_its_sender():
    one, two = Region("m", 0, 4), Region("m", 4, 4)
    case = [("a", (), (one,)), ("a", (), (two,)), ("b", (one,), ()), ("b", (two,), ())]
    found = tokens(ISA, program_of(case))
    assert [len(wait) for wait, _ in found] == [0, 0, 1, 1]
    assert [len(signal) for _, signal in found] == [1, 1, 0, 0]


def test_nothing_waits_across_a_host_call():
    region = Region("m", 0, 4)
    case = [("a", (), (region,)), ("host", (), ()), ("b", (region,), ())]
    assert tokens(ISA, program_of(case)) == [([], [])] * 3


def test_reading_after_reading_needs_no_order():
    region = Region("m", 0, 4)
    found = tokens(ISA, program_of([("a", (region,), ()), ("b", (region,), ())]))
    assert found == [([], []), ([], [])]


def test_a_self_delimiting_region_is_as_long_as_what_was_written_there():
    """A tile of 8 bytes at 4: a write to its last byte waits for the reader, one behind not."""
    tile, reader = Region("m", 4, 8), Region("m", 4, SELF_DELIMITING)
    case = [
        ("a", (), (Region("m", 4, 2),)),
        ("a", (), (tile,)),
        ("b", (reader,), ()),
        ("c", (), (Region("m", 12, 4),)),
        ("d", (), (Region("m", 11, 1),)),
    ]
    program = program_of(case)
    waited = ancestors(edges(program, tokens(ISA, program)))
    assert 1 in waited[2]
    assert not waited[3]
    assert 2 in waited[4]


def test_an_instruction_has_slots_for_three_others():
    classes = [unit_class(f"u{n}", n + 1) for n in range(5)]
    isa = InstructionSet("wide", version=1, instructions=tuple(classes), symbols={"memories": ()})
    region = Region("m", 0, 4)
    FOOTPRINTS[:] = [Footprint((region,), ())] * 4 + [Footprint((), (region,))]
    program = [cls(number=number) for number, cls in enumerate(classes)]
    with pytest.raises(PassError, match="instruction 4 needs more than 3 semaphores"):
        tokens(isa, program)
    assert tokens(isa, program[1:])[-1][0]
