"""The page of the job ``probe``: who will pay for new data, the overlaps, and predicted beside measured changes."""

from __future__ import annotations

from collections.abc import Iterator

from compresslab.measurements.probe_tables import CERTAIN, FIRST_ORDER_ONLY, change_cells
from compresslab.probe.result import ProbeResult, texts_needed
from compresslab.probe.sentences import change_of, last_in_range, stationary, who_pays
from compresslab.report.digits import measured, rounded, significant
from compresslab.report.page import Fact, Group, Page, PageFigure, Section, Table, joined
from compresslab.report.probe_figures import ChangePoint, agreement_figure, change_figure, overlap_figure
from compresslab.report.provenance import Provenance

__all__ = ["change_sections", "probe_page"]

_SYMBOLS = {
    "g_i": "the mean gradient of dataset i's code length, nats per token",
    "P": "what the optimiser makes of a gradient: the identity for SGD",
    "k": "|grad L_a| / |grad L_p|, of which mixture the model is at a stationary point where the gradients are opposed",
    "first order": "the steps of the optimiser on gradients that are frozen where training begins, times g_i",
    "linearised": "the same optimiser and batches on the model's tangent",
    "certain": "between the tangent of the linearised step and the most that a softmax can add",
    "left out": "half the curvature that the tangent model has not, along the step",
}
_CURVES = "Lines are predicted, bands their 95 % intervals over responses, crosses real fine-tuning where it was done."


def probe_page(result: ProbeResult, half_width: float, source: Provenance) -> Page:
    """Put a probe together.

    Args:
        result: of the probe.
        half_width: half the interval for which the number of texts is said, nats per token.
        source: where the numbers come from.
    """
    said = who_pays(result)
    first = next(iter(said))
    names = joined([f"“{name}”" for name in said])
    settings = result.settings
    return Page(
        title=f"Probe of {result.model.name}: what fine-tuning will do",
        question=f"What will fine-tuning {result.model.name} on {names} do to the data that it was trained on?",
        answer=tuple(said[first][:3]),
        facts=tuple(_facts(result, first)),
        sections=(
            *change_sections(result),
            _overlaps(result),
            Section(
                "Is the model at a stationary point?",
                "At a stationary point of k L_p + L_a every first step of every optimiser costs alignment k times what "
                "it gives pre-training (theory, section 9).",
                points=tuple(stationary(result)),
            ),
            _data(result, half_width),
        ),
        provenance=source,
        symbols={**_SYMBOLS, "optimiser": f"{settings.optimizer}, learning rate {settings.learning_rate:g}"},
    )


def change_sections(result: ProbeResult) -> tuple[Section, ...]:
    """Return who pays, and the changes: predicted, beside what was measured, and in numbers."""
    said = who_pays(result)
    pays = Section("Who pays", groups=tuple(Group(lines[0], tuple(lines[1:])) for lines in said.values()))
    return pays, *_curves(result), *_agreement(result), _changes(result)


def _facts(result: ProbeResult, perturbation: str) -> Iterator[Fact]:
    seen = last_in_range(result, perturbation)
    for role, label in (("align", "alignment"), ("pretrain", "pre-training"), ("other", "other")):
        for name in result.of_role(role)[:2]:
            row = next(p for p in result.curve(perturbation, name) if p.examples == seen)
            note = f"{label} data, nats per token after {seen:,} examples of “{perturbation}”"
            if row.within_linear_range is False:
                note += ", beyond the linear range"
            yield Fact(name, measured(change_of(result, row)), note)


def _points(result: ProbeResult, perturbation: str) -> list[ChangePoint]:
    real = {(m.perturbation, m.dataset, m.examples): m.change_nats for m in result.measured}
    found = []
    for row in result.predicted:
        if row.perturbation == perturbation:
            change = change_of(result, row)
            at = real.get((row.perturbation, row.dataset, row.examples))
            found.append(ChangePoint(row.dataset, row.examples, row.nats, change.low, change.high, at))
    return found


def _curves(result: ProbeResult) -> Iterator[Section]:
    figures = tuple(
        PageFigure(f"changes-{i}", f"Training on {name}", _CURVES, change_figure(_points(result, name)))
        for i, name in enumerate(result.perturbations)
    )
    way = "by the linearised model" if result.settings.linearised else f"by {FIRST_ORDER_ONLY}"
    yield Section("Predicted changes", f"Of the code lengths, {way}.", figures=figures)


def _agreement(result: ProbeResult) -> Iterator[Section]:
    if not result.measured:
        return
    points = [p for name in result.perturbations for p in _points(result, name)]
    rows = tuple(
        (a.perturbation, f"{a.examples:,}", a.way.replace("_", " "), rounded(a.correlation, 3), rounded(a.slope, 3),
         rounded(a.r_squared, 3))
        for a in result.agreement()
    )  # fmt: skip
    columns = ("perturbation", "examples", "way", "correlation", "slope", "R² about 0")
    caption = "The predictions were made before anything was measured. On the line they are equal."
    yield Section(
        "Predicted beside measured",
        tables=(Table("Over the datasets, at each number of examples", columns, rows, (0, 2)),),
        figures=(PageFigure("agreement", "Measured against predicted", caption, agreement_figure(points)),),
    )


def _changes(result: ProbeResult) -> Section:
    columns, rows = change_cells(result)
    notes = (CERTAIN,) if result.settings.linearised else ()
    block = Table("Changes of code lengths, nats per token", columns, rows, (0, 1), notes)
    return Section("All numbers", tables=(block,))


def _overlaps(result: ProbeResult) -> Section:
    names = tuple(result.datasets)
    cosines = tuple(
        (name, *(rounded(float(x), 3, signed=True) for x in row))
        for name, row in zip(names, result.overlaps.cosine, strict=True)
    )
    caption = (
        "Blue: training on t makes i cheaper, red: dearer. Minus the learning rate times it is the first step's effect."
    )
    return Section(
        "Overlaps",
        tables=(Table("Cosine of the gradients: a poor predictor of sizes", ("", *names), cosines),),
        figures=(
            PageFigure("overlaps", "Overlaps g_i · P g_t", caption, overlap_figure(names, result.overlaps.matrix)),
        ),
    )


def _data(result: ProbeResult, half_width: float) -> Section:
    needed = texts_needed(result, half_width)
    rows = tuple(
        (facts.role, name, f"{facts.responses:,}", f"{facts.tokens:,}", rounded(facts.code_length_nats, 4),
         rounded(facts.code_length_bits_per_byte, 4), significant(facts.gradient_norm),
         significant(facts.gradient_noise), "-" if needed[name] is None else f"{needed[name]:,}")
        for name, facts in result.datasets.items()
    )  # fmt: skip
    columns = ("role", "data", "responses", "tokens", "nats per token", "bits per byte", "|gradient|", "its error",
               f"texts for ± {half_width:g} nats")  # fmt: skip
    took = ", ".join(f"{stage.replace('_', '-')} {seconds:.1f} s" for stage, seconds in result.seconds.items())
    return Section("Data", f"It took: {took}.", tables=(Table("The datasets", columns, rows, (0, 1)),))
