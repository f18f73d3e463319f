"""Recompute every number of docs/results.md from the rows beside it, raw and net of control, and compare.

This script imports nothing of compresslab: what the summaries and reports make of the rows is worked out here a second
time, with numpy, and Student's t of scipy. Tables are compared cell by cell. In the prose every number is bound, in
order, to what it is: a value of the rows or of a spec, with its decimal places, or a fixed text with the reason why no
row holds it (`tests/experiments/recompute_prose.py`). A number that is bound to nothing is an error.

    python tests/experiments/recompute_results.py            # docs/ of this checkout
    python tests/experiments/recompute_results.py FOLDER     # a folder with results.md and results/
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Values = NDArray[np.float64]
Cell = str | Callable[[str, list[str]], bool] | None  # what must stand there, what it must satisfy, or not of the rows
Table = list[list[Cell]]


# ---- statistics ----


@dataclass(frozen=True)
class Found:
    """A mean over seeds and half its 95 % interval."""

    mean: float
    half: float

    @property
    def sign(self) -> int:
        return 0 if abs(self.mean) <= self.half else 1 if self.mean > 0 else -1


def over_seeds(values: Any) -> Found:
    x = np.asarray(values, dtype=np.float64)
    return Found(float(x.mean()), float(student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))))


def doublings(sizes: Sequence[float], values: Values) -> Found:
    """The slope for each doubling, of values (seeds, sizes): a line for each seed."""
    x = np.log2(np.array(sizes, dtype=np.float64))
    return over_seeds([np.polyfit(x, one, 1)[0] for one in values])


def share(over: Values, under: Values) -> tuple[float, float, float] | None:
    """The ratio of two means and Fieller's interval: where the test of ``over - r under`` does not reject 0."""
    n, a, b = len(over), over.mean(), under.mean()
    t2 = float(student.ppf(0.975, n - 1)) ** 2
    aa, bb, ab = over.var(ddof=1) / n, under.var(ddof=1) / n, ((over - a) * (under - b)).sum() / (n - 1) / n
    if t2 * bb >= b * b:
        return None
    low, high = sorted(np.roots([b * b - t2 * bb, -2 * (a * b - t2 * ab), a * a - t2 * aa]).real.tolist())
    return float(a / b), low, high


def sign_test(positive: int, negative: int) -> float:
    n = positive + negative
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(min(positive, negative) + 1)) / 2**n)


# ---- writing numbers ----


def exponent(x: float, digits: int = 1) -> int:
    return int(f"{x:.{digits}e}".partition("e")[2])


def fixed(x: float, decimals: int, signed: bool = False) -> str:
    text = f"{round(x, decimals):{'+' if signed else ''},.{max(decimals, 0)}f}"
    return text if re.search("[1-9]", text) else text.lstrip("+-")


def places(x: Found, most: int | None = None) -> int:
    """The place of the second digit of half the interval, but six digits of the mean at most."""
    found = min(1 - exponent(x.half), 5 - exponent(max(abs(x.mean), x.half), 5))
    return found if most is None else min(found, most)


def pm(x: Found, signed: bool = True, most: int | None = None) -> str:
    if x.half < 1e-9:
        return f"{x.mean:.6g}" if abs(x.mean) >= 1e-9 else "0"
    d = places(x, most)
    half = fixed(x.half, d)
    half = half if re.search("[1-9]", half) else f"< {10.0**-d:.{max(d, 0)}f}"
    return f"{fixed(x.mean, d, signed)} ± {half}"


def mean(x: Found, signed: bool = False, most: int | None = None) -> str:
    return fixed(x.mean, places(x, most), signed) if x.half >= 1e-9 else f"{x.mean:.6g}"


def percent(x: tuple[float, float, float] | None) -> str:
    if x is None:
        return "not defined"
    middle, low, high = (100 * value for value in x)
    d = min(0, places(Found(middle, (high - low) / 2)))
    return f"{fixed(middle, d)}% ({fixed(low, d)}% to {fixed(high, d)}%)"


# ---- the rows ----


class Results:
    """The rows and specs of a folder, read once."""

    def __init__(self, folder: Path) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.specs: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("*/rows.jsonl")):
            name = path.parent.name
            self.rows[name] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            self.specs[name] = json.loads((path.parent / "spec.json").read_text(encoding="utf-8"))


# ---- joint ----

ROLES = ("pretrain", "align", "perturb")


@dataclass(frozen=True)
class JointArm:
    spec: dict[str, Any]
    parameters: int
    leaves: int
    excess: Values  # (seeds, l)
    slopes: dict[str, Values]  # of the networks, (seeds, l)
    coded: dict[str, Values]

    @property
    def title(self) -> str:
        label = f"{self.spec['network']} {self.spec['size']}"
        name: str = self.spec["name"]
        return name if name == label else f"{name} ({label})"

    @property
    def ratio(self) -> Found:
        return over_seeds(self.slopes["align"][:, 0] / self.slopes["pretrain"][:, 0])

    @property
    def conservation(self) -> list[Found]:
        k, l = self.spec["k"], np.array(self.spec["l"])  # noqa: E741
        terms = np.stack([k * self.slopes["pretrain"], self.slopes["align"], l * self.slopes["perturb"]])
        left = terms.sum(axis=0) / np.abs(terms).sum(axis=0)
        return [over_seeds(left[:, i]) for i in range(len(l))]

    def known_theory(self, role: str, l: float) -> float | None:  # noqa: E741
        """The theory's slope where it is arithmetic: alignment that shares no leaf with the rest."""
        k = self.spec["k"]
        if self.spec["reading"] != "contained":
            return None
        return {"align": 1 / (k + 1 + l), "pretrain": None if l else -1 / (k * (k + 1))}.get(role)


