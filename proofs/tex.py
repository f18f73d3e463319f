"""The whole ledger as a LaTeX document that compiles with pdflatex or tectonic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from .derivation import Report
from .ledger import counts
from .mathtext import abbreviate, latex, latex_fact
from .narrate import details, labels_of, rule_name
from .statement import in_latex

__all__ = ["document"]

_PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage[a4paper,margin=22mm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage[hidelinks]{hyperref}
\setlength{\parindent}{0pt}
\setlength{\parskip}{3pt}
\setcounter{tocdepth}{1}
\allowdisplaybreaks
\newcommand{\maths}[1]{\begingroup\raggedright\hangindent=2em\hangafter=1
\relpenalty=50\binoppenalty=100 $\displaystyle #1$\par\endgroup}
\newcommand{\remark}[1]{{\footnotesize #1\par}}
\begin{document}
"""
_SIGNS = {
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "→": r"$\to$", "∞": r"$\infty$", "Σ": r"$\Sigma$", "∫": r"$\int$",
    "∪": r"$\cup$", "‖": r"$\|$", "²": r"$^2$", "³": r"$^3$", "·": r"$\cdot$", "≈": r"$\approx$",
    "⌊": r"$\lfloor$", "⌋": r"$\rfloor$", "⌈": r"$\lceil$",
    "⌉": r"$\rceil$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\varepsilon$",
    "κ": r"$\kappa$", "λ": r"$\lambda$", "ρ": r"$\rho$", "σ": r"$\sigma$", "φ": r"$\varphi$", "χ": r"$\chi$",
    "ω": r"$\omega$", "θ": r"$\theta$",
    "Γ": r"$\Gamma$", "Θ": r"$\Theta$", "Λ": r"$\Lambda$", "Ω": r"$\Omega$", "μ": r"$\mu$",
    "ν": r"$\nu$", "ξ": r"$\xi$",
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "^": r"\^{}",
    "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", "$": r"\$",
}  # fmt: skip


def text(words: str) -> str:
    r"""Escape plain text; ``<=`` and ``>=`` become signs.

    Example:
        >>> text("a_1 <= 50%")
        'a\\_1 $\\le$ 50\\%'
    """
    words = words.replace("<=", "≤").replace(">=", "≥")
    return re.sub("|".join(map(re.escape, _SIGNS)), lambda sign: _SIGNS[sign.group()], words)


def document(reports: Sequence[Report]) -> str:
    """Return the document: every statement, its premises, and its proof, step by step."""
    body = "\n".join(line for report in reports for line in _claim(report))
    head = "\n".join((r"\section*{Theorem ledger}", text(counts(reports)) + ".", r"\tableofcontents"))
    return f"{_PREAMBLE}{head}\n{body}\n\\end{{document}}\n"


def _claim(report: Report) -> Iterable[str]:
    claim, labels = report.claim, labels_of(report.claim)
    yield rf"\section{{{text(claim.title)}}}\label{{{claim.id}}}"
    yield rf"\texttt{{{text(claim.id)}}}. Source: {text(claim.source)}. Kind: {claim.kind}."
    yield rf"Verdict: \textbf{{{report.verdict}}}."
    if claim.goals:
        yield rf"\textbf{{For all values of:}} {'; '.join(map(_words, in_latex.types(claim)))}." + "\n"
    yield rf"\textbf{{In words (not checked).}} {text(claim.prose)}" + "\n"
    yield r"\textbf{Setting, in words.} " + "; ".join(text(line) for line in claim.setting) + ".\n"
    if claim.idea:
        yield rf"\textbf{{Idea.}} {text(claim.idea)}" + "\n"
    if claim.notation:
        yield r"\textbf{Notation.}" + "\n"
        for item in claim.notation:
            others = [other for other in claim.notation if other is not item]
            yield _maths(f"{item.latex} = {_short(item.expr, others)}")
    for premise in (*claim.assumptions, *claim.definitions):
        yield (
            rf"{labels[premise.name]}: {text(premise.words)}:\nopagebreak\ "
            + "\n"
            + _maths(latex_fact(premise.fact, claim.notation))
        )
    if claim.goals:
        yield r"\textbf{Refuted:}" if claim.kind == "refutation" else r"\textbf{To be shown:}"
        yield ""
    for n, goal in enumerate(claim.goals, 1):
        given = f", given {', '.join(labels[g] for g in goal.given)}" if goal.given else ""
        yield f"G{n}: {text(goal.words)}{given}, step {labels.get(goal.by, goal.by)}:\\nopagebreak\\ \n" + _maths(
            latex_fact(goal.fact, claim.notation)
        )
    if claim.steps:
        yield r"\textbf{Proof.}" + "\n"
    for step, checked in zip(claim.steps, report.steps, strict=True):
        yield (
            rf"{labels[step.name]} {text(step.words)}:\nopagebreak\ "
            + "\n"
            + _maths(latex_fact(step.fact, claim.notation))
        )
        data = "; ".join(details(step, labels, claim.notation))
        yield (
            rf"\remark{{[{text(rule_name(step))}] {text(data)}{'. ' if data else ''}"
            rf"Machine: {text(checked.machine or checked.problem)}.}}" + "\n"
        )
    if claim.finding:
        yield rf"\textbf{{Finding (not checked).}} {text(claim.finding)}" + "\n"


def _words(line: str) -> str:
    """Escape what stands between the formulas of a line."""
    return "$".join(part if n % 2 else text(part) for n, part in enumerate(line.split("$")))


def _maths(formula: str) -> str:
    return rf"\maths{{{formula}}}" + "\n"


def _short(expr: Any, notation: Sequence[Any]) -> str:
    import sympy as sp

    names = {sp.Symbol(n.name, positive=True): sp.Symbol(n.latex, positive=True) for n in notation}
    return latex(abbreviate(expr, notation).xreplace(names))
