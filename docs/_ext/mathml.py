"""Mathematics as MathML, made while the site is built: the pages need no script and no network to show it."""

from __future__ import annotations

import re
from typing import Any

import latex2mathml.converter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

_log = logging.getLogger(__name__)


def _tightened(mathml: str) -> str:
    """Bars and slashes are operators to a browser, which sets them apart; in sizes and fractions they are letters."""
    return re.sub(r"<mo[^>]*>(&#x0007C;|&#x0002F;|\||/)</mo>", r"<mi mathvariant='normal'>\1</mi>", mathml)


def _mathml(node: nodes.Node, display: str) -> str:
    latex = node.astext().strip()
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{matrix}}{latex}\end{{matrix}}"
    try:
        return _tightened(latex2mathml.converter.convert(latex, display=display))
    except Exception as error:  # whatever the converter stumbles on is a warning, hence an error of the build
        _log.warning("cannot convert %r to MathML: %s", latex, error, location=node)
        return f"<code>{latex}</code>"


def _inline(translator: Any, node: nodes.Node) -> None:
    translator.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.Node) -> None:
    translator.body.append(f'<div class="math">{_mathml(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx to write mathematics with this file."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
