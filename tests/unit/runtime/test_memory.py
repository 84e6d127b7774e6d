"""SRAMs and the DRAM image: bounds, views, strided transfers, and the log of what was touched."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spcc.isa.errors import TrapError
from spcc.isa.footprint import Region
from spcc.runtime.memory import Dram, Memory, merge_runs, overlaps_itself

CONSTANTS, CAPACITY = 60, 200


def image(total: int = CAPACITY, constants: int = CONSTANTS) -> tuple[Dram, np.ndarray]:
    """A DRAM image of random bytes and a plain copy of it."""
    plain = np.random.default_rng(1).integers(0, 256, total).astype(np.uint8)
    dram = Dram(plain[:constants].copy(), total)
    if total > constants:
        dram.write(constants, plain[constants:])
    dram.log.clear()
    return dram, plain


def addresses(region: Region) -> np.ndarray:
    """Every byte address of a region, in transfer order."""
    return (region.starts()[:, None] + np.arange(region.run)).ravel()


dims = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30)), max_size=2).map(tuple)
regions = st.builds(Region, st.just("dram"), st.integers(0, 80), st.integers(1, 9), dims)


def test_sram_holds_what_was_written_and_is_zero_before() -> None:
    memory = Memory("buf", 32)
    memory.write(4, np.array([[1, -2], [3, 4]], "<i2"))
    assert memory.read(4, 8).view("<i2").tolist() == [1, -2, 3, 4]
    assert not memory.read(0, 4).any()
    assert not memory.read(12, 20).any()


def test_sram_writes_a_transposed_array_in_its_own_order() -> None:
    memory = Memory("buf", 8)
    memory.write(0, np.arange(6, dtype=np.uint8).reshape(2, 3).T)
    assert memory.read(0, 6).tolist() == [0, 3, 1, 4, 2, 5]


@given(regions)
def test_sram_scatter_is_what_gather_reads(region: Region) -> None:
    memory, plain = Memory("buf", CAPACITY), np.zeros(CAPACITY, np.uint8)
    where = addresses(region)
    data = np.random.default_rng(region.base).integers(1, 256, where.size).astype(np.uint8)
    if where.size and where.max() >= CAPACITY:
        with pytest.raises(TrapError, match="cannot write"):
            memory.scatter(region, data)
    elif np.unique(where).size < where.size:
        with pytest.raises(TrapError, match="overlap"):
            memory.scatter(region, data)
    else:
        memory.scatter(region, data)
        plain[where] = data
        assert memory.data.tolist() == plain.tolist()
        assert sum(r.size_bytes for r in memory.log.writes) == where.size
        assert memory.gather(region).tolist() == data.tolist()


def test_sram_reads_are_views_that_cannot_be_written() -> None:
    memory = Memory("buf", 16)
    view = memory.read(0, 16)
    assert np.shares_memory(view, memory.data)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1


@pytest.mark.parametrize(("addr", "nbytes"), [(-1, 2), (15, 2), (0, 17), (4, -1), (1 << 40, 1)])
def test_sram_traps_outside_its_bytes(addr: int, nbytes: int) -> None:
    memory = Memory("buf", 16)
    with pytest.raises(TrapError, match=r"buf\[.*buf has 16 bytes"):
        memory.read(addr, nbytes)
    with pytest.raises(TrapError, match="cannot write"):
        memory.reserve(addr, nbytes)
    assert not memory.log.reads
    assert not memory.log.writes


def test_log_has_each_region_once_and_none_of_nothing() -> None:
    memory = Memory("buf", 16)
    for _ in range(2):
        memory.read(2, 4)
        memory.write(8, np.zeros(3, np.uint8))
    memory.read(0, 0)
    memory.write(0, np.zeros(0, np.uint8))
    assert memory.log.reads == [Region("buf", 2, 4)]
    assert memory.log.writes == [Region("buf", 8, 3)]


@given(regions)
def test_gather_takes_the_bytes_of_every_run_in_order(region: Region) -> None:
    dram, plain = image()
    if region.end > CAPACITY:
        with pytest.raises(TrapError, match="DRAM image has 200 bytes"):
            dram.gather(region)
    else:
        assert dram.gather(region).tolist() == plain[addresses(region)].tolist()


@given(regions)
def test_scatter_writes_those_bytes_and_no_other(region: Region) -> None:
    dram, plain = image()
    values = np.arange(region.size_bytes, dtype=np.uint8) + 100
    at = addresses(region)
    legal = region.base >= CONSTANTS and region.end <= CAPACITY and len(set(at)) == len(at)
    if legal:
        dram.scatter(region, values)
        plain[at] = values
        assert set(addresses(dram.log.writes[0])) == set(at)
    else:
        with pytest.raises(TrapError):
            dram.scatter(region, values)
        assert not dram.log.writes
    assert dram.gather(Region("dram", 0, CAPACITY)).tolist() == plain.tolist()


@given(regions)
def test_merged_runs_are_the_same_bytes_in_the_same_order(region: Region) -> None:
    merged = merge_runs(region)
    assert addresses(merged).tolist() == addresses(region).tolist()
    assert all(count > 1 for count, _ in merged.dims)


@given(regions)
def test_self_overlap_is_found(region: Region) -> None:
    at = addresses(region)
    assert overlaps_itself(region) == (len(set(at)) < len(at))


def test_rows_that_lie_together_become_one_run() -> None:
    assert merge_runs(Region("dram", 8, 4, ((3, 4), (5, 12)))) == Region("dram", 8, 60)
    assert merge_runs(Region("dram", 8, 4, ((3, 6), (5, 18)))) == Region("dram", 8, 4, ((15, 6),))


def test_constants_are_kept_as_a_view_and_not_logged() -> None:
    constants = np.arange(100, dtype=np.uint8)
    dram = Dram(constants, 200)
    assert np.shares_memory(dram.read(10, 50), constants)
    assert not dram.log.reads
    dram.read(90, 20)
    assert dram.log.reads == [Region("dram", 90, 20)]


def test_constants_cannot_be_written() -> None:
    dram, _ = image()
    with pytest.raises(TrapError, match=r"cannot write dram\[59\]: bytes 0..59 are constants"):
        dram.write(59, np.zeros(1, np.uint8))


def test_tensor_is_a_view_with_its_strides() -> None:
    dram = Dram(np.zeros(16, np.uint8), 128)
    view = dram.tensor(16, (3, 2), (20, 2), "int16")
    view[...] = [[1, 2], [3, 4], [5, 6]]
    assert dram.read(36, 4).view("<i2").tolist() == [3, 4]
    assert not dram.log.writes
    assert not dram.tensor(0, (4,), (2,), "int16").flags.writeable
    assert dram.tensor(0, (0, 7), (1, 1), "int16").shape == (0, 7)
    assert dram.tensor(124, (), (), "float32").shape == ()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(126, (2,), (2,)), (-2, (2,), (2,)), (40, (2,), (-2,)), (40, (2, 2), (2, 1 << 50))],
)
def test_tensor_outside_the_image_traps(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    with pytest.raises(TrapError, match="leaves the image of 128 bytes"):
        Dram(np.zeros(16, np.uint8), 128).tensor(offset, shape, strides, "int16")


def test_tensor_in_an_sram() -> None:
    memory = Memory("buf", 16)
    memory.write(4, np.array([1, 2, 3, 4], "<i2"))
    assert memory.tensor(4, (2, 2), (2, 4), "int16").tolist() == [[1, 3], [2, 4]]
    assert memory.tensor(99, (0,), (2,), "int16").shape == (0,)
    with pytest.raises(TrapError, match=r"tensor at buf\[12..19\] leaves the memory of 16 bytes"):
        memory.tensor(12, (4,), (2,), "int16")


def test_tensor_across_the_constants_traps() -> None:
    with pytest.raises(TrapError, match="across the end of the constants"):
        Dram(np.zeros(15, np.uint8), 128).tensor(14, (2,), (2,), "int16")


def test_many_short_runs_are_quick() -> None:
    count = 100_000
    dram = Dram(np.zeros(0, np.uint8), 16 * count)
    region = Region("dram", 4, 2, ((count, 16),))
    values = np.arange(count).astype("<i2")
    started = time.perf_counter()
    dram.scatter(region, values)
    back = dram.gather(region).view("<i2")
    # Both take about 1 ms together; a loop in Python would need 100 times as much.
    assert time.perf_counter() - started < 0.1
    assert np.array_equal(back, values)
