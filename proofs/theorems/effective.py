"""From a measured LM back to the theory: effective volumes and effective depth. Theory, sections 7 and 8."""

from __future__ import annotations

import sympy as sp

from ..expressions import Diff, index, masses, real, size, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Rewrite, Signed, Use
from ..rules_analysis import Differentiate
from ..vocabulary import ONE, j, p, s
from .lemmas import LOG_BOUND
from .lemmas import x as generic

__all__ = ["CLAIMS"]

ZERO, TWO = sp.Integer(0), sp.Integer(2)
eps = real("epsilon")
target, direction = masses("q"), masses("v", real=True)
weights, rival = masses("w"), masses("w'")
R, R2 = masses("R", positive=True), masses("R'", positive=True)
moved = total((weights[s] + eps * direction[s]) * p[s, j], s)
LIKELIHOOD = total(target[j] * sp.log(moved), j)
BEND = Diff(LIKELIHOOD, eps, ZERO, TWO)
LINE = total(target[j] * sp.log(R[j] + eps * total(direction[s] * p[s, j], s)), j)
CURVE = total(target[j] * total(direction[s] * p[s, j], s) ** 2 / R[j] ** 2, j)
GAIN = total(target[j] * sp.log(R2[j] / R[j]), j)

concave = Claim(
    id="effective-volumes-concave",
    title="Effective volumes are a concave problem",
    prose="The likelihood Λ(w) = Σ_j q_j ln Σ_s w_s p_sj of mixture weights w is concave: along every direction "
    "its second "
    "derivative is <= 0. If no dataset's score exceeds 1 at w, Σ_j q_j p_sj / R_j <= 1 for all s (the optimality "
    "condition of EM), then "
    "no other w' on the simplex is more likely.",
    setting=(
        "q_j >= 0, the LM's distribution on the leaves; it sums to 1",
        "component masses p_sj >= 0; weights w_s, w'_s >= 0, w' sums to 1; both mixtures R_j, R'_j > 0 on every leaf",
        "v any direction",
    ),
    source="new (theory, section 7)",
    kind="tight bound",
    idea="Along a line each leaf's term is the logarithm of a linear function. For the optimum, ln x <= x - 1 at x = "
    "R'_j/R_j.",
    assumptions=(
        Assume("unit", "q sums to 1", Fact(total(target[j], j), "=", ONE)),
        Assume("leaf", "the mixture has mass on every leaf", Fact(total(weights[s] * p[s, j], s), ">", ZERO)),
        Assume("leaf'", "and so has the rival", Fact(total(rival[s] * p[s, j], s), ">", ZERO)),
        Assume("simplex", "the rival weights sum to 1", Fact(total(rival[s], s), "=", ONE)),
        Assume(
            "scores", "no dataset's score exceeds 1", Fact(total(target[j] * p[s, j] / R[j], j), "<=", ONE), case=True
        ),
    ),
    definitions=(
        Define("R", "the mixture with weights w", Fact(R[j], "=", total(weights[s] * p[s, j], s))),
        Define("R'", "the mixture with rival weights w'", Fact(R2[j], "=", total(rival[s] * p[s, j], s))),
    ),
    steps=(
        Combine(
            "line",
            "Along a direction v the mixture is linear",
            Fact(moved, "=", R[j] + eps * total(direction[s] * p[s, j], s)),
            (Use("R", times=-ONE),),
        ),
        Rewrite("rewrite", "so the likelihood along it is", Fact(BEND, "=", Diff(LINE, eps, ZERO, TWO)), ("line",)),
        Differentiate("diff", "Differentiate twice", Fact(Diff(LINE, eps, ZERO, TWO), "=", -CURVE)),
        Signed("squares", "This is minus a sum of squares", Fact(CURVE, ">=", ZERO), CURVE),
        Combine(
            "concave",
            "so the likelihood is concave",
            Fact(BEND, "<=", ZERO),
            (Use("rewrite", times=-ONE), Use("diff", times=-ONE), Use("squares")),
        ),
        LOG_BOUND,
        Combine(
            "rival",
            "Use ln x <= x - 1 at x = R'_j/R_j on every leaf: a rival gains at most its mean score minus 1",
            Fact(GAIN, "<=", total(rival[s] * total(target[j] * p[s, j] / R[j], j), s) - 1),
            (
                Use("log", times=target[j], over=(j,), at=((generic, R2[j] / R[j]),)),
                Use("R'", times=-target[j] / R[j], over=(j,)),
                Use("unit"),
            ),
        ),
        Combine(
            "optimal",
            "which is not positive if no score exceeds 1",
            Fact(GAIN, "<=", ZERO),
            (Use("rival"), Use("scores", times=rival[s], over=(s,)), Use("simplex", times=-ONE)),
        ),
    ),
    goals=(
        Goal("concave", Fact(BEND, "<=", ZERO), "concave"),
        Goal("optimality condition", Fact(GAIN, "<=", ZERO), "optimal", ("scores",)),
    ),
    finding="So EM or Newton finds the effective volumes; the largest score minus 1 bounds how far from the best a "
    "result is.",
)

