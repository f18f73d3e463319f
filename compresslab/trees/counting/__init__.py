"""Counting the phrases of a dataset, exactly: the choice between engines that give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compresslab._support.jit import pays
from compresslab.trees.counting.numpy_any_depth import count_refining
from compresslab.trees.counting.numpy_words import WORD, bits_per_symbol, count_packed, count_packed_windows, fits
from compresslab.trees.leaves import LocatedPhrases, SortedLeaves, Unsigned
from compresslab.trees.phrases import Parse, locate_phrases, num_phrases

LARGE = 1 << 24  # tokens from which on it is asked whether the tree fits into memory

__all__ = ["count_dataset", "count_phrases", "count_strings", "merge_leaves"]


def count_dataset(
    tokens: Unsigned, offsets: NDArray[np.int64], depth: int, parse: Parse, vocab_size: int
) -> SortedLeaves:
    """Count every phrase of a dataset, on disk where the tree could take more memory than there is.

    Args:
        tokens: unsigned, flat; all responses one after the other, without EOS; it may be a memory map.
        offsets: int64, shape ``(R + 1,)``.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        vocab_size: V.
    """
    if len(tokens) >= LARGE:
        from compresslab.trees.out_of_core.spilling import count_spilled, must_spill

        if must_spill(np.diff(offsets), depth, parse, vocab_size):
            return count_spilled(tokens, offsets, depth, parse, vocab_size)
    return count_phrases(tokens, offsets, depth, parse)


def count_phrases(tokens: Unsigned, offsets: NDArray[np.int64], depth: int, parse: Parse) -> SortedLeaves:
    """Count every phrase of a dataset.

    Args:
        tokens: unsigned, flat; all responses one after the other, without EOS.
        offsets: int64, shape ``(R + 1,)``.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
    """
    bits = bits_per_symbol(tokens)
    phrases = int(num_phrases(np.diff(offsets), depth, parse).sum())
    packed = fits(bits, depth)
    if pays(phrases * (1 if packed else 8)):
        if parse == "windows":
            from compresslab.trees.counting.sorted_windows import count_windows

            found = count_windows(tokens, offsets, depth, bits)
            if found is not None:
                return found
        # There EOS is a symbol too: where strings fit into a word without it but not with it, numpy is faster.
        if not packed or depth * (int(tokens.max(initial=0)) + 1).bit_length() <= WORD:
            from compresslab.trees.counting.compiled_any_depth import count_compiled

            return count_compiled(tokens, offsets, depth, parse)
    if parse == "windows" and packed:
        return count_packed_windows(tokens, offsets, depth, bits)
    return count_strings(LocatedPhrases(tokens, *locate_phrases(offsets, depth, parse)), depth)


def count_strings(strings: LocatedPhrases, depth: int) -> SortedLeaves:
    """Count strings of at most ``depth`` tokens, by the engine that suits their size."""
    bits = bits_per_symbol(strings.tokens)
    return count_packed(strings, depth, bits) if fits(bits, depth) else count_refining(strings, depth)


def merge_leaves(parts: Sequence[SortedLeaves], dtype: np.dtype[np.unsignedinteger[Any]]) -> SortedLeaves:
    """Add the counts of several trees of one depth: the tree of all their phrases together.

    Args:
        parts: trees of one depth.
        dtype: unsigned, wide enough for every symbol.
    """
    if pays(8 * sum(len(part.counts) for part in parts)):
        from compresslab.trees.counting.front_coded import Run, merge_runs

        return merge_runs([Run.of(part, dtype) for part in parts], parts[0].depth).leaves(parts[0].depth)
    strings = [part.strings(dtype) for part in parts]
    shift = np.cumsum([0] + [len(part.tokens) for part in strings[:-1]])
    joined = LocatedPhrases(
        np.concatenate([part.tokens for part in strings]),
        np.concatenate([part.start + by for part, by in zip(strings, shift, strict=True)]),
        np.concatenate([part.length for part in strings]),
        np.concatenate([part.weights for part in strings if part.weights is not None]),
    )
    return count_strings(joined, parts[0].depth)
