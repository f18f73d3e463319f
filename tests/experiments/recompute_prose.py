"""What each number in the prose of docs/results.md is: of the rows, of a spec, or a fixed text with its reason.

For each block of prose (a bullet, a paragraph, a caption) its numbers stand here in the order of the page. Words from
two to twelve are numbers too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import tests.experiments.recompute_claims as c
import tests.experiments.recompute_results as r
from tests.experiments.recompute_results import Found, Results, over_seeds

DESIGN = "a constant of the design that neither rows nor specs hold"
CLOCK = "measured by a clock, or about one"
PAPER = "of the paper or a theorem"
WORDS = "of the exact theory for the corpora's words, which no row holds"
LEVEL = "the confidence level or an interval's convention"
COUNTED = "counts what stands in the sentence"


@dataclass(frozen=True)
class Bound:
    """A number of the rows, to a decimal place."""

    value: float
    decimals: int = 0

    def holds(self, token: str) -> bool:
        return token.removeprefix("+") == r.fixed(self.value, self.decimals)

    def __str__(self) -> str:
        return r.fixed(self.value, self.decimals)


@dataclass(frozen=True)
class Fixed:
    """A number that no row holds, and why."""

    text: str
    reason: str

    def holds(self, token: str) -> bool:
        return token == self.text

    def __str__(self) -> str:
        return f"{self.text} ({self.reason})"


Claim = Bound | Fixed
Block = tuple[str, list[Claim]]


def both(x: Found, decimals: int | None = None) -> list[Claim]:
    """A mean and half its interval, to the place of the latter's second digit if nothing else is said."""
    d = r.places(x) if decimals is None else decimals
    return [Bound(x.mean, d), Bound(x.half, d)]


def down(x: Found) -> list[Claim]:
    """A fall, as a number above 0."""
    return both(Found(-x.mean, x.half))


def part(x: tuple[float, float, float] | None) -> list[Claim]:
    """A share in percent and the ends of its interval."""
    if x is None:
        raise ValueError("this share is not defined")
    return [Bound(100 * value) for value in x]


def every(*parts: Claim | list[Claim]) -> list[Claim]:
    return [one for x in parts for one in (x if isinstance(x, list) else [x])]


def p_value(values: np.ndarray) -> float:
    x = np.asarray(values, dtype=np.float64)
    return float(2 * r.student.sf(abs(x.mean()) / x.std(ddof=1) * math.sqrt(len(x)), len(x) - 1))


def prose(results: Results, text: str) -> dict[str, list[Block]]:
    """Return the claims of each section; the text itself gives the theory's slopes, which its tables show."""
    return {
        "joint": list(joint(results, text)),
        "volumes": list(volumes(results)),
        "resistance": list(resistance(results)),
        "resistance with a control of plasticity": list(plasticity(results)),
        "rebound": list(rebound(results)),
        "rebound with a placebo": list(referee(results)),
        "scaling": list(scaling(results)),
    }


def F(text: str, reason: str = DESIGN) -> Fixed:
    return Fixed(text, reason)


# ---- joint ----


