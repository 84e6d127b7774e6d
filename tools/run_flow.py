"""Run a program, check it against the float model, and report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..isa.program import Program
from ..runtime.check import (
    END_TO_END,
    CheckResult,
    check,
    layer_taps,
    output_taps,
    top1_agreement,
)
from ..runtime.reference import Reference
from ..runtime.session import InferenceSession
from .progress import progress_bar
from .report import About, Checked, assemble
from .report_schema import Layer, Report
from .targets import find_target

Array = npt.NDArray[Any]
_NAMED_LAYERS = 3
"""Layers that a warning names; more would hide the sentence."""
MAX_PRODUCT_SHIFT = 15
"""In bits."""


@dataclass
class Ran:
    """A finished run.

    Args:
        session: The session, with its report.
        outputs: The network's outputs by name.
    """

    session: InferenceSession
    outputs: dict[str, Array]


@np.errstate(all="ignore")  # what becomes infinite is counted or found by the check
def run_program(
    program: Program,
    feeds: Mapping[str, Array],
    *,
    trace: bool = False,
    taps: bool = True,
    max_cycles: int | None = None,
) -> Ran:
    """Run a program once on its machine."""
    session = InferenceSession(program, find_target(program.target).machine())
    with progress_bar("run") as progress:
        values = session.run(
            None, feeds, trace=trace, taps=taps, max_cycles=max_cycles, progress=progress
        )
    names = [port.name for port in session.get_outputs()]
    return Ran(session, dict(zip(names, values, strict=True)))


@np.errstate(all="ignore")
def check_run(
    ran: Ran,
    source: Any,
    feeds: Mapping[str, Array],
    pruned: Mapping[str, Array] | None = None,
    *,
    layers: bool = True,
) -> Checked:
    """Compare a run with the float model.

    Args:
        ran: The run, made with taps if layers are compared.
        source: The model: file or ModelProto.
        feeds: The run's inputs.
        pruned: Pruned weights by initializer name; the reference has their zeros.
        layers: Whether every layer's output is compared too.
    """
    program = ran.session.program
    taps = layer_taps(program.layers, ran.session.taps) if layers else []
    final = output_taps(program.outputs, ran.outputs, _narrowest(program))
    reference = Reference(source, zeros=pruned)
    known = reference.run(feeds, {*(tap.source for tap in taps), *reference.outputs})
    own = reference.run_layers(feeds, ran.session.taps) if taps else {}
    unpruned = CheckResult(())
    if pruned:
        del reference  # frees its weights before the original's are loaded
        unpruned = check(final, Reference(source).run(feeds), END_TO_END)
    return Checked(
        outputs=check(final, known, END_TO_END),
        layers=check(taps, known, END_TO_END),
        own=check([tap for tap in taps if tap.source in own], own),
        unpruned=unpruned,
        top1=_top1(ran.outputs, known),
    )


def _narrowest(program: Program) -> int:
    """Bits of the network's narrowest fixed-point tensor."""
    outputs = [layer.output for layer in program.layers if layer.output is not None]
    return min((info.bits for info in outputs if info.frac is not None), default=16)


def _top1(outputs: Mapping[str, Array], reference: Mapping[str, Array]) -> float | None:
    """Top-1 agreement of the first output, if it looks like a classifier's."""
    name, actual = next(iter(outputs.items()))
    if actual.ndim < 2 or actual.dtype.kind != "f" or actual.size == actual.shape[0]:
        return None
    flat = actual.reshape(actual.shape[0], -1)
    return top1_agreement(flat, np.asarray(reference[name]).reshape(flat.shape))


def report_of(ran: Ran, about: About, checked: Checked | None) -> Report:
    """The report of a run."""
    machine, spec = ran.session.machine, ran.session.interpreter.spec
    return assemble(ran.session.report, about, machine.energy(spec), machine.rates(spec), checked)


def write_trace(ran: Ran, folder: Path) -> None:
    """Write trace.json and say how much of the run it holds."""
    path = folder / "trace.json"
    print(f"trace: {path}: {ran.session.write_trace(path).message}", file=sys.stderr)


def warn_of_saturation(report: Report) -> None:
    """Say so when values or sums left the range that scales and shifts were calibrated for."""
    for sentence in saturation_warnings(report):
        print(f"warning: {sentence}", file=sys.stderr)


def saturation_warnings(report: Report) -> Iterator[str]:
    """What was clipped, and what would help."""
    totals = report.totals
    clipped = {n: count for n, count in totals.input_saturations.items() if count}
    found = [f"{count} values of input '{name}'" for name, count in clipped.items()]
    values = totals.saturations - totals.accumulator_saturations
    if values and report.check is not None and not report.check.passed:
        found.append(f"{values} values in layers")
    if found:
        yield (
            f"{' and '.join(found)} are beyond the calibrated range and were clipped; "
            "compile with --calibration inputs like these"
        )
    yield from _sum_warnings(report)


def _sum_warnings(report: Report) -> Iterator[str]:
    """Sums that left the accumulators, be it only on their way: see docs/model-limits.md."""
    found = [layer for layer in report.layers if layer.accumulator_saturations]
    found.sort(key=lambda layer: -layer.accumulator_saturations)
    if not found:
        return
    places = [_saturated_sums(layer) for layer in found[:_NAMED_LAYERS]]
    places += [f"{len(found) - _NAMED_LAYERS} more"] if len(found) > _NAMED_LAYERS else []
    text = f"sums left the range of the accumulators in {', '.join(places)}"
    shift = _larger_shift(report)
    yield text if shift is None else f"{text}; compile with --set psh={shift} or more"


def _larger_shift(report: Report) -> int | None:
    """A product shift to force: one more where sums saturated; None if there is none.

    It is then the shift of all layers, so none may get less than it has.
    """
    wanted = [
        layer.product_shift + bool(layer.accumulator_saturations)
        for layer in report.layers
        if layer.product_shift is not None
    ]
    largest = max(wanted, default=MAX_PRODUCT_SHIFT + 1)
    return largest if "psh" in report.config and largest <= MAX_PRODUCT_SHIFT else None


def _saturated_sums(layer: Layer) -> str:
    at = "" if layer.product_shift is None else f" at product shift {layer.product_shift}"
    return f"layer '{layer.name}' ({layer.accumulator_saturations} saturated additions{at})"
