"""Bar charts as SVG or PNG; the same numbers give the same bytes."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

Format = Literal["svg", "png"]

_INK, _PAPER = "#24292f", "#ffffff"
_CURRENT = "#010203"
"""Stands for the colour of the text around the picture."""
_FONT_POINTS = 8
_CHAR_INCHES = 0.062
_BAR_INCHES, _GAP_INCHES, _ROW_INCHES, _HEIGHT_INCHES = 0.11, 0.12, 0.75, 2.4
_MIN_INCHES, _MAX_INCHES = 4.0, 120.0
_LINE_INCHES, _LINE_HEIGHT_INCHES = 12.0, 1.5
"""Groups beyond a page's width go on in another line."""
_WIDE_LINES = 4
"""Lines of wide bars; where there would be more, they are half as wide."""
_NAMED_INCHES = 0.125
"""Names closer than this would overlap."""
_LOG_TICKS = 8
_LOG_SPAN = 10
"""The largest over the smallest ratio from which on small ones would vanish on a linear scale."""
_LABELLED_BARS = 36
"""So many bars have their values written above them; more would be a blur."""
_NAME_CHARS = 26
"""Of longer names the end is shown."""


@dataclass(frozen=True)
class Series:
    """Bars of one colour.

    Args:
        label: What the legend says.
        color: As matplotlib understands it.
        values: One per group; None where there is no bar.
    """

    label: str
    color: str
    values: tuple[float | None, ...]


def grouped(groups: Sequence[str], series: Sequence[Series], ylabel: str) -> Any:
    """A figure of groups of bars side by side: ratios to the baseline, which is a line at 1.

    Many groups are broken into lines of equal scale. Ratios far apart are on a logarithmic scale,
    their bars begin at 1.
    """
    bar = _BAR_INCHES
    if len(groups) * (len(series) * bar + _GAP_INCHES) > _WIDE_LINES * _LINE_INCHES:
        bar /= 2
    width = len(series) * bar
    pitch = width + _GAP_INCHES
    count = ceil((_GAP_INCHES + len(groups) * pitch) / _LINE_INCHES)
    size = max(1, ceil(len(groups) / max(1, count)))
    starts = range(0, max(1, len(groups)), size)
    longest = max((len(short(name)) for name in groups), default=0)
    figure, lines = _figure(
        _GAP_INCHES + min(size, len(groups)) * pitch,
        len(starts),
        _HEIGHT_INCHES if len(starts) == 1 else _LINE_HEIGHT_INCHES,
        gap=0.25 + longest * _CHAR_INCHES,
    )
    known = [value for each in series for value in each.values if value]
    scale = _Scale.of(known, len(series) * len(groups) <= _LABELLED_BARS)
    for axes, start in zip(lines, starts, strict=True):
        part = slice(start, start + size)
        for place, each in enumerate(series):
            _add_ratios(axes, each, each.values[part], (place * bar, bar, pitch), scale)
        axes.axhline(1, color=_ink(), linewidth=0.6, linestyle=":", zorder=0.5)
        _finish(axes, min(size, len(groups)), pitch, width)
        scale.apply(axes)
        axes.set_ylabel(f"{ylabel}, log scale" if scale.is_log else ylabel)
        _name_groups(axes, groups[part], pitch, width)
    _legend(figure, lines[0], series)
    return figure


@dataclass(frozen=True)
class _Scale:
    """The y axis of ratios.

    Args:
        is_log: Bars begin at 1, not at 0, and steps are factors.
        low: Its lower end.
        high: Its upper end.
        is_labelled: Values stand above their bars.
    """

    is_log: bool
    low: float
    high: float
    is_labelled: bool

    @classmethod
    def of(cls, values: Sequence[float], is_labelled: bool) -> _Scale:
        """The scale on which such values can be read, with room for what is written above them."""
        low, high = min([1.0, *values]), max([1.0, *values])
        if high / low < _LOG_SPAN:
            return cls(False, 0, high * (1.3 if is_labelled else 1.05), is_labelled)
        room = (high / low) ** (0.15 if is_labelled else 0.03)
        return cls(True, low / room, high * room, is_labelled)

    def apply(self, axes: Any) -> None:
        """Set up the axis."""
        if self.is_log:
            powers = range(ceil(log2(self.low)), floor(log2(self.high)) + 1)
            step = ceil(len(powers) / _LOG_TICKS)
            ticks = [2.0**power for power in powers if power % step == 0]
            axes.set_yscale("log", base=2)
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_ylim(self.low, self.high)


def _add_ratios(
    axes: Any,
    series: Series,
    values: Sequence[float | None],
    place: tuple[float, float, float],
    scale: _Scale,
) -> None:
    """Add the bars of a series to a line of groups.

    Args:
        axes: Where.
        series: Whose bars they are.
        values: One per group of this line.
        place: Inches from a group's left to its bar, of the bar, and to the next group's.
        scale: Of the line.
    """
    offset, bar, pitch = place
    base = 1.0 if scale.is_log else 0.0
    bars = [
        (at * pitch + offset, base, value - base)
        for at, value in enumerate(values)
        if value is not None
    ]
    _add_bars(axes, bars, series, bar)
    for left, _, height in bars if scale.is_labelled else ():
        x, value = left + bar / 2, base + height
        is_down = value < base
        axes.annotate(f"{value:.2f}", (x, value), (0, -2 if is_down else 2),
                      textcoords="offset points", rotation=90, ha="center",
                      va="top" if is_down else "bottom", fontsize=_FONT_POINTS - 2)  # fmt: skip


