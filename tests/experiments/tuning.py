"""Specs of rebound and scaling that run in seconds, and rows made by hand whose summary is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compresslab.experiments.data.tuning_texts import TextSpec
from compresslab.experiments.models.finetuning import Recipe
from compresslab.experiments.rebound.run import ReboundArm, ReboundSpec
from compresslab.experiments.rows import Row
from compresslab.experiments.scaling.run import ScalingSpec

NEGATIVE = (0, 2, 4, 6, 8, 10, 12)


def small_texts(folder: Path) -> TextSpec:
    """Write texts of three kinds: many letters x, the word good, the word bad."""
    folder.mkdir(exist_ok=True)
    for name, word, count in (("other", "xx x", 60), ("good", "good", 90), ("bad", "bad", 90)):
        (folder / f"{name}.txt").write_text("".join(f"{word} {i}\n" for i in range(count)))
    sources = ((str(folder / f"{name}.txt"),) for name in ("other", "good", "bad"))
    return TextSpec(*sources, held_out=4, contained=20, judged=6, longest=20)


def small_rebound(folder: Path) -> ReboundSpec:
    """A spec of two arms and three units that runs in seconds."""
    return ReboundSpec(
        arms=(ReboundArm("contained", "7k", 400, 0.5, (0, 1)), ReboundArm("separate", "7k", 400, 0.0, (0,))),
        positive=(0, 4, 40),
        negative=NEGATIVE,
        recipe=Recipe(batch=2, length=24, learning_rate=0.003),
        pretraining=Recipe(batch=2, length=32, learning_rate=0.01, schedule="cosine", packed=True),
        texts=small_texts(folder),
        samples=4,
        sample_length=12,
    )


def small_scaling(folder: Path) -> ScalingSpec:
    """A spec of two sizes and two volumes, one of them shared, that runs in seconds."""
    like = small_rebound(folder)
    return ScalingSpec(
        models=("7k", "35k"), symbols=400, volume_model="7k", volumes=(100, 400), seeds=(0, 1), positive=8,
        negative=NEGATIVE, share=0.5, recipe=like.recipe, pretraining=like.pretraining, texts=like.texts, depth=4,
        tolerances=(1.0, 100.0),
    )  # fmt: skip


def made_row(seed: int, n: int, m: int, score: float, kl: float) -> Row:
    """A row with a score (the base's preference is 0.25) and a KL on positive and negative texts."""
    return {
        "seed": seed, "positive": n, "negative": m, "positive_bits_per_byte": 3.0,
        "negative_bits_per_byte": 3.25 + score, "pretrain_bits_per_byte": 4.0, "positive_bits_per_response": 30.0,
        "negative_bits_per_response": 33.0, "pretrain_bits_per_response": 40.0, "kl_positive_nats": kl - 0.01,
        "kl_negative_nats": kl + 0.01, "kl_pretrain_nats": 2 * kl, "judged_positive": 0.5, "seen_positive": "x",
        "seen_negative": "y",
    }  # fmt: skip


VOLUMES = (0, 10, 20, 40, 60, 80, 120, 160)
POSITIVE = (0, 100, 200, 400)


def made_score(n: int, m: int) -> float:
    """After n: a score of ``rate(n) / 50``, which falls at ``rate(n)`` for each 1,000 up to 40, then at a tenth."""
    rate = {0: 0.5, 100: 1.0, 200: 2.0, 400: 3.0}[n]
    return (rate / 50 if n else 0.0) - rate * (min(m, 40) + 0.1 * max(0, m - 40)) / 1000


def made_rebound() -> tuple[ReboundSpec, list[Row]]:
    """A spec and rows in which all that the paper finds is so, but for the level 0.02, which no KL comes down to."""
    spec = ReboundSpec(
        arms=(ReboundArm("made", "7k", 5000, 0.5, (0, 1, 2)),), positive=POSITIVE, negative=VOLUMES,
        recipe=Recipe(batch=2, learning_rate=0.001), levels=(0.02, 0.1),
    )  # fmt: skip
    rows = [
        {
            "arm": "made", "model": "7k", "parameters": 7488,
            **made_row(seed, n, m, made_score(n, m) + 1e-6 * (seed - 1) * m, made_kl(n, m, seed)),
        }
        for seed in (0, 1, 2)
        for n in POSITIVE
        for m in VOLUMES
    ]  # fmt: skip
    return spec, rows


def made_placebo() -> tuple[ReboundSpec, list[Row]]:
    """The same with a placebo, whose score begins near 0 and falls slowly, and whose pre-training texts get cheaper."""
    spec, rows = made_rebound()
    texts = replace(spec.texts, neutral=("prose-backwards",))
    placebo = []
    for row in rows:
        seed, n, m = row["seed"], row["positive"], row["negative"]
        row |= {"group": "treated" if n else "control", "neutral": 0, "negative_bits_per_byte":
                row["negative_bits_per_byte"] + 1e-4 * n * (seed - 1) * m / 1000}  # fmt: skip
        if n:
            score, kl = 0.002 - (0.2 + 0.01 * seed) * m / 1000, 0.2 - 0.0005 * m
            placebo.append({
                **row, **made_row(seed, n, m, score, kl), "group": "placebo", "positive": 0, "neutral": n,
                "pretrain_bits_per_byte": 4.5 - (0.001 + 1e-5 * seed) * m,
            })  # fmt: skip
    return replace(spec, texts=texts, margin_bits=0.01, margin_share=0.1), rows + placebo


def made_kl(n: int, m: int, seed: int) -> float:
    """KL that falls from 0.2 to 0.1 at ``100 - n / 10`` for seeds 0 and 1; that of seed 2 stays at 0.2."""
    if n == 0:
        return 0.01
    return 0.2 if seed == 2 else max(0.05, 0.2 - 0.1 * m / (100 - n / 10))


def without_arm(spec: ReboundSpec, name: str) -> ReboundSpec:
    """Return the spec without one of its arms."""
    return replace(spec, arms=tuple(arm for arm in spec.arms if arm.name != name))
