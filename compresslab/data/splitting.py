r"""From a text to responses: what a line, a sentence, a word and a document are, exactly.

Everything works on bytes, so text that is not valid UTF-8 is split like any other and no byte is changed. White space
means the six ASCII characters: space, ``\t``, ``\n``, ``\v``, ``\f``, ``\r``.

================  ==================================================  ==========================================
unit              a response is                                       what is dropped
================  ==================================================  ==========================================
``document``      the whole text, blank or not                        nothing
``line``          what ends in ``\n`` or ``\r\n``, or at the end      the terminators; blank lines (nothing but
                  of the text; a lone ``\r`` is part of a line        white space) unless ``keep_blank=True``
``sentence``      what ends after ``.``, ``!``, ``?`` (or several),   white space between sentences
                  closing quotes and brackets, before white space;
                  after an ideographic ``。！？``; at a blank line;
                  or at the end of the text. Abbreviations are not
                  known: "Mr. Smith" is two sentences
``word``          a longest run without white space, with its         all white space
                  punctuation
================  ==================================================  ==========================================

A response never spans two texts (or files). White space inside a line or a sentence, line breaks in a sentence
included, is kept.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from compresslab.data.texts import Texts
from compresslab.errors import UnknownName, did_you_mean

__all__ = ["UNITS", "check_unit", "split_texts"]

UNITS = ("line", "sentence", "word", "document")

LF, CR = 10, 13
IS_SPACE = np.zeros(256, dtype=np.bool_)
IS_SPACE[list(b" \t\n\v\f\r")] = True

# Closing quotes and ideographic stops are matched as their UTF-8 bytes: the text may not be valid UTF-8 elsewhere.
SENTENCE_END = re.compile(
    rb"""[.!?]+(?:["')\]}]|\xe2\x80[\x99\x9d]|\xc2\xbb)*(?=\s)"""  # a stop, closing marks, then white space
    rb"|(?:\xe3\x80\x82|\xef\xbc[\x81\x9f])+(?:\xe3\x80[\x8d\x8f]|\xe2\x80[\x99\x9d])*"  # 。！？ then 」』’”
    rb"|\n[ \t\v\f\r]*\n"  # a blank line
)


def split_texts(texts: Texts, unit: str, *, keep_blank: bool = False) -> Texts:
    r"""Split every text into responses; the table at the top of this module says how.

    Args:
        texts: the texts, each split on its own.
        unit: "line", "sentence", "word" or "document".
        keep_blank: keep blank lines (as empty or white-space responses); only lines can be blank.

    Raises:
        UnknownName: another unit.

    Example:
        >>> text = Texts.pack(["To be. Or not\nto be?\n\n"])
        >>> [list(split_texts(text, unit)) for unit in ("line", "sentence", "word")]
        [[b'To be. Or not', b'to be?'],
         [b'To be.', b'Or not\nto be?'],
         [b'To', b'be.', b'Or', b'not', b'to', b'be?']]
        >>> list(split_texts(text, "line", keep_blank=True))
        [b'To be. Or not', b'to be?', b'']
    """
    if check_unit(unit) == "document":
        return texts
    if unit == "line":
        return _lines(texts, keep_blank)
    if unit == "sentence":
        return Texts.pack([piece for text in texts for piece in _sentences(text)])
    return _words(texts)


def check_unit(unit: str) -> str:
    """Return ``unit`` if texts can be split by it, or raise UnknownName with the closest name."""
    if unit not in UNITS:
        raise UnknownName(f"unknown unit {unit!r} to split by: {did_you_mean(unit, UNITS)}")
    return unit


def _lines(texts: Texts, keep_blank: bool) -> Texts:
    buffer = texts.buffer
    # A line starts at the start of a text and after every \n: consecutive bounds enclose one line and its terminator.
    bounds = np.concatenate([texts.offsets, np.flatnonzero(buffer == LF) + 1])
    bounds.sort(kind="stable")  # two sorted runs, so this is a merge
    bounds = bounds[np.diff(bounds, prepend=-1) > 0]
    starts, stops = bounds[:-1], bounds[1:].copy()
    if stops.size == 0:
        return texts.spans(starts, stops)
    if not keep_blank:
        solid = np.logical_or.reduceat(~IS_SPACE[buffer], starts)
        starts, stops = starts[solid], stops[solid]
    ended = buffer[stops - 1] == LF
    stops -= ended
    stops -= ended & (stops > starts) & (buffer[stops - 1] == CR)
    return texts.spans(starts, stops)


def _words(texts: Texts) -> Texts:
    solid = ~IS_SPACE[texts.buffer]
    return texts.spans(_edges(solid, texts, before=True), _edges(solid, texts, before=False))


def _edges(solid: npt.NDArray[np.bool_], texts: Texts, *, before: bool) -> npt.NDArray[np.int64]:
    """Return where words start (``before``) or stop: where white space or another text adjoins."""
    edge = np.ones(solid.size, dtype=np.bool_)
    inner = texts.offsets[1:-1]
    if before:
        edge[1:] = ~solid[:-1]
        edge[inner[inner < solid.size]] = True
        return np.flatnonzero(edge & solid)
    edge[:-1] = ~solid[1:]
    edge[inner[inner > 0] - 1] = True
    return np.flatnonzero(edge & solid) + 1


def _sentences(text: bytes) -> list[bytes]:
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    pieces = (text[a:b].strip() for a, b in zip([0, *ends], [*ends, len(text)], strict=True))
    return [piece for piece in pieces if piece]
