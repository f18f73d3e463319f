"""The probe beside its peers: who foretells best what fine-tuning does to a model's data, and at what cost?

A small Llama is trained on two datasets, then aligned with a third; three others perturb it, each by itself. Of seven
datasets the change of the code length is measured by real fine-tuning (AdamW), and foretold by

cosine        minus the cosine of the gradients of dataset and perturbation
TRAK          per-response gradients in 512 random directions, whitened over the perturbation's responses
influence     minus ``g_i . (G + damping)^-1 g_t``, by conjugate gradients on products with the Gauss-Newton matrix
first order   the optimiser's steps on frozen gradients, times ``g_i`` (`compresslab.probe`, the cheap answer)
linearised    the optimiser's steps on the tangent model (`compresslab.probe`)

The first three have no unit: they can rank, no more. Printed are Spearman's rank correlation with what was measured,
its slope against what was foretold (1 is right), R^2 about zero, and the time that it took beside the fine-tuning.

Run: python benchmarks/probe.py [seeds]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

import compresslab as cl
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.probe.gradients import measure_gradients
from compresslab.probe.prediction import predict
from compresslab.probe.probing import in_tokens
from compresslab.probe.products import Network, gradient, plain_kernels
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import ProbeData

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.probe.small_models import small_llama, train, words

EXAMPLES, BATCH, RATE = (32, 128), 16, 1e-4
DIRECTIONS, DAMPING, ROUNDS = 512, 0.1, 40
SETTINGS = ProbeSettings(optimizer="adamw", learning_rate=RATE, examples=EXAMPLES, batch=BATCH, length=16)
Values = NDArray[np.float64]


def models(seed: int) -> tuple[dict[str, HuggingFaceModel], dict[str, dict[str, Any]]]:
    """Return a base and what it became by alignment, and the data of each role."""
    data = {
        "pretrain": {"letters": words(seed, 60, range(6)), "digits": words(seed + 1, 60, range(3, 9))},
        "align": {"polite": words(seed + 2, 60, range(5, 11))},
        "other": {"none of them": words(seed + 3, 60, range(11))},
        "perturb": {name: words(seed + i, 160, over) for i, (name, over) in enumerate(
            (("more letters", range(6)), ("more digits", range(3, 9)), ("new", range(2, 11))), 4)},
    }  # fmt: skip
    base = small_llama(seed, size=64, layers=1)
    train(base, {name: (one, 1.0) for name, one in data["pretrain"].items()}, 300, 3e-3)
    aligned = small_llama(seed, size=64, layers=1)
    aligned.module.load_state_dict(base.module.state_dict())
    train(aligned, {name: (one, 1.0) for name, one in data["align"].items()}, 60, 3e-3)
    return {"base": base, "aligned": aligned}, data


def flat(tensors: list[Any]) -> Values:
    return torch.cat([t.reshape(-1) for t in tensors]).double().numpy()


def mean_gradients(network: Network, sets: list[ProbeData]) -> Values:
    return np.array([flat(gradient(network, network.weights, one, np.arange(one.responses))[1]) for one in sets])


def cosine(network: Network, sets: list[ProbeData], perturbing: list[int]) -> Values:
    g = mean_gradients(network, sets)
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    return -(g @ g[perturbing].T)


def trak(network: Network, sets: list[ProbeData], perturbing: list[int]) -> Values:
    """As in arXiv 2303.14186: of one model; the output function is log(p / (1 - p)) of a whole response."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(network.layout.total, DIRECTIONS)) / np.sqrt(DIRECTIONS)
    features, doubts = [], []
    for one in sets:
        rows = [gradient(network, network.weights, one, np.array([i])) for i in range(one.responses)]
        doubt = np.array([-np.expm1(-nats[0]) for nats, _, _ in rows])  # 1 - p
        each = zip(rows, doubt, strict=True)
        features.append(np.array([-(count / d) * (flat(g) @ directions) for (_, g, count), d in each]))
        doubts.append(doubt)
    found = np.empty((len(sets), len(perturbing)))
    for at, t in enumerate(perturbing):
        kernel = features[t].T @ features[t]
        kernel += 1e-3 * np.trace(kernel) / DIRECTIONS * np.eye(DIRECTIONS)
        helped = np.linalg.solve(kernel, features[t].T @ doubts[t])
        found[:, at] = [-float(one.mean(axis=0) @ helped) for one in features]
    return found


def influence(network: Network, sets: list[ProbeData], perturbing: list[int]) -> Values:
    """G is of the data that the model was trained on, and damped by a tenth of its mean eigenvalue."""
    trained = [one for one in sets if one.role in ("pretrain", "align")]
    g = mean_gradients(network, sets)
    sizes = [w.numel() for w in network.weights]

    def times(v: Values) -> Values:
        """Return ``G v``: forward along ``v``, through the softmax, and back."""
        pieces = torch.from_numpy(v.astype(np.float32)).split(sizes)
        step = tuple(piece.reshape(w.shape) for piece, w in zip(pieces, network.weights, strict=True))
        return np.asarray(sum(_through(network, one, step) for one in trained)) / len(trained)

    probe = np.random.default_rng(0).choice([-1.0, 1.0], (4, g.shape[1]))
    damping = DAMPING * float(np.mean([one @ times(one) for one in probe])) / g.shape[1]  # Hutchinson's trace
    found = np.empty((len(sets), len(perturbing)))
    for at, t in enumerate(perturbing):
        x, r = np.zeros_like(g[t]), g[t].copy()
        p, rr = r.copy(), float(r @ r)
        for _ in range(ROUNDS):
            ap = times(p) + damping * p
            step = rr / float(p @ ap)
            x, r = x + step * p, r - step * ap
            rr, before = float(r @ r), rr
            p = r + rr / before * p
        found[:, at] = -(g @ x)
    return found


