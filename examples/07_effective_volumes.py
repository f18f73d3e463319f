"""Training does not weigh data by volume. Which volumes explain what a model became?

Here the "model" is a sample from a mixture whose weights we know, so that the answer can be checked.
"""

import numpy as np

import compresslab as cl
from compresslab.theory.effective_volumes import effective_volumes
from compresslab.theory.generators import dirichlet

rng = np.random.default_rng(3)
parts = {name: dirichlet(200, 0.3, rng) for name in ("pretrain", "align", "perturb")}
truth = {"pretrain": 0.70, "align": 0.25, "perturb": 0.05}
mixed = sum(weight * parts[name].probabilities for name, weight in truth.items())
counts = rng.multinomial(20_000, mixed)
model = cl.LeafDistribution.from_counts(np.arange(200), counts)

found = effective_volumes(parts, model, bootstrap=50, seed=0)
for name, weight, error in zip(found.names, found.weights, found.standard_errors, strict=True):
    print(f"{name:9} {weight:.3f} +- {error:.3f}   (true: {truth[name]:.2f})")
    assert abs(weight - truth[name]) < 4 * error
