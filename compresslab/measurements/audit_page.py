"""The page of the job ``audit``: how elastic a model is, in two shares, and all that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compresslab.audit.result import MODELS, AuditResult
from compresslab.audit.sentences import beside, elastic, of_perturbation, shallow
from compresslab.audit.standing import position_label
from compresslab.measurements.audit_tables import change_table, code_length_table, series_table, share_table
from compresslab.report.audit_figures import PositionPoint, SharePoint, position_figure, share_figure
from compresslab.report.digits import ranged, rounded, significant
from compresslab.report.page import Fact, Group, Page, PageFigure, Section, Table, joined
from compresslab.report.provenance import Provenance

__all__ = ["audit_page"]

_SYMBOLS = {
    "undone": "of what alignment gained on its data, the share that new data takes back",
    "comes back": "of what alignment cost pre-training data, the share that new data gives back",
    "net of control": "less what the same new data does to the base, as a share of the same",
    "placebo": "the base, aligned to neutral data",
    "gate": "the learning rate is halved until the base moves by less than a level",
    "not defined": "the share is of a change whose own interval holds 0",
}
_NAMES = {"undone": "undone", "returned": "comes back"}


def audit_page(results: Sequence[AuditResult], source: Provenance) -> Page:
    """Put audits together, one or a series.

    Args:
        results: of the audits.
        source: where the numbers come from.
    """
    first = results[-1]
    names = joined([f"“{name}”" for name in first.perturbations])
    sections = [section for number, one in enumerate(results) for section in _sections(one, number, len(results))]
    series = Section("The series", tables=(series_table(results),))
    return Page(
        title=f"Audit of {first.aligned.name}: how elastic is it?",
        question=f"What does training on {names} undo of the alignment of {first.aligned.name}, and what comes back?",
        answer=(elastic(first), *[shallow(first)]),
        facts=tuple(_facts(first)),
        sections=(*([series] if len(results) > 1 else []), *sections),
        provenance=source,
        symbols=_SYMBOLS,
    )


def _facts(result: AuditResult) -> Iterator[Fact]:
    for what, name in _NAMES.items():
        share = result.share(what)
        note = f"net of control, after {result.settings.last:,} examples; raw {ranged(share.raw, percent=True)}"
        yield Fact(name, ranged(share.net_of_control, percent=True), note)
    kl = result.tried[result.learning_rate]
    yield Fact(
        "learning rate", f"{result.learning_rate:g}", f"at which the base moves by {significant(kl)} nats per token"
    )
    yield Fact("KL to the base", significant(result.aligned_kl_nats), "nats per token, of the aligned model")


def _sections(result: AuditResult, number: int, count: int) -> Iterator[Section]:
    of = f": {result.aligned.name}" if count > 1 else ""
    yield Section(
        f"How elastic it is{of}",
        groups=tuple(Group(name, tuple(of_perturbation(result, name)), label=name) for name in result.perturbations),
        tables=(share_table(result),),
        figures=tuple(_share_figures(result, number)),
    )
    yield Section(f"What it rests on{of}", points=tuple(beside(result)))
    yield Section(
        f"Both models on the data{of}", tables=(code_length_table(result),), figures=(_positions(result, number),)
    )
    yield Section(f"What new data changes{of}", tables=(change_table(result),))
    yield Section(
        f"Layers{of}",
        "Effective volumes: the mixture of the data whose beginnings a model has (standard errors over texts). "
        "Effective depth: how many layers of a dataset's token tree cost no more than its entropy and a bit a "
        "response; to be compared between the models, as the tree knows its deeper layers by heart.",
        tables=tuple(_layers(result)),
    )
    said = [line for lines in result.probe["who_pays"].values() for line in lines]
    yield Section(f"What the probe predicted{of}", points=(*said,))


def _share_figures(result: AuditResult, number: int) -> Iterator[PageFigure]:
    for place, perturbation in enumerate(result.perturbations):
        points = []
        for one in result.shares:
            share = one.net_of_control
            if one.perturbation == perturbation and share is not None:
                predicted = result.prediction(one.what, perturbation, one.examples).net_of_control
                points.append(SharePoint(_NAMES[one.what], one.examples, share.mean, share.low, share.high, predicted))
        if points:
            yield PageFigure(
                f"shares-{number}-{place}", f"Training on {perturbation}, net of control",
                "Bars are 95 % intervals over texts and seeds; crosses were predicted by the probe.",
                share_figure(points),
            )  # fmt: skip


def _positions(result: AuditResult, number: int) -> PageFigure:
    points = [
        PositionPoint(k.dataset, k.first, k.last, k.nats.mean, k.nats.low, k.nats.high)
        for k in result.kl
        if k.direction == "aligned_to_base"
    ]
    caption = (
        "KL(aligned || base) at each position of the responses; later positions are joined, each group twice the last."
    )
    return PageFigure(
        f"positions-{number}", "How far the models are apart, by position", caption, position_figure(points)
    )


def _layers(result: AuditResult) -> Iterator[Table]:
    names = list(result.volumes["base"].weights)
    rows = []
    for side in MODELS:
        found = result.volumes[side]
        cells = [f"{rounded(found.weights[name], 3)} ± {rounded(found.errors[name], 3)}" for name in names]
        rows.append((side, *cells, f"{rounded(100 * found.covered, 1)}%", significant(found.residual_nats)))
    yield Table("Effective volumes", ("model", *names, "of beginnings", "unexplained, nats"), rows)
    depths = [(side, one) for side in MODELS for one in result.depths[side]]
    if depths:
        cells_of = [
            (side, d.dataset, str(d.layers), " ".join(rounded(x, 2) for x in d.excess_bits)) for side, d in depths
        ]
        columns = ("model", "data", "effective depth", "excess of each layer, bits per response")
        yield Table("Effective depth", columns, cells_of, (0, 1))
    directions = {"aligned_to_base": "KL(aligned || base)", "base_to_aligned": "KL(base || aligned)"}
    kl = [(k.dataset, directions[k.direction], position_label(k.first, k.last), significant(k.nats.mean),
           f"{k.tokens:,}", f"{rounded(100 * k.share, 1)}%") for k in result.kl]  # fmt: skip
    yield Table(
        "Divergence by position", ("data", "direction", "position", "nats per token", "tokens", "of all"), kl, (0, 1)
    )
