"""How fast models are read, trained and coded with, each beside what one would write without this package.

Every function does its work once to warm up, then in turns with its baseline, and returns figures that say what they
are, in which unit, and beside what. On the CPU times are processor seconds of all threads: others may be at work too.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from compresslab import Dataset
from compresslab.data.tokenizers import ByteTokenizer
from compresslab.experiments.models.finetuning import Recipe, fit
from compresslab.lm.chunk_coder import TokenCoder, segments_of
from compresslab.lm.curriculum import Source, make_curriculum
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.scoring import score
from compresslab.lm.windows import Windows, batches, plan_windows, window_tokens


@dataclass(frozen=True)
class Figure:
    """One measured number, and the one that it stands beside."""

    what: str
    value: float
    unit: str
    beside: str = ""
    baseline: float | None = None

    def __str__(self) -> str:
        ratio = (
            "" if not self.baseline else f" ({self.value / self.baseline:.2f} of {self.beside}, {self.baseline:,.4g})"
        )
        return f"{self.what}: {self.value:,.4g} {self.unit}{ratio}"

    def as_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Shape:
    """A Llama by its sizes."""

    name: str
    vocab: int
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    tied: bool = True
    context: int = 4096


SMOLLM2 = Shape("SmolLM2-135M's shape", 49152, 576, 1536, 30, 9, 3)
BILLION = Shape("Llama of 1.2e9", 49152, 2048, 5632, 20, 16, 16, tied=False)
SMALL = Shape("Llama of 96k", 257, 56, 168, 2, 2, 2, context=256)


def llama(shape: Shape, device: str, dtype: torch.dtype = torch.float32, seed: int = 0) -> HuggingFaceModel:
    """Return a Llama of random weights over bytes; tokens above 256 never occur in a text, but cost as much."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab, hidden_size=shape.hidden, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context, tie_word_embeddings=shape.tied, bos_token_id=256, eos_token_id=256,
    )  # fmt: skip
    torch.manual_seed(seed)
    with torch.device(device):
        module = LlamaForCausalLM(config)
    return HuggingFaceModel(module.to(dtype), ByteTokenizer(), name=shape.name)


def weights_of(model: HuggingFaceModel) -> int:
    return sum(one.numel() for one in model.module.parameters())


# ---- time ----


