"""The page of the demo: elasticity of the embedded corpora, a small model on them, networks beside the theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compresslab.measurements.demo import TinyRow
from compresslab.measurements.probe_page import change_sections, probe_page
from compresslab.measurements.tiny_page import tiny_fact, tiny_section, tiny_sentence
from compresslab.probe.result import PRECISION, ProbeResult
from compresslab.report.page import Fact, Page, Section

__all__ = ["demo_page"]


def demo_page(elasticity: Page, rows: Sequence[TinyRow], probed: ProbeResult, joint: Page, folder: Path) -> Page:
    """Put the parts of the demo on one page.

    Args:
        elasticity: the page of the elasticity job.
        rows: what the small model was measured on.
        probed: the small model, aligned.
        joint: the page of the experiment ``joint``.
        folder: where that experiment is, for its own page.
    """
    findings, first = joint.sections[0], joint.sections[1]
    verdict = _after_colon(joint.answer[1])
    lead = f"{joint.answer[0]} All arms, with figures: compresslab report {folder}."
    networks = Section("Do trained networks follow?", lead, groups=findings.groups)
    probe = probe_page(probed, PRECISION, elasticity.provenance)
    pays, *curves = change_sections(probed)
    pays = replace(pays, title="What will fine-tuning a small language model undo?", lead=tiny_sentence(rows))
    measured = Section("What was measured", points=(elasticity.answer[0], *elasticity.answer[2:]))
    return replace(
        elasticity,
        title="compresslab's demo: what new data does to an aligned model",
        question=f"{elasticity.question} And do real networks do as the theory says?",
        answer=(
            elasticity.answer[1],
            f"A small language model: {_after_colon(probe.answer[0])} {_after_colon(probe.answer[1])}",
            f"Networks trained by gradient descent: {verdict}",
        ),
        facts=(*elasticity.facts, tiny_fact(rows), _network_fact(joint)),
        sections=(measured, *elasticity.sections, pays, *curves, tiny_section(rows), networks, first),
    )


def _after_colon(sentence: str) -> str:
    """Return a sentence as it goes on after a colon."""
    return f"{sentence[:1].lower()}{sentence[1:]}"


def _network_fact(joint: Page) -> Fact:
    """Return the networks' ratio beside the theorem's."""
    ratio = next(fact for fact in joint.facts if "ratio" in fact.label)
    return replace(ratio, label="ratio of the two, trained networks")