def joint(results: Results, text: str) -> Iterator[Block]:
    arms = {arm.spec["name"]: arm for arm in r.joint_arms(results)}
    gru, transformer = arms["gru"], arms["transformer"]
    spec = results.specs["joint-cpu"]
    theory = {name: shown_theory(text, arms[name]) for name in ("gru", "transformer", "separate", "same data")}

    def worst(name: str, role: str) -> tuple[float, float]:
        """Bias and spread in percent of the largest slope."""
        known, slopes = theory[name][role], arms[name].slopes[role]
        found = [over_seeds(slopes[:, i]) for i in range(slopes.shape[1])]
        largest = np.abs(known).max()
        bias = max(abs(x.mean - t) for x, t in zip(found, known, strict=True))
        return 100 * bias / largest, 100 * max(x.half for x in found) / largest

    def worst_of_a_size(name: str) -> float:
        """The same bias of γ_p where the page shows no table: the theory's slopes are those of the GRU's arm."""
        at = [gru.spec["l"].index(l) for l in arms[name].spec["l"]]  # noqa: E741
        known, slopes = theory["gru"]["pretrain"], arms[name].slopes["pretrain"]
        off = [abs(over_seeds(slopes[:, i]).mean - known[j]) for i, j in enumerate(at)]
        return float(100 * max(off) / np.abs(known).max())

    def right(name: str, until: float = 0.5) -> int:
        signs = {"pretrain": -1, "align": 1, "perturb": -1}
        return sum(
            over_seeds(arms[name].slopes[role][:, i]).sign == sign
            for role, sign in signs.items()
            for i, l in enumerate(arms[name].spec["l"])  # noqa: E741
            if l < until
        )

    networks = sum(len(arm.spec["seeds"]) for arm in arms.values())
    most = gru.excess.max()
    yield (
        "`compresslab experiment joint",
        [
            Bound(networks),
            Bound(len(results.rows["joint-cpu"])),
            Bound(gru.leaves),
            Bound(gru.spec["k"]),
            F("14", CLOCK),
            F("two", CLOCK),
        ],
    )
    early = sum(l < 0.5 for l in gru.spec["l"])  # noqa: E741
    if right("gru") != 3 * early:
        raise ValueError("not all signs of the GRU are the theory's for l < 1/2")
    yield (
        "**The theorem holds for trained networks",
        every(
            F("2", "the largest bias of the reported arms, rounded: the next bullets"),
            Bound(gru.parameters),
            Bound(gru.leaves),
            Bound(most, 4),
            F("1", PAPER),
            F("2", PAPER),
            F("three", COUNTED),
            F("95", LEVEL),
            Bound(len(gru.spec["seeds"])),
            F("0", COUNTED),
            both(gru.ratio, 2),
            Bound(-gru.spec["k"]),
            Bound(5),
            both(arms["k = 5"].ratio, 2),
            Bound(20),
            both(arms["k = 20"].ratio, 1),
        ),
    )
    first = gru.slopes["pretrain"][:, 0]
    known = gru.known_theory("pretrain", 0.0) or 0.0
    errors = (first.mean() - known) / (first.std(ddof=1) / math.sqrt(len(first)))
    yield (
        "**Bias and spread",
        [
            F("two", COUNTED),
            Bound(worst("gru", "align")[0], 1),
            Bound(worst("gru", "perturb")[0], 1),
            Bound(worst("gru", "pretrain")[0], 1),
            F("ten", WORDS),
            Bound(worst("gru", "align")[1], 1),
            Bound(worst("gru", "perturb")[1], 2),
            Bound(worst("gru", "pretrain")[1], 1),
            F("0", COUNTED),
            Bound(errors),
        ],
    )
    yield (
        "**At `l = 0`",
        [
            F("0", COUNTED),
            F("1", PAPER),
            Bound(gru.spec["k"] + 1),
            F("-1", PAPER),
            Bound(gru.spec["k"] * (gru.spec["k"] + 1)),
            Bound(gru.spec["k"]),
            Bound(most, 4),
        ],
    )
    biases, spreads = zip(*(worst("transformer", role) for role in r.ROLES), strict=True)
    yield (
        "**It does not depend",
        [
            Bound(transformer.parameters),
            Bound(transformer.excess.max(), 4),
            Bound(max(biases), 1),
            Bound(max(spreads), 1),
            Bound(len(transformer.spec["seeds"])),
        ],
    )
    means = gru.slopes["pretrain"].mean(axis=0)
    turn = next(i for i in range(len(means)) if means[i] > 0)
    yield (
        "**The turning point",
        [F("0.694", WORDS), Bound(gru.spec["l"][turn - 1], 3), Bound(gru.spec["l"][turn], 2)],
    )
    yield (
        "**Both sign reversals",
        [
            Bound(len(arms["separate"].spec["seeds"])),
            Bound(max(worst("separate", role)[0] for role in r.ROLES)),
            Bound(max(worst("same data", role)[0] for role in r.ROLES), 1),
        ],
    )
    yield "**Real bits", [Bound(spec["phrases"])]
    sizes = ["gru 8", "gru 16", "gru 32", "gru 48", "gru 64", "gru"]
    excess = {name: float(arms[name].excess[:, 0].mean()) for name in sizes}
    of = [worst_of_a_size(name) for name in sizes]
    yield (
        "**The theorem holds to the extent",
        [
            Bound(len(sizes)),
            Bound(excess["gru 8"], 1),
            Bound(excess["gru"], 4),
            Bound(of[0]),
            Bound(of[1]),
            Bound(of[2]),
            Bound(of[3]),
            Bound(of[4], 1),
            Bound(of[5], 1),
            Bound(excess["gru 64"], 3),
            Bound(right("gru 64", 0.26)),
            F("0", COUNTED),
            F("0.25", COUNTED),
            F("95", LEVEL),
            Bound(excess["gru 48"], 3),
            Bound(right("gru 48", 0.26)),
            Bound(excess["gru 32"], 2),
            Bound(right("gru 32", 0.26)),
        ],
    )
    if {right(name, 0.26) for name in sizes[:3]} != {4}:
        raise ValueError("not four signs of the smallest GRUs are right")
    later = gru.excess.mean(axis=0)
    yield (
        "**A disagreement",
        [
            Bound(float(np.abs(gru.slopes["pretrain"].mean(axis=0) - theory["gru"]["pretrain"]).max()), 5),
            F("0", COUNTED),
            Bound(float(later[-1] - later[0]), 5),
            F("1", COUNTED),
            F("0", COUNTED),
        ],
    )
    for start in ("Code lengths of pre-training", "Largest error of a slope", "*Code lengths of the GRU"):
        yield start, []
    yield "Slopes in the separate reading", [F("0", COUNTED)]


def shown_theory(text: str, arm: r.JointArm) -> dict[str, np.ndarray]:
    """The theory's slopes as a table of the page shows them; that they obey the law is checked with the tables."""
    title = f"{arm.title}: {arm.leaves:,} leaves, "
    block = next(rows for name, rows in r.TITLED.findall(text + "\n") if name.startswith(title))
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]
    shown = {role: np.array([float(line[2 + 3 * i]) for line in lines]) for i, role in enumerate(r.ROLES)}
    exact = {role: [arm.known_theory(role, l) for l in arm.spec["l"]] for role in r.ROLES}  # noqa: E741
    return {
        role: np.array([x if x is not None else y for x, y in zip(exact[role], shown[role], strict=True)])
        for role in r.ROLES
    }


# ---- volumes ----


