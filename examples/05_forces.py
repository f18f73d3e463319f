"""Does Hooke's law hold? The forces on all datasets sum to zero; in the paper's direction they do not."""

import numpy as np

import compresslab as cl

rng = np.random.default_rng(7)
sources = {name: rng.dirichlet(np.ones(6)) for name in ("books", "code", "chat", "new")}
volumes = {"books": 900, "code": 300, "chat": 50, "new": 5}
mixture = cl.Mixture(sources, volumes)

new = mixture.names.index("new")
forward, reverse = (mixture.forces(direction)[:, new] for direction in ("forward", "reverse"))
print("force of more 'new' data on each dataset, nats")
print("         KL(p_i || p_D)   KL(p_D || p_i), the paper's")
for name, f, r in zip(mixture.names, forward, reverse, strict=True):
    print(f"{name:6}  {f:+15.6f}   {r:+15.6f}")
print(f"{'sum':6}  {abs(forward.sum().round(12)):15.6f}   {reverse.sum():+15.6f}")

assert abs(forward.sum()) < 1e-12 < abs(reverse.sum())