def clock(device: str) -> float:
    """Return seconds: of the processor, or by the clock once a GPU has done all that it was given."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def in_turns(device: str, *calls: Callable[[], object], rounds: int = 3) -> list[float]:
    """Return the least seconds of each call, done in turns after one to warm up."""
    least = [math.inf] * len(calls)
    for round_ in range(1 + rounds):
        for i, call in enumerate(calls):
            begun = clock(device)
            call()
            took = clock(device) - begun
            if round_:
                least[i] = min(least[i], took)
    return least


def product_rate(device: str, dtype: torch.dtype, size: int) -> float:
    """Return the operations a second of products of large matrices: 2 for each multiplication and addition."""
    a = torch.randn(size, size, device=device).to(dtype)
    times = 10 if device != "cpu" else 2

    def products() -> None:
        for _ in range(times):
            a @ a

    return times * 2 * size**3 / in_turns(device, products)[0]


def copy_rate(device: str, size: int) -> float:
    """Return the bytes a second that are read and written when a large array is copied."""
    a = torch.empty(size, dtype=torch.uint8, device=device)
    b = torch.empty_like(a)
    return 2 * size / in_turns(device, lambda: b.copy_(a))[0]


# ---- scoring ----


def mixed_texts(vocab: int, tokens: int, longest: int, seed: int = 0) -> Dataset:
    """Return responses of very different lengths, so that a batch without buckets is mostly padding."""
    rng = np.random.default_rng(seed)
    lists = []
    while tokens > 0:
        size = int(min(tokens, 1 + longest * rng.beta(0.7, 2.0)))
        lists.append(rng.integers(0, min(vocab, 256), size))
        tokens -= size
    return Dataset.from_token_lists(lists, vocab_size=vocab)


def one_text(vocab: int, tokens: int, seed: int = 0) -> Dataset:
    """Return one long response."""
    return Dataset.from_token_lists([np.random.default_rng(seed).integers(0, min(vocab, 256), tokens)], vocab)


def scoring(
    model: HuggingFaceModel, data: Dataset, windows: Windows, peak: float, what: str, rounds: int = 2
) -> Iterable[Figure]:
    """Time `score` beside a plain loop: as many windows at a time, in order, logits and their log-softmax in full."""
    device, context = model.device.type, model.context or windows.length
    windows = Windows(min(windows.length, context))
    plan = plan_windows(data.lengths, windows)
    rows = max(1, model.batch_tokens // windows.length)
    given = []
    for start in range(0, len(plan), rows):
        some = range(start, min(len(plan), start + rows))
        lists = [
            torch.from_numpy(
                window_tokens(data, int(plan.document[w]), int(plan.start[w]), int(plan.size[w]), model.prefix_id, 0)
            )
            for w in some
        ]
        padded = torch.nn.utils.rnn.pad_sequence(lists, batch_first=True)
        given.append((padded[:, :-1], padded[:, 1:]))

    def plain() -> None:
        with torch.inference_mode():
            for ids, targets in given:
                logits = model.module(input_ids=ids.to(model.device), use_cache=False).logits
                costs = -torch.log_softmax(logits.float(), dim=-1)
                costs.gather(2, targets.to(model.device)[:, :, None]).cpu()

    def read() -> None:
        score(model, data, windows, fingerprint="")

    ours, theirs = in_turns(device, read, plain, rounds=rounds)
    tokens = int(plan.size.sum())
    yield Figure(f"scoring, {what}", tokens / ours, "tokens/s", "plain forward passes", tokens / theirs)
    yield Figure(f"scoring, {what}, share of matrix products", 2 * weights_of(model) * tokens / ours / peak, "")
    padded = sum(int(plan.size[one].max()) * one.size for one in batches(plan, model.batch_tokens, model.free_padding))
    yield Figure(f"scoring, {what}, padding", padded / tokens - 1, "of the tokens")
    if device == "cuda":
        for name, call in (("scoring", read), ("plain", plain)):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            call()
            yield Figure(f"{name}, {what}, peak memory", (torch.cuda.max_memory_allocated() - before) / 1e9, "GB")


# ---- fine-tuning ----


def tuning(
    model: HuggingFaceModel, batch: int, length: int, steps: int, what: str, rounds: int = 2
) -> Iterable[Figure]:
    """Time the experiments' loop beside a plain one: AdamW as it comes, the loss fetched at each step."""
    device = model.device.type
    data = one_text(model.vocab_size, batch * length * steps - 1, seed=1)
    seen = make_curriculum(
        {"text": Source(data, 1.0)}, length=length, examples=None, seed=0, eos_id=model.eos_id,
        prefix_id=model.prefix_id,
    )  # fmt: skip
    recipe = Recipe(batch=batch, length=length, learning_rate=1e-5)
    parameters = list(model.module.parameters())
    ids = [torch.from_numpy(seen.padded(range(i * batch, (i + 1) * batch))[0]) for i in range(steps)]

    def plain() -> None:
        optimizer = torch.optim.AdamW(parameters, lr=1e-5, betas=(0.9, 0.99), weight_decay=0.0)
        model.module.train()
        for inputs in ids:
            tokens = inputs.to(model.device)
            with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
                logits = model.module(input_ids=tokens[:, :-1], use_cache=False).logits
            loss = functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            loss.item()
        model.module.eval()

    ours, theirs = in_turns(device, lambda: fit(model, seen, recipe), plain, rounds=rounds)
    yield Figure(f"fine-tuning, {what}", steps / ours, "steps/s", "a plain loop", steps / theirs)


def bandwidth_bound(model: HuggingFaceModel, bytes_a_second: float) -> float:
    """Return the steps a second at which a step does no more than move weights, gradients and moments, in float32.

    For each weight: 10 bytes as it is read, made bf16, and this read forwards and backwards; 8 as the gradient is
    written and read; 24 as Adam reads and writes the weight and both moments.
    """
    return bytes_a_second / (42 * weights_of(model))