def volumes(results: Results) -> Iterator[Block]:
    spec, joint_arm = results.specs["effective-volumes-cpu"], r.joint_arms(results)[0]
    slow, fast = spec["learning_rates"]
    seeds = len(spec["seeds"])
    known = r.known_mixtures(results)
    whole = np.array([x for _, x, _ in known])
    sampled = np.array([x for *_, x in known])
    yield (
        "`compresslab experiment effective-volumes",
        [
            Bound(len(known) * seeds + 2 * seeds),
            Bound(joint_arm.parameters),
            Bound(spec["size"]),
            Bound(joint_arm.leaves),
            Bound(seeds),
            Bound(len(results.rows["effective-volumes-cpu"])),
            F("95", LEVEL),
        ],
    )
    yield (
        "**Known mixtures",
        [
            Bound(len(known)),
            Bound(len(known) * seeds),
            Bound(whole.max(), 2),
            Bound(spec["phrases"]),
            Bound(int((sampled <= 2).sum())),
            Bound(sampled.size),
            F("2", LEVEL),
        ],
    )
    at_slow, at_fast = r.exchanges(results, slow), r.exchanges(results, fast)
    pretrain = spec["pretrain_steps"] * spec["batch"]

    def starts(rate: float) -> list[Claim]:
        shares = [row["shares"][1] for row in r.staged(results, "pretrain", learning_rate=rate)]
        return [Bound(min(shares), 3), Bound(max(shares), 3)]

    yield (
        "**A late phrase",
        every(
            Bound(pretrain),
            both(at_slow[0].rate, 0),
            Bound(at_slow[0].phrases),
            both(at_slow[-1].rate, -1),
            Bound(at_slow[-1].phrases),
            Bound(slow, 3),
            both(at_fast[0].rate),
            both(at_fast[-1].rate, -1),
            Bound(fast, 3),
            F("1", PAPER),
            F("3", PAPER),
            starts(slow),
            starts(fast),
            Bound(fast, 3),
            Bound(min(x.half_life.mean for x in at_slow), -2),
            Bound(slow, 3),
            Bound(min(x.half_life.mean for x in at_fast), -2),
            Bound(fast, 3),
            Bound(spec["batch"]),
        ),
    )
    yield (
        "**The theorem's `k ≫ 1`",
        every(
            F("1", PAPER),
            both(at_slow[0].k, 1),
            Bound(at_slow[0].phrases),
            both(at_slow[-1].k, 3),
            Bound(at_slow[-1].phrases),
            Bound(slow, 3),
            Bound(pretrain / at_slow[0].phrases),
            Bound(pretrain / at_slow[-1].phrases),
            Bound(at_slow[0].others.mean, 2),
            Bound(at_slow[-1].others.mean, 4),
        ),
    )
    cases = [x for rate in (slow, fast) for x in r.perturbed(results, rate)]

    def signs(name: str, agree: int) -> int:
        """How many cases agree (1), are undecided (0) or are the opposite (-1)."""
        return sum(x.network[name].sign * int(np.sign(x.grown[name].mean)) == agree for x in cases)

    at_seen = max(abs(x.seen[name].mean) for x in cases for name in r.PARTS)
    largest = max(abs(x.network[name].mean) for x in cases for name in r.PARTS)
    yield (
        "**At effective volumes",
        [
            F("95", LEVEL),
            Bound(signs("pre-training", 1)),
            Bound(len(cases)),
            Bound(signs("names", 1)),
            Bound(len(cases)),
            Bound(signs("names", 0)),
            Bound(signs("prose", 1)),
            Bound(len(cases)),
            Bound(signs("prose", -1)),
            Bound(at_seen, 3),
            Bound(largest, 1),
        ],
    )

    def median(name: str) -> float:
        return float(np.median([x.network[name].mean / x.grown[name].mean for x in cases]))

    last = [x for x in cases if x.rate == slow][-1]
    yield (
        "**A disagreement: on these words",
        [
            *(Bound(median(name), 2) for name in ("pre-training", "names", "prose")),
            Bound(sum(x.risen.sign > 0 for x in cases)),
            Bound(len(cases)),
            F("95", LEVEL),
            Bound(last.before.mean, 3),
            Bound(last.after.mean, 2),
            Bound(slow, 3),
        ],
    )
    yield "Exchange rate against phrases", [F("two", COUNTED)]
    yield "*What a phrase of alignment", [F("1", COUNTED)]
    yield "Changes of three code lengths", [F("three", COUNTED)]
    yield "*The rebound after", [Bound(spec["perturb_after"][1] * spec["batch"]), Bound(slow, 3)]


# ---- resistance ----


