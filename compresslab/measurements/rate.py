"""The rate of a dataset under its own token tree."""

from __future__ import annotations

from dataclasses import dataclass

from compresslab.coding.tree_coder import code_dataset
from compresslab.data.dataset import Dataset
from compresslab.theory.code_length import entropy_bits, huffman_code_length_bits, ideal_code_length_bits
from compresslab.theory.rate import Rate, normalized_rate
from compresslab.trees.phrases import Parse, check_parse
from compresslab.trees.tree import TokenTree

__all__ = ["RateResult", "measure_rate"]


@dataclass(frozen=True)
class RateResult:
    """What a dataset costs in a code made for its own token tree, the tree being known to both sides.

    With the parse "phrases" the totals are those of a code that can be decoded, and the rates divide them by the
    symbols and bytes of the dataset. With "prefix" and "windows" no code covers the dataset phrase by phrase: totals
    are None, and the rates are the paper's ``gamma = H / d`` per symbol.

    Attributes:
        name: the dataset's name.
        tokenizer: its tokenizer's name, or "".
        parse: how responses were cut into phrases.
        depth: symbols per phrase, ``d``.
        vocab_size: V, EOS not counted.
        responses: number of responses.
        symbols: tokens and one EOS per response.
        bytes: bytes of the original text, or None.
        phrases: number of phrases, the volume ``|D|``.
        nodes: nodes of the tree, the root included.
        leaves: leaves of the tree, ``M``.
        entropy_bits: ``H`` of the leaves, bits per phrase.
        huffman_bits: expected length of a Huffman code, bits per phrase.
        total_entropy_bits: ``phrases * H``.
        total_ideal_bits: the paper's ideal code length, summed over the responses.
        total_huffman_bits: the Huffman code's bits for the whole dataset.
        coded_bits: real bits: the range coder's stream for the whole dataset, decoded again and compared; None where it
            was not made.
        tree_bits: the tree itself, packed: what must be added where the decoder does not have it.
        bits_per_symbol: see above.
        bits_per_byte: see above; None where the bytes are unknown.
        normalized_rate_bits_per_phrase: ``H - log2 M``.
        normalized_rate_bits_per_symbol: ``(H - log2 M) / d``.
        normalized_rate_literal: ``H / d - log2 M``, as the paper writes it.
    """

    name: str
    tokenizer: str
    parse: Parse
    depth: int
    vocab_size: int
    responses: int
    symbols: int
    bytes: int | None
    phrases: int
    nodes: int
    leaves: int
    entropy_bits: float
    huffman_bits: float
    total_entropy_bits: float | None
    total_ideal_bits: int | None
    total_huffman_bits: int | None
    coded_bits: int | None
    tree_bits: int | None
    bits_per_symbol: float
    bits_per_byte: float | None
    normalized_rate_bits_per_phrase: float
    normalized_rate_bits_per_symbol: float
    normalized_rate_literal: float


def measure_rate(dataset: Dataset, depth: int, parse: str = "phrases", *, code: bool = True) -> RateResult:
    """Build a dataset's token tree, measure its code lengths, and code the dataset for real.

    Args:
        dataset: the responses.
        depth: symbols per phrase, ``d``.
        parse: the parse mode.
        code: with the parse "phrases": code the dataset under its tree, and decode it again.

    Example:
        >>> result = measure_rate(Dataset.from_texts(["to be or not to be"]), depth=2)
        >>> result.phrases, result.leaves, round(result.total_entropy_bits, 2), result.coded_bits
        (10, 10, 33.22, 64)
    """
    known = check_parse(parse)
    tree = TokenTree.build(dataset, depth, known)
    leaves = tree.leaves()
    p = leaves.probabilities
    entropy, huffman = entropy_bits(p), huffman_code_length_bits(p)
    decodable = known == "phrases"
    total = tree.total * entropy
    per_symbol = Rate(total, dataset.num_symbols, "symbol") if decodable else Rate(entropy, depth, "symbol")
    bits = per_symbol.value * dataset.num_symbols
    coding = code_dataset(dataset, tree) if decodable and code else None
    return RateResult(
        name=dataset.name,
        tokenizer=dataset.tokenizer.name if dataset.tokenizer is not None else "",
        parse=known,
        depth=tree.depth,
        vocab_size=dataset.vocab_size,
        responses=dataset.num_responses,
        symbols=dataset.num_symbols,
        bytes=dataset.num_bytes,
        phrases=tree.total,
        nodes=tree.num_nodes,
        leaves=tree.num_leaves,
        entropy_bits=entropy,
        huffman_bits=huffman,
        total_entropy_bits=total if decodable else None,
        total_ideal_bits=int(ideal_code_length_bits(dataset.lengths, depth, p).sum()) if decodable else None,
        total_huffman_bits=round(huffman * tree.total) if decodable else None,
        coded_bits=coding.coded_bits if coding else None,
        tree_bits=coding.tree_bits if coding else None,
        bits_per_symbol=per_symbol.value,
        bits_per_byte=Rate(bits, dataset.num_bytes, "byte").value if dataset.num_bytes else None,
        normalized_rate_bits_per_phrase=normalized_rate(p, p).value,
        normalized_rate_bits_per_symbol=normalized_rate(p, p, tree.depth, "symbol").value,
        normalized_rate_literal=normalized_rate(p, p, tree.depth, "literal").value,
    )
