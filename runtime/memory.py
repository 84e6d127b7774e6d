"""The machine's memories: SRAMs of their real capacity and the DRAM image, checked and watched.

Every access is noted in an `AccessLog` that the interpreter reads after each instruction: the
hazard check works on the bytes really touched. Reads are views wherever the bytes lie together.
"""

from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

from ..isa.errors import TrapError
from ..isa.footprint import Region

Bytes = npt.NDArray[np.uint8]
"""A flat array of bytes."""


@dataclass
class AccessLog:
    """The regions that the current instruction has read and written so far, repeats left out."""

    reads: list[Region] = field(default_factory=list[Region])
    writes: list[Region] = field(default_factory=list[Region])

    def clear(self) -> None:
        """Forget everything, at the end of an instruction."""
        self.reads.clear()
        self.writes.clear()

    def read(self, region: Region) -> None:
        """Note a read."""
        if region not in self.reads:
            self.reads.append(region)

    def write(self, region: Region) -> None:
        """Note a write."""
        if region not in self.writes:
            self.writes.append(region)


class Memory:
    """An SRAM.

    Args:
        name: Its name in the instruction set's table of memories.
        capacity_bytes: Its size; zero at start.
        stream: The counter of DRAM bytes that an `ld` into this memory feeds.
        log: Where accesses are noted; its own if not given.
    """

    def __init__(
        self, name: str, capacity_bytes: int, stream: str = "", log: AccessLog | None = None
    ) -> None:
        self.name = name
        self.capacity_bytes = capacity_bytes
        self.stream = stream
        self.log = AccessLog() if log is None else log
        self.data: Bytes = np.zeros(capacity_bytes, dtype=np.uint8)
        self._view = _read_only(self.data)

    def read(self, addr: int, nbytes: int) -> Bytes:
        """A read-only view of `nbytes` bytes from `addr` on.

        The view shows later writes: finish with it (or copy) before writing the same bytes.

        Raises:
            TrapError: The bytes are not all inside the memory.
        """
        self._check("read", addr, nbytes)
        if nbytes:
            self.log.read(Region(self.name, addr, nbytes))
        return self._view[addr : addr + nbytes]

    def gather(self, region: Region) -> Bytes:
        """The region's bytes in transfer order; a read-only view if it is a single run.

        Raises:
            TrapError: The bytes are not all inside the memory.
        """
        region = merge_runs(region._replace(memory=self.name))
        self._check("read", region.base, region.end - region.base)
        if region.size_bytes:
            self.log.read(region)
        return _runs(self._view, region)

    def write(self, addr: int, data: npt.NDArray[np.generic]) -> None:
        """Store an array's bytes (C order) from `addr` on.

        Raises:
            TrapError: The bytes do not all fit inside the memory.
        """
        self.reserve(addr, data.nbytes)[:] = as_bytes(data)

    def reserve(self, addr: int, nbytes: int) -> Bytes:
        """A writable view of `nbytes` bytes from `addr` on, noted as written, to fill in place.

        Raises:
            TrapError: The bytes are not all inside the memory.
        """
        self._check("write", addr, nbytes)
        if nbytes:
            self.log.write(Region(self.name, addr, nbytes))
        return self.data[addr : addr + nbytes]

    def scatter(self, region: Region, data: npt.NDArray[np.generic]) -> None:
        """Store an array's bytes (C order) into the region, run by run.

        Raises:
            TrapError: The bytes are not all inside the memory, or the region overlaps itself.
        """
        region = merge_runs(region._replace(memory=self.name))
        self._check("write", region.base, region.end - region.base)
        if not region.size_bytes:
            return
        if overlaps_itself(region):
            raise TrapError(f"the runs of {region.run} bytes at {self.name}[{region.base}] overlap")
        self.log.write(region)
        _store_runs(self.data, region, as_bytes(data))

    def tensor(
        self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str
    ) -> npt.NDArray[np.generic]:
        """An unwatched view of a tensor, as `Dram.tensor`.

        Raises:
            TrapError: The tensor leaves the memory.
        """
        _tensor_end(self, offset, shape, strides, dtype)
        return _tensor_view(self.data, offset, shape, strides, dtype)

    def _check(self, verb: str, addr: int, nbytes: int) -> None:
        if addr < 0 or nbytes < 0 or addr + nbytes > self.capacity_bytes:
            raise TrapError(
                f"cannot {verb} {nbytes} bytes at {self.name}[{addr}]: "
                f"{self.name} has {self.capacity_bytes} bytes"
            )