def side_by_side(shape: Shape, device: str, counts: Iterable[int], steps: int) -> Iterable[Figure]:
    """Time steps of several models of one shape: one after the other, and stacked as one (torch.func, vmap)."""
    counts = list(counts)
    modules = [llama(shape, device, seed=seed).module.train() for seed in range(max(counts))]
    ids = torch.randint(0, min(shape.vocab, 256), (len(modules), 4, 65), device=device)
    base = modules[0]

    def loss_of(module: Callable[..., Any], tokens: torch.Tensor) -> torch.Tensor:
        logits = module(input_ids=tokens[:, :-1], use_cache=False).logits
        return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    def apart() -> None:
        for module, tokens in zip(modules, ids, strict=True):
            optimizer = torch.optim.AdamW(module.parameters(), lr=1e-5, fused=True)
            for _ in range(steps):
                optimizer.zero_grad()
                loss_of(module, tokens).backward()
                optimizer.step()

    def loss_at(weights: dict[str, torch.Tensor], held: dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
        return loss_of(lambda **inputs: torch.func.functional_call(base, (weights, held), kwargs=inputs), tokens)

    each = in_turns(device, apart, rounds=1)[0] / len(modules) / steps
    for count in counts:
        stacked, buffers = torch.func.stack_module_state(modules[:count])
        names = dict(base.named_parameters())
        stacked = {name: held for name, held in stacked.items() if name in names}  # a tied output layer once
        leaves = [held.detach().requires_grad_() for held in stacked.values()]
        given = dict(zip(stacked, leaves, strict=True))

        def together(
            given: Any = given, buffers: Any = buffers, leaves: Any = leaves, count: int = count, step: Any = loss_at
        ) -> None:
            optimizer = torch.optim.AdamW(leaves, lr=1e-5, fused=True)
            for _ in range(steps):
                optimizer.zero_grad()
                torch.vmap(step)(given, buffers, ids[:count]).sum().backward()
                optimizer.step()

        took = in_turns(device, together, rounds=1)[0] / steps
        yield Figure(
            f"fine-tuning, {shape.name}, {count} seeds as one", count / took, "steps/s", "one after the other", 1 / each
        )


# ---- coding ----


def coding(model: HuggingFaceModel, text: bytes, streams: int, what: str) -> Iterable[Figure]:
    """Time encoding and decoding beside the rate of one pass of scoring over the same segments."""
    device = model.device.type
    coder = TokenCoder(model, streams=streams, segment=max(1, -(-len(model.encode(text)) // streams)))
    coder.compress(text[:64])  # fingerprints, kernels
    begun = clock(device)
    chunk = coder.compress(text)
    middle = clock(device)
    whole = coder.decompress(chunk, len(text)) == text
    ended = clock(device)
    held = coder.coded.get(chunk)
    yield Figure(f"coding, {what}, decoded bit for bit by the model", float(whole and held is not None), "(1: yes)")
    if held is None:
        return
    parts = segments_of(model.encode(text), coder.streams, coder.segment)
    data = Dataset.from_token_lists(parts, vocab_size=model.vocab_size)

    def once() -> float:
        return score(model, data, eos=False, whole=True, fingerprint="").total_bits

    one_pass = held.tokens / in_turns(device, once, rounds=1)[0]
    yield Figure(f"encoding, {what}", held.tokens / (middle - begun), "tokens/s", "one-pass scoring", one_pass)
    yield Figure(f"decoding, {what}", held.tokens / (ended - middle), "tokens/s", "one-pass scoring", one_pass)
    scored = once()
    yield Figure(f"coding, {what}, rows of the coder over the score", held.ideal_bits - scored, "bits")
    if len(chunk) < len(text):  # else the model says nothing of the text, as one of random weights, and the coder knows
        yield Figure(f"coding, {what}, size", len(chunk), "bytes", "the scored size", scored / 8)
