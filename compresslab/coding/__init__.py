"""Real bits: probabilities to codewords and back, exactly, and files that are checked on every byte.

- Streams of symbols under probability rows: `encode`, `decode`, `Encoder`, `Decoder`, `BatchEncoder`, `BatchDecoder`.
- What quantisation costs at most: `overhead_bound_bits`; the integer weights themselves: `quantize`.
- Huffman streams, as the paper codes: `HuffmanCode`.
- Datasets under token trees: `code_dataset`.
- `.clz` files: `compress_file`, `decompress_file`, `verify_file`, `recover_file`, `file_info`, `read_range`.
"""

from __future__ import annotations

from compresslab.coding.clz.chunk_model import ChunkModel, EmbeddedModel
from compresslab.coding.clz.container import (
    FileInfo,
    compress_file,
    decompress_file,
    file_info,
    read_range,
    verify_file,
)
from compresslab.coding.clz.recovery import Damage, Recovery, recover_file
from compresslab.coding.huffman_stream import HuffmanCode
from compresslab.coding.rows.bounds import overhead_bound_bits
from compresslab.coding.rows.quantize import quantize
from compresslab.coding.rows.stream import BatchDecoder, BatchEncoder, Decoder, Encoder, decode, encode
from compresslab.coding.tree_coder import TreeCoding, code_dataset

__all__ = [
    "BatchDecoder",
    "BatchEncoder",
    "ChunkModel",
    "Damage",
    "Decoder",
    "EmbeddedModel",
    "Encoder",
    "FileInfo",
    "HuffmanCode",
    "Recovery",
    "TreeCoding",
    "code_dataset",
    "compress_file",
    "decode",
    "decompress_file",
    "encode",
    "file_info",
    "overhead_bound_bits",
    "quantize",
    "read_range",
    "recover_file",
    "verify_file",
]