def resistance(results: Results) -> Iterator[Block]:
    one = r.resistance_of(results, "resistance-cpu")
    spec, rows = one.spec, one.rows
    truth, reviews = spec["data"]
    seeds = len(spec["seeds"])

    def gap(data: str, pair: tuple[int, int], what: str) -> Found:
        inverse, forward = one.both_ways(data, pair, what)
        return over_seeds(forward - inverse)

    def above(data: str, pair: tuple[int, int], what: str) -> int:
        inverse, forward = one.both_ways(data, pair, what)
        return int((forward - inverse > 0).sum())

    def verdicts(what: str) -> list[str]:
        both_of = (one.both_ways(data, pair, what) for data in spec["data"] for pair in r.PAIRS)
        return [r.judged(forward - inverse)[2] for inverse, forward in both_of]

    def target(data: str, column: str = "loss_bits") -> np.ndarray:
        back, forward = one.same_target(data, column)
        return forward - back

    yield (
        "`compresslab experiment resistance",
        [
            Bound(rows[0]["parameters"]),
            Bound(seeds),
            Bound(spec["symbols"]),
            F("three"),
            Bound(spec["slice_pairs"]),
            Bound(rows[1]["drawn_responses"]),
            F("95", LEVEL),
        ],
    )
    tests = len(spec["data"]) * len(r.PAIRS) * len(r.QUANTITIES)
    enough = next(n for n in range(1, 99) if r.sign_test(n, 0) <= 0.05 / tests)
    if r.sign_test(seeds, 0) <= 0.05 / tests:
        raise ValueError("a test could survive the correction")
    yield (
        "**No verdict here",
        [
            Bound(seeds),
            Bound(r.sign_test(seeds, 0), 4),
            Bound(tests),
            Bound(len(spec["data"])),
            Bound(len(r.PAIRS)),
            Bound(len(r.QUANTITIES)),
            Bound(enough),
        ],
    )
    if any(r.judged(target(data))[2] != "seen" for data in spec["data"]):
        raise ValueError("the same target is not seen to be easier on the way back")
    paper = {model: found[1] - found[2] for model, found in r.PAPER_TABLE_1.items()}
    yield (
        "**The same data for two",
        every(
            F("two", COUNTED),
            both(over_seeds(target(truth))),
            both(over_seeds(target(reviews))),
            Bound(int((target(truth) > 0).sum())),
            Bound(seeds),
            both(over_seeds(target(truth, "start_bits"))),
            both(over_seeds(target(reviews, "start_bits"))),
            F("1", PAPER),
            Bound(paper["Llama2-7B"], 3),
            Bound(paper["Llama3-8B"], 3),
            Bound(paper["Llama2-13B"], 3),
            Bound(r.PAPER_TABLE_1["Llama2-13B"][1], 3),
            Bound(r.PAPER_TABLE_1["Llama2-13B"][2], 3),
        ),
    )
    loss = "training loss"
    yield (
        "**The paper's own measure",
        every(
            F("three", COUNTED),
            both(gap(truth, (1, 2), loss), 2),
            both(gap(truth, (2, 3), loss), 2),
            both(gap(truth, (1, 3), loss), 2),
            both(gap(reviews, (1, 2), loss)),
            both(gap(reviews, (1, 3), loss)),
            Bound(seeds - above(reviews, (1, 2), loss)),
            Bound(seeds),
        ),
    )

    def drawn(data: str, i: int) -> Bound:
        return Bound(one.checkpoints(data, "drawn_bits_per_symbol", i).mean, 2)

    yield "**That measure", [drawn(truth, 1), drawn(truth, 3), drawn(reviews, 1), drawn(reviews, 3)]
    excess = verdicts("excess")
    inverse, forward = one.both_ways(truth, (1, 2), "excess")
    yield (
        "**Without it",
        every(
            Bound(excess.count("seen")),
            Bound(len(excess)),
            F("three", COUNTED),
            F("0", COUNTED),
            both(gap(truth, (1, 3), "excess")),
            both(gap(reviews, (1, 3), "excess")),
            Bound(above(truth, (1, 3), "excess")),
            Bound(seeds),
            both(gap(truth, (1, 2), "excess")),
            Bound(above(truth, (1, 2), "excess")),
            Bound(seeds),
            Bound(r.judged(forward - inverse)[1], 2),
            both(gap(reviews, (1, 2), "excess"), 3),
            Bound(above(reviews, (1, 2), "excess")),
            Bound(seeds),
            both(gap(truth, (2, 3), "excess")),
            both(gap(reviews, (2, 3), "excess")),
            Bound(above(truth, (2, 3), "excess")),
            Bound(seeds),
        ),
    )
    before = verdicts("excess before")
    yield (
        "**It is not that",
        every(
            F("two", COUNTED),
            Bound(before.count("undecided")),
            Bound(len(before)),
            both(gap(reviews, (1, 3), "excess before"), 3),
        ),
    )
    yield "**What this does not say", [F("70,000", "7 billion parameters of the paper's models over those of the rows")]
    yield "Forward less inverse on TruthfulQA", [F("three", COUNTED)]
    yield "*TruthfulQA, forward less inverse", [F("0", COUNTED), F("95", LEVEL)]


# ---- resistance with a control of plasticity ----


