"""The prose of pages as one text: what tests hold to the golden file beside this one.

`python -m tests.report.prose` writes the file anew, from the recorded results.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compresslab.cli.report import experiment_page
from compresslab.experiments.row_source import experiment_run
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

__all__ = ["GOLDEN", "NAMES", "RESULTS", "golden", "prose_of", "recorded_page"]

GOLDEN = Path(__file__).with_name("prose.md")
RESULTS = Path(__file__).parents[2] / "docs" / "results"
NAMES = (
    "joint-cpu", "rebound-cpu", "rebound-referee", "resistance-cpu", "resistance-referee", "scaling-cpu",
    "effective-volumes-cpu",
)  # fmt: skip


def recorded_page(name: str) -> Page:
    """Return the page of a recorded experiment."""
    return experiment_page(RESULTS / name, provenance(["report", name], [], experiment=experiment_run(RESULTS / name)))


def prose_of(page: Page) -> str:
    """Return every sentence of a page, and the facts of its first screen, a line each; tables are left out."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (page.title, page.question, *page.answer)
    yield from (f"- {fact.label}: {fact.value} ({fact.note}) {fact.tone}".rstrip() for fact in page.facts)
    for section in page.sections:
        yield f"## {section.title}"
        yield from filter(None, [section.lead])
        yield from (f"- {point}" for point in section.points)
        for group in section.groups:
            yield f"### {group.title}"
            yield from filter(None, [group.lead])
            yield from (f"- {point}" for point in group.points)
        yield from (note for table in section.tables for note in table.notes)
        yield from (f"{figure.title}: {figure.caption}" for figure in section.figures)
    yield from (f"{symbol}: {meaning}" for symbol, meaning in page.symbols.items())


def golden() -> dict[str, str]:
    """Return the golden file's parts by the name of their experiment."""
    parts = GOLDEN.read_text(encoding="utf-8").split("\n# ")[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}


if __name__ == "__main__":
    held = "".join(f"\n# {name}\n{prose_of(recorded_page(name))}" for name in NAMES)
    GOLDEN.write_text(f"Written by `python -m tests.report.prose`.\n{held}", encoding="utf-8")