# --- effective depth ---

d, Kp, Kc = size("d"), size("K"), size("V")
m, c, b = index("kappa", d), index("c", Kp), index("g", Kc)
leaf, model = masses("p", positive=True), masses("q", positive=True)
node = masses("w")
cond, guess = masses("P", positive=True), masses("G", positive=True)
passes = masses("B")
H_m = -total(node[m, c] * cond[m, c, b] * sp.log(cond[m, c, b]), c, b)
E_m = total(node[m, c] * cond[m, c, b] * sp.log(cond[m, c, b] / guess[m, c, b]), c, b)
ENTROPY = -total(leaf[j] * sp.log(leaf[j]), j)
KL = total(leaf[j] * sp.log(leaf[j] / model[j]), j)
chain = Claim(
    id="effective-depth-chain-rule",
    title="Entropy and excess by position",
    prose="With h_κ the entropy of symbol κ given the symbols before it, and e_κ the LM's excess cross-entropy "
    "there: "
    "Σ_κ h_κ = H(leaves), Σ_κ e_κ = KL(p_D‖p_LM), and every e_κ >= 0.",
    setting=(
        "a tree of depth d with leaf masses p_j > 0; at position κ the nodes c = 1..K, each with V children g "
        "(pass-through padding: 1 child)",
        "P_κcg > 0 the probability of child g at node c, G_κcg > 0 the LM's; w_κc the node's weight; B_jκcg = 1 if "
        "leaf j's path goes there",
        "a leaf's mass, and its probability q_j under the LM, are the products of the conditional probabilities "
        "along its path",
    ),
    source="new (theory, section 8), for Assumption 3.2 of the paper",
    kind="identity",
    idea="The logarithm of a product is a sum along the path; summing over the leaves first gives each child its "
    "weight w P. The excess at "
    "a node is a divergence, which is not negative because ln x <= x - 1.",
    assumptions=(
        Assume(
            "path",
            "a leaf's mass is the product along its path",
            Fact(sp.log(leaf[j]), "=", total(passes[j, m, c, b] * sp.log(cond[m, c, b]), m, c, b)),
        ),
        Assume(
            "path-lm",
            "so is its probability under the LM",
            Fact(sp.log(model[j]), "=", total(passes[j, m, c, b] * sp.log(guess[m, c, b]), m, c, b)),
        ),
        Assume(
            "node",
            "the leaves below a child have its weight together",
            Fact(total(leaf[j] * passes[j, m, c, b], j), "=", node[m, c] * cond[m, c, b]),
        ),
        Assume("children", "the probabilities of a node's children sum to 1", Fact(total(cond[m, c, b], b), "=", ONE)),
        Assume("children-lm", "those of the LM to at most 1", Fact(total(guess[m, c, b], b), "<=", ONE)),
    ),
    definitions=(),
    steps=(
        Combine(
            "entropy",
            "Sum the logarithms along the paths, leaves first",
            Fact(total(H_m, m), "=", ENTROPY),
            (
                Use("path", times=leaf[j], over=(j,)),
                Use("node", times=sp.log(cond[m, c, b]), over=(m, c, b)),
            ),
        ),
        Combine(
            "divergence",
            "and the same for the LM's excess",
            Fact(total(E_m, m), "=", KL),
            (
                Use("path", times=-leaf[j], over=(j,)),
                Use("path-lm", times=leaf[j], over=(j,)),
                Use("node", times=-sp.log(cond[m, c, b]) + sp.log(guess[m, c, b]), over=(m, c, b)),
            ),
        ),
        LOG_BOUND,
        Combine(
            "excess",
            "Use ln x <= x - 1 at x = G/P at every child",
            Fact(E_m, ">=", ZERO),
            (
                Use(
                    "log",
                    times=node[m, c] * cond[m, c, b],
                    over=(c, b),
                    at=((generic, guess[m, c, b] / cond[m, c, b]),),
                ),
                Use("children", times=node[m, c], over=(c,)),
                Use("children-lm", times=node[m, c], over=(c,)),
            ),
        ),
    ),
    goals=(
        Goal("entropy by position", Fact(total(H_m, m), "=", ENTROPY), "entropy"),
        Goal("divergence by position", Fact(total(E_m, m), "=", KL), "divergence"),
        Goal("no negative excess", Fact(E_m, ">=", ZERO), "excess"),
    ),
)

CLAIMS = (concave, chain)
