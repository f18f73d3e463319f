"""Language models: scoring beside a bare loop, bits per byte beside compressors, coding, agreement with lm-eval.

Run: python benchmarks/lm.py [--model smollm2] [--bytes 20000] [--start 0] [--code 4000] [--threads N] [FILE ...]

Prints, for each model (default: tiny and smollm2):
- tokens per second of `score`, and of a bare loop of forward passes and log-softmax on the same windows, in turns
  (on a CPU: per second of processor time);
- peak memory of the process;
- bits per byte of ``--bytes`` bytes of each file from ``--start`` on, beside gzip, xz, zstd, brotli and zpaq (where
  installed);
- with lm-eval installed: the same rate by its rolling log-likelihood, and the relative difference;
- the first ``--code`` bytes coded, decoded and compared: coded size beside scored bits, seconds of each;
- on a GPU: the share of the chip's own bf16 rate, measured by a large matrix product, that scoring reaches, also for a
  Llama of about 1e9 random weights.
Without files the held-out part of the embedded corpora is used.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compresslab import Dataset
from compresslab.lm.chunk_coder import TokenCoder, segments_of
from compresslab.lm.registry import get_model
from compresslab.lm.scoring import score, tokenize
from compresslab.lm.windows import Windows, batches, plan_windows
from compresslab.measurements.model_rate import general_compressors

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--bytes", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--code", type=int, default=4_000)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device")
    options = parser.parse_args()
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    texts = samples(options.files, options.start, options.bytes)
    for name in options.model or ["tiny", "smollm2"]:
        model = get_model(name, **({"device": options.device} if options.device else {}))
        print(f"\n{model!r}, {torch.get_num_threads()} threads, torch {torch.__version__}")
        windows = Windows(min(options.window, model.context or options.window))
        throughput(model, next(iter(texts.values())), windows)
        for label, text in texts.items():
            rates(model, label, text, windows)
        coded(model, next(iter(texts.values()))[: options.code])
    if torch.cuda.is_available():
        on_a_gpu(options.window)


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


def throughput(model: Any, text: bytes, windows: Windows) -> None:
    """Time `score` and a bare loop on the same windows, in turns, and print the ratio of the medians."""
    import torch

    data = tokenize(model, [text])
    lengths = np.diff(data.offsets) + 1
    plan = plan_windows(lengths, windows)
    sequence = torch.tensor([model.prefix_id, *data[0].tolist(), model.eos_id])
    given = []
    for batch in batches(plan, model.batch_tokens):
        starts, size = plan.start[batch].tolist(), int(plan.size[batch].max())
        rows = [sequence[s : s + size + 1] for s in starts]
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        given.append((padded[:, :-1], padded[:, 1:]))

    def bare() -> None:
        with torch.inference_mode():
            for ids, targets in given:
                logits = model.module(input_ids=ids.to(model.device), use_cache=False).logits
                costs = -torch.log_softmax(logits.float(), dim=-1)
                costs.gather(2, targets.to(model.device)[:, :, None]).cpu()

    on_cpu = model.device.type == "cpu"  # there, processor time: others may be at work on the machine
    ours, theirs = in_turns(
        lambda: score(model, data, windows), bare, clock=time.process_time if on_cpu else time.perf_counter
    )
    tokens = int(plan.size.sum())
    print(
        f"scoring {tokens:,} tokens in windows of {windows.length}: {tokens / ours:,.0f} tokens/s"
        f"{' of processor time' * on_cpu}; bare loop {tokens / theirs:,.0f}; ratio {theirs / ours:.3f}; "
        f"peak memory so far {peak_memory()}"
    )


def in_turns(*calls: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Return the median seconds of each call; they run one after the other, several rounds."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, held in zip(calls, seconds, strict=True):
            begun = clock()
            call()
            held.append(clock() - begun)
    return [float(np.median(held)) for held in seconds]


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


def coded(model: Any, text: bytes) -> None:
    """Code a text, decode it, and compare its size with its score in the same segments."""
    text = text.decode("utf-8", "ignore").encode()
    coder = TokenCoder(model)
    begun = time.perf_counter()
    chunk = coder.compress(text)
    middle = time.perf_counter()
    whole = coder.decompress(chunk, len(text)) == text
    ended = time.perf_counter()
    held = coder.coded[chunk]
    parts = segments_of(model.encode(text), coder.streams, coder.segment)
    data = Dataset.from_token_lists(parts, vocab_size=model.vocab_size)
    scored = score(model, data, eos=False, whole=True).total_bits
    print(
        f"coded {len(text):,} bytes, {held.tokens:,} tokens, {len(parts)} segments: {len(chunk):,} bytes, "
        f"scored {scored / 8:,.1f} (excess {len(chunk) / (scored / 8) - 1:+.3%}, {len(chunk) - scored / 8:+.1f} bytes, "
        f"float path {held.ideal_bits - scored:+.4f} bits); {'decoded bit for bit' if whole else 'DOES NOT DECODE'}; "
        f"{held.tokens / (middle - begun):.1f} tokens/s to encode, {held.tokens / (ended - middle):.1f} to decode"
    )


def on_a_gpu(length: int) -> None:
    """Print the share of the chip's bf16 rate that scoring reaches."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from compresslab.lm.hugging_face import HuggingFaceModel

    size = 8192
    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)

    def product() -> None:
        for _ in range(10):
            a @ a
        torch.cuda.synchronize()

    product()
    rate = 10 * 2 * size**3 / in_turns(product)[0]
    print(f"\n{torch.cuda.get_device_name()}: bf16 matrix products reach {rate / 1e12:.0f} TFLOP/s")
    config = LlamaConfig(
        vocab_size=49152, hidden_size=2048, intermediate_size=5632, num_hidden_layers=20, num_attention_heads=16,
        num_key_value_heads=16, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    with torch.device("cuda"):
        large = LlamaForCausalLM(config).to(torch.bfloat16)
    rng = np.random.default_rng(0)
    data = Dataset.from_token_lists([rng.integers(0, 49152, 200_000)], vocab_size=49152)
    for model in (get_model("smollm2", device="cuda"), HuggingFaceModel(large, None, name="llama-1e9")):
        used = Windows(min(length, model.context or length))
        score(model, data, used)
        seconds = in_turns(lambda model=model, used=used: score(model, data, used))[0]
        weights = sum(p.numel() for p in model.module.parameters())
        speed = data.num_tokens / seconds
        print(f"{model!r}: {speed:,.0f} tokens/s, {2 * weights * speed / rate:.1%} of the chip's measured bf16 rate")


if __name__ == "__main__":
    main()