def stacked(groups: Sequence[str], rows: Sequence[tuple[str, Sequence[Series]]]) -> Any:
    """A figure of stacked bars, a row of them under each other per name; values are shares.

    Many bars are as narrow as their names allow.
    """
    widest = 2 * _BAR_INCHES + _GAP_INCHES / 2
    pitch = min(widest, max(_NAMED_INCHES, _LINE_INCHES / max(1, len(groups))))
    width = pitch * 2 * _BAR_INCHES / widest
    inches = _GAP_INCHES + len(groups) * pitch
    figure, all_axes = _figure(inches, len(rows), _ROW_INCHES)
    for axes, (name, series) in zip(all_axes, rows, strict=True):
        floors = [0.0] * len(groups)
        for each in series:
            bars = [
                (at * pitch, floors[at], value) for at, value in enumerate(each.values) if value
            ]
            _add_bars(axes, bars, each, width)
            floors = [f + (v or 0) for f, v in zip(floors, each.values, strict=True)]
        _finish(axes, len(groups), pitch, width)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "50", "100 %"])
        axes.set_title(short(name), loc="left", fontsize=_FONT_POINTS, pad=3)
        axes.set_xticks([])
    _name_groups(all_axes[-1], groups, pitch, width)
    _legend(figure, all_axes[0], rows[0][1], lift=0.2)
    return figure


@contextmanager
def drawing(*, inline: bool) -> Generator[None]:
    """Settings under which figures are made and saved.

    Args:
        inline: The picture stands in a page, and takes the page's colours.
    """
    library: Any = mpl  # typed in part only
    ink = _CURRENT if inline else _INK
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings = {
        **dict.fromkeys(names, ink),
        "font.size": _FONT_POINTS,
        "font.sans-serif": ["DejaVu Sans"],  # every word of an SVG names them all
        "savefig.facecolor": "none" if inline else _PAPER,
        "axes.facecolor": "none",
        "text.parse_math": False,  # a dollar in a layer's name is a dollar
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "svg.fonttype": "none",
        "svg.hashsalt": "spcc",
    }
    with library.rc_context(settings):
        yield


def saved(figure: Any, kind: Format) -> bytes:
    """A figure as a file's bytes: without dates and versions."""
    file = io.BytesIO()
    nothing = {"svg": ("Date", "Creator", "Format", "Type"), "png": ("Software",)}[kind]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the viewer's fonts may have it
        figure.savefig(file, format=kind, dpi=150, bbox_inches="tight", pad_inches=0.08,
                       metadata=dict.fromkeys(nothing))  # fmt: skip
    return file.getvalue()


def inlined(figure: Any, prefix: str, title: str) -> str:
    """A figure as an element of an HTML page.

    Args:
        figure: Made by `grouped` or `stacked`.
        prefix: Goes before its ids, which must be unique in the page.
        title: What a screen reader says.
    """
    text = saved(figure, "svg").decode()
    text = text[text.index("<svg") :]
    # Hundredths of a point are enough: outlines are half of a page.
    text = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    label = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    text = text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return text.replace(_CURRENT, "currentColor")


def short(name: str) -> str:
    """A name's end, if it is long; what cannot be printed cannot be in an SVG either."""
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return name if len(name) <= _NAME_CHARS else f"\N{HORIZONTAL ELLIPSIS}{name[1 - _NAME_CHARS :]}"


def _figure(width: float, rows: int, row_inches: float, gap: float = 0.25) -> tuple[Any, Any]:
    """A figure of so many axes above each other; the x axes are in inches, but for what is cut."""
    width = min(max(width, _MIN_INCHES), _MAX_INCHES)
    figure: Any = Figure(figsize=(width, rows * row_inches + gap * (rows - 1)))
    axes = figure.subplots(rows, squeeze=False)[:, 0]
    figure.subplots_adjust(0, 0, 1, 1, hspace=gap / row_inches)
    return figure, axes


def _add_bars(
    axes: Any, bars: Sequence[tuple[float, float, float]], series: Series, width: float
) -> None:
    """Bars (left, bottom, height) as one path: long networks would make large files of patches."""
    outlines = [
        Outline([(x, y), (x + width, y), (x + width, y + h), (x, y + h), (x, y)], closed=True)
        for x, y, h in bars
    ]
    whole = Outline.make_compound_path(*outlines) if outlines else Outline([(0.0, 0.0)])
    axes.add_patch(PathPatch(whole, facecolor=series.color, linewidth=0))


def _finish(axes: Any, count: int, pitch: float, width: float) -> None:
    shown = (count - 1) * pitch + width
    axes.set_xlim(-_GAP_INCHES, max(shown + _GAP_INCHES, _MIN_INCHES - _GAP_INCHES))
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", length=2, width=0.6)
    axes.grid(axis="y", alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)


def _name_groups(axes: Any, groups: Sequence[str], pitch: float, width: float) -> None:
    names = [short(name) for name in groups]
    middles = [at * pitch + width / 2 for at in range(len(groups))]
    fits = max((len(name) for name in names), default=0) * _CHAR_INCHES < pitch
    axes.set_xticks(middles, names, rotation=0 if fits else 90)


def _legend(figure: Any, axes: Any, series: Sequence[Series], lift: float = 0.0) -> None:
    outline = Outline([(0, 0)])
    handles = [PathPatch(outline, fc=s.color, lw=0, label=short(s.label)) for s in series]
    longest = max((len(each.label) for each in series), default=1)
    columns = max(1, int(figure.get_figwidth() / (_CHAR_INCHES * longest + 0.45)))
    above = 1.02 + lift
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, above), ncols=columns,
                frameon=False, borderaxespad=0, handlelength=1, columnspacing=1.2)  # fmt: skip


def _ink() -> str:
    library: Any = mpl
    return str(library.rcParams["text.color"])