class Dram:
    """The DRAM image: constants that cannot be written, then a writable part that is zero at start.

    Args:
        constants: Bytes 0..len-1, kept as a read-only view (never copied).
        capacity_bytes: Size of the whole image.
        log: Where accesses are noted; its own if not given. Reads of constants are not noted:
            nothing can ever write them, so they take part in no hazard.
    """

    name = "dram"

    def __init__(self, constants: Bytes, capacity_bytes: int, log: AccessLog | None = None) -> None:
        self.capacity_bytes = capacity_bytes
        self.constant_bytes = len(constants)
        self.log = AccessLog() if log is None else log
        self._constants = _read_only(constants)
        self._data: Bytes = np.zeros(capacity_bytes - len(constants), dtype=np.uint8)
        self._view = _read_only(self._data)

    def read(self, addr: int, nbytes: int) -> Bytes:
        """`nbytes` bytes from `addr` on, as `gather`."""
        return self.gather(Region(self.name, addr, nbytes))

    def write(self, addr: int, data: npt.NDArray[np.generic]) -> None:
        """Store an array's bytes (C order) from `addr` on, as `scatter`."""
        self.scatter(Region(self.name, addr, data.nbytes), data)

    def gather(self, region: Region) -> Bytes:
        """The region's bytes in transfer order; a read-only view if it is a single run.

        Raises:
            TrapError: The region leaves the image.
        """
        region = merge_runs(region)
        if not region.size_bytes:
            return self._view[:0]
        self._check("read", region)
        if region.end > self.constant_bytes:
            self.log.read(region)
        if region.end <= self.constant_bytes:
            return _runs(self._constants, region)
        if region.base >= self.constant_bytes:
            return _runs(self._view, _moved(region, -self.constant_bytes))
        # The region lies across the border: rare and slow, through a copy of what it spans.
        joined = np.concatenate((self._constants[region.base :], self._view))
        return _runs(joined, _moved(region, -region.base)).copy()

    def scatter(self, region: Region, data: npt.NDArray[np.generic]) -> None:
        """Store an array's bytes (C order) into the region, run by run.

        Raises:
            TrapError: The region leaves the image, touches the constants or overlaps itself.
        """
        region = merge_runs(region)
        if not region.size_bytes:
            return
        self._check("write", region)
        if region.base < self.constant_bytes:
            raise TrapError(
                f"cannot write dram[{region.base}]: "
                f"bytes 0..{self.constant_bytes - 1} are constants"
            )
        if overlaps_itself(region):
            raise TrapError(
                f"the runs of {region.run} bytes written at dram[{region.base}] overlap",
                hint=f"the dimensions (count, stride) are {', '.join(map(str, region.dims))}",
            )
        self.log.write(region)
        _store_runs(self._data, _moved(region, -self.constant_bytes), as_bytes(data))

    def tensor(
        self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str
    ) -> npt.NDArray[np.generic]:
        """An unwatched view of a tensor in the image, writable outside the constants.

        Args:
            offset: Address of its first element.
            shape: Its dimensions.
            strides: Bytes between neighbours along each dimension, none negative.
            dtype: Element type in numpy's words.

        Raises:
            TrapError: The tensor leaves the image, or lies across the border of the constants.
        """
        end = _tensor_end(self, offset, shape, strides, dtype)
        if offset < self.constant_bytes < end:
            raise TrapError(
                f"tensor at dram[{offset}..{end - 1}] lies across the end of the constants "
                f"({self.constant_bytes})"
            )
        is_constant = end <= self.constant_bytes
        start = offset if is_constant else offset - self.constant_bytes
        buffer = self._constants if is_constant else self._data
        return _tensor_view(buffer, start, shape, strides, dtype)

    def _check(self, verb: str, region: Region) -> None:
        if region.base < 0 or region.end > self.capacity_bytes:
            raise TrapError(
                f"cannot {verb} dram[{region.base}..{region.end - 1}]: "
                f"the DRAM image has {self.capacity_bytes} bytes"
            )


