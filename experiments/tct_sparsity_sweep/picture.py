"""The speed-ups as curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from .sweep import LOOKAHEAD_ONLY, SPARSITIES, Setting, Speedups

SHOWN = (
    Setting("tile", "T", 2, 5),
    Setting("tile", "T", 2, 5, "alg2", "near"),
    Setting("tile", "T", 2, 5, "greedy", "aside"),
    Setting("tile", "T", 1, 6),
    Setting("tile", "T", 3, 4),
    Setting("tile", "L", 2, 5),
    LOOKAHEAD_ONLY,
    Setting("accel", "T", 2, 5),
    Setting("pe", "T", 2, 5),
)


def draw(found: Speedups, path: Path) -> None:
    """Write an SVG; the same numbers give the same bytes."""
    library: Any = mpl  # typed in part only
    with library.rc_context({"svg.hashsalt": "spcc", "svg.fonttype": "none"}):
        figure: Any = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for setting in SHOWN:
            style = {"tile": "-", "accel": "--", "pe": ":"}[setting.sync]
            axes.plot(SPARSITIES, found[setting], style, marker="o", ms=3, label=setting.label)
        axes.set_xlabel("weight sparsity")
        axes.set_ylabel("speed-up over DaDianNao++")
        axes.set_ylim(bottom=1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "spcc"})
