"""A model is pre-trained on much, aligned on little; then new data comes. Who pays for it?

The theorem's own reading: the pre-training data contains a part like the alignment data and a part like the new data.
Then alignment pays and pre-training gains, k times less: the model is elastic.
"""

import compresslab as cl

facts = cl.Dataset.from_texts(["water boils at one hundred degrees", "iron is heavier than wood"] * 20)
polite = cl.Dataset.from_texts(["please help me", "of course i will help you", "thank you"] * 20)
rude = cl.Dataset.from_texts(["help yourself", "of course not", "go away you"] * 20)

k = 10  # ten times as much pre-training as alignment data
scenario = cl.Elasticity.contained(facts, polite, rude, k, depth=3)

print("    l   alignment  pre-training   ratio   (slopes of the code lengths, nats per phrase)")
for l in (0.0, 0.05, 0.1, 0.25, 0.5, 1.0):  # noqa: E741
    slope = scenario.derivatives(l)
    print(f"{l:5}  {slope.align:+10.5f}  {slope.pretrain:+12.5f}  {slope.align / slope.pretrain:+6.2f}")
print()
print(f"The pre-training data gains until l = {scenario.turning_point():.4f}.")

first = scenario.derivatives(0.0)
assert first.align > 0 > first.pretrain
assert abs(scenario.ratio(0.0) + k) < 1e-9  # exactly -k at l = 0