def _tensor_end(
    memory: Memory | Dram,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: str,
) -> int:
    """One past a tensor's last byte.

    Raises:
        TrapError: The tensor leaves the memory.
    """
    if not prod(shape):
        return offset
    end = (
        offset
        + np.dtype(dtype).itemsize
        + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    )
    if offset < 0 or end > memory.capacity_bytes or min(strides, default=0) < 0:
        kind = "the image" if isinstance(memory, Dram) else "the memory"
        raise TrapError(
            f"tensor at {memory.name}[{offset}..{end - 1}] leaves {kind} of "
            f"{memory.capacity_bytes} bytes"
        )
    return end


def _tensor_view(
    buffer: Bytes, start: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str
) -> npt.NDArray[np.generic]:
    kind = np.dtype(dtype).newbyteorder("<")
    if not prod(shape):
        return np.empty(shape, kind)
    return np.ndarray(shape, kind, buffer, start, strides)


def as_bytes(data: npt.NDArray[np.generic]) -> Bytes:
    """An array's bytes in C order, without a copy if it is contiguous."""
    return np.ascontiguousarray(data).reshape(-1).view(np.uint8)


def merge_runs(region: Region) -> Region:
    """The same bytes in the same order with neighbouring runs joined and single repeats dropped."""
    if not region.dims:
        return region
    run = region.run
    dims: list[tuple[int, int]] = []
    for count, stride in region.dims:
        if count == 1:
            continue
        if not dims and stride == run:
            run *= count
        elif dims and stride == dims[-1][0] * dims[-1][1]:
            dims[-1] = (dims[-1][0] * count, dims[-1][1])
        else:
            dims.append((count, stride))
    return Region(region.memory, region.base, run, tuple(dims))


def overlaps_itself(region: Region) -> bool:
    """Tell whether two runs of a region share a byte."""
    reach = region.run
    for count, stride in sorted(region.dims, key=lambda dim: dim[1]):
        if stride < reach:
            break
        reach += (count - 1) * stride
    else:
        return False
    starts = np.sort(region.starts())
    return bool((np.diff(starts) < region.run).any())


def _read_only(data: Bytes) -> Bytes:
    view = data.view()
    view.flags.writeable = False
    return view


def _moved(region: Region, distance: int) -> Region:
    return Region(region.memory, region.base + distance, region.run, region.dims)


def _strided(data: Bytes, region: Region) -> npt.NDArray[np.void]:
    """A view of shape [outer count, inner count] whose elements are whole runs."""
    shape = tuple(count for count, _ in reversed(region.dims))
    strides = tuple(stride for _, stride in reversed(region.dims))
    return np.ndarray(shape, f"V{region.run}", data, region.base, strides)


def _runs(data: Bytes, region: Region) -> Bytes:
    if not region.dims:
        return data[region.base : region.base + region.run]
    copy = np.ascontiguousarray(_strided(data, region)).reshape(-1).view(np.uint8)
    copy.flags.writeable = False
    return copy


def _store_runs(data: Bytes, region: Region, flat: Bytes) -> None:
    if region.dims:
        counts = tuple(count for count, _ in reversed(region.dims))
        _strided(data, region)[:] = flat.view(f"V{region.run}").reshape(counts)
    else:
        data[region.base : region.base + region.run] = flat
