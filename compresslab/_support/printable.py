r"""Text that a file or a name holds, made fit for a terminal: no control character reaches one.

A terminal obeys what it is sent: a few bytes in a model's name can recolour lines, retitle the window, or hide what was
said. Everything that is printed and was read from somewhere goes through here.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["in_utf8", "printable", "printable_json"]

# C0 but the newline of a pretty-printed text, DEL, C1, line and paragraph separators, marks of direction, surrogates.
_DANGEROUS: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str | bytes, *, lines: bool = False) -> str:
    r"""Return text with escapes in place of control and other invisible characters; bytes are decoded as UTF-8.

    Args:
        text: of any origin.
        lines: keep what lays out a page, newlines and spaces of any width; without, the result is one line.

    Example:
        >>> printable("caf\u00e9\x1b[31m\n"), printable(b" \xff"), printable("a\nb\x9b", lines=True)
        ('café\\x1b[31m\\n', ' \\xff', 'a\nb\\x9b')
    """
    held = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    if lines:
        return _DANGEROUS.sub(lambda found: _escaped(found[0]), held)
    return "".join(c if c.isprintable() else _escaped(c) for c in held)


def in_utf8(text: str) -> str:
    r"""Return text that every file can hold: what a name has beside UTF-8, as files may be called, is escaped.

    Example:
        >>> in_utf8("caf\u00e9"), in_utf8("a\udcff.txt")
        ('café', 'a\\xff.txt')
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return text.encode("utf-8", "backslashreplace").decode()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def printable_json(text: str) -> str:
    r"""Return a JSON text of the same value, its control characters written ``\uXXXX``.

    Example:
        >>> printable_json('{"a": "\x9b\u202e\u00e9"}')
        '{"a": "\\u009b\\u202eé"}'
    """
    return _DANGEROUS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