def cubic_slopes(x: Sequence[float], curves: Values) -> Values:
    grid = np.array(x)
    degree = min(3, len(grid) - 1)
    return np.array([np.polyval(np.polyder(np.polyfit(grid, one, degree)), grid) for one in curves])


def joint_arms(results: Results) -> list[JointArm]:
    found = []
    for arm in results.specs["joint-cpu"]["arms"]:
        mine = [row for row in results.rows["joint-cpu"] if row["arm"] == arm["name"]]
        at = {(row["seed"], row["l"]): row for row in mine}

        def column(name: str, arm: dict[str, Any] = arm, at: dict[Any, Any] = at) -> Values:
            return np.array([[at[seed, l][name] for l in arm["l"]] for seed in arm["seeds"]])  # noqa: E741

        found.append(
            JointArm(
                arm,
                mine[0]["parameters"],
                mine[0]["leaves"],
                column("excess_nats"),
                {role: cubic_slopes(arm["l"], column(f"gamma_{role}_nats")) for role in ROLES},
                {role: cubic_slopes(arm["l"], column(f"coded_{role}_bits") * math.log(2)) for role in ROLES},
            )
        )
    return found


def joint_tables(results: Results) -> Iterator[tuple[str, Table]]:
    arms = joint_arms(results)

    def theory(arm: JointArm, role: str, i: int, slopes: dict[str, Values]) -> Cell:
        """Arithmetic where it is; elsewhere of the corpora's words, which no row holds."""
        value = arm.known_theory(role, arm.spec["l"][i])
        return None if value is None else fixed(value, places(over_seeds(slopes[role][:, i]), 5), signed=True)

    def error(arm: JointArm, role: str, i: int) -> Callable[[str, list[str]], bool]:
        """The error is the network's mean over the theory that stands beside it, as exactly as that is written."""
        network = over_seeds(arm.slopes[role][:, i])

        def holds(text: str, row: list[str]) -> bool:
            written = row[2 + 3 * ROLES.index(role)]
            said, known = float(written), 0.5 * 10.0 ** -len(written.partition(".")[2])
            rounding = 0.51 * 10.0 ** -min(1, 1 - exponent(100 * network.half / abs(said)))
            ends = sorted(100 * (network.mean / x - 1) for x in (said - known, said + known))
            if text == "-":
                return max(map(abs, ends)) > 900
            return ends[0] - rounding <= float(text.rstrip("%")) <= ends[1] + rounding

        return holds

    def conserved(arm: JointArm, i: int) -> Callable[[str, list[str]], bool]:
        """The conservation cell is the rows'; the theory's slopes beside it obey the law as written."""
        shown = pm(arm.conservation[i], most=4)
        k, l = arm.spec["k"], arm.spec["l"][i]  # noqa: E741

        def holds(text: str, row: list[str]) -> bool:
            cells = [row[2 + 3 * j] for j in range(3)]
            p, a, t = map(float, cells)
            known = [0.51 * 10.0 ** -len(cell.partition(".")[2]) for cell in cells]
            off = abs(k * p + a + l * t)
            return text == shown and off <= k * known[0] + known[1] + l * known[2]

        return holds

    rows: Table = []
    for arm in arms:
        pairs: list[Cell] = []
        for role in ("pretrain", "align"):
            pairs += [pm(over_seeds(arm.slopes[role][:, 0]), most=5), theory(arm, role, 0, arm.slopes)]
        size = f"{arm.parameters:,}"
        excess = mean(over_seeds(arm.excess[:, 0]), most=4)
        k = f"{arm.spec['k']:g}"
        rows.append([arm.title, arm.spec["reading"], k, size, excess, *pairs, pm(arm.ratio, most=2)])
    yield "Arms: the fit, and the slopes at l = 0", rows
    for arm in arms:
        head = f"{arm.title}: {arm.leaves:,} leaves, {len(arm.spec['seeds'])} seeds, k = {arm.spec['k']:g}"
        slopes: Table = []
        coded: Table = []
        for i, l in enumerate(arm.spec["l"]):  # noqa: E741
            line: list[Cell] = [f"{l:g}"]
            sent: list[Cell] = [f"{l:g}"]
            for role in ROLES:
                line += [
                    pm(over_seeds(arm.slopes[role][:, i]), most=5),
                    theory(arm, role, i, arm.slopes),
                    error(arm, role, i),
                ]
                sent += [pm(over_seeds(arm.coded[role][:, i]), most=5), theory(arm, role, i, arm.coded)]
            slopes.append([*line, conserved(arm, i)])
            coded.append(sent)
        yield f"{head}, {arm.spec['reading']}", slopes
        yield f"{arm.title}: through the range coder, streams of sampled phrases", coded


# ---- volumes ----


@dataclass(frozen=True)
class Exchanges:
    phrases: int
    share: Found
    start: Found
    seen: float
    rate: Found
    k: Found
    others: Found  # weight of prose and code for that of names
    half_life: Found
    residual: Found


@dataclass(frozen=True)
class Perturbed:
    rate: float
    aligned: int
    phrases: int
    network: dict[str, Found]
    grown: dict[str, Found]
    seen: dict[str, Found]
    before: Found
    after: Found
    risen: Found


