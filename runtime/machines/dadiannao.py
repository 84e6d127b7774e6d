"""DaDianNao++'s machine: its memories, DMA, `ddn.conv` and `ddn.post` (sheet sections 3 to 8)."""

from typing import Any

import numpy as np

from ...isa.base import Ld, Pgeo, Ppu, St
from ...isa.encoding import Instruction
from ...isa.targets.dadiannao import (
    HEADER_BYTES,
    ISA,
    Cfg,
    Conv,
    DadiannaoSpec,
    In,
    Ker,
    Lda,
    Ldw,
    Out,
    Post,
    Sta,
    output_words,
)
from ...isa.targets.dadiannao_places import input_words
from ..base import (
    BASE_COSTS,
    BASE_SEMANTICS,
    ppu_memories,
    refuse_others,
    refuse_zero,
    require,
)
from ..energy import Rates
from ..machine import BASE_UNITS, Cost, CostRule, Machine, MemorySpec, Semantics, State
from .dadiannao_core import (
    Flags,
    Int16s,
    Int64s,
    find_taps,
    finish_sums,
    gather,
    multiply,
    pack_sums,
    saturate,
    unpack_sums,
)
from .dadiannao_energy import entries
from .dadiannao_moves import lda_cost, ldw, ldw_cost, sta, sta_cost, write_am

BANKS = 32
"""Banks per tile of AM and of WM."""
COUNTERS = (
    "n_conv", "work", "mac_eff", "mac_ineff_a", "mac_ineff_w", "lane_idle", "wm_rd", "am_rd",
    "ab_wr", "ab_rd", "pb_rd", "pb_wr", "sat",
)  # fmt: skip
"""What a `ddn.conv` counts (section 8), zeros too."""


def memories(spec: DadiannaoSpec) -> tuple[MemorySpec, ...]:
    """The SRAMs (section 2); `wmh` are the headers of WM's halves."""
    word_bits, tiles = 16 * spec.lanes, spec.tiles
    return (
        MemorySpec("pb", 2 * tiles * spec.bank_bytes, banks=2 * tiles, width_bits=48 * spec.pes),
        MemorySpec(
            "am", spec.am_words * spec.word_bytes, banks=BANKS * tiles, width_bits=word_bits
        ),
        MemorySpec("wm", 2 * spec.half_bytes, banks=BANKS * tiles, width_bits=word_bits),
        MemorySpec("wmh", 2 * HEADER_BYTES, width_bits=8 * HEADER_BYTES),
        *ppu_memories(spec),
    )


# ddn.conv ----------------------------------------------------------------------------------------


