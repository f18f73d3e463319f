"""Is an aligned model always elastic? No: it depends on what the pre-training data contains.

Four readings of "pre-training, alignment, new data", with the signs of what each pays when the new data grows.
"""

import compresslab as cl

k, l = 10, 0.05  # noqa: E741
a, b, c = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
x, y, z = [0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]  # the same masses, dealt out differently

readings = {
    "contained (the theorem)": cl.Elasticity.contained(a, b, c, k),
    "contained, beyond l = 1/2": cl.Elasticity.contained(a, b, c, k),
    "separate, nothing shared": cl.Elasticity(a, b, c, k),
    "separate, shared leaves": cl.Elasticity(x, y, z, k),
    "more of the alignment data": cl.Elasticity([1 / 3] * 3, b, b, k),
}
word = {1: "pays", 0: "unmoved", -1: "gains"}
for name, scenario in readings.items():
    at = 0.75 if "beyond" in name else l
    signs = scenario.signs(at)
    print(f"{name:27} l = {at:4}  alignment {word[signs.align]:8} pre-training {word[signs.pretrain]}")

disjoint = readings["contained (the theorem)"]
assert abs(disjoint.turning_point() - 0.5) < 1e-9  # the sharp bound of the finite-size theorem
