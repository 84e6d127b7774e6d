"""From figures to verdicts: the runs that they need, then each measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import Figure
from .lab import Lab, LackingError, Run
from .measures import find_measure, missing_target
from .verdicts import Verdict, judge


def hold(figures: Sequence[Figure], lab: Lab, *, without_runs: bool) -> tuple[list[Verdict], int]:
    """Hold every figure against ours.

    Args:
        figures: The published ones.
        lab: Makes the runs.
        without_runs: Leave out what needs runs of whole networks.

    Returns:
        A verdict for each figure, and the exit code of the gravest failure among the runs.

    Raises:
        UsageError: A figure names a measure that is not there.
    """
    measurable = [each for each in figures if each.measure and missing_target(each) is None]
    needs = {figure.id: find_measure(figure).needs(figure) for figure in measurable}
    code = 0
    if not without_runs:
        code = lab.make(sorted({run for runs in needs.values() for run in runs}))
    return [_verdict(figure, lab, needs, without_runs) for figure in figures], code


def _verdict(
    figure: Figure, lab: Lab, needs: Mapping[str, Sequence[Run]], without_runs: bool
) -> Verdict:
    if not figure.measure:
        return Verdict(figure, "not modelled", reason=figure.note)
    if name := missing_target(figure):
        return Verdict(figure, "no target", reason=f"there is no target '{name}'")
    if without_runs and needs[figure.id]:
        return Verdict(figure, "not run", reason="needs runs of whole networks")
    try:
        return judge(figure, find_measure(figure).value(figure, lab))
    except LackingError as error:
        return Verdict(figure, "failed", reason=str(error))
