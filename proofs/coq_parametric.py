"""Parametric elasticity: what first and second derivatives say of any model that is trained step by step."""

from __future__ import annotations

from .coq_claims import CoqClaim

__all__ = ["CLAIMS"]

_TEST = "theory/test_parametric.py::"

CLAIMS = (
    CoqClaim(
        "parametric-first-order",
        "Forces sum to zero at a stationary point",
        r"Along any path through $x$ with velocity $v$, $\sum_i n_i\, dL_i/ds = \bigl(\sum_i n_i g_i\bigr) \cdot "
        r"v$; at a stationary point of $\sum_i n_i L_i$ it is $0$, whatever $v$.",
        (
            (
                "$N$ losses $L_i$ with weights $n_i$ on $d$ parameters; $g_i$ is the gradient of $L_i$ at $x$: "
                "along every differentiable path through $x$ with velocity $v$, $L_i$ has the derivative $g_i "
                r"\cdot v$"
            ),
        ),
        "The derivative of a sum is the sum of the derivatives, and each is linear in $v$. At a stationary point "
        r"$\sum_i n_i g_i = 0$.",
        _TEST + "test_at_a_stationary_point_the_ratio_is_minus_k_in_every_direction",
    ),
    CoqClaim(
        "parametric-converse",
        "One ratio in every direction means a stationary point",
        r"$g_a \cdot v = -k\, g_p \cdot v$ for every $v$ iff $k g_p + g_a = 0$. If $g_p \ne 0$ and $g_a \cdot g_p = "
        r"-|g_a|\,|g_p|$, then $k g_p + g_a = 0$ iff $k = |g_a|/|g_p|$.",
        (r"$g_p, g_a \in \mathbb{R}^d$",),
        "A vector that is orthogonal to every $v$ is zero. The second: the equality case of Cauchy-Schwarz makes "
        "$g_a$ a multiple of $g_p$ that points the other way, and lengths give the factor.",
        _TEST + "test_at_a_stationary_point_the_ratio_is_minus_k_in_every_direction",
    ),
    CoqClaim(
        "parametric-second-order",
        "Where both lose, and where pre-training turns",
        r"$k (L_p(s) - L_p(0)) + L_a(s) - L_a(0) = \tfrac{h}{2} s^2 + o(s^2)$; if $h > 0$, for all small $s > 0$ "
        r"one of both has lost. For $L_p(s) = L_p(0) - \tfrac{a}{k} s + \tfrac{h_p}{2} s^2$, $L_a(s) = L_a(0) + a s "
        r"+ \tfrac{h_a}{2} s^2$ and $h = k h_p + h_a$, $L_p$ falls exactly for $s < s^\ast = a/(h - h_a)$ and is "
        r"back where it was at $2 s^\ast$; with $h_a = 0$ alignment has lost $a^2/h$ at $s^\ast$ and $2a^2/h$ at $2 "
        r"s^\ast$; with $h_a \ge 0$ both have lost beyond $2 s^\ast$.",
        (
            (
                r"$k > 0$; along a path, $k L_p + L_a$ has the derivative $\varphi'$ with $\varphi'(0) = 0$, "
                r"$\varphi''(0) = h$"
            ),
            "for the turning point: $a, h_p > 0$",
        ),
        "Taylor's theorem for the weighted sum, whose first derivative is $0$ at $s = 0$: a positive sum has a "
        "positive term. The turning point is where $L_p' = -a/k + h_p s$ is $0$; the rest is arithmetic.",
        _TEST + "test_pretraining_turns_where_the_second_order_says",
    ),
    CoqClaim(
        "parametric-influence",
        "How the minimum moves with a volume",
        r"With $x_t$ the solution of $H x_t = -g_t$ and $J_{it} = g_i \cdot x_t$: $J_{it} = J_{ti}$; $\sum_i n_i "
        r"J_{it} = 0$ if $\sum_i n_i g_i = 0$; $J_{tt} \le 0$, with equality iff $g_t = 0$; $J_{it} > 0$ iff $g_i "
        r"\cdot y < 0$ for the $y$ with $H y = g_t$. A differentiable branch of stationary points of $\sum_i n_i "
        r"L_i + s L_t$ moves with such a velocity: $\sum_e \bigl(\sum_i n_i \nabla^2 L_i\bigr)_{ce} v_e = "
        "-(g_t)_c$.",
        (
            "$H$ symmetric and positive definite",
            "the branch of minima is a given differentiable path",
        ),
        r"Symmetry of $H$ gives $x_i \cdot H x_t = x_t \cdot H x_i$; definiteness the sign. Differentiating the "
        "stationarity of the branch at $s = 0$ gives the equation for $v$.",
        _TEST + "test_influence_is_how_the_solution_moves",
    ),
    CoqClaim(
        "parametric-softmax-is-the-tree",
        "A softmax table is the paper's tree",
        r"With free logits the loss $\sum_i n_i L_i$ is least exactly where the softmax is $Q_j/W$, that is at $z_j "
        r"= \ln Q_j$ up to a constant; there, with $\varepsilon$ more of dataset $t$, the loss of dataset $i$ is "
        "its code length under the mixture.",
        (
            (
                r"$M \ge 1$ symbols; masses $p_{ij}$ that sum to 1; $Q_j = \sum_s n_s p_{sj} > 0$, $W = \sum_s n_s "
                "> 0$"
            ),
            r"with $\varepsilon$: $W + \varepsilon > 0$ and $Q_j + \varepsilon p_{tj} > 0$",
        ),
        r"$\sum_i n_i L_i = W \cdot (\text{cross-entropy of } Q/W)$, and Gibbs' inequality with its equality case.",
    ),
    CoqClaim(
        "parametric-rebound-need-not-slow",
        "A rebound need not slow down (counterexample)",
        "There is an exponential family with one parameter on three symbols in which, on the branch of minima of "
        "$L_b + l L_t$, $dL_t/dl < 0$ at $l = 0$ and this slope falls further: the rebound speeds up.",
        (),
        "Statistics $(-2, 0, 1)$, base masses $(1/20, 17/20, 1/10)$ and $p_t$ on the third symbol: the branch is "
        "given by its parameter, and slope and bend are computed there.",
    ),
    CoqClaim(
        "parametric-sign-may-turn-back",
        "A sign may turn more than once (counterexample)",
        r"There are three positive definite quadratic losses on $\mathbb{R}^2$ such that at the minima of $L_p + "
        "L_o + l L_t$ the loss $L_p$ is lower at $l = 1/100$ than at $0$ and at $1$, and lower again at $1000$ "
        "than at $1$.",
        (),
        "$L_t$ is stiff in one axis and soft in the other, so the minimum moves first along the one, then along "
        "the other: $x(l) = 100 l/(1 + 100 l)$, $y(l) = l/(100 + l)$. The values are fractions.",
    ),
    CoqClaim(
        "parametric-weight-decay",
        "What weight decay leaves of the balance",
        r"At a stationary point $x$ of $\sum_i n_i L_i + \tfrac{\lambda}{2} |x|^2$, $\sum_i n_i g_i = -\lambda x$; "
        r"along any path through it $\sum_i n_i\, dL_i/ds = -\lambda\, x \cdot v$.",
        (
            (
                "$N$ losses $L_i$ with weights $n_i$ on $d$ parameters; $g_i$ is the gradient of $L_i$ at $x$: "
                "along every differentiable path through $x$ with velocity $v$, $L_i$ has the derivative $g_i "
                r"\cdot v$"
            ),
            "the penalised loss is stationary in every coordinate",
        ),
        r"The penalty's gradient is $\lambda x$; then as in `parametric-first-order`.",
    ),
    CoqClaim(
        "parametric-early-stopping",
        "What early stopping leaves of the balance",
        r"$\theta(T) - \theta^\ast = e^{-TH} (\theta(0) - \theta^\ast)$, so that the gradient left at $T$ is $H "
        r"e^{-TH} (\theta(0) - \theta^\ast)$; along an axis of $H$ with the eigenvalue $h$ it is $h e^{-Th}$ times "
        "the distance.",
        (r"gradient flow $\theta' = -H (\theta - \theta^\ast)$ on $[0, T]$, for any matrix $H$",),
        "Both sides solve the same linear equation; $e^{-TH}$ is its power series. Picard's estimate shows that "
        "their difference is $0$.",
        _TEST + "test_the_residual_of_early_stopping_is_the_matrix_exponential",
    ),
)
