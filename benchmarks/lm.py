"""Language models: how fast they are read, trained and coded with, beside plain loops; bits per byte; lm-eval.

Run: python benchmarks/lm.py [--model smollm2] [--bytes 20000] [--start 0] [--code 4000] [--threads 1] [FILE ...]

Prints, in one run of below three minutes on a CPU, nothing downloaded (models of random weights are made here):
- the machine, and how fast its own products of large matrices are;
- tokens per second of `score` beside plain forward passes with a log-softmax of the whole table, on one long text and
  on texts of mixed lengths, and the share of the products' rate that this is;
- steps per second of fine-tuning beside a plain loop of torch;
- tokens per second of coding beside one pass of scoring;
- on a GPU the same there (`benchmarks/gpu.py` measures more).

With --model or files, for each model (tiny and smollm2 where none is named):
- tokens per second of `score` beside plain passes, and of coding, and the coded size beside the scored bits;
- bits per byte of ``--bytes`` bytes of each file from ``--start`` on, beside gzip, xz, zstd, brotli and zpaq (where
  installed); without files the held-out part of the embedded corpora is used;
- with lm-eval installed: the same rate by its rolling log-likelihood, and the relative difference.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from model_speed import (
    SMALL,
    SMOLLM2,
    Figure,
    coding,
    llama,
    mixed_texts,
    one_text,
    product_rate,
    scoring,
    tuning,
)
from side_by_side import print_machine

from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.windows import Windows
from compresslab.measurements.model_rate import general_compressors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--bytes", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--code", type=int, default=4_000)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print_machine(("torch", "transformers", "numpy"))
    print(f"{options.device}, {options.threads} threads; on a CPU seconds are processor seconds of all threads\n")
    on_cpu = options.device == "cpu"
    dtype = torch.float32 if on_cpu else torch.bfloat16
    peak = product_rate(options.device, dtype, 2048 if on_cpu else 8192)
    show(Figure(f"products of large matrices, {dtype}".replace("torch.", ""), peak / 1e9, "GFLOP/s"))
    if not options.model and not options.files:
        speed(options.device, options.window, peak)
        return
    texts = samples(options.files, options.start, options.bytes)
    for name in options.model or ["tiny", "smollm2"]:
        model = get_model(name, device=options.device)
        print(f"\n{model!r}")
        windows = Windows(min(options.window, model.context or options.window))
        first = next(iter(texts.values()))
        for figure in scoring(model, tokenize(model, [first]), windows, peak, name):
            show(figure)
        for label, text in texts.items():
            rates(model, label, text, windows)
        for figure in coding(model, first[: options.code].decode("utf-8", "ignore").encode(), 16, name):
            show(figure)
        print(f"peak memory so far {peak_memory()}")


def show(figure: Figure) -> None:
    print(figure, flush=True)


def speed(device: str, window: int, peak: float) -> None:
    """Print the speeds of models that are made here: one with a large vocabulary, and a small one of bytes."""
    on_cpu = device == "cpu"
    for shape, tokens, texts, steps, code in (
        (SMALL, 20_000, 20_000, 40, 2000),
        (SMOLLM2, 1_024, 512, 1, 160) if on_cpu else (SMOLLM2, 400_000, 400_000, 60, 20_000),
    ):
        rounds = 1 if on_cpu and shape is SMOLLM2 else 3
        model = llama(shape, device, torch.float32 if on_cpu else torch.bfloat16)
        print(f"\n{model!r}")
        for data, what in (
            (one_text(shape.vocab, tokens), "one text"), (mixed_texts(shape.vocab, texts, 250), "mixed lengths"),
        ):  # fmt: skip
            for figure in scoring(model, data, Windows(window), peak, what, rounds):
                show(figure)
        text = bytes(one_text(257, code, seed=2).tokens.astype("uint8"))
        for figure in coding(model, text, 16, "16 streams"):
            show(figure)
        for figure in tuning(llama(shape, device), 4, 64, steps, "batch 4 of 64 tokens", rounds):
            show(figure)
        print(f"peak memory so far {peak_memory()}")


def samples(files: list[Path], start: int, size: int) -> dict[str, bytes]:
    """Return that many bytes of each file, cut at the end of a line."""
    if files:
        raw = {path.name: path.read_bytes() for path in files}
    else:
        from compresslab.lm.tiny import tiny_data

        raw = {name: b"\n".join(held_out.texts()) for name, (_, held_out) in tiny_data().items()}
    cut = {name: text[start : start + size] for name, text in raw.items()}
    return {name: text.rpartition(b"\n")[0] or text for name, text in cut.items()}


def peak_memory() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"


def rates(model: Any, label: str, text: bytes, windows: Windows) -> None:
    scores = score(model, tokenize(model, [text]), windows, eos=False)
    others = general_compressors(text)
    with contextlib.suppress(ImportError):
        import brotli

        others["brotli -q 11"] = len(brotli.compress(text, quality=11, lgwin=24))
    if shutil.which("zpaq"):
        others["zpaq -m5"] = zpaq(text)
    beside = ", ".join(f"{tool} {8 * size / len(text):.3f}" for tool, size in others.items())
    print(f"{label}: {len(text):,} bytes: {scores.rate('byte').value:.4f} bits per byte; {beside}")
    theirs = lm_eval_bits(model, text, windows)
    if theirs is not None:
        print(
            f"    lm-eval's rolling log-likelihood: {theirs / len(text):.6f} bits per byte, ours "
            f"{scores.total_bits / len(text):.6f}, relative difference {abs(theirs / scores.total_bits - 1):.1e}"
        )


def zpaq(data: bytes) -> int:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").write_bytes(data)
        command = ["zpaq", "a", "archive.zpaq", "data", "-m5"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return (Path(folder) / "archive.zpaq").stat().st_size


def lm_eval_bits(model: Any, text: bytes, windows: Windows) -> float | None:
    """Return the bits of a text by lm-evaluation-harness's loglikelihood_rolling, None where it is not installed."""
    try:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM
    except ImportError:
        return None
    if windows.stride != windows.length or model.tokenizer.name == "bytes":
        return None  # the harness reads disjoint windows, and needs a tokenizer of transformers
    from transformers import PreTrainedTokenizerFast

    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder) / "tokenizer.json"
        definition.write_text(model.tokenizer.definition(), encoding="utf-8")
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(definition))
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.eos_id)
    tokenizer.bos_token = tokenizer.convert_ids_to_tokens(model.prefix_id)
    harness = HFLM(pretrained=model.module, tokenizer=tokenizer, max_length=windows.length, batch_size=1)
    request = Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text.decode(),), idx=0)
    return -float(harness.loglikelihood_rolling([request], disable_tqdm=True)[0]) / math.log(2)


if __name__ == "__main__":
    main()
