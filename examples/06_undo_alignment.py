"""How little new data undoes an alignment? (The paper's definition 3.6, in the tree model.)"""

import compresslab as cl

parts = [0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]
print("  k   after alignment   back within 0.001 at")
for k in (2, 5, 10, 20):
    scenario = cl.Elasticity.contained(*parts, k)
    found = scenario.inverse_alignment(0.001)
    back = (
        f"l = {found.l:.3f}"
        if found.reachable
        else f"never: least {found.least_kl_nats:.5f} at l = {found.least_l:.2f}"
    )
    print(f"{k:3}   {found.start_kl_nats:.5f} nats      {back}")
