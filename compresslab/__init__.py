"""compresslab: what fine-tuning does to the data a language model was trained on, measured in bits.

The path of the data: a :class:`Dataset` becomes a :class:`TokenTree`, the tree a :class:`LeafDistribution`,
the distribution a code length and a :class:`Rate`; a :class:`Mixture` of datasets is compressed by one code, and
:class:`Elasticity` says what a perturbation does to the pre-training and the alignment data.

After Ji et al., *Language Models Resist Alignment: Evidence From Data Compression*, arXiv 2406.06144.

Example:
    >>> import compresslab as cl
    >>> data = cl.Dataset.from_texts(["to be", "or not to be"])
    >>> p = cl.TokenTree.build(data, depth=2).leaves()
    >>> round(cl.entropy_bits(p), 6), len(p)
    (3.321928, 10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compresslab.audit.auditing import audit
    from compresslab.data.corpora import corpus_names, load_corpus
    from compresslab.data.dataset import Dataset
    from compresslab.data.tokenizers import get_tokenizer
    from compresslab.errors import CompressLabError
    from compresslab.measurements.score import score
    from compresslab.probe.probing import probe
    from compresslab.theory.code_length import (
        cross_entropy_bits,
        entropy_bits,
        huffman_code_length_bits,
        ideal_code_length_bits,
        kl_bits,
    )
    from compresslab.theory.elasticity import Elasticity
    from compresslab.theory.huffman import canonical_codewords, huffman_lengths, kraft_sum
    from compresslab.theory.mixture import Mixture
    from compresslab.theory.pareto import pareto_elasticity_nats, pareto_normalized_entropy_nats, pareto_overlap
    from compresslab.theory.rate import Rate, compression_rate, normalized_rate
    from compresslab.trees.distribution import LeafDistribution
    from compresslab.trees.tree import TokenTree

__all__ = [
    "CompressLabError",
    "Dataset",
    "Elasticity",
    "LeafDistribution",
    "Mixture",
    "Rate",
    "TokenTree",
    "__version__",
    "audit",
    "canonical_codewords",
    "compression_rate",
    "corpus_names",
    "cross_entropy_bits",
    "entropy_bits",
    "get_tokenizer",
    "huffman_code_length_bits",
    "huffman_lengths",
    "ideal_code_length_bits",
    "kl_bits",
    "kraft_sum",
    "load_corpus",
    "normalized_rate",
    "pareto_elasticity_nats",
    "pareto_normalized_entropy_nats",
    "pareto_overlap",
    "probe",
    "score",
]

__version__ = "0.1.0"

# Public names are imported when they are first used: importing the package stays quick, whatever it grows to hold.
_HOME = {
    "CompressLabError": "errors",
    "Dataset": "data.dataset",
    "Elasticity": "theory.elasticity",
    "LeafDistribution": "trees.distribution",
    "Mixture": "theory.mixture",
    "Rate": "theory.rate",
    "TokenTree": "trees.tree",
    "audit": "audit",  # the package, which is called
    "canonical_codewords": "theory.huffman",
    "compression_rate": "theory.rate",
    "corpus_names": "data.corpora",
    "cross_entropy_bits": "theory.code_length",
    "entropy_bits": "theory.code_length",
    "get_tokenizer": "data.tokenizers",
    "huffman_code_length_bits": "theory.code_length",
    "huffman_lengths": "theory.huffman",
    "ideal_code_length_bits": "theory.code_length",
    "kl_bits": "theory.code_length",
    "kraft_sum": "theory.huffman",
    "load_corpus": "data.corpora",
    "normalized_rate": "theory.rate",
    "pareto_elasticity_nats": "theory.pareto",
    "pareto_normalized_entropy_nats": "theory.pareto",
    "pareto_overlap": "theory.pareto",
    "probe": "probe",  # the package, which is called
    "score": "measurements.score",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'compresslab' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"compresslab.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
