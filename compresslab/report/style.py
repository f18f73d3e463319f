"""How every figure looks: one colour-blind safe palette, one size of text, and saving as SVG and PNG.

Colours are those of Okabe and Ito, told apart by people with any colour vision; lines differ in their dashes too, so
that a figure survives a black-and-white printer. A figure is made without pyplot: nothing global is set.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compresslab._support.files import write_atomic
from compresslab.errors import InvalidParameter, MissingExtra
from compresslab.report.glyphs import show_every_sign

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "DASHES",
    "ROLES",
    "figure_bytes",
    "inner_ticks",
    "label_logarithmic",
    "legend_above",
    "new_axes",
    "new_figure",
    "save_figure",
    "style",
    "svg_for_page",
]

INK: Final = "#16161d"
FAINT: Final = "#8b8b94"
GRID: Final = "#dcdce1"

# name -> the colour in a file; a page puts its own light or dark one of the same name in its place
COLOURS: Final[dict[str, str]] = {
    "blue": "#0072b2",
    "orange": "#d55e00",
    "green": "#009e73",
    "pink": "#cc79a7",
    "sky": "#56b4e9",
    "amber": "#e69f00",
    "ink": INK,
    "faint": FAINT,
    "grid": GRID,
    "tint-blue": "#cfe3f0",
    "tint-orange": "#f7dcc8",
    "tint-green": "#c9e8de",
    "tint-grey": "#e9e9ec",
    "page": "#fefefe",
}
DASHES: Final = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
ROLES: Final[dict[str, tuple[str, str, int]]] = {  # role -> label, colour, number of its dashes
    "pretrain": ("pre-training data $D_p$", "blue", 0),
    "align": ("alignment data $D_a$", "orange", 1),
    "perturb": ("perturbation $D_t$", "green", 2),
}

_SETTINGS: Final[dict[str, object]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.facecolor": "none",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "figure.dpi": 100.0,
    "savefig.dpi": 200.0,
    "svg.fonttype": "path",  # letters as shapes: the same on every machine
    "mathtext.fontset": "dejavusans",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save under the house's settings, and leave matplotlib as it was.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    matplotlib = _matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _matplotlib() -> Any:
    """Import matplotlib without $MPLBACKEND, which may be wrong: no figure here needs a window."""
    chosen = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
    except ImportError as error:
        raise MissingExtra("a figure", "report") from error
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
    if chosen:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = chosen  # for whatever else this process draws
    return matplotlib


def new_figure(width: float = 4.9, height: float = 3.3) -> Figure:
    """Return an empty figure, in inches, whose parts make room for each other; call it within :func:`style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def new_axes(x: str, y: str, *, width: float = 4.9, height: float = 3.3) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes, labelled with their quantities and units."""
    figure = new_figure(width, height)
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    return figure, axes


def label_logarithmic(axis: Axis) -> None:
    """Label a logarithmic axis with numbers so few that none touch: 1, 2 and 5 of a decade, or powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    few = high / low < 200 and high < 1e6
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    if few and low >= 1:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def legend_above(figure: Figure) -> None:
    """Put the legend above the axes, where it covers nothing that is measured, in as many columns as its labels fit."""
    labels = [label for axes in figure.axes for label in axes.get_legend_handles_labels()[1]]
    room = 15 * figure.get_figwidth()  # letters of a legend's size, about
    columns = int(room / (max(map(len, labels), default=0) + 7))
    figure.legend(loc="outside upper left", ncols=max(1, min(4, columns)))


def inner_ticks(axes: Axes, ticks: tuple[float, float, float]) -> None:
    """Label the ends and the middle of a panel's x axis, the ends within it: those of panels side by side never touch.

    Example:
        >>> with style():
        ...     figure, axes = new_axes("x", "y")
        >>> inner_ticks(axes, (0.0, 0.5, 1.0))
        >>> [(label.get_text(), label.get_horizontalalignment()) for label in axes.get_xticklabels()]
        [('0', 'left'), ('0.5', 'center'), ('1', 'right')]
    """
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    first, _, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def figure_bytes(figure: Figure, kind: str, name: str = "figure", *, background: bool = True) -> bytes:
    """Return a figure as a file's bytes; equal figures give equal SVG bytes.

    Args:
        figure: the figure.
        kind: "svg" or "png".
        name: what the ids inside an SVG are made from.
        background: on white, or on nothing.

    Raises:
        InvalidParameter: another kind.
    """
    if kind not in ("svg", "png"):
        raise InvalidParameter(f"a figure is saved as svg or png, not {kind!r}")
    held = io.BytesIO()
    with style():
        show_every_sign(figure)
        _matplotlib().rcParams["svg.hashsalt"] = name
        figure.savefig(
            held,
            format=kind,
            facecolor="white" if background else "none",
            metadata={"Date": None} if kind == "svg" else None,
        )
    return held.getvalue()


def save_figure(figure: Figure, path: str | PathLike[str]) -> Path:
    """Write a figure as SVG or PNG, by the name's ending, whole or not at all.

    Raises:
        InvalidParameter: another ending.
        UnreadableFile: the file cannot be written.
    """
    target = Path(path)
    write_atomic(target, [figure_bytes(figure, target.suffix.removeprefix("."), target.stem)])
    return target


def svg_for_page(svg: bytes, name: str, title: str) -> str:
    """Return an SVG file of :func:`figure_bytes` as an ``<svg>`` element for an HTML page.

    Its colours follow the page's: every colour of the palette becomes ``var(--NAME)``. Ids are made unique by ``name``;
    the size is left to the page.

    Args:
        svg: the file's bytes, without a background.
        name: letters, digits and hyphens; unique in the page.
        title: what a screen reader says.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for colour, value in COLOURS.items():
        text = re.sub(re.escape(value), f"var(--{colour})", text, flags=re.IGNORECASE)
    text = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]*)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", text)
    opening, rest = text.split(">", 1)
    size = re.search(r'viewBox="0 0 ([\d.]+) ', opening)
    width = f"{float(size.group(1)) * 4 / 3:.0f}px" if size else "100%"
    box = re.search(r'viewBox="[^"]*"', opening)
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{escaped}" {box.group(0) if box else ""} style="max-width:{width}">{rest.strip()}'
    )