PARTS = {"pre-training": (1 / 3, 1 / 3, 1 / 3), "names": (0.0, 1.0, 0.0), "prose": (1.0, 0.0, 0.0)}


def staged(results: Results, stage: str, **wanted: Any) -> list[dict[str, Any]]:
    seeds = results.specs["effective-volumes-cpu"]["seeds"]
    mine = {
        row["seed"]: row
        for row in results.rows["effective-volumes-cpu"]
        if row["stage"] == stage and all(row[key] == value for key, value in wanted.items())
    }
    return [mine[seed] for seed in seeds]


def known_mixtures(results: Results) -> list[tuple[list[float], Values, Values]]:
    """Each mixture with |distance| in standard errors: of the whole distribution and of samples, (seeds, parts)."""
    found = []
    for mixture in results.specs["effective-volumes-cpu"]["mixtures"]:
        rows = staged(results, "known", mixture=mixture)
        error = np.array([row["standard_errors"] for row in rows])
        whole, sampled = (
            np.abs(np.array([row[name] for row in rows]) - mixture) / error for name in ("shares", "sampled_shares")
        )
        found.append((mixture, whole, sampled))
    return found


def exchanges(results: Results, rate: float) -> list[Exchanges]:
    spec = results.specs["effective-volumes-cpu"]
    before = np.array([row["shares"][1] for row in staged(results, "pretrain", learning_rate=rate)])
    total, found = spec["pretrain_steps"] * spec["batch"], []
    for steps in spec["align_steps"]:
        rows, n = staged(results, "align", learning_rate=rate, steps=steps), steps * spec["batch"]
        names = np.array([row["shares"][1] for row in rows])
        left = (1 - names) / (1 - before)  # what is left of the weight before
        found.append(
            Exchanges(
                n, over_seeds(names), over_seeds(before), rows[0]["seen_shares"][1],
                over_seeds((1 / left - 1) * total / n), over_seeds(left / (1 - left)), over_seeds((1 - names) / names),
                over_seeds(n * math.log(2) / -np.log(left)), over_seeds([row["residual_nats"] for row in rows]),
            )
        )  # fmt: skip
    return found


def perturbed(results: Results, rate: float) -> list[Perturbed]:
    spec, found = results.specs["effective-volumes-cpu"], []

    def change(before: list[dict[str, Any]], after: list[dict[str, Any]], base: str, column: str) -> dict[str, Found]:
        made = {}
        for name, weights in PARTS.items():
            a, b = (
                np.array([np.dot(weights, row[c]) for row in rows]) for rows, c in ((before, base), (after, column))
            )
            made[name] = over_seeds(b - a)
        return made

    def old(rows: list[dict[str, Any]]) -> Values:
        return np.array([row["shares"][0] / row["shares"][1] for row in rows])

    for aligned in spec["perturb_after"]:
        before = staged(results, "align", learning_rate=rate, steps=aligned)
        for steps in spec["perturb_steps"]:
            after = staged(results, "perturb", learning_rate=rate, aligned=aligned, steps=steps)
            found.append(
                Perturbed(
                    rate, aligned * spec["batch"], steps * spec["batch"],
                    change(before, after, "gamma_nats", "gamma_nats"),
                    change(before, after, "mixture_gamma_nats", "grown_gamma_nats"),
                    change(before, after, "seen_gamma_nats", "seen_gamma_nats"),
                    over_seeds(old(before)), over_seeds(old(after)), over_seeds(old(after) - old(before)),
                )
            )  # fmt: skip
    return found


def volumes_tables(results: Results) -> Iterator[tuple[str, Table]]:
    spec = results.specs["effective-volumes-cpu"]
    yield (
        f"Known mixtures: prose / names / code; distances from the truth in standard errors of {spec['phrases']:,} "
        f"phrases, worst of {len(spec['seeds'])} seeds",
        [
            [
                " / ".join(f"{x:.3f}" for x in mixture),
                " / ".join(f"{x:.2f}" for x in whole.max(axis=0)),
                " / ".join(f"{x:.2f}" for x in sampled.max(axis=0)),
                f"{(sampled <= 2).sum()} of {sampled.size}",
            ]
            for mixture, whole, sampled in known_mixtures(results)
        ],
    )
    for rate in spec["learning_rates"]:
        pretrain = spec["pretrain_steps"] * spec["batch"]
        yield (
            f"Exchange rates at learning rate {rate:g}, after {pretrain:,} phrases of pre-training",
            [
                [
                    f"{x.phrases:,}", pm(x.share, False), pm(x.start, False), f"{x.seen:.4f}", pm(x.rate, False),
                    pm(x.k, False), pm(x.half_life, False), pm(x.residual, False),
                ]
                for x in exchanges(results, rate)
            ],
        )  # fmt: skip
        rows: Table = []
        for x in perturbed(results, rate):
            cells: list[Cell] = [f"{x.aligned:,}", f"{x.phrases:,}"]
            for name in PARTS:
                cells += [pm(x.network[name]), theorys(x.grown[name], 3), theorys(x.seen[name], 4)]
            rows.append([*cells, pm(x.before, False), pm(x.after, False)])
        yield (
            f"Rebound at learning rate {rate:g}: change of code lengths, nats per phrase: network; theory at effective "
            "volumes; theory at volumes of phrases seen",
            rows,
        )


