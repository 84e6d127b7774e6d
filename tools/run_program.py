"""What spcc-run does with its options."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..isa.errors import UsageError
from ..isa.files import replacing
from ..isa.program import Program, TensorInfo
from ..runtime.check import check, output_taps
from .outputs import placing, placing_in, refuse_overwriting
from .report import About, write_report
from .report_table import print_report
from .run_flow import Ran, check_run, report_of, run_program, warn_of_saturation
from .sources import Array, check_feeds, find_model, load_array, plain, read_inputs
from .targets import find_target


def run_file(args: argparse.Namespace, command: tuple[str, ...]) -> int:
    """Load, run, compare, write.

    Raises:
        SpccError: The file, an input or the outcome is at fault.
    """
    program = Program.load(args.program, lambda name: find_target(name).isa())
    outputs = _named(args.output, program, "--output")
    expected = _expected(args.expected, program)
    model = None if args.check is None else find_model(args.check, args.seed)
    read = [pair.partition("=")[2] or None for pair in (*args.input, *args.expected)]
    refuse_overwriting([args.trace, *outputs.values()], [args.program, args.check, *read])
    feeds = _feeds(program, args)
    trace = args.trace is not None
    ran = run_program(
        program, feeds, trace=trace, taps=model is not None, max_cycles=args.max_cycles
    )
    checked = None if model is None else check_run(ran, model.source, feeds)
    name = program.info.get("model", plain(args.program.stem))
    about = About(command=tuple(map(plain, command)), model=name)
    report = report_of(ran, about, checked)
    if args.out_dir is not None:
        with placing_in(args.out_dir):
            write_report(report, args.out_dir)
    if trace:
        with placing(args.trace):
            written = ran.session.write_trace(args.trace)
        if written.cut is not None:
            print(f"warning: {plain(str(args.trace))}: {written.message}", file=sys.stderr)
    if args.profile:
        print_report(report, sys.stdout)
    else:
        print(f"{program.target}: {report.totals.cycles} cycles, {len(report.layers)} layers")
    warn_of_saturation(report)
    _write_outputs(ran, outputs)
    if checked is not None:
        checked.outputs.raise_on_mismatch()
    if expected:
        infos = [info for info in program.outputs if info.name in expected]
        check(output_taps(infos, ran.outputs), expected).raise_on_mismatch()
    return 0


def _feeds(program: Program, args: argparse.Namespace) -> dict[str, Array]:
    from ..models.inputs import draw

    ports = {
        info.name: (info.shape, np.dtype(np.float32 if info.dtype == "i16" else info.dtype))
        for info in program.inputs
    }
    given = read_inputs(args.input)
    ranges = {info.name: _range(info) for info in program.inputs}
    made = {
        name: _scaled(draw(name, shape, dtype, args.seed), ranges[name])
        for name, (shape, dtype) in ports.items()
        if name not in given
    }
    if made:
        print(
            f"warning: inputs {', '.join(made)} are seeded random (seed {args.seed})",
            file=sys.stderr,
        )
    return check_feeds({**made, **given}, ports, "--input")


def _range(info: TensorInfo) -> float | None:
    """Half of what a fixed-point input can hold; the program was calibrated to more than that."""
    return None if info.frac is None else 2.0 ** (info.bits - 2 - info.frac)


def _scaled(array: Array, largest: float | None) -> Array:
    """Made-up values brought into an input's range."""
    peak = float(np.abs(array).max(initial=0.0))
    return array if largest is None or not peak else (array * (largest / peak)).astype(array.dtype)


def _named(pairs: list[str], program: Program, option: str) -> dict[str, Path]:
    """The files of OUTPUT=FILE.npy options, by output."""
    known = [info.name for info in program.outputs]
    named: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not path or name not in known:
            hint = f"the outputs are {', '.join(known)}"
            raise UsageError(f"'{pair}' is not OUTPUT=FILE.npy", option, hint)
        if name in named:
            raise UsageError(f"'{name}' is there twice", option, "leave one of them out")
        named[name] = Path(path)
    return named


def _expected(pairs: list[str], program: Program) -> dict[str, Array]:
    named = _named(pairs, program, "--expected")
    return {name: load_array(path, "--expected") for name, path in named.items()}


def _write_outputs(ran: Ran, paths: Mapping[str, Path]) -> None:
    for name, path in paths.items():
        buffer = io.BytesIO()
        np.save(buffer, ran.outputs[name])
        with placing(path), replacing(path) as temporary:
            temporary.write_bytes(buffer.getvalue())
