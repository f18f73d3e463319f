"""Are heavier tails more elastic? Samples of Pareto masses against the closed form for infinitely many leaves."""

import numpy as np

import compresslab as cl
from compresslab.theory.generators import pareto

M, k, draws = 50_000, 100.0, 4
rng = np.random.default_rng(0)

print("alpha   slope of alignment * k, nats per phrase")
print("        sample            M -> infinity, 1 - o(alpha)")
for alpha in (2.0, 2.5, 3.0, 4.0):
    slopes = []
    for _ in range(draws):
        scenario = cl.Elasticity.contained(*(pareto(M, alpha, rng) for _ in range(3)), k)
        slopes.append(k * scenario.derivatives(0.0).align)
    limit = k * cl.pareto_elasticity_nats(alpha, k)
    print(f"{alpha:5}   {np.mean(slopes):.4f} +- {np.std(slopes, ddof=1):.4f}  {limit:.4f}")
    assert abs(np.mean(slopes) - limit) < 0.03
