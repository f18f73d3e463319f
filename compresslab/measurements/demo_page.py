"""The page of the demo: elasticity of the embedded corpora, a small model on them, networks beside the theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compresslab.measurements.demo import TinyRow
from compresslab.measurements.tiny_page import tiny_fact, tiny_section, tiny_sentence
from compresslab.report.page import Fact, Page, Section

__all__ = ["demo_page"]


def demo_page(elasticity: Page, rows: Sequence[TinyRow], joint: Page, folder: Path) -> Page:
    """Put the parts of the demo on one page.

    Args:
        elasticity: the page of the elasticity job.
        rows: what the small model was measured on.
        joint: the page of the experiment ``joint``.
        folder: where that experiment is, for its own page.
    """
    findings, first = joint.sections[0], joint.sections[1]
    verdict = f"{joint.answer[1][:1].lower()}{joint.answer[1][1:]}"
    lead = f"{joint.answer[0]} All arms, with figures: compresslab report {folder}."
    networks = Section("Do trained networks follow?", lead, groups=findings.groups)
    measured = Section("What was measured", points=(elasticity.answer[0], *elasticity.answer[2:]))
    return replace(
        elasticity,
        title="compresslab's demo: what new data does to an aligned model",
        question=f"{elasticity.question} And do real networks do as the theory says?",
        answer=(elasticity.answer[1], f"Networks trained by gradient descent: {verdict}", tiny_sentence(rows)),
        facts=(*elasticity.facts, tiny_fact(rows), _network_fact(joint)),
        sections=(measured, *elasticity.sections, tiny_section(rows), networks, first),
    )


def _network_fact(joint: Page) -> Fact:
    """Return the networks' ratio beside the theorem's."""
    ratio = next(fact for fact in joint.facts if "ratio" in fact.label)
    return replace(ratio, label="ratio of the two, trained networks")