def plasticity(results: Results) -> Iterator[Block]:
    one = r.resistance_of(results, "resistance-referee")
    spec, rows = one.spec, one.rows
    sources = names, code = spec["data"]
    seeds = len(spec["seeds"])
    loss, after = "loss_bits", "end_test_bits"

    def gaps(data: str, pair: tuple[int, int], what: str) -> np.ndarray:
        inverse, forward = one.both_ways(data, pair, what)
        return forward - inverse

    def target(data: str, column: str) -> np.ndarray:
        back, forward = one.same_target(data, column)
        return forward - back

    def on_both(
        of: Callable[[str, str], np.ndarray], column: str, write: Callable[[Found], list[Claim]]
    ) -> list[Claim]:
        return every(*(write(over_seeds(of(data, column))) for data in sources))

    def all_pairs(data: str, what: str) -> list[Claim]:
        return every(*(both(over_seeds(gaps(data, pair, what))) for pair in r.PAIRS))

    def must(verdict: str, *found: np.ndarray) -> None:
        if any(r.judged(x)[2] != verdict for x in found):
            raise ValueError(f"resistance with a control of plasticity says “{verdict}” of what is not")

    def alike(values: list[np.ndarray]) -> Bound:
        """In how many seeds all of these are above 0."""
        (found,) = {int((x > 0).sum()) for x in values}
        return Bound(found)

    for of in (one.net, target):
        must("seen", *(of(data, column) for data in sources for column in (loss, after)))
    must("undecided", *(target(data, "start_bits") for data in sources), one.on_neutral(code, after))
    must("the opposite seen", *(one.on_neutral(data, column) for data in sources for column in (loss, "start_bits")))
    must("the opposite seen", one.on_neutral(names, after))
    gained = {data: one.on_neutral(data) - one.on_neutral(data, "start_bits") for data in sources}
    must("seen", gained[names])
    must("undecided", gained[code])
    yield (
        "`compresslab experiment resistance --preset referee`",
        [
            Bound(rows[0]["parameters"]),
            Bound(seeds),
            Bound(len(rows)),
            Bound(spec["slice_pairs"]),
            Bound(rows[1]["drawn_responses"]),
            F("ten", CLOCK),
            F("two", CLOCK),
            F("600", "the pairs of a slice in the first form of the spec"),
            F("two", COUNTED),
            F("95", LEVEL),
            F("0.05", LEVEL),
        ],
    )
    yield (
        "**The primary claim",
        every(
            on_both(one.net, loss, both),
            alike([one.net(data) for data in sources]),
            Bound(seeds),
            Bound(r.sign_test(seeds, 0), 5),
            on_both(one.net, after, both),
            alike([one.net(data, after) for data in sources]),
            Bound(seeds),
        ),
    )
    yield (
        "**The same data for two learners",
        every(
            F("two", COUNTED),
            on_both(target, loss, both),
            alike([target(data, loss) for data in sources]),
            Bound(seeds),
            on_both(target, "start_bits", both),
            on_both(target, after, both),
        ),
    )
    yield (
        "**Neutral data costs the later",
        every(
            on_both(one.on_neutral, loss, down),
            alike([-one.on_neutral(data) for data in sources]),
            Bound(seeds),
            both(over_seeds(one.net(names)))[0],
            down(over_seeds(one.on_neutral(names)))[0],
        ),
    )
    yield (
        "**Whether that is plasticity",
        every(
            on_both(one.on_neutral, "start_bits", down),
            both(over_seeds(gained[names])),
            alike([gained[names]]),
            Bound(seeds),
            both(over_seeds(gained[code])),
            alike([gained[code]]),
            Bound(seeds),
            on_both(one.on_neutral, after, down),
            alike([-one.on_neutral(code, after)]),
            Bound(seeds),
        ),
    )

    def drawn(data: str, i: int) -> Bound:
        return Bound(one.checkpoints(data, "drawn_bits_per_symbol", i).mean, 2)

    training = "training loss"
    must("the opposite seen", *(gaps(names, pair, training) for pair in r.PAIRS))
    must("undecided", *(gaps(code, pair, training) for pair in r.PAIRS))
    yield (
        "**The paper's own measure",
        every(
            F("three", COUNTED),
            all_pairs(names, training),
            all_pairs(code, training),
            drawn(names, 1),
            drawn(names, 3),
            drawn(code, 1),
            drawn(code, 3),
        ),
    )
    cases = [(data, pair) for data in sources for pair in r.PAIRS]
    excess = [r.judged(gaps(data, pair, "excess"))[2] for data, pair in cases]
    before = [r.judged(gaps(data, pair, "excess before"))[2] for data, pair in cases]
    must("undecided", gaps(code, (2, 3), "excess"))
    must("the opposite seen", *(gaps(names, pair, "excess before") for pair in ((2, 3), (1, 3))))
    yield (
        "**Without the entropy",
        every(
            Bound(excess.count("seen")),
            Bound(len(excess)),
            all_pairs(names, "excess"),
            all_pairs(code, "excess"),
            Bound(int((gaps(code, (2, 3), "excess") > 0).sum())),
            Bound(seeds),
            F("0", COUNTED),
            Bound(before.count("undecided")),
            Bound(len(before)),
            F("two", COUNTED),
            *(both(over_seeds(gaps(names, pair, "excess before"))) for pair in ((2, 3), (1, 3))),
        ),
    )
    tests = {(data, pair, what): r.judged(gaps(data, pair, what)) for data, pair in cases for what in r.QUANTITIES}
    corrected = dict(zip(tests, c.holm([p for _, p, _ in tests.values()]), strict=True))
    left = {test for test, p in corrected.items() if p <= 0.05}
    easier = {
        (names, (1, 3), "excess"), (code, (1, 3), "excess"), (code, (1, 2), "excess"),
        (names, (1, 2), "excess after"), (names, (1, 3), "excess after"),
    }  # fmt: skip
    if left != easier | {(names, (1, 2), training)} or {tests[x][2] for x in easier} != {"seen"}:
        raise ValueError("other tests survive the correction")
    next_best = min(p for test, (_, p, _) in tests.items() if test not in left)
    yield (
        "**Corrected for their number",
        [
            Bound(len(left)),
            Bound(len(tests)),
            Bound(len(tests)),
            Bound(len(sources)),
            Bound(len(r.PAIRS)),
            Bound(len(r.QUANTITIES)),
            Bound(seeds),
            Bound(seeds),
            Bound(max(corrected[test] for test in left), 3),
            Bound(seeds - 1),
            Bound(seeds),
            Bound(next_best, 4),
            Bound(min(p for test, p in corrected.items() if test not in left), 2),
        ],
    )
    yield (
        "**What this does not say",
        [F("two", COUNTED), F("1", "the temperature"), F("70,000", "as in the section before")],
    )
    yield "Forward less inverse on names", [F("three", COUNTED), F("0", COUNTED)]
    yield "*Names, forward less inverse", [F("0", COUNTED)]


# ---- rebound ----


