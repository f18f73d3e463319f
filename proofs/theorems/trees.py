"""Token trees: pruning, merging and mixing are linear in the counts, so they commute.

Theory, section 1. A dataset is a multiset of phrases; a depth ``d`` gives each phrase one leaf.
"""

from __future__ import annotations

import sympy as sp

from ..expressions import index, masses, positive, size, total
from ..facts import Assume, Claim, Define, Fact, Goal
from ..rules_algebra import Combine, Use
from ..vocabulary import ONE, s

__all__ = ["CLAIMS"]

ZERO = sp.Integer(0)
K, D, E = size("K"), size("M_d"), size("M_e")
x, v, u = index("x", K), index("v", D), index("u", E)
count, falls, prefix = masses("c"), masses("A"), masses("B")
volume, weight = masses("n", positive=True), masses("P")
W = positive("W")
COUNT = total(count[s, x] * falls[x, v], x)
UNION = total(total(count[s, x], s) * falls[x, v], x)
MIXED = total(volume[s] * weight[s, v], s) / W
SHALLOW = total(count[s, x] * total(falls[x, v] * prefix[v, u], v), x) / volume[s]

prune_mix = Claim(
    id="prune-mix-commute",
    title="Pruning and union commute",
    prose="The pruned tree of a union of datasets is the volume-weighted mixture of their pruned trees, leaf by "
    "leaf, exactly in "
    "counts; pruning a pruned tree further gives the tree pruned at once; leaf weights sum to 1.",
    setting=(
        "N datasets; dataset s holds phrase x (of K different ones) c_sx times",
        "A_xv = 1 if phrase x falls on leaf v of the tree pruned to depth d, else 0: each phrase falls on exactly "
        "one leaf",
        "B_vu = 1 if leaf v (depth d) has the shallower leaf u as its prefix (depth e <= d): a phrase falls on u iff "
        "its leaf does",
    ),
    source="new (theory, section 1), for Def 3.1 and 3.3 of the paper",
    kind="identity",
    idea="Which leaf a phrase falls on depends on the phrase alone. So a leaf's count is a sum over phrases, linear "
    "in the counts, and "
    "sums over datasets and over phrases may be taken in either order.",
    assumptions=(
        Assume("one-leaf", "every phrase falls on exactly one leaf", Fact(total(falls[x, v], v), "=", ONE)),
        Assume("phrases", "no dataset is empty", Fact(total(count[s, x], x), ">", ZERO)),
    ),
    definitions=(
        Define("n", "the volume of a dataset: its number of phrases", Fact(volume[s], "=", total(count[s, x], x))),
        Define("W", "the volume of the union", Fact(W, "=", total(volume[s], s))),
        Define("P", "the weight of a leaf in a dataset's pruned tree", Fact(weight[s, v], "=", COUNT / volume[s])),
    ),
    steps=(
        Combine(
            "counts",
            "Counts of the union are sums of counts: swap the sums over datasets and phrases",
            Fact(UNION, "=", total(COUNT, s)),
        ),
        Combine(
            "leaf-counts",
            "In terms of the leaf weights",
            Fact(UNION, "=", total(volume[s] * weight[s, v], s)),
            (Use("P", times=-volume[s], over=(s,)),),
        ),
        Combine(
            "size",
            "The union holds as many phrases as its datasets together",
            Fact(total(total(count[s, x], s), x), "=", W),
            (Use("n", times=-ONE, over=(s,)), Use("W", times=-ONE)),
        ),
        Combine(
            "mixture",
            "Divide by that number",
            Fact(UNION / W, "=", MIXED),
            (Use("leaf-counts", times=1 / W),),
        ),
        Combine(
            "deeper",
            "Prune the pruned tree: add up the weights of the leaves with prefix u",
            Fact(total(weight[s, v] * prefix[v, u], v), "=", SHALLOW),
            (Use("P", times=prefix[v, u], over=(v,)),),
        ),
        Combine(
            "unit",
            "Every phrase falls on one leaf, so the weights sum to 1",
            Fact(total(weight[s, v], v), "=", ONE),
            (
                Use("P", over=(v,)),
                Use("one-leaf", times=count[s, x] / volume[s], over=(x,)),
                Use("n", times=-1 / volume[s]),
            ),
        ),
    ),
    goals=(
        Goal("union in counts (also for shards, in any order)", Fact(UNION, "=", total(COUNT, s)), "counts"),
        Goal("size of the union", Fact(total(total(count[s, x], s), x), "=", W), "size"),
        Goal("union in weights", Fact(UNION / W, "=", MIXED), "mixture"),
        Goal("pruning twice", Fact(total(weight[s, v] * prefix[v, u], v), "=", SHALLOW), "deeper"),
        Goal("weights sum to 1", Fact(total(weight[s, v], v), "=", ONE), "unit"),
    ),
)

CLAIMS = (prune_mix,)