def theorys(x: Found, digits: int) -> str:
    if 0 < abs(x.mean) < 0.5 * 10**-digits:
        return f"< {10**-digits:.{digits}f}"
    known = min(digits, 1 - exponent(x.half)) if x.half >= 1e-9 else digits
    return fixed(x.mean, known, signed=True) if x.mean else "0"


# ---- resistance ----

PAIRS = ((1, 2), (2, 3), (1, 3))
QUANTITIES = {
    "training loss": ("loss_bits", None),
    "excess": ("loss_bits", "own_bits"),
    "excess before": ("start_bits", "own_bits"),
    "excess after": ("end_test_bits", "own_test_bits"),
}
# Ji et al., Table 1, SFT on Alpaca: training losses, inverse and forward, of the three pairs.
PAPER_TABLE_1 = {
    "Llama2-7B": (0.159, 0.202, 0.195, 0.214, 0.167, 0.235),
    "Llama2-13B": (0.177, 0.196, 0.215, 0.241, 0.184, 0.235),
    "Llama3-8B": (0.254, 0.257, 0.227, 0.323, 0.234, 0.323),
}
# Ji et al., Table 3.
PAPER_TABLE_3 = {"Llama2-7B": (961, 844, 801, 729), "Gemma-2B": (923, 853, 709, 598)}
PAPER_VOLUMES = (1000, 2000, 5000, 10000)


@dataclass(frozen=True)
class Resistance:
    """The rows of a run of resistance."""

    rows: list[dict[str, Any]]
    spec: dict[str, Any]

    def by_seed(self, column: str, **wanted: object) -> Values:
        """A column of the rows that are wanted, one for each seed of the spec."""
        mine = {row["seed"]: row for row in self.rows if all(row.get(name) == x for name, x in wanted.items())}
        return np.array([mine[seed][column] for seed in self.spec["seeds"]])

    def crossing(self, data: str, direction: str, pair: tuple[int, int], column: str) -> Values:
        earlier, later = pair
        return self.by_seed(column, kind="crossing", data=data, direction=direction, earlier=earlier, later=later)

    def both_ways(self, data: str, pair: tuple[int, int], what: str) -> tuple[Values, Values]:
        column, less = QUANTITIES[what]
        inverse, forward = (
            self.crossing(data, way, pair, column) - (self.crossing(data, way, pair, less) if less else 0.0)
            for way in ("inverse", "forward")
        )
        return inverse, forward

    def same_target(self, data: str, column: str = "loss_bits") -> tuple[Values, Values]:
        """The data of θ2, learned by θ3 (back) and by θ1 (forward)."""
        return self.crossing(data, "inverse", (2, 3), column), self.crossing(data, "forward", (1, 2), column)

    def on_neutral(self, data: str, column: str = "loss_bits") -> Values:
        """What neutral data costs θ1 beyond θ3."""
        early, late = (self.by_seed(column, kind="neutral", data=data, checkpoint=i) for i in (1, 3))
        return early - late

    def net(self, data: str, column: str = "loss_bits") -> Values:
        """What the data of θ2 costs θ1 beyond θ3, less what neutral data costs it beyond θ3."""
        back, forward = self.same_target(data, column)
        return forward - back - self.on_neutral(data, column)

    def checkpoints(self, data: str, column: str, i: int) -> Found:
        return over_seeds(self.by_seed(column, kind="checkpoint", data=data, checkpoint=i))


def resistance_of(results: Results, run: str) -> Resistance:
    return Resistance(results.rows[run], results.specs[run])


def judged(gaps: Values) -> tuple[int, float, str]:
    above = int((gaps > 0).sum())
    p, sign = sign_test(above, int((gaps < 0).sum())), over_seeds(gaps).sign
    if not sign or p > 0.05:
        return above, p, "undecided"
    return above, p, "seen" if sign > 0 else "the opposite seen"


def shown_p(p: float) -> str:
    return "-" if math.isnan(p) else "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def resistance_tables(results: Results, run: str) -> Iterator[tuple[str, Table]]:
    one = resistance_of(results, run)
    spec = one.spec
    seeds, layout = len(spec["seeds"]), []
    for data in spec["data"]:
        for what, suffix in (("training loss", ""), ("excess", ", excess")):
            cells = [mean(over_seeds(x)) for pair in PAIRS for x in one.both_ways(data, pair, what)]
            layout.append([f"{data}{suffix}", *cells])
    yield (
        "The layout of the paper's Table 1: training loss of inverse and of forward alignment, bits per symbol",
        [*layout],
    )
    same: Table = []
    for data in spec["data"]:
        back, forward = one.same_target(data)
        above, p, said = judged(forward - back)
        shown = (pm(over_seeds(forward), False), pm(over_seeds(back), False), pm(over_seeds(forward - back)))
        same.append([data, *shown, f"{above} of {seeds}", shown_p(p), said])
    yield (
        "The same data, that of θ2, for two learners: forward by θ1, back by θ3, training loss, bits per symbol; above "
        "0: back is easier",
        same,
    )
    if spec.get("neutral"):
        net: Table = []
        for data in spec["data"]:
            back, forward = one.same_target(data)
            above, p, said = judged(one.net(data))
            terms = (forward - back, one.on_neutral(data), one.net(data), one.net(data, "end_test_bits"))
            net.append([data, *(pm(over_seeds(x)) for x in terms), f"{above} of {seeds}", shown_p(p), said])
        yield (
            "The same less what the two learn neutral data for, training loss, bits per symbol; above 0: back is "
            "easier, whoever learns more easily",
            net,
        )
    yield (
        "The paper's own, for SFT on Alpaca, as printed (tokens, not bytes: compare signs, not sizes)",
        [[model, *(f"{x:.3f}" for x in losses)] for model, losses in PAPER_TABLE_1.items()],
    )
    for data in spec["data"]:
        parameters = next(row["parameters"] for row in one.rows if row["data"] == data)
        rows: Table = []
        for i, j in PAIRS:
            for what in QUANTITIES:
                inverse, forward = one.both_ways(data, (i, j), what)
                above, p, said = judged(forward - inverse)
                shown = (
                    pm(over_seeds(inverse), False),
                    pm(over_seeds(forward), False),
                    pm(over_seeds(forward - inverse)),
                )
                rows.append([f"θ{j}, θ{i}", what, *shown, f"{above} of {seeds}", shown_p(p), said])
        yield (
            f"{data}: {spec['model']}, {parameters:,} parameters, {seeds} seeds: forward less inverse, bits per "
            "symbol; above 0: inverse is easier",
            rows,
        )


