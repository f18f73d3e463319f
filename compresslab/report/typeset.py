"""How text is set on a page: true minus signs, and no line broken within a number.

Texts are written in plain ASCII where they are made, so that a terminal and a file show what can be typed and searched;
a page gets them through :func:`typeset`, once, where it is rendered.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["typeset"]

_RULES: Final = (
    (re.compile(r"\b(gzip|bzip2|xz|zstd|brotli) (?=-\d)"), "\\1\u00a0"),  # what follows is an option, not a number
    (re.compile(r"(?<![\w)\]\-\u00a0])-(?=\d|k\b|l\b|log)"), "\u2212"),  # a sign, not a hyphen
    (re.compile(r"(?<=\de)-(?=\d)"), "\u2212"),  # 3e-15
    (re.compile(r" ?± ?(?=[\d<])"), "\u00a0±\u00a0"),  # before the next: it puts a space after a hyphen
    (re.compile(r"(?<=\s)-(?=\s)"), "\u2212"),  # a difference
    (re.compile(r"\A-\Z"), "\u2013"),  # nothing there
    (re.compile(r"(?<=[<>≤≥]) (?=[\d\u2212])"), "\u00a0"),
    (re.compile(r"(?<=\d) (?=%)"), "\u00a0"),
    (re.compile(r"(?<=\d) (?=of \d)|(?<=\d of) (?=\d)"), "\u00a0"),
    (re.compile(r"(?<=\d) (?=(?:bits?|nats|bytes?|seeds?|layers?|runs?|phrases?|s)\b)"), "\u00a0"),
    (re.compile(r"(?<=\babove) (?=\d)|(?<=\bbelow) (?=\d)"), "\u00a0"),
    (re.compile(r"(?<=\b[dklpτ]) (?=[=<>≤≥])"), "\u00a0"),
    (re.compile(r"(?<=\b[dklpτ]\u00a0[=<>≤≥]) (?=[\d\u2212])"), "\u00a0"),
)


def typeset(text: str) -> str:
    """Return a text as a page shows it; a text that is typeset already comes back unchanged.

    Example:
        >>> typeset("-0.012 ± 0.006 at 95 %, l = -1, 1 of 8").replace(chr(160), "_")
        '−0.012_±_0.006 at 95_%, l_=_−1, 1_of_8'
        >>> typeset("fine-tuning of a-1.txt, seed 1-3")
        'fine-tuning of a-1.txt, seed 1-3'
        >>> typeset("under xz -9e").replace(chr(160), "_")
        'under xz_-9e'
    """
    for pattern, put in _RULES:
        text = pattern.sub(put, text)
    return text
