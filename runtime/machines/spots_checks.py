"""What SPOTS' registers must satisfy before an instruction runs (sheet sections 3, 4 and 6.3)."""

from ...isa.errors import TrapError
from ...isa.targets.spots import SpotsSpec
from .spots_geometry import Gemm, Geometry, Share, Uses, reserved_limit


def units_in_use(spec: SpotsSpec, gemm: Gemm) -> int:
    """IM2COL units, and arrays, that a `conv` uses."""
    return spec.UNITS if gemm.split else 1


def check_geometry(geo: Geometry) -> None:
    """Refuse extents, strides and dilations of 0.

    Raises:
        TrapError: Naming the field.
    """
    for name in ("R", "S", "sh", "sw", "dh", "dw", "H", "W", "OW"):
        _require_positive(name, getattr(geo, name))


def check_channels(gemm: Gemm) -> None:
    """Refuse a tile without channels, or chunks without.

    Raises:
        TrapError: Naming the field.
    """
    _require_positive("Ct", gemm.Ct)
    _require_positive("Q", gemm.Q)


def check_conv(spec: SpotsSpec, geo: Geometry, gemm: Gemm, rows: int) -> None:
    """Refuse registers that a `conv` cannot run with.

    Raises:
        TrapError: Naming register, value and limit.
    """
    units = units_in_use(spec, gemm)
    array_rows = spec.NR // units
    if not 1 <= gemm.Kt <= array_rows * spec.NREG:
        raise TrapError(
            f"Kt={gemm.Kt} filters do not fit {array_rows} PE rows of {spec.NREG} accumulators",
            hint="cut the filters into more tiles" if gemm.Kt else "a tile has at least one filter",
        )
    F = -(-gemm.Kt // array_rows)
    if F != gemm.F:
        raise TrapError(
            f"F={gemm.F} filters per PE row do not belong to Kt={gemm.Kt} on {array_rows} PE rows",
            hint=f"F must be {F}",
        )
    _check_output(spec, geo, gemm.Kt, rows)
    check_channels(gemm)
    slot_bytes = 2 * gemm.Ct * geo.taps * spec.NC * units
    if slot_bytes > spec.ICAP // 2:
        raise TrapError(
            f"a step of Ct={gemm.Ct} channels x {geo.taps} taps on {units} unit(s) needs "
            f"{slot_bytes} bytes, but a slot of the IM2COL buffer has {spec.ICAP // 2}",
            hint="cut the channels into more tiles",
        )


def check_pool(spec: SpotsSpec, geo: Geometry, gemm: Gemm, rows: int) -> None:
    """Refuse registers that a `pool` cannot run with.

    Raises:
        TrapError: Naming register, value and limit.
    """
    check_channels(gemm)
    _check_output(spec, geo, gemm.Ct, rows)


def check_reserve(spec: SpotsSpec, geo: Geometry, gemm: Gemm, share: Share, uses: Uses) -> None:
    """Refuse more channels in the reserved buffer than it holds.

    Raises:
        TrapError: Naming cres and the limit.
    """
    limit = reserved_limit(spec, geo, gemm.Ct, share, uses)
    if gemm.cres > limit:
        raise TrapError(
            f"cres={gemm.cres} is too much: the reserved buffer holds the overlapping rows of "
            f"{limit} of the {gemm.Ct} channels"
        )


def _check_output(spec: SpotsSpec, geo: Geometry, filters: int, rows: int) -> None:
    check_geometry(geo)
    _require_positive("rows", rows)
    nbytes = 4 * filters * rows * geo.OW
    if nbytes > spec.OCAP:
        raise TrapError(
            f"{filters} filters or channels x {rows} rows x OW={geo.OW} need {nbytes} bytes, but "
            f"obuf has {spec.OCAP}",
            hint="cut the output rows into more bands",
        )


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise TrapError(f"{name}={value} is less than 1")
