"""Who pays, in words: for each perturbation what happens to alignment, to pre-training, and to data in neither."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compresslab.probe.prediction import Prediction
from compresslab.probe.result import ProbeResult, student
from compresslab.theory.estimates import Estimate

__all__ = ["change_of", "half_undone", "last_in_range", "stationary", "who_pays"]

_ROLES = {"align": "alignment data", "pretrain": "pre-training data", "other": "other data", "perturb": "new data"}
BEYOND = "beyond the linear range"


def who_pays(result: ProbeResult) -> dict[str, list[str]]:
    """Return sentences for each perturbation: signs, sizes with 95 % intervals, and where not to trust them."""
    return {name: list(_about(result, name)) for name in result.perturbations}


def change_of(result: ProbeResult, row: Prediction) -> Estimate:
    """Return a predicted change with its 95 % interval over the dataset's responses, nats per token."""
    runs = result.datasets[row.dataset].responses
    if row.linearised_nats is None:
        runs = min(runs, result.settings.groups)
    return student(row.nats, row.standard_error_nats, runs)


def last_in_range(result: ProbeResult, perturbation: str) -> int:
    """Return the last number of examples up to which all alignment and pre-training data is in the linear range.

    The first one of all where there is none, or where the linearised model was not asked for.
    """
    last = result.settings.examples[0]
    for seen in result.settings.examples:
        rows = [p for p in result.predicted if (p.perturbation, p.examples) == (perturbation, seen)]
        judged = [p for p in rows if result.datasets[p.dataset].role in ("align", "pretrain")] or rows
        if not all(p.within_linear_range for p in judged):
            break
        last = seen
    return last


def half_undone(result: ProbeResult, perturbation: str, align: str) -> float | None:
    """Return after how many examples half of what alignment gained is predicted to be lost; None if not in range.

    Between two numbers of examples the change is taken to be linear.
    """
    gained = result.datasets[align].gained_nats
    if gained is None or gained <= 0:
        return None
    seen, lost = 0, 0.0
    for row in result.curve(perturbation, align):
        if row.within_linear_range is not True:
            return None
        if row.nats >= gained / 2:
            return seen + (gained / 2 - lost) / (row.nats - lost) * (row.examples - seen)
        seen, lost = row.examples, row.nats
    return None


def stationary(result: ProbeResult) -> Iterator[str]:
    """Say of which mixture the model is at a stationary point, if of any."""
    for pair, found in result.stationarity.items():
        cosine, k = found.cosine, found.k_eff
        near = cosine.high is not None and cosine.low is not None and cosine.low <= -0.99
        if near:
            yield f"{pair}: the gradients are opposed: the model is near a stationary point, at k = {k.mean:.3g}."
        else:
            yield (
                f"{pair}: the cosine of the two gradients is {cosine.mean:+.3f}, not -1: the model is not at a "
                f"stationary point of the two (residual {found.residual.mean:.2f}; k_eff = {k.mean:.3g})."
            )
    if result.mixture is not None:
        names, mixture = result.mixture
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(names, mixture.weights, strict=True))
        yield f"It is nearest to a stationary point of this mixture: {weights}; residual {mixture.residual:.2f}."


def _about(result: ProbeResult, perturbation: str) -> Iterator[str]:
    settings = result.settings
    seen = last_in_range(result, perturbation)
    yield (
        f"Training on {seen:,} examples of '{perturbation}' by {settings.optimizer}, learning rate "
        f"{settings.learning_rate:g}, batches of {settings.batch}:"
    )
    for role in ("align", "pretrain", "other", "perturb"):
        for name in result.of_role(role):
            row = next(p for p in result.curve(perturbation, name) if p.examples == seen)
            yield _sentence(result, row, role)
    for name in result.of_role("align"):
        if result.datasets[name].gained_nats is not None:
            yield _undone(result, perturbation, name)
    if not settings.linearised:
        yield (
            "By first order alone, the gradient frozen where training begins: good from a base model, poor from an "
            "aligned one, where curvature rules."
        )


def _sentence(result: ProbeResult, row: Prediction, role: str) -> str:
    change = change_of(result, row)
    known = change.sign or (0 if change.low is not None else (change.mean > 0) - (change.mean < 0))
    spread = math.nan if change.low is None else change.half_width
    places = _places(spread if spread > 0 else change.mean)
    half = "" if change.low is None else f" ± {spread:,.{places}f}"
    per_byte = row.first_order_bits_per_byte if row.linearised_nats is None else row.linearised_bits_per_byte
    pairs = result.datasets[row.dataset].objective == "dpo"
    unit = "nats of the DPO loss per pair" if pairs else "nats per token"
    unit += "" if per_byte is None else f", {per_byte:+z,.{places}f} bits per byte"
    gains = "comes back" if role == "other" else "gains"
    loses = "does not come back: it loses" if role == "other" else "loses"
    size = f"{abs(change.mean) if known else change.mean:{'' if known else '+z'},.{places}f}{half} ({unit})"
    said = f"{_ROLES[role]} '{row.dataset}' "
    said += f"{loses if known > 0 else gains} {size}" if known else f"changes by no more than its error: {size}"
    if row.within_linear_range is False:
        said += f"; {BEYOND}"
    elif known and row.certain_sign == known:
        said += "; the sign is certain for the linearised step"
    found = result.criteria.get(row.dataset, {}).get(row.perturbation)
    if role == "other" and found is not None:
        if found.returns is None:
            said += "; the criterion of free logits is not defined: too few shared contexts"
        else:
            agrees = found.returns == (row.nats < 0)
            said += f"; the criterion of free logits {'agrees' if agrees else 'does not agree'}"
    return said[0].upper() + said[1:] + "."


def _places(x: float) -> int:
    """Return the decimal place of a size's second significant digit, the ninth at most; 4 for what has none."""
    return min(9, max(0, 1 - math.floor(math.log10(abs(x))))) if x and math.isfinite(x) else 4


def _undone(result: ProbeResult, perturbation: str, name: str) -> str:
    gained = result.datasets[name].gained_nats
    if gained is None or gained <= 0:
        return f"Alignment has gained nothing on '{name}': there is nothing to undo."
    per = "pair, of the DPO loss" if result.datasets[name].objective == "dpo" else "token"
    half = f"half of what alignment gained on '{name}' ({gained:.3f} nats per {per})"
    found = half_undone(result, perturbation, name)
    if found is not None:
        return f"H{half[1:]} is undone after {found:,.0f} examples."
    rows = result.curve(perturbation, name)
    if all(row.within_linear_range is True for row in rows):
        return f"H{half[1:]} is not undone after {rows[-1].examples:,} examples."
    return f"At how many examples {half} is undone: not within the linear range."
