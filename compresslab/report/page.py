"""What a page says, once: facts, sentences, tables and figures.

Three renderers show it: :mod:`compresslab.report.html`, :mod:`compresslab.report.terminal` and
:mod:`compresslab.report.markdown`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compresslab.errors import InvalidParameter
from compresslab.report.ledger import Verdict
from compresslab.report.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Fact", "Group", "Page", "PageFigure", "Section", "Table", "joined", "opened", "seeds_of", "tone"]

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
class Table:
    """A table; the first column is text, the others are numbers unless ``text_columns`` names them.

    Attributes:
        title: what it holds, with units; "" where the section around it says so.
        columns: headings.
        rows: cells, as shown.
        text_columns: columns aligned left.
        notes: sentences below the table.
        labels: how many of the first columns name a row: a narrow terminal prints them again with each part.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: tuple[int, ...] = (0,)
    notes: tuple[str, ...] = ()
    labels: int = 1


@dataclass(frozen=True)
class Group:
    """Findings that belong together: of one source, one arm, one series.

    Attributes:
        title: what they are about; a heading.
        points: the findings, one a line.
        lead: a sentence that comes first.
        label: what begins each finding where there are no headings; "" where a finding names its subject itself.
    """

    title: str
    points: tuple[str, ...]
    lead: str = ""
    label: str = ""


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
    tables: tuple[Table, ...] = ()
    figures: tuple[PageFigure, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All findings, one a line, as a terminal and JSON show them: those of the groups first."""
        named = ((f"{group.label}: " * bool(group.label), point) for group in self.groups for point in group.points)
        return (*(f"{label}{point}" for label, point in named), *self.points)


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


def joined(names: Sequence[str]) -> str:
    """Return ``a, b and c``; five and more are only counted."""
    return (
        " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if len(names) < 5 else f"{len(names)} datasets"
    )


def opened(sentence: str) -> str:
    """Return a sentence that begins with a capital; a symbol that it begins with stays as it is.

    Example:
        >>> opened("it is so."), opened("k = 10: so it is.")
        ('It is so.', 'k = 10: so it is.')
    """
    return sentence if re.match(r"\w =", sentence) else sentence[:1].upper() + sentence[1:]


def tone(verdict: str) -> str:
    """Return the colour of a fact by the kind of its verdict."""
    return {"seen": "good", "the opposite seen": "bad"}.get(verdict, "")


def seeds_of(count: int) -> str:
    """Write how many seeds there are.

    Example:
        >>> seeds_of(1), seeds_of(3)
        ('1 seed', '3 seeds')
    """
    return f"{count} seed{'s' * (count != 1)}"
