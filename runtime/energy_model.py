"""The common energy and area model: pJ per access and mm2 as functions of size and width.

One table for all targets, so that two machines in a report differ by their counters only. Base
values are the 45 nm table of EIE (ISCA 2016, table I): 32-bit add 0.1 pJ, multiply 3.1, register
file 1, 32 KB SRAM 5, DRAM 640. Widths are bits, capacities are bytes of the *bank* that an access
activates, energies are pJ at 45 nm and 0.9 V: a target multiplies by its node's factor when it
writes its entries, except DRAM's and the numbers of its own sheet, which hold at its node.
"""

from itertools import pairwise
from math import log2, sqrt
from typing import NamedTuple

KB = 1024
MB = 1024 * 1024
WIDTH_EXPONENT = 0.7
"""How the energy of a memory access grows with its width (fit to CACTI 7.0, 2 KB..8 MB)."""
RF_LIMIT_BYTES = KB
"""A memory up to this capacity is a register file, above it an SRAM."""
GATED = 0.1
"""Share of a MAC's energy spent when an operand is held: clock and control remain."""


class Node(NamedTuple):
    """Factors of a technology against 45 nm; DRAM energy and frequencies are never scaled."""

    nm: int
    supply_volt: float
    energy: float
    area: float


NODES = {
    65: Node(65, 1.0, 1.58, 1.5),
    45: Node(45, 0.9, 1.0, 1.0),
    32: Node(32, 0.9, 0.641, 0.46),
    28: Node(28, 0.9, 0.507, 0.377),
}
"""Stillmaker's polynomials at the supply given; 28 nm lies between 32 and 20 nm."""


def add(bits: float) -> float:
    """Integer addition: 0.1 pJ at 32 bits, linear in the width."""
    return 0.1 * bits / 32


def mul(a_bits: int, b_bits: int) -> float:
    """Integer multiplication: 3.1 pJ at 32 x 32 bits, an array multiplier."""
    return 3.1 * (a_bits / 32) * (b_bits / 32)


def mac(a_bits: int, b_bits: int, acc_bits: int) -> float:
    """Executed multiply-accumulate, effectual or not; without the accumulator's memory."""
    return mul(a_bits, b_bits) + add(acc_bits)


def mac_gated(a_bits: int, b_bits: int, acc_bits: int) -> float:
    """MAC with its operands held because one is zero."""
    return GATED * mac(a_bits, b_bits, acc_bits)


def cmp(bits: int) -> float:
    """Comparison, as in max pooling and clipping."""
    return add(bits)


def adder_tree(product_count: int, acc_bits: int) -> float:
    """Sum of several products in a tree, instead of as many accumulations."""
    return (product_count - 1) * add(acc_bits)


def reg(bits: int) -> float:
    """One write and read of a flip-flop register: 0.009 pJ per bit."""
    return 0.009 * bits


def rf(capacity_bytes: float, bits: int) -> float:
    """One access of a register file or FIFO; above 1 KB the memory is an `sram`.

    A FIFO costs one access per push and one per pop, an accumulator one read and one write per
    update.
    """
    if capacity_bytes > RF_LIMIT_BYTES:
        return sram(capacity_bytes, bits)
    return max(reg(bits), sqrt(capacity_bytes / KB) * (bits / 32) ** WIDTH_EXPONENT)


def sram(capacity_bytes: float, bits: int) -> float:
    """One read or write of an SRAM bank."""
    return 5 * sqrt(capacity_bytes / (32 * KB)) * (bits / 32) ** WIDTH_EXPONENT


def wire(bits: int, mm: float) -> float:
    """Moving a word over a distance: 0.1 pJ per bit and mm."""
    return 0.1 * bits * mm


def bank_wire(bits: int, memory_mm2: float) -> float:
    """The way between a port and a bank, per access of a banked memory: half its side."""
    return wire(bits, 0.5 * sqrt(memory_mm2))