# ---- rebound ----

LENGTHS = ("positive", "negative", "pretrain")


@dataclass(frozen=True)
class Rebound:
    """One arm: every quantity as (seeds, positive, negative); index 0 of the positive volumes is the control."""

    name: str
    parameters: int
    seeds: int
    positive: list[int]
    negative: list[int]
    levels: list[float]
    score: Values
    kl: Values
    lengths: dict[str, Values]
    judged: Values | None
    recipe: dict[str, Any]
    placebo: Rebound | None = None  # the same of the placebo, whose index 0 is the control too

    @property
    def early(self) -> int:
        return [m for m in self.negative if 0 < m <= self.negative[-1] / 4][-1]

    @property
    def early_at(self) -> int:
        return self.negative.index(self.early)

    @property
    def falls(self) -> Values:
        found: Values = self.score[:, :, 0] - self.score[:, :, -1]
        return found

    @property
    def net_falls(self) -> Values:
        found: Values = self.falls - self.falls[:, :1]
        return found

    @property
    def survives(self) -> Values:
        """Score after all the negative data, net of control."""
        found: Values = self.score[:, :, -1] - self.score[:, :1, -1]
        return found

    def rates(self, late: bool = False) -> Values:
        a, b = (self.early_at, len(self.negative) - 1) if late else (0, self.early_at)
        found: Values = (self.score[:, :, a] - self.score[:, :, b]) * 1000 / (self.negative[b] - self.negative[a])
        return found

    def changed(self, name: str, stop: int, net: bool = False) -> Values:
        """Change of a code length from the end of the positive data to a negative volume, (seeds, positive)."""
        x = self.score if name == "score" else self.lengths[name]
        change: Values = x[:, :, self.negative.index(stop)] - x[:, :, 0]
        return change - change[:, :1] if net else change

    def slope(self, values: Values) -> Found:
        return doublings(self.positive[1:], values[:, 1:])

    def noise(self, level: float) -> int | None:
        """The least negative volume that takes the control above a level."""
        means = self.kl[:, 0].mean(axis=0)
        return next((m for m, kl in zip(self.negative, means, strict=True) if kl > level), None)

    def came(self, i: int, level: float) -> tuple[int, list[float]]:
        """How many seeds were at the level before any negative data, and where others came down to it."""
        before, volumes = 0, []
        for curve in self.kl[:, i]:
            if curve[0] <= level:
                before += 1
                continue
            for (m, y), (n, z) in pairwise(zip(self.negative, curve, strict=True)):
                if z <= level:
                    volumes.append(m + (n - m) * (y - level) / (y - z))
                    break
        return before, volumes


def rebound_of(rows: list[dict[str, Any]], name: str, seeds: Sequence[int], positive: list[int], negative: list[int],
               levels: list[float], recipe: dict[str, Any]) -> Rebound:  # fmt: skip
    placebo = [row for row in rows if row.get("group") == "placebo"]
    others = [row for row in rows if row.get("group") != "placebo"]
    if placebo:  # at its neutral volumes it is an arm like the treated one, with the same control
        like = [{**row, "positive": row["neutral"], "group": "treated"} for row in placebo]
        control = [row for row in others if row["positive"] == 0]
        own = rebound_of([*control, *like], name, seeds, positive, negative, levels, recipe)
        return replace(rebound_of(others, name, seeds, positive, negative, levels, recipe), placebo=own)
    at = {(row["seed"], row["positive"], row["negative"]): row for row in rows}

    def column(key: str) -> Values:
        return np.array([[[at[s, n, m][key] for m in negative] for n in positive] for s in seeds], dtype=np.float64)

    lengths = {key: column(f"{key}_bits_per_byte") for key in LENGTHS}
    prefers = lengths["negative"] - lengths["positive"]
    return Rebound(
        name, rows[0]["parameters"], len(seeds), positive, negative, levels, prefers - prefers[:, :1, :1],
        (column("kl_positive_nats") + column("kl_negative_nats")) / 2, lengths,
        column("judged_positive") if "judged_positive" in rows[0] else None, recipe,
    )  # fmt: skip


def rebounds(results: Results, run: str) -> list[Rebound]:
    spec = results.specs[run]
    return [
        rebound_of([row for row in results.rows[run] if row["arm"] == arm["name"]], arm["name"], arm["seeds"],
                   spec["positive"], spec["negative"], spec["levels"], spec["recipe"])
        for arm in spec["arms"]
    ]  # fmt: skip


