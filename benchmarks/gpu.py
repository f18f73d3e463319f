"""Everything that only a GPU can show, in one run of below eight minutes: nothing is downloaded.

Run: python benchmarks/gpu.py --out gpu.jsonl [--weights 'smollm2.gguf.*'] [--only scoring ...]
Try: python benchmarks/gpu.py --device cpu --small --out /tmp/gpu.jsonl     # the same in tiny, that it runs whole

It runs outside the locks: torch 2.11 or newer on Python 3.11 or newer, transformers 5, numpy, scipy and constriction;
from a checkout, without installing: PYTHONPATH=. python benchmarks/gpu.py. Each figure is printed and written as soon
as it is had, a line of JSON each, and each part has its own time limit: what is lost when the machine is taken away is
the part at work. Models of random weights are made here: their speed is that of real ones. ``--weights`` names a GGUF
file, or the parts of 64 MiB into which ``split -b 64M`` cuts one: it is scored and coded besides.

Parts, in this order:

===========  =========================================================================================================
machine      the GPU, versions, rates of matrix products (bf16, float32) and of copying
scoring      tokens/s, share of the bf16 rate, peak memory, beside plain passes: SmolLM2's shape and 1.2e9 weights
tuning       steps/s of SmolLM2's shape at batch 4 of 64 tokens beside a plain loop, and beside the bound by bandwidth
coding       bf16, float16 and float32: whether it decodes, while other work runs too; tokens/s at 16 and 64 streams
measuring    one measurement of a fine-tuning: code lengths and divergence of held-out texts
workers      several processes of fine-tuning on one GPU: steps/s of all together
seeds        several seeds of small models as one batched model, beside one after the other
weights      scoring and coding of the model of ``--weights``
===========  =========================================================================================================
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import torch
from model_speed import (
    BILLION,
    SMALL,
    SMOLLM2,
    Figure,
    Shape,
    bandwidth_bound,
    coding,
    copy_rate,
    in_turns,
    llama,
    mixed_texts,
    one_text,
    product_rate,
    scoring,
    side_by_side,
    tuning,
)

from compresslab.lm.windows import Windows

_TINY = Shape("a tiny Llama", 600, 32, 48, 2, 2, 2, context=256)


@dataclass(frozen=True)
class Setting:
    """Where and how large."""

    device: str
    small: bool
    weights: str | None

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return (_TINY,) if self.small else (SMOLLM2, BILLION)

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32 if self.device == "cpu" else torch.bfloat16

    def peak(self) -> float:
        return product_rate(self.device, self.dtype, 256 if self.small else 8192)

    def bandwidth(self) -> float:
        return copy_rate(self.device, 1 << (22 if self.small else 31))


def machine(at: Setting) -> Iterable[Figure]:
    yield Figure("products of large matrices", at.peak() / 1e12, "TFLOP/s")
    yield Figure(
        "the same in float32", product_rate(at.device, torch.float32, 256 if at.small else 4096) / 1e12, "TFLOP/s"
    )
    yield Figure("copying", at.bandwidth() / 1e9, "GB/s")


def read(at: Setting) -> Iterable[Figure]:
    peak, tokens = at.peak(), 2_000 if at.small else 150_000
    for shape in at.shapes:
        model = llama(shape, at.device, at.dtype)
        for data, what in (
            (one_text(shape.vocab, tokens), "one text"),
            (mixed_texts(shape.vocab, tokens, 250), "mixed"),
        ):
            for window in (128,) if at.small else (512, 1024):
                yield from scoring(model, data, Windows(window), peak, f"{shape.name}, {what}, windows of {window}", 1)
        del model


def train(at: Setting) -> Iterable[Figure]:
    shape, bandwidth = at.shapes[0], at.bandwidth()
    model = llama(shape, at.device)
    found = list(tuning(model, 4, 64, 3 if at.small else 50, f"{shape.name}, batch 4 of 64 tokens, float32 weights"))
    yield from found
    yield Figure("the same", found[0].value, "steps/s", "the bound by bandwidth", bandwidth_bound(model, bandwidth))
    yield from tuning(model, 16, 64 if at.small else 256, 2 if at.small else 40, f"{shape.name}, batch 16", 1)


@contextmanager
def other_work(device: str, size: int) -> Iterator[None]:
    """Keep the device busy by products of matrices from another thread, in a stream of its own."""
    ended = threading.Event()

    def work() -> None:
        a = torch.randn(size, size, device=device)
        stream: Any = torch.cuda.stream(torch.cuda.Stream()) if device == "cuda" else nullcontext()
        with stream:
            while not ended.is_set():
                a @ a
                if device == "cuda":
                    torch.cuda.synchronize()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def code(at: Setting) -> Iterable[Figure]:
    shape = at.shapes[0]
    for dtype in (at.dtype,) if at.device == "cpu" else (torch.bfloat16, torch.float16, torch.float32):
        model = llama(shape, at.device, dtype)
        for streams in (4,) if at.small else (64, 16):
            text = bytes(one_text(257, 200 if at.small else 100 * streams, seed=3).tokens.astype("uint8"))
            yield from coding(model, text, streams, f"{dtype}, {streams} streams".replace("torch.", ""))
        with other_work(at.device, 64 if at.small else 4096):
            short = bytes(one_text(257, 100 if at.small else 800, seed=4).tokens.astype("uint8"))
            yield from coding(model, short, 16, f"{dtype}, beside other work".replace("torch.", ""))


def measured(at: Setting) -> Iterable[Figure]:
    from compresslab.experiments.models.measures import code_lengths, kl_nats
    from compresslab.lm.scoring import tokenize

    shape = at.shapes[0]
    model, base = llama(shape, at.device), llama(shape, at.device, seed=1)
    texts = [bytes(one.astype("uint8")) for one in mixed_texts(256, 800 if at.small else 50_000, 150)]
    data = tokenize(model, texts)
    lengths, kl = in_turns(
        at.device, lambda: code_lengths(model, {"texts": data}), lambda: kl_nats(model, base, data), rounds=1
    )
    yield Figure("code lengths of held-out texts", data.num_tokens / lengths, "tokens/s")
    yield Figure("divergence of held-out texts", data.num_tokens / kl, "tokens/s")


def _worker(shape: Shape, device: str, steps: int) -> float:
    """Return the steps a second of fine-tuning in a process of its own."""
    torch.set_num_threads(1)
    return next(iter(tuning(llama(shape, device), 4, 64, steps, "", 1))).value


def workers(at: Setting) -> Iterable[Figure]:
    from compresslab._support.processes import process_pool

    alone = None
    for count in (1, 2) if at.small else (1, 3):
        with process_pool(count) as pool:
            jobs = [pool.submit(_worker, at.shapes[0], at.device, 3 if at.small else 60) for _ in range(count)]
            found = sum(job.result() for job in jobs)
        alone = alone or found
        yield Figure(f"fine-tuning, {count} processes", found, "steps/s in all", "one process", alone)


def seeds(at: Setting) -> Iterable[Figure]:
    for shape in (_TINY,) if at.small else (SMALL, Shape("Llama of 3.9e6", 257, 224, 672, 6, 4, 4, context=256)):
        yield from side_by_side(shape, at.device, (1, 2) if at.small else (1, 4, 16), 2 if at.small else 20)


def given(at: Setting) -> Iterable[Figure]:
    from compresslab.lm.checkpoints import load

    if at.weights is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path, digest = Path(folder) / "weights.gguf", hashlib.sha256()
        parts = sorted(glob(at.weights))
        if not parts:
            raise FileNotFoundError(f"no file is called {at.weights}")
        with path.open("wb") as whole:
            for part in parts:
                digest.update(held := Path(part).read_bytes())
                whole.write(held)
        print(f"weights: {len(parts)} parts, {path.stat().st_size:,} bytes, SHA-256 {digest.hexdigest()}")
        model = load(path, device=at.device, dtype=str(at.dtype).removeprefix("torch."), label="weights")
        data = one_text(model.vocab_size, 2_000 if at.small else 200_000)
        yield from scoring(model, data, Windows(512), at.peak(), "weights", 1)
        text = Path(__file__).read_bytes()
        yield from coding(model, text if not at.small else text[:200], 64, "weights, this file")


# Seconds of each: 470 in all.
PARTS: dict[str, tuple[Callable[[Setting], Iterable[Figure]], int]] = {
    "machine": (machine, 20), "scoring": (read, 100), "tuning": (train, 50), "coding": (code, 100),
    "measuring": (measured, 30), "workers": (workers, 70), "seeds": (seeds, 40), "weights": (given, 60),
}  # fmt: skip


class TooLong(Exception):
    """A part took longer than it may."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--small", action="store_true", help="tiny shapes, to see that it runs whole")
    parser.add_argument("--weights", metavar="PATTERN", help="a GGUF file, or its parts")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, required=True, help="where the figures are written, a line each")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the processor's are not what is measured
    at = Setting(options.device, options.small, options.weights)
    failed = []
    with options.out.open("a", encoding="utf-8") as out:

        def say(held: dict[str, Any]) -> None:
            out.write(json.dumps(held) + "\n")
            out.flush()

        name = torch.cuda.get_device_name() if at.device == "cuda" else platform.processor() or platform.machine()
        versions = {"python": platform.python_version(), "torch": torch.__version__, "device": name}
        print(", ".join(f"{key} {value}" for key, value in versions.items()), flush=True)
        say({"part": "versions", **versions, "small": at.small})
        for part in options.only:
            work, seconds = PARTS[part]
            seconds *= 5 if at.small else 1  # a machine without a GPU may be slow, and busy
            begun = time.perf_counter()
            print(f"\n== {part}", flush=True)
            try:
                with time_limit(seconds):
                    for figure in work(at):
                        print(figure, flush=True)
                        say({"part": part, **json.loads(figure.as_json())})
            except TooLong:
                failed.append(part)
                print(f"{part} took longer than {seconds} s: the rest of it is left out", flush=True)
            except Exception as error:  # the other parts are measured all the same
                failed.append(part)
                traceback.print_exc()
                say({"part": part, "error": f"{type(error).__name__}: {error}"})
            if at.device == "cuda":
                torch.cuda.empty_cache()
            print(f"({time.perf_counter() - begun:.0f} s)", flush=True)
    if failed:
        sys.exit(f"not whole: {', '.join(failed)}")


if __name__ == "__main__":
    main()
