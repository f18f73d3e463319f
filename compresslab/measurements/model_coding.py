"""Files coded by a language model, and how many bits that takes beside the bits that the model's scores promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from compresslab._support.files import open_file
from compresslab.coding.clz.chunk_model import ChunkModel, EmbeddedModel
from compresslab.coding.clz.container import FileInfo, compress_file, file_info
from compresslab.coding.clz.escapes import Escape, EscapedChunks, tally
from compresslab.coding.clz.format import Method
from compresslab.coding.clz.reader import ClzReader
from compresslab.coding.rows.bounds import overhead_bound_bits
from compresslab.coding.stream_version import FIXED_STEPS
from compresslab.data.dataset import Dataset
from compresslab.data.tokenizers import ByteTokenizer
from compresslab.errors import CorruptFile, InvalidParameter, WrongModel, did_you_mean
from compresslab.lm.checkpoints import DTYPES
from compresslab.lm.chunk_coder import (
    DEFAULT_CHUNK,
    DEFAULT_SEGMENT,
    DEFAULT_STREAMS,
    Coded,
    TokenCoder,
    segments_of,
    tokenizer_digest,
)
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import built_in_models, get_model, takes
from compresslab.lm.repeatable import prepare_process
from compresslab.lm.scoring import score

__all__ = [
    "CodedRateResult",
    "check_built_in",
    "check_settings",
    "compress_with_model",
    "model_coder",
    "model_of_file",
]

Progress = Callable[[int, int], None]
RANGE_CODER_BITS = 1.3e-4 * 2  # what the range coder's own rounding costs at most, a token (two levels)


@dataclass(frozen=True)
class CodedRateResult:
    """A file coded by a language model, beside its score under the same model in the same segments.

    coded = scored + ``float_path_bits`` + ``coder_bits`` + the file's own parts.

    Attributes:
        info: what the ``.clz`` file says about itself.
        tokens: tokens that are in the file, coded by the model.
        scored_bits: the code length of those tokens by scoring, in one pass; None where it was not asked for.
        stepped_bits: the same by the rows that they were coded under, token by token.
        stream_bits: bits of the coded streams.
        file_bits: bits of the whole file: streams, header, checksums, index.
        float_path_bits: stepped minus scored: other shapes, other rounding; None without a score.
        coder_bits: stream minus stepped: quantisation, the range coder, the ends of the streams.
        coder_bound_bits: what that can be at most.
        escaped_bytes: bytes of chunks that are stored without the model.
        escapes: these by the reason why.
    """

    info: FileInfo
    tokens: int
    scored_bits: float | None
    stepped_bits: float
    stream_bits: int
    file_bits: int
    float_path_bits: float | None
    coder_bits: float
    coder_bound_bits: float
    escaped_bytes: int
    escapes: tuple[EscapedChunks, ...] = ()


def model_coder(
    name: str | LanguageModel, *, streams: int = DEFAULT_STREAMS, segment: int = DEFAULT_SEGMENT, **settings: Any
) -> TokenCoder:
    """Return the coder of chunks under a model; ``settings`` are those of `compresslab.lm.registry.get_model`."""
    prepare_process()
    return _coder(name, streams, segment, settings)


def _coder(name: str | LanguageModel, streams: int, segment: int, settings: dict[str, Any]) -> TokenCoder:
    return TokenCoder(get_model(name, **coding_rule(name), **settings), streams, segment)


def coding_rule(name: str | LanguageModel) -> dict[str, str]:
    """Return the setting with which a model codes files: its prefix is that of files coded before, so that they decode.

    Example:
        >>> coding_rule("smollm2"), coding_rule("tiny")
        ({'rule': 'config'}, {})
    """
    return {"rule": "config"} if isinstance(name, str) and takes(name, "rule") else {}


def compress_with_model(
    source: str | PathLike[str],
    target: str | PathLike[str] | None,
    coder: TokenCoder,
    *,
    chunk_size: int = DEFAULT_CHUNK,
    verify: bool = True,
    compare: bool = True,
    progress: Progress | None = None,
) -> CodedRateResult:
    """Compress a file by a model; the file gets its name after it was decoded again (unless ``verify`` is off).

    Args:
        source: any file; chunks that are not text of the model's tokenizer are stored without it.
        target: where to write; the source's name with ``.clz`` added where None.
        coder: from `model_coder`.
        chunk_size: bytes that are tokenized by themselves; a chunk of few tokens has few segments.
        verify: decode every chunk before it is trusted.
        compare: also score the same tokens, in one pass and the same segments.
        progress: called with (bytes done, in all).
    """
    escapes: list[Escape] = []
    info = compress_file(
        source, target, model=coder, chunk_size=chunk_size, verify=verify, progress=progress, escaped=escapes.append
    )
    made: list[Coded] = []
    scored, escaped = 0.0, 0
    with ClzReader(info.path) as reader, open_file(source) as file:
        for index in range(reader.num_chunks):
            head, chunk = reader.coded(index)
            if head.method != Method.MODEL:
                escaped += head.size
                continue
            made.append(coder.coded[chunk])
            if compare:
                file.seek(head.start)
                scored += _scored_bits(coder, file.read(head.size))
    tokens, stepped = sum(coded.tokens for coded in made), sum(coded.ideal_bits for coded in made)
    stream_bits = sum(8 * len(coded.stream) for coded in made)
    return CodedRateResult(
        info=info,
        tokens=tokens,
        scored_bits=scored if compare else None,
        stepped_bits=stepped,
        stream_bits=stream_bits,
        file_bits=8 * info.coded_size,
        float_path_bits=stepped - scored if compare else None,
        coder_bits=stream_bits - stepped,
        coder_bound_bits=tokens * (overhead_bound_bits(coder.model.vocab_size) + RANGE_CODER_BITS) + 160 * len(made),
        escaped_bytes=escaped,
        escapes=tally(escapes),
    )


def _scored_bits(coder: TokenCoder, data: bytes) -> float:
    """Return the code length of a chunk's tokens by scoring, in the segments that they are coded in."""
    segments = segments_of(coder.model.encode(data), coder.streams, coder.segment)
    parts = Dataset.from_token_lists(segments, vocab_size=coder.model.vocab_size)
    return score(coder.model, parts, None, eos=False, whole=True).total_bits


