"""SparTen: the shape of the machine, where its memories' slots lie, how positions are cut.

Every slot begins with a tag, in which the machine notes what the slot holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..encoding import Field, Instruction
from ..footprint import Region

if TYPE_CHECKING:
    from .sparten import SpartenSpec

TAG_BYTES = 32
SUM_BYTES = 8
"""The model keeps psums in 64 bits: they are exact until `sp.drn` clips them."""


class Shape(Instruction):
    """State the shape of the machine that the program's addresses are for; another one traps."""

    mnemonic = "sp.shape"
    opcode = 0x10
    unit = "cl"
    is_config = True
    clusters = Field(87, 83, "clusters")
    cus = Field(82, 76, "CUs per cluster")
    chunk = Field(75, 65, "mask bits of a chunk", unit="bits")
    block = Field(64, 58, "positions per cluster and run")
    ibuf = Field(57, 34, "half of a cluster's input memory", unit="bytes")
    fbuf = Field(33, 10, "half of a CU's filter memory", unit="bytes")

    @classmethod
    def of(cls, spec: SpartenSpec) -> Shape:
        """The shape of a machine of given parameters."""
        return cls(
            clusters=spec.clusters,
            cus=spec.cus,
            chunk=spec.chunk,
            block=spec.pos_block,
            ibuf=spec.ibuf_bytes,
            fbuf=spec.fbuf_bytes,
        )

    @property
    def mask_bytes(self) -> int:
        """Bytes of a mask."""
        return -(-self.chunk // 8)

    @property
    def most_filters(self) -> int:
        """Most filters of a set, whatever the balancing."""
        return 2 * self.cus

    @property
    def slot_bytes(self) -> Mapping[str, int]:
        """Bytes of a slot of each memory, with its tag."""
        return _slot_bytes(self.cus, self.chunk, self.block, self.ibuf, self.fbuf)

    def memory_bytes(self, name: str) -> int:
        """Bytes of a memory: two slots per cluster."""
        return 2 * self.clusters * self.slot_bytes[name]

    def slot(self, name: str, index: int, half: int, nbytes: int | None = None) -> Region:
        """A slot of a memory, or its tag and as many bytes behind.

        Args:
            name: `ibuf` (index: share), `fbuf` or `asg` (set), or `psum` (cluster).
            index: Which.
            half: Of the two.
            nbytes: How many bytes; all if not given.
        """
        size = self.slot_bytes[name]
        return Region(
            name, (2 * index + half) * size, size if nbytes is None else TAG_BYTES + nbytes
        )


@lru_cache(maxsize=64)
def _slot_bytes(cus: int, chunk: int, block: int, ibuf: int, fbuf: int) -> Mapping[str, int]:
    filters, mask_bytes = 2 * cus, -(-chunk // 8)
    # No record is shorter than its mask: so many chunks at most fit a CU.
    table = 2 * filters + fbuf // mask_bytes * filters
    sums = SUM_BYTES * block * filters
    sizes = {"ibuf": ibuf, "fbuf": cus * fbuf, "asg": table, "psum": sums}
    return {name: TAG_BYTES + -(-size // 8) * 8 for name, size in sizes.items()}


class Positions(NamedTuple):
    """The output positions of a layer, cut into shares and those into blocks (section 4).

    A share is cut where an image ends, and every `block` positions from there.

    Args:
        total: Positions of all images.
        per_image: Positions of an image.
        shares: Shares.
        block: Most positions of a block.
    """

    total: int
    per_image: int
    shares: int
    block: int

    def part(self, share: int, number: int) -> tuple[int, int]:
        """First position, and how many there are, of a block of a share; 0 if it has none."""
        length = -(-self.total // self.shares)
        start = share * length
        end = min(start + length, self.total)
        head = self.per_image - start % self.per_image
        blocks = -(-head // self.block)
        if number < blocks:
            first, last = start + number * self.block, start + head
        else:
            image, at = divmod(number - blocks, -(-self.per_image // self.block))
            image_start = start + head + image * self.per_image
            first, last = image_start + at * self.block, image_start + self.per_image
        return first, max(0, min(first + self.block, last, end) - first)
