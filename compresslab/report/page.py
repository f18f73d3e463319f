"""A report as one HTML file: what a page holds, and writing it.

A job's own page is put together in :mod:`compresslab.measurements.pages`. The file needs nothing beside it: styles,
script and figures are inside, nothing is fetched. Its figures are also written as SVG and PNG, for a paper.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compresslab._support.files import check_target_folder, unreadable, write_atomic
from compresslab.errors import InvalidParameter, MissingExtra, UnreadableFile
from compresslab.report.ledger import Verdict
from compresslab.report.provenance import Provenance
from compresslab.report.style import figure_bytes, svg_for_page
from compresslab.report.typeset import typeset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Fact",
    "Group",
    "Page",
    "PageFigure",
    "Section",
    "TableBlock",
    "check_report_extra",
    "draw_page",
    "render_page",
    "write_report",
]

_TEMPLATES = Path(__file__).parent / "templates"
_ANSWERS = 3  # sentences of the first screen: more are not read


@dataclass(frozen=True)
class Fact:
    """One number of the first screen.

    Attributes:
        label: what it is.
        value: the number, as shown, with its unit.
        note: what to compare it with.
        tone: "good" where it is as the theory says, "bad" where it is not, "" for neither.
    """

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, eq=False)
class PageFigure:
    """A figure of a page.

    Attributes:
        name: letters, digits and hyphens: its file's name; unique in the page.
        title: what it shows.
        caption: how to read it.
        figure: the figure.
        wide: whether it takes the whole width of the page.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    wide: bool = False


@dataclass(frozen=True)
class TableBlock:
    """A table; the first column is text, the others are numbers unless ``text_columns`` names them.

    Attributes:
        title: what it holds, with units.
        columns: headings.
        rows: cells, as shown.
        text_columns: columns aligned left.
        note: below the table.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: tuple[int, ...] = (0,)
    note: str = ""


@dataclass(frozen=True)
class Group:
    """Findings that belong together: of one source, one arm, one series.

    Attributes:
        title: what they are about; a heading.
        points: the findings, one a line.
        lead: a sentence that comes first.
    """

    title: str
    points: tuple[str, ...]
    lead: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page, under one heading.

    Attributes:
        title: the heading.
        lead: sentences that come first.
        points: findings, one a line.
        groups: findings under headings of their own.
        tables: tables.
        figures: figures.
    """

    title: str
    lead: str = ""
    points: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    tables: tuple[TableBlock, ...] = ()
    figures: tuple[PageFigure, ...] = ()


@dataclass(frozen=True, eq=False)
class Page:
    """A whole report.

    Attributes:
        title: what was measured.
        question: the question that it answers, in a sentence.
        answer: the answer in words, for a reader who knows nothing of the project: three plain sentences at most; what
            else was found goes into a section.
        facts: the numbers of the first screen.
        sections: the rest, in order.
        provenance: where the numbers come from.
        claims: the theorems used, and their verdicts.
        explorer: settings of the elasticity explorer, from :func:`compresslab.report.families.explorer_settings`; empty
            for a page without it.
        symbols: the page's vocabulary: symbol -> meaning.

    Raises:
        InvalidParameter: an answer of more than three sentences.
    """

    title: str
    question: str
    answer: tuple[str, ...]
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    provenance: Provenance
    claims: tuple[Verdict, ...] = ()
    explorer: Mapping[str, Any] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.answer) > _ANSWERS:
            raise InvalidParameter(
                f"a page answers its question in {_ANSWERS} sentences at most, not in {len(self.answer)}: put the rest "
                "into a section of findings"
            )

    @property
    def figures(self) -> tuple[PageFigure, ...]:
        """All figures, in order."""
        return tuple(figure for section in self.sections for figure in section.figures)


def check_report_extra(directory: Path | None = None) -> Path | None:
    """Return ``directory`` if reports can be written here, so that nothing is measured for a report that cannot be.

    Raises:
        MissingExtra: a directory is given, and jinja2 or matplotlib is not installed.
        UnreadableFile: there is something else of that name, or no directory can be made or written to there.
    """
    if directory is not None and not all(importlib.util.find_spec(name) for name in ("jinja2", "matplotlib")):
        raise MissingExtra("a report", "report")
    if directory is not None and directory.exists() and not directory.is_dir():
        raise UnreadableFile(f"{directory} is not a directory: choose another --report path")
    if directory is not None:
        check_target_folder(directory)
    return directory


def render_page(page: Page, svg: Mapping[str, bytes] | None = None) -> str:
    """Return a page as HTML.

    Args:
        page: the page.
        svg: its figures by name, as :func:`draw_page` gives them, where they are drawn already.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
        InvalidParameter: two figures have one name.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtra("a report", "report") from error
    names = [figure.name for figure in page.figures]
    for name in names:
        if names.count(name) > 1:
            raise InvalidParameter(f"two figures are called {name!r}: a figure's name is unique in its page")
    drawn = draw_page(page) if svg is None else svg
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_typeset,
    )
    return environment.get_template("report.html.j2").render(
        page=page,
        styles=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(_TEMPLATES / "explorer.js").read_text(encoding="utf-8") if page.explorer else "",
        settings=_embedded(page.explorer),
        captions=_captions(page),
        drawings={figure.name: svg_for_page(drawn[figure.name], figure.name, figure.title) for figure in page.figures},
    )


def _typeset(value: Any) -> Any:
    """What every expression of the template goes through; markup (commands, digests, drawings) stays as it is."""
    return typeset(value) if type(value) is str else value


def _captions(page: Page) -> dict[str, str]:
    """The figures' captions by name: how to read a figure is said where such a one comes first, and not again."""
    said: set[str] = set()
    captions = {}
    for drawn in page.figures:
        captions[drawn.name] = "" if drawn.caption in said else drawn.caption
        said.add(drawn.caption)
    return captions


def draw_page(page: Page) -> dict[str, bytes]:
    """Return the figures of a page as SVG files without a background, by name."""
    return {drawn.name: figure_bytes(drawn.figure, "svg", drawn.name, background=False) for drawn in page.figures}


def _embedded(value: Mapping[str, Any]) -> str:
    """JSON that may stand inside a ``<script>`` element, whatever the names in it."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write_report(page: Page, directory: str | PathLike[str], *, figures: Sequence[str] = ("svg", "png")) -> Path:
    """Write ``report.html`` into a directory (made if it is missing), and the figures into ``figures/`` beside it.

    Args:
        page: the page.
        directory: where to.
        figures: the kinds of figure files to write besides: "svg", "png", or none.

    Returns:
        The path of ``report.html``.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
        UnreadableFile: the directory cannot be made or written to.
    """
    target = Path(directory) / "report.html"
    svg = draw_page(page)
    html = render_page(page, svg)
    try:
        (target.parent / "figures" if figures and page.figures else target.parent).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise unreadable(directory, error, "write") from error
    for drawn in page.figures:
        for kind in figures:
            data = svg[drawn.name] if kind == "svg" else figure_bytes(drawn.figure, kind, drawn.name)
            write_atomic(target.parent / "figures" / f"{drawn.name}.{kind}", [data])
    write_atomic(target, [html.encode()])
    return target