def rebound(results: Results) -> Iterator[Block]:
    contained, separate = r.rebounds(results, "rebound-cpu")
    (corpora,) = r.rebounds(results, "rebound-demo")
    n, m = contained.positive[-1], contained.negative[-1]
    some, more = corpora.positive[-1], corpora.negative[-1]
    tuned = range(1, len(contained.positive))

    def at(arm: r.Rebound, name: str, stop: int) -> list[Claim]:
        raw, net = (over_seeds(arm.changed(name, stop, net)[:, -1]) for net in (False, True))
        return both(raw) + both(net)

    yield (
        "Two runs",
        [
            F("Two", COUNTED),
            Bound(contained.seeds + separate.seeds),
            Bound(contained.parameters),
            Bound(len(results.rows["rebound-cpu"])),
            Bound(n / r.PAPER_VOLUMES[-1], 1),
            F("820", CLOCK),
            F("seven", CLOCK),
            F("two", CLOCK),
            Bound(corpora.seeds),
            Bound(corpora.parameters),
            Bound(len(results.rows["rebound-demo"])),
            F("69", CLOCK),
            F("1,000", "the unit of the rates"),
            F("0", COUNTED),
            F("95", LEVEL),
            F("0", COUNTED),
        ],
    )
    gained, falls, net = contained.score[:, -1, 0], contained.falls[:, -1], contained.net_falls[:, -1]
    if r.share(contained.falls[:, 1], contained.score[:, 1, 0]) or r.share(
        contained.falls[:, 2], contained.score[:, 2, 0]
    ):
        raise ValueError("a share that the page calls not defined is defined")
    yield (
        "**The score falls back",
        every(
            Bound(n),
            both(over_seeds(gained)),
            Bound(m),
            both(over_seeds(falls)),
            part(r.share(falls, gained)),
            both(over_seeds(contained.falls[:, 0])),
            both(over_seeds(net)),
            Bound(p_value(net), 3),
            part(r.share(net, gained)),
            Bound(contained.positive[1]),
            Bound(contained.positive[2]),
            part(r.share(separate.net_falls[:, -1], separate.score[:, -1, 0])),
            Bound(some),
            both(over_seeds(corpora.score[:, -1, 0])),
            Bound(more),
            part(r.share(corpora.falls[:, -1], corpora.score[:, -1, 0])),
            part(r.share(corpora.net_falls[:, -1], corpora.score[:, -1, 0])),
        ),
    )
    yield (
        "**The score hides",
        every(
            Bound(n),
            Bound(m),
            *(at(contained, name, m) for name in r.LENGTHS),
            both(over_seeds(contained.changed("pretrain", m)[:, 0])),
            Bound(some),
            Bound(corpora.early),
            *(at(corpora, name, corpora.early) for name in r.LENGTHS),
        ),
    )

    def excess(arm: r.Rebound) -> Found:
        return over_seeds(arm.rates()[:, -1] - arm.rates()[:, 0])

    def early(arm: r.Rebound, i: int) -> float:
        return float(arm.rates()[:, i].mean())

    yield (
        "**An aligned model falls",
        every(
            both(excess(contained)),
            Bound(early(contained, 0), 3),
            both(excess(separate)),
            both(excess(corpora)),
            Bound(early(corpora, 0)),
        ),
    )
    yield (
        "**More positive data",
        every(
            *(Bound(x) for x in contained.positive[1:]),
            *(Bound(early(contained, i), 3) for i in tuned),
            both(contained.slope(contained.rates())),
            F("0", COUNTED),
            Bound(early(corpora, 1)),
            Bound(early(corpora, 2)),
            Bound(early(separate, 1), 3),
            Bound(early(separate, len(separate.positive) - 1), 3),
        ),
    )
    yield (
        "**No spring",
        every(
            both(contained.slope(contained.net_falls)),
            both(separate.slope(separate.net_falls)),
            Bound(m),
            both(contained.slope(contained.survives)),
            both(separate.slope(separate.survives)),
            Bound(len(corpora.positive) - 1),
            both(corpora.slope(corpora.net_falls)),
            both(corpora.slope(corpora.survives)),
        ),
    )

    def changes(arm: r.Rebound) -> int:
        return sum(r.gains(arm, i)[1].sign > 0 for i in range(1, len(arm.positive)))

    pooled = [r.gains(arm, i)[3] for arm in (contained, separate, corpora) for i in range(1, len(arm.positive))]
    if changes(corpora) != len(corpora.positive) - 1:
        raise ValueError("the rate does not change after both positive volumes of the corpora")
    late = over_seeds(contained.rates(late=True)[:, -1])
    yield (
        "**A fast fall",
        every(
            F("95", LEVEL),
            Bound(changes(contained)),
            Bound(len(tuned)),
            Bound(len(tuned)),
            F("two", COUNTED),
            Bound(min(pooled)),
            Bound(max(pooled)),
            both(late, 3),
            Bound(100 * late.mean / early(contained, len(contained.positive) - 1)),
            Bound(corpora.negative[-2]),
        ),
    )
    if changes(separate) != 1:
        raise ValueError("the rate does not change after one positive volume of the arm separate")
    level, middle, last = contained.levels

    def kl(arm: r.Rebound, stop: int) -> float:
        return float(arm.kl[:, 0, arm.negative.index(stop)].mean())

    def back(arms: list[r.Rebound], at_level: float) -> tuple[int, int, int]:
        """Runs that the negative data brought to a level, those that began above it, those that began there."""
        found = [arm.came(i, at_level) for arm in arms for i in range(1, len(arm.positive))]
        before = sum(b for b, _ in found)
        runs = sum(arm.seeds * (len(arm.positive) - 1) for arm in arms)
        return sum(len(volumes) for _, volumes in found), runs - before, before

    if any(back([contained, separate, corpora], x)[0] for x in (level, middle)):
        raise ValueError("a run comes down to a level that the page says none comes down to")
    if back([separate], last)[0]:
        raise ValueError("a run of the arm separate comes down to the last level")
    first = contained.noise(level) or 0
    noisy = corpora.noise(level) or 0
    ratios = [r.closest(arm, i).mean for arm in (contained, separate) for i in tuned]
    yield (
        "**Back to the base",
        every(
            F("3", PAPER),
            Bound(level, 2),
            Bound(first),
            Bound(kl(contained, first), 3),
            Bound(m),
            Bound(kl(contained, m), 3),
            Bound(kl(separate, m), 3),
            Bound(noisy),
            Bound(kl(corpora, noisy), 3),
            Bound(level, 2),
            Bound(middle, 2),
            Bound(last, 2),
            Bound(back([contained], last)[0]),
            Bound(back([contained], last)[1]),
            Bound(back([contained], last)[2]),
            Bound(back([corpora], last)[0]),
            Bound(back([corpora], last)[1]),
            Bound(min(ratios), 2),
            Bound(max(ratios), 2),
            Bound(100 * r.closest(corpora, 1).mean),
            Bound(100 * r.closest(corpora, 2).mean),
        ),
    )
    yield "**The paper's containment", every(both(over_seeds(separate.score[:, -1, -1])), Bound(m))
    judged = contained.judged
    if judged is None:
        raise ValueError("no samples were judged")
    yield (
        "**What this does not say",
        every(
            Bound(results.specs["rebound-cpu"]["samples"]),
            both(over_seeds(judged[:, -1, 0]), 2),
            Bound(n),
            both(over_seeds(judged[:, -1, -1]), 2),
            Bound(m),
            Bound(float(judged[:, 0, 0].mean()), 2),
        ),
    )
    yield "Score against negative data, a line", [F("0", COUNTED)]
    yield "*Reviews, contained", [F("0", COUNTED)]
    yield "Score against negative data where", [F("0", COUNTED)]