def _through(network: Network, data: ProbeData, step: tuple[Any, ...]) -> Values:
    ids, targets = network.batch(data, np.arange(data.responses))
    counts = (targets >= 0)[..., None]
    with torch.no_grad():
        logits, along = torch.func.jvp(lambda *w: network.logits(w, ids), network.weights, step)
        q = torch.softmax(logits, -1) * counts
        back = (q * along - q * (q * along).sum(-1, keepdim=True)) / counts.sum()
    leaves = [w.detach().requires_grad_() for w in network.weights]
    with torch.enable_grad():
        return flat(list(torch.autograd.grad(network.logits(leaves, ids), leaves, back)))


Table = dict[tuple[str, str, int], float]  # (perturbation, dataset, examples) -> change


def ours(model: HuggingFaceModel, data: dict[str, dict[str, Any]], *, linearised: bool) -> tuple[Table, float]:
    """Return the predicted changes, nats, and the seconds that they took."""
    settings = SETTINGS.changed({"linearised": linearised})
    begun = time.perf_counter()
    sets, network = in_tokens(model, data, settings), Network.of(model)
    with tempfile.TemporaryDirectory() as folder, plain_kernels(model) if linearised else nullcontext():
        found = measure_gradients(network, sets, settings, Path(folder))
        rows = predict(network, sets, found, settings, Path(folder))
    way = "linearised_nats" if linearised else "first_order_nats"
    return {(p.perturbation, p.dataset, p.examples): getattr(p, way) for p in rows}, time.perf_counter() - begun


def foretell(
    model: HuggingFaceModel, data: dict[str, dict[str, Any]], spent: dict[str, list[float]]
) -> dict[str, Table]:
    """Return what each way says of every change; the seconds that each took are put into ``spent``."""
    sets = in_tokens(model, data, SETTINGS)
    perturbing = [i for i, one in enumerate(sets) if one.role == "perturb"]
    found: dict[str, Table] = {}
    with plain_kernels(model):
        for name, peer in PEERS.items():
            begun = time.perf_counter()
            values = peer(Network.of(model), sets, perturbing)
            spent.setdefault(name, []).append(time.perf_counter() - begun)
            found[name] = {
                (sets[t].name, one.name, seen): float(values[i, at])
                for at, t in enumerate(perturbing) for i, one in enumerate(sets) for seen in EXAMPLES
            }  # fmt: skip
    for name in OURS:
        found[name], took = ours(model, data, linearised=name == "linearised")
        spent.setdefault(name, []).append(took)
    return found


PEERS: dict[str, Callable[..., Values]] = {"cosine": cosine, "TRAK": trak, "influence": influence}
OURS = ("first order", "linearised")


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    torch.set_num_threads(1)
    results: dict[tuple[str, int, str], list[tuple[float, float, float]]] = {}
    spent: dict[str, list[float]] = {}
    for seed in range(seeds):
        held, data = models(10 * seed)
        for state, model in held.items():
            real = cl.probe(model, **data, settings=SETTINGS.changed({"linearised": False}), verify=True)
            spent.setdefault("fine-tuning", []).append(real.seconds["fine_tuning"])
            measured = {(m.perturbation, m.dataset, m.examples): m.change_nats for m in real.measured}
            for name, table in foretell(model, data, spent).items():
                for seen in EXAMPLES:
                    for t in real.perturbations:
                        keys = [(t, one, seen) for one in real.datasets]
                        x, y = (np.array([one[key] for key in keys]) for one in (table, measured))
                        results.setdefault((state, seen, name), []).append((
                            float(stats.spearmanr(x, y).statistic), float(x @ y / (x @ x)),
                            1 - float(np.square(y - x).sum() / (y @ y)),
                        ))  # fmt: skip
    print(f"{seeds} seeds x 3 perturbations, seven datasets; AdamW, learning rate {RATE:g}, batches of {BATCH}")
    print("state    examples  way          rank correlation        slope                 R^2 about zero")
    for (state, seen, name), rows in results.items():
        (rank, slope, fit), (least, low, worst), (_, high, _) = (f(rows, axis=0) for f in (np.median, np.min, np.max))
        line = f"{state:8} {seen:8}  {name:12} {rank:5.2f} (least {least:5.2f})"
        if name in OURS:
            line += f"      {slope:5.2f} ({low:.2f} to {high:.2f})   {fit:6.2f} (least {worst:.2f})"
        print(line)
    base = float(np.median(spent.pop("fine-tuning")))
    costs = ", ".join(f"{name} {np.median(took) / base:.2f}" for name, took in spent.items())
    print(f"cost, over that of fine-tuning on all three ({base:.2f} s): {costs}")


if __name__ == "__main__":
    main()