def banked(capacity_bytes: int, bank_count: int, bits: int, node: Node = NODES[45]) -> float:
    """One access of a banked memory: the bank activated and the way to it.

    Args:
        capacity_bytes: Of the whole memory.
        bank_count: Banks of equal size.
        bits: Width of the access.
        node: The node whose area sets the distance; the result is not yet scaled by `node.energy`.
    """
    bank_bytes = capacity_bytes / bank_count
    area = sram_mm2(capacity_bytes, bank_bytes) * node.area
    return rf(bank_bytes, bits) + bank_wire(bits, area)


def dram(byte_count: float) -> float:
    """DRAM traffic: 160 pJ per byte at every node."""
    return 160.0 * byte_count


def edram(capacity_bytes: float, bits: int) -> float:
    """One read or write of an embedded-DRAM bank."""
    return 0.58 * sram(capacity_bytes, bits)


def edram_refresh(bank_bytes: int) -> float:
    """One refresh event of a whole embedded-DRAM bank: 4.5 accesses per 16-bit word."""
    return bank_bytes / 2 * 4.5 * edram(bank_bytes, 16)


def prefix_sum(bits: int) -> float:
    """Parallel-prefix sum over a mask."""
    return bits / 2 * log2(bits) * add(log2(bits))


def priority_encoder(bits: int) -> float:
    """Leading one of a mask."""
    return bits * add(1)


def mask_and(bits: int) -> float:
    """AND of two masks."""
    return 0.001 * bits


def cam_search(entry_count: int, bits: int) -> float:
    """Search of a content-addressed memory: 1 fJ per bit."""
    return 0.001 * entry_count * bits


def mux(input_count: int, bits: int) -> float:
    """One word through a multiplexer."""
    return 0.0005 * input_count * bits


def popcount(bits: int) -> float:
    """Number of ones of a mask."""
    return bits * add(log2(bits))


def crossbar(bits: int, block_mm2: float, receiver_count: int = 1) -> float:
    """One word through a crossbar to its receiving ports."""
    return wire(bits, 0.5 * sqrt(block_mm2)) + receiver_count * reg(bits)


def scatter_crossbar(bits: int, block_mm2: float, fifo_bytes: int) -> float:
    """One product to its bank: the crossbar, then push and pop at the bank's queue."""
    return crossbar(bits, block_mm2) + 2 * rf(fifo_bytes, bits)


_DENSITY = ((2 * KB, 8.0), (8 * KB, 4.4), (32 * KB, 3.6), (128 * KB, 3.6), (512 * KB, 3.35))
"""mm2 per MB by bank capacity (CACTI)."""


def sram_mm2(capacity_bytes: float, bank_bytes: float) -> float:
    """Area of an SRAM; between the points of the table the density is linear in log(bank)."""
    low, high = _DENSITY[0], _DENSITY[-1]
    if bank_bytes <= low[0]:
        density = low[1]
    elif bank_bytes >= high[0]:
        density = high[1]
    else:
        low, high = next(pair for pair in pairwise(_DENSITY) if bank_bytes <= pair[1][0])
        share = log2(bank_bytes / low[0]) / log2(high[0] / low[0])
        density = low[1] + share * (high[1] - low[1])
    return density * capacity_bytes / MB


def edram_mm2(capacity_bytes: float, bank_bytes: float) -> float:
    """Area of an embedded DRAM, 0.26 of the SRAM's."""
    return 0.26 * sram_mm2(capacity_bytes, bank_bytes)


def pe_mm2(pe_count: int) -> float:
    """Area of 16-bit PEs with FIFOs and registers (SPOTS: 2.048 mm2 for 512)."""
    return 0.004 * pe_count


def crossbar_mm2(input_count: int, output_count: int, bits: int) -> float:
    """Area of a crossbar, 1e-5 mm2 per crosspoint bit."""
    return 1e-5 * input_count * output_count * bits


def static_milliwatt(memory_bytes: float, peak_array_milliwatt: float) -> float:
    """Leakage: 0.2 mW per MB on chip and 2 % of the array's peak dynamic power."""
    return 0.2 * memory_bytes / MB + 0.02 * peak_array_milliwatt