def conv_cost(state: State, inst: Instruction) -> Cost:
    """Compute the sums too, for the saturations; `write_pb` finds them in scratch."""
    spec, fields = state.spec, inst.values()
    inp, ker = state.register(In).values(), state.register(Ker).values()
    check_conv(spec, inp, ker, fields)
    weights = _read_chunk(state, fields)
    (rows, slots, _), nwin = weights.shape, fields["nwin"]
    every: Int64s = np.arange(fields["row0"], fields["row0"] + fields["rows"])
    values, inside = read_activations(state, inp, ker, fields, every)
    product = multiply(weights, values)
    tiles = -(-slots // spec.pes)
    saturated = accumulate(state, product.sums, fields, tiles)
    windows = nwin * rows
    counters = {
        "n_conv": 1,
        "work": windows,
        "mac_eff": product.effectual,
        "mac_ineff_a": product.ineffectual_a,
        "mac_ineff_w": product.ineffectual_w,
        "lane_idle": windows * (spec.warp_filters - slots) * spec.lanes,
        "wm_rd": windows * slots,
        "am_rd": int(np.count_nonzero(inside)),
        "ab_wr": windows * tiles,
        "ab_rd": windows * tiles,
        "pb_rd": 0 if fields["first"] else nwin * tiles,
        "pb_wr": nwin * tiles,
        "sat": saturated,
    }
    return Cost(windows + spec.fill, counters)


def check_conv(
    spec: DadiannaoSpec, inp: dict[str, int], ker: dict[str, int], fields: dict[str, int]
) -> None:
    """Refuse a `ddn.conv` whose rows, blocks or windows the layer does not have.

    Args:
        spec: The machine.
        inp: Values of `ddn.in`.
        ker: Values of `ddn.ker`.
        fields: Values of the instruction.

    Raises:
        TrapError: It has some.
    """
    b0, nb, rows, nwin = (fields[name] for name in ("b0", "nb", "rows", "nwin"))
    require(nb > 0 and rows > 0, f"nb={nb} rows={rows} asks for no products")
    require(
        1 <= nwin <= spec.pb_windows,
        f"nwin={nwin} is outside 1..{spec.pb_windows}, the windows of a bank of PB",
    )
    require(
        b0 + nb <= inp["cb"], f"blocks {b0}..{b0 + nb - 1} are beyond the input's cb={inp['cb']}"
    )
    most, last = ker["kh"] * ker["kw"] * nb, fields["row0"] + rows - 1
    require(last < most, f"row {last} is beyond the {most} rows of kh={ker['kh']} kw={ker['kw']}")
    count, last = inp["img"] * ker["oh"] * ker["ow"], fields["win0"] + nwin - 1
    require(last < count, f"window {last} is beyond the {count} windows of the input")


def _read_chunk(state: State, fields: dict[str, int]) -> Int16s:
    """The weights [rows, slots, lanes] of a half of WM."""
    half, rows = fields["half"], fields["rows"]
    header = state.memories["wmh"].read(HEADER_BYTES * half, HEADER_BYTES).view("<i4")
    loaded, slots = header.tolist()
    require(
        rows <= loaded,
        f"half {half} of WM holds {loaded} rows, not {rows}",
        "a ddn.ldw must load the chunk first",
    )
    raw = state.memories["wm"].gather(Cfg.of(state.spec).half(half, rows, slots))
    return raw.view("<i2").reshape(rows, slots, state.spec.lanes)


def read_activations(
    state: State,
    inp: dict[str, int],
    ker: dict[str, int],
    fields: dict[str, int],
    rows: Int64s,
) -> tuple[Int16s, Flags]:
    """Read the activations that some rows of a filter meet under the windows of an instruction.

    Args:
        state: The machine.
        inp: Values of `ddn.in`.
        ker: Values of `ddn.ker`.
        fields: Values of the instruction: its blocks and windows.
        rows: Ascending, at least one.

    Returns:
        Activations [windows, rows, lanes], and [windows, rows] whether one lies in the image.

    Raises:
        TrapError: The windows need words that are not in AM.
    """
    row0, last = int(rows[0]), int(rows[-1])
    low, high = input_words(inp, ker, fields | {"row0": row0, "rows": last - row0 + 1})
    require(low >= 0, f"the windows need rows before y0={inp['y0']}, the first in AM")
    word = state.spec.word_bytes
    raw = state.memories["am"].read((inp["base"] + low) * word, (high - low) * word)
    stored = raw.view("<i2").reshape(-1, state.spec.lanes)
    tap, block = np.divmod(rows, fields["nb"])
    first = int(tap[0])
    places = find_taps(inp, ker, fields["win0"], fields["nwin"], first, int(tap[-1]) - first + 1)
    return gather(stored, low, places, block + fields["b0"], tap - first)


def accumulate(state: State, sums: Int64s, fields: dict[str, int], tiles: int) -> int:
    """Leave the bytes that PB will hold in scratch; returns how many sums saturated."""
    spec, (windows, slots) = state.spec, sums.shape
    region = Cfg.of(spec).bank(fields["bank"], windows, tiles)
    if not fields["first"]:
        raw = state.memories["pb"].gather(region)
        sums = sums + unpack_sums(raw, tiles, windows, spec.pes)[:, :slots]
    kept, saturated = saturate(sums, spec.acc_bits)
    state.scratch["pb"] = region, pack_sums(kept, tiles, spec.pes)
    return saturated


def write_pb(state: State, _: Instruction) -> None:
    """Write sums to PB."""
    state.memories["pb"].scatter(*state.scratch["pb"])


# ddn.post ----------------------------------------------------------------------------------------


def post_cost(state: State, inst: Instruction) -> Cost:
    """Compute the words too, for the saturations; `write_am` finds them in scratch."""
    spec, fields = state.spec, inst.values()
    nwin, tiles, slots = fields["nwin"], fields["tiles"], fields["slots"]
    out = state.register(Out).values()
    _check_post(spec, out, fields)
    raw = state.memories["pb"].gather(Cfg.of(spec).bank(fields["bank"], nwin, tiles))
    sums = unpack_sums(raw, tiles, nwin, spec.pes)[:, :slots]
    geo, bias = _settings(state, fields["act"]), None
    if geo.bias:
        bias = state.memories["bbuf"].read(4 * fields["bias"], 4 * slots).view("<i4")
    words, saturated = finish_sums(sums, geo, bias, spec.lanes)
    state.scratch["words"] = output_words(Cfg.of(spec), out, fields), words
    counters = {
        "ppu": nwin + spec.fill,
        "ppu_ops": nwin * slots,
        "ppu_saturated": saturated,
        "pb_rd": nwin * tiles,
        "am_wr": nwin * tiles,
    }
    return Cost(nwin + spec.fill, counters)


def _check_post(spec: DadiannaoSpec, out: dict[str, int], fields: dict[str, int]) -> None:
    nwin, tiles, slots = fields["nwin"], fields["tiles"], fields["slots"]
    require(
        1 <= nwin <= spec.pb_windows,
        f"nwin={nwin} is outside 1..{spec.pb_windows}, the windows of a bank of PB",
    )
    require(1 <= slots <= spec.warp_filters, f"slots={slots} is outside 1..{spec.warp_filters}")
    needed = -(-slots // spec.pes)
    require(tiles == needed, f"tiles={tiles}, but slots={slots} filters are on {needed} tiles")
    last = fields["fb0"] + -(-slots // spec.lanes) - 1
    require(last < out["fb"], f"channel block {last} is beyond the output's fb={out['fb']}")
    low = out["y0"] * out["ow"]
    require(
        fields["win0"] >= low, f"window {fields['win0']} is before row y0={out['y0']}, window {low}"
    )


def _settings(state: State, act: int) -> Pgeo:
    """The PPU's registers as an activation changes them."""
    geo: Pgeo = state.register(Pgeo)
    require(
        not geo.staged and not geo.residual,
        f"pgeo has staged={geo.staged} residual={geo.residual}",
        "ddn.post finishes sums, and adds nothing but a bias: staged=0 residual=0",
    )
    require(act <= 1, f"act={act} is neither 0 (clip) nor 1 (ReLU)")
    if not act or geo.lo >= 0:
        return geo
    require(geo.hi >= 0, f"act=1 raises the lower bound to 0, beyond hi={geo.hi}")
    fields: dict[str, Any] = geo.values() | {"lo": 0}
    return Pgeo(**fields)


# The base machine's instructions -----------------------------------------------------------------


def ppu_cost(state: State, inst: Instruction) -> Cost:
    """The base machine's rule, on values in pbuf."""
    require(
        bool(state.register(Pgeo).staged),
        "the PPU's source is pbuf: ppu needs staged=1",
        "sums in PB are finished by ddn.post",
    )
    return BASE_COSTS[Ppu](state, inst)


def refuse_pb(rule: CostRule) -> CostRule:
    """The rule of `ld` or `st` with a trap on PB, which only the tiles and the PPU reach."""

    def cost(state: State, inst: Instruction) -> Cost:
        name = state.memory(inst.values()["mem"]).name
        require(name != "pb", f"{inst.mnemonic} cannot reach pb", "ddn.conv fills it")
        return rule(state, inst)

    return cost


SEMANTICS: dict[type[Instruction], Semantics] = {
    **BASE_SEMANTICS,
    Cfg: refuse_others(Cfg.of),
    In: refuse_zero("base", "y0", "pt", "pl"),
    Ker: refuse_zero(),
    Out: refuse_zero("base", "y0"),
    Lda: write_am,
    Ldw: ldw,
    Conv: write_pb,
    Post: write_am,
    Sta: sta,
}
COSTS: dict[type[Instruction], CostRule] = {
    **BASE_COSTS,
    Ld: refuse_pb(BASE_COSTS[Ld]),
    St: refuse_pb(BASE_COSTS[St]),
    Ppu: ppu_cost,
    Lda: lda_cost,
    Ldw: ldw_cost,
    Conv: conv_cost,
    Post: post_cost,
    Sta: sta_cost,
}


def rates(spec: DadiannaoSpec) -> Rates:
    """The clock and the multipliers."""
    return Rates(spec.MHZ, spec.warp_filters * spec.lanes)


MACHINE = Machine(
    "dadiannao",
    ISA,
    DadiannaoSpec,
    units=(*BASE_UNITS, "cu"),
    memories=memories,
    semantics=SEMANTICS,
    costs=COSTS,
    energy=entries,
    rates=rates,
)
"""The machine of target `dadiannao`."""
