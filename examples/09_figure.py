"""How is a figure made for a paper? (Needs the extra `report`.)"""

import tempfile
from pathlib import Path

import numpy as np

import compresslab as cl
from compresslab.report import figures

scenario = cl.Elasticity.contained([0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], k=10)
forces = figures.force_figure(scenario, np.linspace(0, 1, 101))
parts = [1, 0, 0], [0, 1, 0], [0, 0, 1]
signs = figures.sign_map(*parts, share=np.linspace(0, 1, 41), l=np.linspace(0, 1.5, 31), k=[1, 10, 100])

with tempfile.TemporaryDirectory() as folder:
    for name, figure in {"forces": forces, "signs": figures.sign_map_figure(signs)}.items():
        for ending in ("svg", "png"):
            path = figures.save_figure(figure, Path(folder) / f"{name}.{ending}")
            print(path.name)
elastic = float((signs.regions == 0).mean())
print(f"The theorem's signs hold in {elastic:.1%} of the map.")