# ---- rebound with a placebo ----


def referee(results: Results) -> Iterator[Block]:
    spec = results.specs["rebound-referee"]
    (arm,) = r.rebounds(results, "rebound-referee")
    placebo = arm.placebo
    if placebo is None:
        raise ValueError("there is no placebo")
    low, middle, n = arm.positive[1:]
    m, seeds = arm.negative[-1], len(spec["arms"][0]["seeds"])
    tests = [one for one in c.claims(spec, arm) if isinstance(one, c.Tried)]
    corrected, _ = c.corrected(spec, tests)

    def lost(of: r.Rebound, i: int) -> Bound:
        x = of.lengths["pretrain"]
        return Bound(float((x[:, i, 0] - x[:, 0, 0]).mean()), 2)

    def net(name: str, i: int = -1) -> Found:
        return over_seeds((arm.changed(name, m) - placebo.changed(name, m))[:, i])

    def net_share(i: int) -> Bound:
        found = r.share((arm.falls - placebo.falls)[:, i], (arm.score - placebo.score)[:, i, 0])
        return Bound(100 * (found or (math.nan,))[0])

    def raw_share(i: int) -> Bound:
        return Bound(100 * (r.share(arm.net_falls[:, i], arm.score[:, i, 0]) or (math.nan,))[0])

    def p(value: float) -> Bound:
        return Bound(value, 1 - r.exponent(value))

    pretraining = over_seeds(arm.changed("pretrain", m)[:, -1])
    gain = arm.score[:, -1, 0]
    if not all(one.found.sign >= 0 for one in tests[7:]):
        raise ValueError("a smaller share after more alignment is seen")
    yield (
        "`compresslab experiment rebound --preset referee`",
        every(
            Bound(seeds),
            Bound(arm.parameters),
            Bound(len(results.rows["rebound-referee"])),
            Bound(100 * spec["arms"][0]["share"]),
            F("28", CLOCK),
            F("two", CLOCK),
        ),
    )
    yield (
        "**The placebo is as far",
        every(
            Bound(n),
            both(over_seeds(placebo.score[:, -1, 0])),
            both(over_seeds(placebo.kl[:, -1, 0])),
            both(over_seeds(gain)),
            both(over_seeds(arm.kl[:, -1, 0])),
            lost(placebo, -1),
            lost(arm, -1),
            Bound(low),
            Bound(middle),
            lost(placebo, 1),
            lost(arm, 1),
            lost(placebo, 2),
            lost(arm, 2),
        ),
    )
    yield (
        "**The score falls back, net of the placebo",
        every(
            Bound(n),
            Bound(m),
            both(over_seeds(arm.falls[:, -1])),
            part(r.share(arm.falls[:, -1], gain)),
            both(over_seeds(arm.net_falls[:, -1])),
            part(r.share(arm.net_falls[:, -1], gain)),
            both(tests[0].found),
            part(r.share((arm.falls - placebo.falls)[:, -1], gain - placebo.score[:, -1, 0])),
            p(tests[0].p()),
        ),
    )
    yield (
        "**The return of pre-training",
        every(
            down(pretraining),
            down(over_seeds(arm.changed("pretrain", m, net=True)[:, -1])),
            both(net("pretrain")),
            Bound(low),
            Bound(middle),
            both(net("pretrain", 1)),
            both(net("pretrain", 2)),
        ),
    )
    yield (
        "**Net of the placebo positive texts",
        every(
            both(net("positive")),
            both(over_seeds(arm.changed("positive", m, net=True)[:, -1])),
            both(net("negative")),
            p(tests[3].p()),
            p(corrected[3]),
            both(over_seeds(arm.changed("negative", m, net=True)[:, -1])),
        ),
    )
    yield (
        "**An aligned model falls faster at first",
        every(
            both(tests[5].found),
            F("1,000", "the unit of a rate"),
            p(corrected[5]),
            both(tests[6].found),
            p(corrected[6]),
        ),
    )
    yield (
        "**Within the margin",
        every(
            both(tests[7].found),
            both(tests[8].found),
            Bound(spec["margin_share"], 1),
            Bound(math.log2(n / low)),
            Bound(100 * spec["margin_share"] * math.log2(n / low)),
            *(raw_share(i) for i in (1, 2, 3)),
            p(corrected[8]),
            *(net_share(i) for i in (1, 2, 3)),
            F("two", COUNTED),
        ),
    )
    gate = spec["gate"]
    yield (
        "**The gate let in",
        every(
            Bound(gate["tried"][-1][1], 4),
            Bound(gate["level_nats"], 3),
            Bound(seeds),
            both(over_seeds(arm.kl[:, 0, -1])),
            both(over_seeds(arm.falls[:, 0])),
        ),
    )
    yield "**What this does not say", [Bound(spec["margin_bits"], 2), Bound(c.power(tests[0]), 2)]
    yield "*After positive data", [F("0", COUNTED)]
    yield "Score of the placebo", [F("0", COUNTED)]