def model_of_file(source: str | PathLike[str], name: str | None = None, **settings: Any) -> ChunkModel:
    """Return the model that wrote a ``.clz`` file, with the settings of that time.

    Torch's number of threads, of the whole process, becomes that of the writer: other numbers, other sums.

    Args:
        source: the file.
        name: where the model is. A file may be found by the name that it holds only if that is a model that compresslab
            brings: anything else on this machine is loaded because you say so, not because a file does.
        settings: for `compresslab.lm.registry.get_model`, such as ``device``; dtype is the writer's where not given.

    Raises:
        InvalidParameter: a name was given for a file that no language model wrote, or none where one is needed.
        UnknownName, MissingExtra: the model is not here.
        WrongModel: a model that compresslab brings was named, and another one wrote the file, as its facts show.
        CorruptFile: the file's settings are those of no model.
    """
    info = file_info(source)
    if info.model == EmbeddedModel.name:
        if name is not None:
            raise InvalidParameter(f"{source} was written with the embedded model: leave the model's name out")
        return EmbeddedModel()
    if name is None and info.model not in built_in_models():
        raise InvalidParameter(
            f"{source} was written with the model {info.model!r}, which compresslab does not bring, and a file does "
            f"not choose what is loaded here: name it with --model (known without are {', '.join(built_in_models())})"
        )
    held = info.settings
    check_settings(source, held)
    check_built_in(source, name, info.model, held, info.tokenizer)
    if "threads" in held:
        import torch

        torch.set_num_threads(int(held["threads"]))
        settings = {"dtype": held.get("dtype"), **settings}
    if info.stream_version >= FIXED_STEPS:
        prepare_process()
    return _coder(info.model if name is None else name, held["streams"], held["segment"], settings)


def check_settings(source: str | PathLike[str], held: Mapping[str, Any]) -> None:
    """Raise CorruptFile unless a file holds the settings of the language model that wrote it."""
    if not {"streams", "segment"} <= held.keys():
        raise CorruptFile(f"{source} says nothing of streams and segment, as no language model's file does")
    dtype = held.get("dtype")
    known = tuple(name for name in DTYPES if name != "auto")  # a file says what its writer's was
    if dtype is not None and dtype not in known:
        raise CorruptFile(f"{source} names the dtype {dtype!r}, which there is not: {did_you_mean(str(dtype), known)}")


def check_built_in(
    source: str | PathLike[str], name: str | None, writer: str, held: Mapping[str, Any], tokenizer: str = ""
) -> None:
    """Raise WrongModel if the named built-in model cannot have written a file, before minutes go into making it.

    Args:
        source: the file.
        name: of the model that is to read it.
        writer: name of the model that wrote it.
        held: its settings.
        tokenizer: fingerprint of its tokenizer; empty where the file does not say it.
    """
    if name not in built_in_models() or name == writer:
        return
    other = writer in built_in_models() or "dtype" not in held  # a tree has none
    if other or (name == "tiny" and tokenizer not in {"", tokenizer_digest(ByteTokenizer())}):
        raise WrongModel(
            f"{source} was written with the model {writer[:200]!r}, not with {name!r}: give the same model with --model"
        )
