"""The elasticity of real data: what a perturbation does to pre-training and alignment data, in two readings.

*Fresh* data: ``p_a`` and ``p_t`` are the trees of the alignment and perturbation data as given. Real data brings
phrases that nothing before it had; on those leaves the new data is alone, and the theorem's ratio loses them.

*Contained*: the theorem's own reading. ``D_p`` consists of three parts in equal volumes, ``D_a`` is distributed exactly
as the second and ``D_t`` exactly as the third. It needs the parts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compresslab._support.checks import number_or_nan
from compresslab.data.dataset import Dataset
from compresslab.errors import InvalidParameter
from compresslab.theory.code_length import LN2, entropy_bits
from compresslab.theory.elasticity import Elasticity, Roles, check_epsilon, check_k, check_l
from compresslab.theory.finite_data import CONTAINED, Corrected, ElasticityEstimate, estimate_elasticity, fresh_weights
from compresslab.theory.mixture import Mixture
from compresslab.theory.observed import GROUPS, Observed, observe
from compresslab.trees.tree import TokenTree

__all__ = [
    "ElasticityResult",
    "ElasticityRow",
    "Part",
    "Reading",
    "Return",
    "Scenarios",
    "SlopeError",
    "build_scenarios",
    "measure_elasticity",
    "measure_scenarios",
]

DEFAULT_L = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Part:
    """One dataset of the scenario.

    Attributes:
        role: "pretrain", "align" or "perturb".
        name: the dataset's name.
        responses: number of responses.
        symbols: tokens and one EOS per response.
        phrases: number of phrases.
        leaves: leaves of its own tree.
        entropy_bits: its leaves' entropy, bits per phrase.
    """

    role: str
    name: str
    responses: int
    symbols: int
    phrases: int
    leaves: int
    entropy_bits: float


@dataclass(frozen=True)
class SlopeError:
    """What finite data leaves open of one slope; bits per phrase and unit of ``l``, intervals of 95 %.

    Attributes:
        corrected_bits: the slope, corrected for what finite data adds to it.
        standard_error_bits: of the corrected slope, over responses.
        low_bits: lower end of the interval.
        high_bits: upper end.
        alone_bits: the corrected slope if phrases that were not seen are not there.
        overlap_corrected: the overlap that goes with the corrected slope.
        overlap_low: lower end of its interval.
        overlap_high: upper end.
        sign: "+" or "-" where the interval lies on one side of 0, else "undecided".
    """

    corrected_bits: float
    standard_error_bits: float
    low_bits: float
    high_bits: float
    alone_bits: float
    overlap_corrected: float
    overlap_low: float
    overlap_high: float
    sign: str


@dataclass(frozen=True)
class ElasticityRow:
    """Code lengths and slopes at one ``k`` and one ``l``; bits per phrase, slopes per unit of ``l``.

    ``ratio`` is the slope of alignment over that of pre-training; None where pre-training has none. ``errors`` is what
    finite data leaves open of each slope; None where a dataset has fewer than 20 phrases.
    """

    k: float
    l: float  # noqa: E741 - the paper's symbol
    gamma_pretrain_bits: float
    gamma_align_bits: float
    gamma_perturb_bits: float | None
    slope_pretrain_bits: float
    slope_align_bits: float
    slope_perturb_bits: float | None
    overlap_pretrain: float
    overlap_align: float
    ratio: float | None
    conservation_residual: float
    errors: Roles[SlopeError | None] | None = None


@dataclass(frozen=True)
class Return:
    """How far the perturbation brings the aligned model back to the pre-trained one (inverse alignment).

    Divergences are ``KL(p' || p_p)`` in nats, as in the paper's Table 3; None where they are infinite.

    Attributes:
        k: ``|D_p| / |D_a|``.
        epsilon_nats: the tolerance.
        l: the smallest ``|D_t| / |D_a|`` that reaches it; None if there is none.
        aligned_kl_nats: after alignment, at ``l = 0``.
        least_kl_nats: the least over all ``l``.
    """

    k: float
    epsilon_nats: float
    l: float | None  # noqa: E741 - the paper's symbol
    aligned_kl_nats: float | None
    least_kl_nats: float | None


@dataclass(frozen=True)
class Reading:
    """One reading of the scenario.

    Attributes:
        name: "contained" or "fresh".
        leaves: leaves of the union.
        new_mass: share of the perturbation's phrases on leaves that neither pre-training nor alignment has.
        signs: of the slopes at the smallest positive ``l``, for the first ``k``: pretrain, align.
        turning_points: for each ``k`` the ``l`` at which pre-training turns from gaining to losing; None: never.
        returns: for each ``k``, the least perturbation that undoes the alignment (theory, section 6).
        rows: the grid.
        missing_mass: of each dataset's next phrase, the chance that none of its other responses has it (Good and
            Turing); None where a dataset has fewer than 20 phrases.
    """

    name: str
    leaves: int
    new_mass: float
    signs: tuple[int, int]
    turning_points: tuple[float | None, ...]
    returns: tuple[Return, ...]
    rows: tuple[ElasticityRow, ...]
    missing_mass: Roles[float] | None = None


@dataclass(frozen=True)
class ElasticityResult:
    """The whole measurement.

    Attributes:
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        tokenizer: the tokenizer's name, or "".
        k: the values of ``|D_p| / |D_a|``.
        l: the values of ``|D_t| / |D_a|``.
        parts: the datasets.
        readings: "contained" where the three parts are given, and "fresh".
        units: what the standard errors of each part are over: "responses", or "runs of phrases" for a dataset of too
            few responses.
    """

    depth: int
    parse: str
    tokenizer: str
    k: tuple[float, ...]
    l: tuple[float, ...]  # noqa: E741 - the paper's symbol
    parts: tuple[Part, ...]
    readings: tuple[Reading, ...]
    units: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scenarios:
    """What an elasticity measurement needs: trees, and scenarios on them.

    Attributes:
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        tokenizer: the tokenizer's name, or "".
        parts: the datasets: the parts of ``D_p``, then ``D_a`` and ``D_t``.
        trees: their token trees, in the same order.
        readings: "contained" where the three parts are given, and "fresh"; each with the first ``k``.
        observed: for each reading the datasets as samples, and their weights in the three roles; empty where a dataset
            has fewer than 20 phrases.
        units: what the standard errors of each part are over.
    """

    depth: int
    parse: str
    tokenizer: str
    parts: tuple[Part, ...]
    trees: tuple[TokenTree, ...]
    readings: Mapping[str, Elasticity]
    observed: Mapping[str, tuple[Observed, Sequence[Sequence[float]]]]
    units: tuple[str, ...]


def measure_elasticity(
    pretrain: Mapping[str, Dataset],
    align: Dataset,
    perturb: Dataset,
    *,
    k: Sequence[float] = (10.0,),
    l: Sequence[float] = DEFAULT_L,  # noqa: E741 - the paper's symbol
    depth: int = 4,
    parse: str = "phrases",
    equal_volumes: bool = True,
    epsilon: float = 0.01,
) -> ElasticityResult:
    """Measure the elasticity of real data in the tree model.

    Args:
        pretrain: the parts of ``D_p`` by name. Where there are three, in equal volumes, the contained reading is
            measured too, with the second as ``D_a``'s and the third as ``D_t``'s distribution.
        align: ``D_a``.
        perturb: ``D_t``.
        k: values of ``|D_p| / |D_a|``.
        l: values of ``|D_t| / |D_a|``, 0 or more.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        equal_volumes: mix the parts of ``D_p`` in equal volumes; False: by their numbers of phrases.
        epsilon: the divergence, in nats, at which the alignment counts as undone (the paper's Table 3: 0.01).

    Raises:
        InvalidParameter: no pre-training data.
        MismatchedVocabulary: the datasets are over different vocabularies.
        InvalidVolume: a ``k`` that is not positive, or a negative ``l``.
    """
    built = build_scenarios(pretrain, align, perturb, k=k[0], depth=depth, parse=parse, equal_volumes=equal_volumes)
    return measure_scenarios(built, k=k, l=l, epsilon=epsilon)


def build_scenarios(
    pretrain: Mapping[str, Dataset],
    align: Dataset,
    perturb: Dataset,
    *,
    k: float = 10.0,
    depth: int = 4,
    parse: str = "phrases",
    equal_volumes: bool = True,
) -> Scenarios:
    """Build the trees of real data and the scenarios on them; arguments as for :func:`measure_elasticity`."""
    if not pretrain:
        raise InvalidParameter("no pre-training data: give at least one dataset")
    named = {**{f"pretrain {name}": part for name, part in pretrain.items()}, "align": align, "perturb": perturb}
    for dataset in named.values():
        align.check_same_vocabulary(dataset)
    trees = {name: TokenTree.build(dataset, depth, parse) for name, dataset in named.items()}
    joined = Mixture(trees)  # aligns all of them once; its volumes are the numbers of phrases
    p, sizes = joined.probabilities, joined.volumes
    weights = np.ones(len(pretrain)) if equal_volumes else sizes[: len(pretrain)]
    fresh = Elasticity(np.average(p[:-2], axis=0, weights=weights), p[-2], p[-1], k)
    scenarios = {"fresh": fresh}
    if len(pretrain) == 3 and equal_volumes:
        scenarios = {"contained": Elasticity.contained(p[0], p[1], p[2], k), "fresh": fresh}
    roles = ["pretrain"] * len(pretrain) + ["align", "perturb"]
    observed: dict[str, tuple[Observed, Sequence[Sequence[float]]]] = {}
    if min(tree.total for tree in trees.values()) >= GROUPS:
        seen = observe(named, trees=trees, depth=depth, parse=parse)
        observed = {"contained": (seen.first(3), CONTAINED)} if "contained" in scenarios else {}
        observed["fresh"] = seen, fresh_weights(weights.tolist())
    return Scenarios(
        depth=depth,
        parse=parse,
        tokenizer=align.tokenizer.name if align.tokenizer is not None else "",
        parts=tuple(
            Part(
                role=role,
                name=dataset.name or name,
                responses=dataset.num_responses,
                symbols=dataset.num_symbols,
                phrases=tree.total,
                leaves=tree.num_leaves,
                entropy_bits=entropy_bits(tree.leaves()),
            )
            for role, (name, dataset), tree in zip(roles, named.items(), trees.values(), strict=True)
        ),
        trees=tuple(trees.values()),
        readings=scenarios,
        observed=observed,
        units=tuple(sample.units for sample in observed["fresh"][0].samples) if observed else (),
    )


def check_numbers(k: Sequence[float], l: Sequence[float], epsilon: float) -> None:  # noqa: E741
    """Raise InvalidParameter or InvalidVolume for numbers that `measure_scenarios` does not take."""
    check_epsilon(epsilon)
    if number_or_nan(epsilon) == math.inf:
        raise InvalidParameter(f"epsilon is a finite divergence in nats: not {epsilon!r}, which nothing exceeds")
    for one in k:
        check_k(one)
    check_l(l)


def measure_scenarios(
    built: Scenarios,
    *,
    k: Sequence[float] = (10.0,),
    l: Sequence[float] = DEFAULT_L,  # noqa: E741 - the paper's symbol
    epsilon: float = 0.01,
) -> ElasticityResult:
    """Measure the scenarios that :func:`build_scenarios` built; arguments as for :func:`measure_elasticity`."""
    check_numbers(k, l, epsilon)
    return ElasticityResult(
        depth=built.depth,
        parse=built.parse,
        tokenizer=built.tokenizer,
        k=tuple(map(float, k)),
        l=tuple(map(float, l)),
        parts=built.parts,
        readings=tuple(
            _read(name, scenario, k, l, epsilon, _estimates(built, name, k, l))
            for name, scenario in built.readings.items()
        ),
        units=built.units,
    )


def _estimates(
    built: Scenarios,
    name: str,
    k: Sequence[float],
    l: Sequence[float],  # noqa: E741
) -> tuple[ElasticityEstimate, ...]:
    if name not in built.observed:
        return ()
    observed, weights = built.observed[name]
    return estimate_elasticity(observed, weights, k=k, l=l)


def _slope_error(slope: Corrected | None, overlap: Corrected | None) -> SlopeError | None:
    if slope is None or overlap is None:
        return None
    return SlopeError(
        corrected_bits=slope.value / LN2,
        standard_error_bits=slope.standard_error / LN2,
        low_bits=slope.low / LN2,
        high_bits=slope.high / LN2,
        alone_bits=slope.alone / LN2,
        overlap_corrected=overlap.value,
        overlap_low=overlap.low,
        overlap_high=overlap.high,
        sign={1: "+", -1: "-", 0: "undecided"}[slope.sign],
    )


def _errors(estimate: ElasticityEstimate) -> Roles[SlopeError | None]:
    slopes, overlaps = estimate.slopes, estimate.overlaps
    return Roles(
        _slope_error(slopes.pretrain, overlaps.pretrain),
        _slope_error(slopes.align, overlaps.align),
        _slope_error(slopes.perturb, overlaps.perturb),
    )


def _read(
    name: str,
    scenario: Elasticity,
    ks: Sequence[float],
    ls: Sequence[float],
    epsilon: float,
    estimates: Sequence[ElasticityEstimate],
) -> Reading:
    curve = scenario.curve(ls, ks)
    positive = [x for x in ls if x > 0]
    signs = scenario.signs(min(positive)) if positive else scenario.signs(0.0)
    turning = [_finite(scenario.with_k(k).turning_point()) for k in ks]
    rows = []
    for i, k in enumerate(ks):
        residual = scenario.with_k(k).conservation_residual(ls)
        for j, l in enumerate(ls):  # noqa: E741 - the paper's symbol
            gamma, slope, overlap = curve.code_lengths, curve.derivatives, curve.overlaps
            rows.append(
                ElasticityRow(
                    k=float(k),
                    l=float(l),
                    gamma_pretrain_bits=gamma.pretrain[i, j] / LN2,
                    gamma_align_bits=gamma.align[i, j] / LN2,
                    gamma_perturb_bits=_finite(gamma.perturb[i, j] / LN2),
                    slope_pretrain_bits=slope.pretrain[i, j] / LN2,
                    slope_align_bits=slope.align[i, j] / LN2,
                    slope_perturb_bits=_finite(slope.perturb[i, j] / LN2),
                    overlap_pretrain=float(overlap.pretrain[i, j]),
                    overlap_align=float(overlap.align[i, j]),
                    ratio=_finite(curve.ratio[i, j]),
                    conservation_residual=float(residual[j]),
                    errors=_errors(estimates[i * len(ls) + j]) if estimates else None,
                )
            )
    return Reading(
        name=name,
        leaves=scenario.probabilities.shape[1],
        new_mass=scenario.new_mass,
        signs=(signs.pretrain, signs.align),
        turning_points=tuple(turning),
        returns=tuple(_return(scenario.with_k(k), epsilon) for k in ks),
        rows=tuple(rows),
        missing_mass=estimates[0].missing if estimates else None,
    )


def _return(scenario: Elasticity, epsilon: float) -> Return:
    found = scenario.inverse_alignment(epsilon)
    return Return(scenario.k, found.epsilon, found.l, _finite(found.start_kl_nats), _finite(found.least_kl_nats))


def _finite(x: float) -> float | None:
    """Return a number, or None where it is infinite: JSON has no infinity."""
    return float(x) if math.isfinite(x) else None
