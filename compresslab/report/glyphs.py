r"""Signs that the font of figures lacks: from another font where there is one, else as escapes such as ``\u4e2d``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["show_every_sign"]

_OWN: Final = "DejaVu Sans"
_OTHERS: Final = (  # fonts with many signs, as systems call them
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP", "Source Han Sans SC",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS", "Hiragino Sans",
    "PingFang SC", "Apple SD Gothic Neo", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic", "Noto Sans",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji", "Symbola", "Unifont",
)  # fmt: skip


def show_every_sign(figure: Figure) -> None:
    """Give each text of a figure a font that has all its signs; a text whose own font has them is left alone."""
    from matplotlib.text import Text

    for text in list(figure.findobj(Text)):
        assert isinstance(text, Text)
        if not _has_all(text.get_text()):
            text.set_text(_readable(text.get_text()))
            text.set_fontfamily([_OWN, *_fallbacks()])
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):  # which writes its labels anew when it is drawn
            labels = [label.get_text() for label in axis.get_ticklabels()]
            if not all(map(_has_all, labels)):
                axis.set_ticks(axis.get_majorticklocs(), [_readable(label) for label in labels])
                for label in axis.get_ticklabels():
                    label.set_fontfamily([_OWN, *_fallbacks()])


def _has_all(text: str) -> bool:
    return (text.isascii() and text.replace("\n", "").isprintable()) or all(_is_in(sign, _OWN) for sign in text)


def _readable(text: str) -> str:
    fonts = (_OWN, *_fallbacks())
    shown = (
        sign if any(_is_in(sign, font) for font in fonts) else sign.encode("unicode_escape").decode() for sign in text
    )
    return "".join(shown)


def _is_in(sign: str, font: str) -> bool:
    return sign == "\n" or ord(sign) in _signs(font)


@cache
def _signs(font: str) -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(font)).get_charmap())


@cache
def _fallbacks() -> tuple[str, ...]:
    from matplotlib.font_manager import get_font_names

    here = set(get_font_names())
    return tuple(name for name in _OTHERS if name in here)
