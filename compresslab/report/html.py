"""Render a page as one HTML file.

The file needs nothing beside it: styles, script and figures are inside, nothing is fetched. Its figures are also
written as SVG and PNG, for a paper.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from compresslab._support.files import check_target_folder, unreadable, write_atomic
from compresslab._support.printable import in_utf8
from compresslab.errors import InvalidParameter, MissingExtra, UnreadableFile
from compresslab.report.page import Page, opened
from compresslab.report.style import figure_bytes, svg_for_page
from compresslab.report.typeset import typeset

__all__ = ["check_report_extra", "draw_page", "render_page", "write_report"]

_TEMPLATES = Path(__file__).parent / "templates"


def check_report_extra(directory: Path | None = None) -> Path | None:
    """Return ``directory`` if a report can be written there; call it before anything is measured.

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
    environment.filters["opened"] = opened
    return environment.get_template("report.html.j2").render(
        page=page,
        styles=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(_TEMPLATES / "explorer.js").read_text(encoding="utf-8") if page.explorer else "",
        settings=_embedded(page.explorer),
        captions=_captions(page),
        drawings={figure.name: svg_for_page(drawn[figure.name], figure.name, figure.title) for figure in page.figures},
    )


def _typeset(value: Any) -> Any:
    """Typeset the value of a template's expression; markup (commands, digests, drawings) is left alone."""
    return typeset(value) if type(value) is str else value


def _captions(page: Page) -> dict[str, str]:
    """Return the figures' captions by name; of equal captions the first alone is shown."""
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
    """Return JSON that may stand inside a ``<script>`` element, whatever names are in it."""
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
    write_atomic(target, [in_utf8(html).encode()])
    return target