# ---- scaling ----


def scaling(results: Results) -> Iterator[Block]:
    spec, found = results.specs["scaling-cpu"], r.series(results)
    size, pre = found["size"][1], found["pre-training"][1]
    small, large = size[0], size[-1]

    def at(base: r.Base, measure: str, decimals: int) -> Bound:
        return Bound(float(base.measures[measure].mean()), decimals)

    yield (
        "`compresslab experiment scaling",
        [
            Bound((len(size) + len(pre) - 1) * len(spec["seeds"])),
            Bound(len(results.rows["scaling-cpu"])),
            Bound(len(size)),
            Bound(small.size),
            Bound(large.size),
            Bound(large.size / small.size),
            Bound(spec["symbols"]),
            Bound(len(pre)),
            Bound(pre[0].size),
            Bound(pre[-1].size),
            Bound(pre[-1].size / pre[0].size),
            Bound(size[2].size),
            Bound(spec["positive"]),
            Bound(spec["negative"][-1]),
            Bound(size[0].rebound.early),
            Bound(len(spec["seeds"])),
            F("1,020", CLOCK),
            F("nine", CLOCK),
            F("two", CLOCK),
            F("three", "the plan before the run"),
            Bound(spec["tolerances"][0]),
            Bound(spec["tolerances"][1]),
            F("two", "the seeds that were added"),
        ],
    )
    falls = np.stack([x.measures["net_fall"] for x in size], axis=1)
    by_seed = np.array([np.polyfit(np.log2([x.size for x in size]), one, 1)[0] for one in falls])
    yield (
        "**The rebound against size",
        every(
            Bound(spec["negative"][-1]),
            at(small, "fall", 3),
            at(large, "fall", 3),
            both(r.growth(size, "fall")),
            both(r.growth(size, "control_fall")),
            both(r.growth(size, "net_fall")),
            Bound(p_value(by_seed), 2),
            *(at(x, "early", 2) for x in size),
            both(r.growth(size, "early")),
            F("0", COUNTED),
            *(at(x, "net_early", 2) for x in size),
            both(r.growth(size, "net_early")),
        ),
    )
    yield (
        "**Against pre-training",
        every(
            both(r.growth(pre, "fall")),
            both(r.growth(pre, "control_fall")),
            both(r.growth(pre, "net_fall")),
            both(r.growth(pre, "early")),
            both(r.growth(pre, "net_early")),
        ),
    )
    left = [float(x.measures["left"].mean()) for x in (*size, *pre)]
    yield (
        "**Larger models",
        every(
            both(r.growth(size, "gained")),
            both(r.growth(pre, "gained")),
            Bound(min(left), 3),
            Bound(max(left), 3),
            both(r.growth(size, "survives"), 4),
            both(r.growth(pre, "survives")),
        ),
    )
    low, high = spec["tolerances"][0], spec["tolerances"][-1]

    def depth(base: r.Base, tolerance: float) -> Bound:
        return Bound(float(base.depth(tolerance).mean()), 2)

    if any(r.depth_growth(size, tau).sign < 1 for tau in spec["tolerances"]):
        raise ValueError("effective depth is not seen to grow with size at all tolerances")
    yield (
        "**Assumption",
        every(
            F("3.2", PAPER),
            Bound(len(spec["tolerances"])),
            depth(small, low),
            depth(large, low),
            Bound(low),
            depth(small, high),
            depth(large, high),
            Bound(high),
            both(r.depth_growth(size, high), 2),
            depth(pre[0], high),
            depth(pre[-1], high),
            Bound(high),
            both(r.depth_growth(pre, high), 2),
            Bound(spec["depth"]),
            Bound(min(float(x.excess.sum(axis=1).mean()) for x in (*size, *pre))),
        ),
    )
    yield "**What this does not say", [Bound(size[2].size)]
    yield "Effective depth against the number", [F("three", COUNTED)]
    yield "Effective depth against pre-training", [F("three", COUNTED)]
    yield "*Effective depth", [F("95", LEVEL)]
