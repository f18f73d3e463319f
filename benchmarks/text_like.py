"""Token files for benchmarks: the standard library's source as 16-bit word tokens, and text like it of any length."""

from __future__ import annotations

import re
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGEST = 65_533  # words that are rarer than this many others share one token
PIECE = 12  # tokens copied at a time, on average, to make longer text


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / "compresslab-benchmarks"
    folder.mkdir(exist_ok=True)
    return folder


def source_tokens() -> NDArray[np.uint16]:
    """Tokenize the standard library's source (about 1e7 tokens: words, spaces, signs), frequent words low."""
    path = _folder() / "source.npy"
    if not path.exists():
        words = re.compile(r"\w+| +|\W")
        files = sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
        texts = [words.findall(f.read_text("utf-8", "replace")) for f in files if "site-packages" not in f.parts]
        counted = Counter(word for text in texts for word in text)
        number = {word: min(i, LARGEST) for i, (word, _) in enumerate(counted.most_common())}
        np.save(path, np.array([number[word] for text in texts for word in text], np.uint16))
    tokens: NDArray[np.uint16] = np.load(path)
    return tokens


def token_file(size: int, kind: str = "text") -> Path:
    """Write ``size`` tokens to a flat file of uint16, once: ``text``, or ``random`` (uniform)."""
    path = _folder() / f"{kind}-{size}.bin"
    if path.exists() and path.stat().st_size == 2 * size:
        return path
    rng = np.random.default_rng(0)
    source = source_tokens()
    with path.open("wb") as file:
        if kind == "text" and size <= len(source):
            file.write(source[:size].tobytes())
            return path
        for lo in range(0, size, 1 << 24):
            want = min(1 << 24, size - lo)
            block = rng.integers(0, LARGEST + 1, want, np.uint16) if kind == "random" else _spliced(source, want, rng)
            file.write(block.tobytes())
    return path


def _spliced(source: NDArray[np.uint16], size: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Splice pieces of the source: short repeats as often as in the source, long ones rarer."""
    length = rng.geometric(1 / PIECE, 2 * size // PIECE + 1000)
    length = length[: int(np.searchsorted(np.cumsum(length), size)) + 1]
    start = rng.integers(0, len(source) - int(length.max()), len(length))
    within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    return source[(np.repeat(start, length) + within)[:size]]
