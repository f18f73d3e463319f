"""Do the theorem's signs hold on real text? The embedded corpora: real text that every Python has, no download.

The numbers differ a little from one version of Python to the next, as its own documentation and source do.
"""

import compresslab as cl
from compresslab.data.corpora import default_scenario

corpora = default_scenario(seed=0)
names, prose, code = (cl.TokenTree.build(corpora.pretrain[name], depth=4) for name in ("names", "prose", "code"))
contained = cl.Elasticity.contained(names, prose, code, k=10)
held_out = [cl.TokenTree.build(data, depth=4) for data in (corpora.align, corpora.perturb)]
pretrain = cl.Mixture({"names": names, "prose": prose, "code": code}, {"names": 1, "prose": 1, "code": 1}).distribution
fresh = cl.Elasticity(pretrain, *held_out, k=10)

for name, scenario in {"contained": contained, "held out": fresh}.items():
    slope = scenario.derivatives(0.05)
    print(f"{name:9}: alignment {slope.align:+.4f}, pre-training {slope.pretrain:+.4f} nats per phrase and unit of l;")
    print(f"           ratio at l = 0 {scenario.ratio(0.0):+.2f}; new phrases {scenario.new_mass:.1%} of the new data")

slope = contained.derivatives(0.05)
assert slope.align > 0 > slope.pretrain
assert min(fresh.derivatives(0.05).align, fresh.derivatives(0.05).pretrain) > 0  # with new phrases both pay
