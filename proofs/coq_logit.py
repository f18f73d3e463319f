"""Logit elasticity: gradient flow on the free logits of a table, and of the nodes of a tree."""

from __future__ import annotations

from .coq_claims import CoqClaim

__all__ = ["CLAIMS"]

_TEST = "theory/test_logit_elasticity.py::"

CLAIMS = (
    CoqClaim(
        "logit-flow",
        "The rate of a loss while another is trained",
        r"$\frac{d}{ds} L_o = -\langle p_o - q,\; p_t - q \rangle$. On a tree, with $m$ the mass that passes a "
        r"node, it is $-\sum_v m_{o,v} m_{t,v} \langle p_{o,v} - q_v,\; p_{t,v} - q_v \rangle$.",
        (
            "masses $p_o$ that sum to 1",
            "$q$ is the softmax of $z$; gradient flow on $L_t$: $z_j' = p_{tj} - q_j$",
            "on a tree: $z_v' = m_{t,v} (p_{t,v} - q_v)$ at each node",
        ),
        r"$\partial L_o/\partial z = q - p_o$, and the chain rule along the flow.",
        _TEST + "test_the_rate_is_the_slope_of_the_flow",
    ),
    CoqClaim(
        "logit-conservation",
        "Forces sum to zero at a fitted model",
        r"$\sum_i n_i\, dL_i/ds = 0$, at one node and on a tree.",
        (r"the model is fitted: $\sum_i n_i m_{i,v} (p_{i,v} - q_v) = 0$ at each node",),
        "The rates are linear in $p_i - q$, and their weighted sum is $0$.",
        _TEST + "test_forces_sum_to_zero_at_a_mixture_and_the_own_rate_falls",
    ),
    CoqClaim(
        "logit-own-rate",
        "What is trained gets cheaper",
        r"$dL_t/ds = -|p_t - q|^2 \le 0$, with equality iff $q = p_t$; on a tree $-\sum_v m_{t,v}^2 |p_{t,v} - "
        "q_v|^2$, with equality iff the model is right at every node that $p_t$ reaches.",
        (),
        "A sum of squares.",
        _TEST + "test_forces_sum_to_zero_at_a_mixture_and_the_own_rate_falls",
    ),
    CoqClaim(
        "logit-return-threshold",
        "When forgotten data comes back",
        r"While $t$ is trained, $L_o$ falls iff $\sum_i w_i^2 c_i > w_o c_o + w_t c_t$, where $c_i = |p_i|^2$. If "
        "all $c_i$ are equal, one dataset has the weight $s$ and the others share the rest equally: iff $N s^2 > "
        "1$. On a tree only nodes where both have mass count: with a prefix that three datasets share, $3 s^2 > 1$ "
        "becomes $4 s^2 > 1$.",
        (r"$N$ datasets without a common symbol, $q = \sum_i w_i p_i$; $o \ne t$",),
        r"$\langle p_o - q, p_t - q\rangle = \langle q, q\rangle - \langle p_o, q\rangle - \langle p_t, q\rangle + "
        r"\langle p_o, p_t\rangle$, and disjointness leaves $\sum_i w_i^2 c_i - w_o c_o - w_t c_t$.",
        _TEST + "test_the_threshold_is_where_the_rate_turns",
    ),
    CoqClaim(
        "logit-criterion",
        "The ball in which nothing comes back",
        r"$r = -\langle p_o - q, p_t - q\rangle = \tfrac14 |p_o - p_t|^2 - |q - \tfrac12 (p_o + p_t)|^2$: $L_o$ "
        r"falls iff $q$ lies outside the ball whose diameter is $p_o p_t$, that is iff $\langle p_o, q\rangle + "
        r"\langle p_t, q\rangle < \langle q, q\rangle + \langle p_o, p_t\rangle$.",
        (),
        "Thales: complete the square.",
        _TEST + "test_data_comes_back_exactly_where_its_rate_is_negative",
    ),
    CoqClaim(
        "logit-sum-rule",
        "The others pay for what is trained",
        r"$\sum_{i \ne t} w_i r_i = w_t |p_t - q|^2 \ge 0$. At any later time, by whatever optimiser it came to its "
        r"logits $z$: $\sum_i w_i (L_i(z) - L_i(z_0)) = \bigl(\sum_i w_i\bigr) \mathrm{KL}(q_0 \,\|\, q) \ge 0$.",
        (r"the model starts at the mixture: $\bigl(\sum_i w_i\bigr) q_0 = \sum_i w_i p_i$, $\sum_i w_i \ge 0$",),
        "The mixture's loss is least at $q_0$, and exceeds it by a divergence (Gibbs).",
        _TEST + "test_forces_sum_to_zero_at_a_mixture_and_the_own_rate_falls",
    ),
    CoqClaim(
        "logit-forgetting-equalises",
        "Forgetting makes forgotten data alike",
        r"There is one $\sigma \ge 0$ with $e^{-z_j(T)} = e^{-z_j(0)} + \sigma$ for every symbol that $p_t$ does "
        "not hold; the sum of the logits stays; differences of such logits shrink, and tend to $0$. Two datasets "
        "on such symbols alone have the same code length in the limit.",
        (
            "$q$ is the softmax of $z$; gradient flow on $L_t$: $z_j' = p_{tj} - q_j$",
            r"for the limit: $p_t \ge 0$, and the flow goes on for ever",
        ),
        "Where $p_{tj} = 0$, $z_j' = -q_j$, so $e^{-z_j}$ grows at a rate that is the same for all such $j$; it "
        "grows without end, since the sum of the logits is fixed.",
    ),
    CoqClaim(
        "logit-return-bound",
        "How much can come back",
        r"$L_o(z(0)) - L_o(z(T)) \le \mathrm{KL}(u_S \,\|\, q_0)$ at every $T$.",
        (
            "$q$ is the softmax of $z$; gradient flow on $L_t$: $z_j' = p_{tj} - q_j$",
            (
                r"$S$ holds every symbol of $p_t$, $u_S$ is uniform on it; $p_o \ge 0$ sums to 1 and shares no "
                "symbol with $p_t$"
            ),
        ),
        "The logits' sum is fixed and those outside $p_t$ fall in step (`logit-forgetting-equalises`); Jensen "
        "bounds what is left.",
        _TEST + "test_no_return_exceeds_its_bound",
    ),
    CoqClaim(
        "logit-only-common-nodes",
        "Only nodes that all three share give back",
        "At a node that one of the three does not reach, the loss of $D_o$ does not fall. So if $L_o$ has fallen "
        "at $T$, then at some node that all three reach.",
        (
            (
                r"three datasets with weights $w > 0$ on a tree, masses $m_v \ge 0$ at its nodes; gradient flow on "
                "$L_t$"
            ),
            "the model starts at their mixture at each node",
        ),
        r"At a node with two of them $q = x p_o + (1 - x) p_t$ and the rate is $x (1 - x) |p_o - p_t|^2 \ge 0$; "
        "Gibbs' inequality carries it to all times.",
    ),
    CoqClaim(
        "softmax-linear-range",
        "How far the linear model of a softmax reaches",
        r"$0 \le L(z + \delta) - L(z) - \langle q - p, \delta\rangle \le \min(R^2/8, R)$; and $\le \ln a - 1 + 1/a$ "
        "with $a = (e^R - 1)/R$, which is reached. Over $N$ tokens, the sign of the linear change is that of the "
        r"true one if it is positive, or below $-\sum_i R_i^2/8$.",
        ("$p$ sums to 1; the change of each logit lies in an interval of length $R$",),
        r"The remainder is the cumulant generating function of $\delta$ under $q$ less its mean: Hoeffding's lemma; "
        "the sharp form is its maximum over laws on two points.",
        _TEST + "test_no_change_of_logits_leaves_the_linear_range",
    ),
    CoqClaim(
        "logit-exchange-rate",
        "The exchange rate after training in turn",
        r"With $\kappa$ the ratio of the two groups' probabilities and $C = 1/m_p + 1/m_a$: $\kappa + \ln\kappa = "
        r"m_p/m_a + \ln(m_p/m_a) + C\,T_p$ after $T_p$ of pre-training, and $1/\kappa - \ln\kappa$ grows by "
        r"$C\,T_a$ in alignment. At the end $q - p_a = -\kappa\,(q - p_p)$, so that $|q - p_a| = \kappa\,|q - "
        "p_p|$.",
        (
            "$p_p$ is uniform on $m_p$ symbols, $p_a$ on the $m_a$ others; all logits start at 0",
            "gradient flow on $L_p$ for a time $T_p$, then on $L_a$ for $T_a$",
        ),
        r"By symmetry only $\kappa$ moves: $\kappa' (1 + 1/\kappa) = C$ and then $\kappa' (1/\kappa^2 + 1/\kappa) = "
        "-C$.",
        _TEST + "test_the_exchange_rate_is_that_of_the_flow",
    ),
    CoqClaim(
        "logit-against-mixture",
        "Where the two theories disagree in sign",
        "With $q = (8, 1, 1)/10$ and disjoint datasets, more of the third makes the second dearer under a mixture, "
        "and cheaper by training of the logits.",
        (),
        r"$dC_2/d\varepsilon = 1 > 0$, and $-\langle p_2 - q, p_3 - q\rangle = -(0.64 - 0.09 - 0.09) = -0.46 < 0$: "
        "both are computed exactly.",
    ),
    CoqClaim(
        "logit-alignment-need-not-return",
        "Far alignment alone brings nothing back (counterexample)",
        "If the alignment data holds half of each of the other two datasets' symbols, the rate is $1/2$ at every "
        "weight $s$: nothing comes back, however far alignment went.",
        (r"$p_o = (1, 0, 0)$, $p_t = (0, 1, 0)$, $p_a = (\tfrac12, \tfrac12, 0)$",),
        r"$q = (\tfrac12, \tfrac12, 0)$ for every $s$.",
    ),
    CoqClaim(
        "logit-return-need-not-start-at-once",
        "A return need not start at once (counterexample)",
        "There are four symbols and a flow along which $L_o$ rises at the start and lies below its start later.",
        (r"the clock is $dz/d\sigma = Z\,(p_t - q)$, $Z = \sum_i e^{z_i}$, which has the same paths",),
        r"$q_0 = (2/3,\; 1/3 - 10^{-4} - 10^{-8},\; 10^{-4},\; 10^{-8})$, $p_o = (6/7, 0, 1/7, 0)$, $p_t$ on the "
        r"fourth symbol; the flow is solved in closed form and compared at $\sigma = 256$.",
    ),
    CoqClaim(
        "logit-share-may-exceed",
        "More than half may come back (counterexample)",
        "There are three symbols and a flow along which more than half of what $D_o$ lost comes back.",
        ("the clock of `logit-return-need-not-start-at-once`",),
        r"$q_0 = (1 - e, \tfrac{15}{16} e, \tfrac1{16} e)$ with $e = 10^{-6}$: $L_o$ lost $\ln(1/e)$, and has won "
        r"back more than $\tfrac12 \ln(1/e)$ at $\sigma = 4000$.",
    ),
)