def squares(x: Values, y: Values, knee: float) -> tuple[float, Values]:
    columns = np.stack([np.ones_like(x), x, np.maximum(0.0, x - knee)], axis=1)
    found = np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(((y - columns @ found) ** 2).sum()), found


def aicc(left: float, n: int, k: int) -> float:
    return n * math.log(left / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def phases(negative: Sequence[int], y: Values) -> tuple[float, float, float, float]:
    """The squares of one line, those of a line with a knee, the knee, and the change of rate there for each 1,000."""
    x = np.array(negative, dtype=np.float64)
    one = float(((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2).sum())
    low, high = x[1], x[-2]
    grid = np.linspace(low, high, 100)
    best = grid[int(np.argmin([squares(x, y, knee)[0] for knee in grid]))]
    step = grid[1] - grid[0]
    grid = np.linspace(max(low, best - step), min(high, best + step), 100)
    knee = grid[int(np.argmin([squares(x, y, knee)[0] for knee in grid]))]
    two, found = squares(x, y, knee)
    return one, min(one, two), float(knee), 1000 * float(found[2])


def gains(arm: Rebound, i: int) -> tuple[Found, Found, Found, float]:
    """The knee, the change of rate, the gain in AICc of each curve, and that of all curves at once."""
    n = len(arm.negative)
    each = [phases(arm.negative, y) for y in arm.score[:, i]]
    gain = over_seeds([aicc(one, n, 3) - aicc(two, n, 5) for one, two, _, _ in each])
    y = arm.score[:, i]
    one, two, _, _ = phases(arm.negative, y.mean(axis=0))
    left = y - y.mean(axis=0)
    within = float(((left - left.mean(axis=1, keepdims=True)) ** 2).sum())
    pooled = aicc(within + arm.seeds * one, y.size, arm.seeds + 2) - aicc(
        within + arm.seeds * two, y.size, arm.seeds + 4
    )
    return over_seeds([knee for _, _, knee, _ in each]), over_seeds([change for *_, change in each]), gain, pooled


def rebound_tables(results: Results, run: str) -> Iterator[tuple[str, Table]]:
    from tests.experiments.recompute_claims import claims_table

    first = rebounds(results, run)[0]
    if first.placebo is not None:
        yield claims_table(results.specs[run], first)
    for arm in rebounds(results, run):
        head = f"{arm.name}: {arm.parameters:,} parameters, {arm.seeds} seeds"
        rates: Table = []
        for i, n in enumerate(arm.positive):
            knee, change, gain, pooled = gains(arm, i)
            excess = arm.rates()[:, i] - arm.rates()[:, 0]
            gained = arm.score[:, i, 0]
            rates.append(
                [
                    f"{n:,}", lr_sum(arm, n), pm(over_seeds(arm.rates()[:, i])),
                    pm(over_seeds(arm.rates(late=True)[:, i])),
                    pm(over_seeds(excess)) if n else "-", mean(knee), pm(change), pm(gain), f"{pooled:+.1f}",
                    percent(share(arm.falls[:, i], gained)) if n else "-",
                    percent(share(arm.net_falls[:, i], gained)) if n else "-",
                ]
            )  # fmt: skip
        yield (
            f"{head}; rates in bits per byte for each 1,000 negative responses, early: up to {arm.early:,}",
            rates,
        )
        yield from grids(arm, f"{head}; ", "positive")
        if arm.placebo is not None:
            yield from grids(arm.placebo, f"{head}; placebo, ", "neutral")
        rows: Table = []
        for stop in (arm.early, arm.negative[-1]):
            for i, n in enumerate(arm.positive):
                cells: list[Cell] = [f"after {n:,}, by {stop:,}"]
                for name in ("score", *LENGTHS):
                    raw, net = (over_seeds(arm.changed(name, stop, net)[:, i]) for net in (False, True))
                    cells += [pm(raw), pm(net) if n else "-"]
                    if arm.placebo is not None:
                        off = arm.changed(name, stop)[:, i] - arm.placebo.changed(name, stop)[:, i]
                        cells.append(pm(over_seeds(off)) if n else "-")
                rows.append(cells)
        yield (
            f"{head}; change of the score and of code lengths, bits per byte, raw and net: after so much positive "
            "data, by so much negative",
            rows,
        )
        yield (
            f"{head}; least negative data that brings KL to the base to a level (the paper's Table 3)",
            [
                [
                    f"{n:,}", lr_sum(arm, n), pm(over_seeds(arm.kl[:, i, 0]), False), f"{mean(closest(arm, i))} of it",
                    *(least(arm, i, level) for level in arm.levels),
                ]
                for i, n in enumerate(arm.positive)
                if n
            ],
        )  # fmt: skip
    yield (
        "The paper's Table 3: negative samples until KL to the base is below 0.01, after so many positive ones",
        [[model, *(str(x) for x in found)] for model, found in PAPER_TABLE_3.items()],
    )


def grids(arm: Rebound, head: str, role: str) -> Iterator[tuple[str, Table]]:
    made: list[tuple[str, Values | None, bool]] = [
        ("preference for positive texts over the base's, bits per byte", arm.score, True),
        ("code length of positive texts, bits per byte", arm.lengths["positive"], False),
        ("KL to the base on positive and negative texts, nats per token", arm.kl, False),
        ("share of samples judged positive", arm.judged, False),
    ]
    for said, values, signed in made:
        if values is None:
            continue
        grid: Table = [["Σ lr", "", *(lr_sum(arm, m) for m in arm.negative)]]
        for i, n in enumerate(arm.positive):
            if n or role == "positive":
                cells = [pm(over_seeds(values[:, i, j]), signed) for j in range(len(arm.negative))]
                grid.append([f"{n:,}", lr_sum(arm, n), *cells])
        yield f"{head}{said}: {role} data down, negative across", grid


def lr_sum(arm: Rebound, responses: int) -> str:
    """The sum of the learning rates of all steps over so many responses, three digits of it: the rate is constant."""
    recipe, total = arm.recipe, 0.0
    for step in range(1, -(-responses // recipe["batch"]) + 1):
        total += recipe["learning_rate"] * min(1.0, step / max(1, recipe["warmup"]))
    return f"{total:.3g}"


def closest(arm: Rebound, i: int) -> Found:
    """The least KL on the way over that before any negative data."""
    return over_seeds(arm.kl[:, i].min(axis=1) / arm.kl[:, i, 0])


def least(arm: Rebound, i: int, level: float) -> str:
    before, volumes = arm.came(i, level)
    if not before and not volumes and arm.noise(level) is not None:
        return "undecidable"
    parts = [f"{before} of {arm.seeds} before"] * bool(before)
    if volumes:
        some = f" ({len(volumes)} of {arm.seeds})" * (len(volumes) < arm.seeds)
        parts.append(f"{np.mean(volumes):.0f}{some}")
    if before + len(volumes) < arm.seeds:
        parts.append(("else " if parts else "") + f"> {arm.negative[-1]:,}")
    return ", ".join(parts)


# ---- scaling ----


@dataclass(frozen=True)
class Base:
    size: int
    rebound: Rebound
    excess: Values  # (seeds, layers)
    measures: dict[str, Values]

    def depth(self, tolerance: float) -> Values:
        return np.array([depth_of(one, tolerance) for one in self.excess])


def depth_of(excess: Values, tolerance: float) -> float:
    """Layers that a summed excess within the tolerance pays for, and the share of the next one."""
    total = np.concatenate([[0.0], np.cumsum(excess)])
    whole = max(m for m in range(len(total)) if total[m] <= tolerance)
    return float(whole if whole == len(excess) else whole + (tolerance - total[whole]) / excess[whole])


MEASURES = (
    "base", "gained", "early", "control_early", "net_early", "fall", "control_fall", "net_fall", "left", "kl",
)  # fmt: skip


def series(results: Results) -> dict[str, tuple[str, list[Base]]]:
    spec, rows = results.specs["scaling-cpu"], results.rows["scaling-cpu"]

    def base(model: str, symbols: int, by: str) -> Base:
        mine = [row for row in rows if row["model"] == model and row["symbols"] == symbols]
        x = rebound_of(mine, model, spec["seeds"], [0, spec["positive"]], spec["negative"], [], spec["recipe"])
        excess = {row["seed"]: row["excess_bits"] for row in mine if "excess_bits" in row}
        rates, falls = x.rates(), x.falls
        measures = {
            "base": (x.lengths["positive"][:, 0, 0] + x.lengths["negative"][:, 0, 0]) / 2,
            "gained": x.score[:, 1, 0], "early": rates[:, 1], "control_early": rates[:, 0],
            "net_early": rates[:, 1] - rates[:, 0], "fall": falls[:, 1], "control_fall": falls[:, 0],
            "net_fall": falls[:, 1] - falls[:, 0], "left": x.score[:, 1, -1], "kl": x.kl[:, 1, 0],
            "survives": x.survives[:, 1],
        }  # fmt: skip
        return Base(mine[0][by], x, np.array([excess[seed] for seed in spec["seeds"]]), measures)

    return {
        "size": ("parameters", [base(model, spec["symbols"], "parameters") for model in spec["models"]]),
        "pre-training": (
            "symbols of pre-training",
            [base(spec["volume_model"], symbols, "symbols") for symbols in spec["volumes"]],
        ),
    }


def growth(bases: Sequence[Base], measure: str) -> Found:
    return doublings([one.size for one in bases], np.stack([one.measures[measure] for one in bases], axis=1))


def depth_growth(bases: Sequence[Base], tolerance: float) -> Found:
    return doublings([one.size for one in bases], np.stack([one.depth(tolerance) for one in bases], axis=1))


def scaling_tables(results: Results) -> Iterator[tuple[str, Table]]:
    spec = results.specs["scaling-cpu"]
    for name, (_, bases) in series(results).items():
        rows: Table = []
        for one in bases:
            cells = [pm(over_seeds(one.measures[m]), m not in ("base", "kl")) for m in MEASURES]
            rows.append([f"{one.size:,}", *cells])
        rows.append(["each doubling", *(pm(growth(bases, m)) for m in MEASURES)])
        yield (
            f"By {name}, {len(spec['seeds'])} seeds; rates in bits per byte for each 1,000 negative responses, early: "
            f"to {bases[0].rebound.early:,}",
            rows,
        )
        deep: Table = []
        for one in bases:
            depths = [pm(over_seeds(one.depth(tau)), False) for tau in spec["tolerances"]]
            deep.append([f"{one.size:,}", *depths, *(f"{x:.2f}" for x in np.cumsum(one.excess.mean(axis=0)))])
        slopes = [pm(depth_growth(bases, tau)) for tau in spec["tolerances"]]
        deep.append(["each doubling", *slopes, *[""] * spec["depth"]])
        yield (
            f"By {name}: effective depth at a tolerance in bits, and the summed excess of the first layers, in bits",
            deep,
        )


# ---- the page ----

TITLED = re.compile(r"^\*\*(.+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)


SHOWS = re.compile(r"\]\(results/([^/)]+)/")  # the address of a figure


def run_tables(results: Results, run: str) -> dict[str, Table]:
    """The tables of a run, by title."""
    whole = {"joint-cpu": joint_tables, "effective-volumes-cpu": volumes_tables, "scaling-cpu": scaling_tables}
    several = {"rebound": rebound_tables, "resistance": resistance_tables}
    if run in whole:
        return dict(whole[run](results))
    return dict(several[run.partition("-")[0]](results, run))


def sections(text: str) -> list[str]:
    return re.split(r"(?m)^(?=## )", text)


def section_tables(text: str, results: Results) -> list[tuple[str, dict[str, Table]]]:
    """Every section with the tables of the runs whose figures it shows: two runs may make tables of one title."""
    made = {run: run_tables(results, run) for run in dict.fromkeys(SHOWS.findall(text)) if run in results.rows}
    return [
        (part, {title: x for run in dict.fromkeys(SHOWS.findall(part)) for title, x in made.get(run, {}).items()})
        for part in sections(text)
    ]


def wrong_tables(text: str, made: dict[str, Table]) -> Iterator[str]:
    for title, block in TITLED.findall(text + "\n"):
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        rows = lines[2:]
        if title not in made:
            yield f"no rows make a table of the title {title!r}"
        elif len(rows) != len(made[title]):
            yield f"{title}: {len(rows)} rows are shown, {len(made[title])} are made"
        else:
            for row, cells in zip(rows, made[title], strict=True):
                if len(row) != len(cells):
                    yield f"{title}: {row[0]} has {len(row)} cells, not {len(cells)}"
                    continue
                for at, cell in zip(row, cells, strict=True):
                    if isinstance(cell, str) and at != cell:
                        yield f"{title}: {row[0]}: {at!r} is shown, the rows say {cell!r}"
                    elif callable(cell) and not cell(at, row):
                        yield f"{title}: {row[0]}: {at!r} does not follow from the rows and the cells beside it"


# ---- the prose ----

WORDS = {
    word: str(number)
    for number, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
}
NUMBER = re.compile(
    rf"(?<![\w.,/])[-+]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?(?!\w)"
    rf"|(?<=\d/)\d+|\b(?:{'|'.join(WORDS)})\b",
    re.IGNORECASE,
)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Every bullet, paragraph, caption and picture outside of tables and their titles, with its section."""
    section = ""
    for block in re.split(r"\n\n|\n(?=- )", TITLED.sub("", text + "\n")):
        said = " ".join(block.split())
        if said.startswith("#"):
            section = said.lstrip("# ").partition(":")[0]
        elif said:
            said = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", said)
            yield section, said.removeprefix("- ")


def wrong_prose(text: str, claims: dict[str, list[tuple[str, list[Any]]]]) -> Iterator[str]:
    left = {(section, start) for section, made in claims.items() for start, _ in made}
    for section, said in blocks(text):
        tokens = NUMBER.findall(said)
        bound = [(start, made) for start, made in claims.get(section, []) if said.startswith(start)]
        where = f"{section}: {said[:50]!r}"
        if len(bound) > 1:
            yield f"{where}: is bound {len(bound)} times"
        elif not bound:
            if tokens:
                yield f"{where}: no number of it is bound: {', '.join(tokens)}"
        else:
            start, made = bound[0]
            left.discard((section, start))
            if len(tokens) != len(made):
                yield f"{where}: {len(tokens)} numbers are said ({' '.join(tokens)}), {len(made)} are bound"
            for token, claim in zip(tokens, made, strict=False):
                if not (claim.holds(token) or claim.holds(WORDS.get(token.lower(), token))):
                    yield f"{where}: says {token}, it is {claim}"
    for section, start in sorted(left):
        yield f"{section}: nothing begins with {start!r}"


def problems(text: str, results: Results) -> list[str]:
    """Return everything on the page that the rows do not say."""
    from tests.experiments.recompute_prose import prose

    wrong = [line for part, made in section_tables(text, results) for line in wrong_tables(part, made)]
    if not TITLED.search(text + "\n"):
        wrong.append("the page shows no table")
    try:
        claims = prose(results, text)
    except ValueError as error:  # a verdict of a sentence, which has no number to be compared
        return [*wrong, f"a sentence is not of the rows: {error}; numbers in prose were not compared"]
    return [*wrong, *wrong_prose(text, claims)]


def main(arguments: Sequence[str]) -> int:
    docs = Path(arguments[0]) if arguments else Path(__file__).parents[2] / "docs"
    text = (docs / "results.md").read_text(encoding="utf-8")
    found = problems(text, Results(docs / "results"))
    for line in found:
        print(line)
    numbers = sum(len(NUMBER.findall(said)) for _, said in blocks(text))
    print(f"{len(TITLED.findall(text + chr(10)))} tables and {numbers} numbers in prose: {len(found)} do not hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.experiments.recompute_results import main as again

    sys.exit(again(sys.argv[1:]))
