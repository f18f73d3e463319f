r"""Real bits with a language model: how chunks of `.clz` files are coded under any model of `compresslab.lm.protocol`.

A chunk of bytes becomes tokens; the tokens are cut into segments that advance together, one token each per step::

    segment 0    s -> x1   x1 -> x2   x2 -> x3   x3 -> x4
    segment 1    s -> x5   x5 -> x6   x6 -> x7   x7 -> x8        at each step one call of the model for all segments,
    segment 2    s -> x9   x9 -> x10  ...                        and one row of probabilities for each

Every segment starts from the prefix token and sees nothing of the others: more segments are faster and compress worse,
longer ones the other way round (`segment` tokens at most, `streams` at once). The rows of a step go through one range
coder, so a chunk has one stream, and one stream's end.

**Why encoding is as slow as decoding.** A decoder can only feed a token when it has it, so it must run step by step.
One pass over all tokens would give the encoder the same numbers only nearly: other shapes, other kernels, other
rounding, and a single integer weight that differs ends the decoding. So both sides make the very same calls of a
`Stepper`, of the same batch sizes in the same order; `TokenCoder.compress` and `TokenCoder.decompress` share the code.
What remains is the machine: `TokenCoder.identity` holds a probe of what it computes, and the facts that may explain it.

**Coded against scored.** `segments_of` cuts tokens into the same segments, on which `compresslab.lm.scoring.score`
predicts every token from the same context. The coded size then differs from the scored bits by the float path (step by
step against one pass), by quantisation (at most `overhead_bound_bits` a token) and by the ends of the streams.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import UIntArray
from compresslab.coding.clz.header import Header
from compresslab.coding.clz.identity import Identity
from compresslab.coding.clz.schema import NUMBERS
from compresslab.coding.leb128 import leb128, read_leb128
from compresslab.coding.rows.quantize import quantize
from compresslab.coding.rows.stream import Decoder, Encoder
from compresslab.coding.stream_version import FIXED_STEPS, ROW_VERSIONS, STREAM_VERSION
from compresslab.data.tokenizers import Tokenizer, tokenizer_fingerprint
from compresslab.errors import CorruptStream, DecodingError, InvalidParameter
from compresslab.lm.machine import machine_of
from compresslab.lm.protocol import Floats, LanguageModel, Stepper
from compresslab.lm.repeatable import WORKSPACE, WORKSPACE_VALUE, repeatable
from compresslab.lm.self_check import check_repeats

__all__ = [
    "DEFAULT_CHUNK",
    "DEFAULT_SEGMENT",
    "DEFAULT_STREAMS",
    "Coded",
    "TokenCoder",
    "check_shape",
    "segments_of",
    "tokenizer_digest",
]

DEFAULT_STREAMS = 16
DEFAULT_SEGMENT = 512
DEFAULT_CHUNK = 1 << 18  # bytes of a file that are tokenized, and decoded, by themselves

Progress = Callable[[int, int], None]
TOKENS_MOST = 1 << 22  # of a chunk: each takes up to 40 bytes of memory while a text is made of them
ROWS_MOST = 1 << 26  # probabilities of a step: what a file asks for is bounded too
_MODEL_DIGITS, _OTHER_DIGITS = 16, 8  # of fingerprints, hexadecimal: wrong ones are found out by the digests anyway
_PROBE_STEPS, _PROBE_ROWS = 3, 8
_CHECK_STEPS: Final = 4


@dataclass(frozen=True)
class Coded:
    """Tokens as real bits.

    Attributes:
        stream: the coded tokens.
        tokens: how many there are.
        ideal_bits: ``-log2 p`` of all tokens, by the very rows that they were coded under.
    """

    stream: bytes
    tokens: int
    ideal_bits: float


class TokenCoder:
    """Codes bytes by a language model.

    Args:
        model: a model with a tokenizer.
        streams: segments that advance together.
        segment: tokens of a segment at most; the model's context where that is smaller.

    Attributes:
        coded: what `compress` has made so far, by chunk: the key is what it returned.

    Raises:
        InvalidParameter: no tokenizer, a number below 1, or a model that does not predict token by token what it
            predicts in one pass.

    Example:
        >>> from compresslab import Dataset
        >>> from compresslab.lm.tree_model import TreeModel
        >>> text = b"to be, or not to be, that is the question: " * 20
        >>> coder = TokenCoder(TreeModel.of(Dataset.from_texts([text]), depth=4, parse="windows", smoothing=0.01))
        >>> coded = coder.compress(text)
        >>> len(coded) < len(text) / 8, coder.decompress(coded, len(text)) == text
        (True, True)
    """

    def __init__(self, model: LanguageModel, streams: int = DEFAULT_STREAMS, segment: int = DEFAULT_SEGMENT) -> None:
        if model.tokenizer is None:
            raise InvalidParameter(f"'{model.name}' is a model over bare numbers: it needs a tokenizer to code bytes")
        check_shape(streams, segment)
        if streams * model.vocab_size > ROWS_MOST:
            raise InvalidParameter(
                f"streams is {streams}: for {model.vocab_size} tokens at most {max(1, ROWS_MOST // model.vocab_size)} "
                "sequences advance together, whose probabilities take 512 MiB"
            )
        model.stepper(1)  # raises for a model that cannot be stepped, before anything is read
        self.model, self.streams = model, streams
        self.segment = min(segment, model.context) if model.context is not None else segment
        self.coded: dict[bytes, Coded] = {}
        self._identity: Identity | None = None
        self._stream_version = STREAM_VERSION if getattr(model, "module", None) is None else FIXED_STEPS

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def fingerprint(self) -> str:
        """Return a digest (64 bits) of the content of model and tokenizer, and of `settings` that shape the stream.

        The machine is not a part of it. It is computed once: do not change the model's weights afterwards.
        """
        own = self.identity()
        return _digest([own.model, own.tokenizer, self._shape()], _MODEL_DIGITS)

    def identity(self) -> Identity:
        """Return what a file says of the model: fingerprints of its content, and what it computes on this machine."""
        if self._identity is None:
            content = getattr(self.model, "content_fingerprint", self.model.fingerprint)()
            tokenizer = self.model.tokenizer
            self._identity = Identity(
                model=_digest([content, self.model.eos_id, self.model.prefix_id], _MODEL_DIGITS),
                tokenizer=tokenizer_digest(tokenizer) if tokenizer else "",
                probe=self.probe(),
                machine=self._machine(),
            )
        return self._identity

    def _machine(self) -> dict[str, Any]:
        facts = machine_of(self.model)
        if self._stream_version >= FIXED_STEPS and facts.get(WORKSPACE) == WORKSPACE_VALUE:
            del facts[WORKSPACE]  # the version says it
        return facts

    def settings(self) -> dict[str, Any]:
        """Return what `model_of_file` sets up again, as JSON."""
        module = getattr(self.model, "module", None)
        if module is None:
            return self._shape()
        import torch

        dtype = str(module.dtype).removeprefix("torch.")
        return {**self._shape(), "dtype": dtype, "threads": torch.get_num_threads()}

    def wrote(self, header: Header) -> bool:
        """Tell whether a file of version 2 is of this model, whatever the machine.

        Its one fingerprint is of the machine too, whose facts stand in its settings, and of the tokenizer's name, which
        is the model's for a tokenizer that came with it.
        """
        shape = {key: header.settings.get(key) for key in self._shape()}
        machine = {key: value for key, value in header.settings.items() if key not in shape}
        if shape != self._shape():
            return False
        tokenizer = self.model.tokenizer
        names = {tokenizer.name if tokenizer else None, "hf:" + header.model.removeprefix("hf:")}
        former = getattr(self.model, "former_fingerprint", lambda name: self.model.fingerprint())
        facts = ([2, former(name), name, shape, machine] for name in names)
        return any(_digest(each, 32) == header.identity.model for each in facts)

    @property
    def stream_version(self) -> int:
        """The version of the streams that it codes."""
        return self._stream_version

    def reading(self, stream_version: int) -> TokenCoder:
        """Return the same coder, which codes chunks of this version of streams."""
        if stream_version == self._stream_version:
            return self
        other = copy.copy(self)
        other._stream_version, other._identity = stream_version, None  # other steps have another probe
        return other

    def check(self) -> None:
        """Raise NotRepeatable unless the model computes the same twice here, beside other work and alone.

        What is not a network in full precision on a CPU is tried for a few steps: on a GPU, and in bfloat16 and
        float16 everywhere, kernels may add in another order from one call to the next.

        Raises:
            InvalidDistribution: its probabilities are not numbers, as where float16 overflows.
        """
        module = getattr(self.model, "module", None)
        if module is not None and (module.device.type != "cpu" or module.dtype.itemsize <= 2):
            short = copy.copy(self)
            short.segment = min(self.segment, _CHECK_STEPS)
            check_repeats(short, module)

    def _shape(self) -> dict[str, Any]:
        return {"streams": self.streams, "segment": self.segment}

    def probe(self) -> str:
        """Return a digest of the integer weights of a few steps on fixed tokens: what a decoder must have the same.

        Not of the floats: a last bit that no weight sees is not a difference.
        """
        digest = hashlib.sha256()
        fed = np.full(self.streams, self.model.prefix_id, dtype=np.int64)
        with self._kernels():
            stepper = self._stepper(self.streams)
            for step in range(min(_PROBE_STEPS, self.segment)):
                rows = self._rows(stepper, fed)
                for row in range(0, self.streams, _PROBE_ROWS):
                    digest.update(quantize(rows[row : row + _PROBE_ROWS]).astype("<u4").tobytes())
                fed = (np.arange(self.streams, dtype=np.int64) * 7919 + 104729 * (step + 1)) % self.model.vocab_size
        return digest.hexdigest()[:_OTHER_DIGITS]

    def _stepper(self, batch: int) -> Stepper:
        make: Callable[[int], Stepper] = self.model.stepper
        if self._stream_version < FIXED_STEPS:
            make = getattr(self.model, "former_stepper", make)
        return make(batch)

    def _rows(self, stepper: Stepper, fed: NDArray[np.int64]) -> Floats:
        """Return rows of probabilities (B, V) that sum to 1 to within the coder's tolerance."""
        if self._stream_version >= FIXED_STEPS and hasattr(stepper, "probabilities"):
            straight: Floats = stepper.probabilities(fed)
            return straight
        rows: Floats = np.exp(stepper.step(fed))
        return rows

    def _kernels(self) -> AbstractContextManager[None]:
        fixed = self._stream_version >= FIXED_STEPS
        return repeatable(getattr(self.model, "device", None)) if fixed else nullcontext()

    def compress(self, data: bytes, progress: Progress | None = None) -> bytes:
        """Code a chunk: the number of tokens (LEB128), then one stream.

        Raises:
            DecodingError: the tokenizer does not give these bytes back; the container then stores them without it.
        """
        tokens = self.model.encode(data)
        if self.model.decode(tokens) != data:
            raise DecodingError(
                f"the tokenizer of '{self.model.name}' does not give these {len(data)} bytes back: "
                "store them without the model"
            )
        if tokens.size > TOKENS_MOST:
            raise InvalidParameter(
                f"a chunk of {tokens.size} tokens has more than {TOKENS_MOST}: take a smaller chunk size"
            )
        coded = self.encode_tokens(tokens, _scaled(progress, tokens.size, len(data)))
        chunk = leb128(tokens.size) + coded.stream
        self.coded[chunk] = coded
        return chunk

    def decompress(self, coded: bytes, size: int, progress: Progress | None = None) -> bytes:
        """Decode a chunk of ``size`` bytes.

        Raises:
            CorruptStream: it cannot be one.
        """
        try:
            count, at = read_leb128(coded)
        except CorruptStream as error:
            raise CorruptStream(
                "the number of tokens at the start of a chunk is broken: the data is damaged"
            ) from error
        if count > 8 * size + 8:  # no tokenizer here makes more than a token of a bit
            raise CorruptStream(f"a chunk of {size} bytes announces {count} tokens: it is damaged")
        if count > TOKENS_MOST:
            raise CorruptStream(f"a chunk announces {count} tokens, more than {TOKENS_MOST}: it cannot be decoded here")
        tokens = self.decode_tokens(coded[at:], count, _scaled(progress, count, size))
        try:
            data = self.model.decode(tokens)
        except DecodingError as error:
            raise CorruptStream(f"a chunk decodes to tokens of no text ({error}): it is damaged") from error
        if len(data) != size:
            raise CorruptStream(f"a chunk decodes to {len(data)} bytes, not {size}: it is damaged")
        return data

    def encode_tokens(self, tokens: UIntArray, progress: Progress | None = None) -> Coded:
        """Code tokens, each under its row."""
        if not tokens.size:
            return Coded(b"", 0, 0.0)
        encoder = Encoder(self.model.vocab_size)
        given = np.asarray(tokens).astype(np.int64)
        picked = np.empty(given.size)

        def code(places: NDArray[np.int64], rows: Floats) -> NDArray[np.int64]:
            wanted = given[places]
            encoder.push(wanted.astype(np.int32), rows)
            picked[places] = rows[np.arange(wanted.size), wanted]
            return wanted

        self._run(given.size, code, progress)
        with np.errstate(divide="ignore"):
            ideal = -np.log2(picked).sum()
        return Coded(encoder.finish(), given.size, float(ideal))

    def decode_tokens(self, stream: bytes, count: int, progress: Progress | None = None) -> NDArray[np.int64]:
        """Decode ``count`` tokens that `encode_tokens` coded."""
        if not count:
            if stream:
                raise CorruptStream(f"{len(stream)} bytes of data for no tokens: the data is damaged")
            return np.zeros(0, dtype=np.int64)
        decoder = Decoder(stream, self.model.vocab_size, min(self._stream_version, ROW_VERSIONS[-1]))
        out = np.zeros(count, dtype=np.int64)

        def code(places: NDArray[np.int64], rows: Floats) -> NDArray[np.int64]:
            out[places] = decoder.pull(rows)
            return out[places]

        self._run(count, code, progress)
        decoder.finish()
        return out

    def _run(
        self,
        count: int,
        code: Callable[[NDArray[np.int64], Floats], NDArray[np.int64]],
        progress: Progress | None,
    ) -> None:
        """Take all segments through the model; ``code`` codes the tokens at some places under their rows.

        Segments of a group differ by one token at most, the longer ones first: those that have ended are the last
        rows, which are fed EOS and not coded, so that every step of a group has the same batch size. From
        `FIXED_STEPS` on it is the same for all groups of a chunk: a last group of few segments is filled up.
        """
        done = batch = 0
        with self._kernels():
            for starts, lengths in _groups(count, self.streams, self.segment):
                batch = max(batch, starts.size) if self._stream_version >= FIXED_STEPS else starts.size
                stepper = self._stepper(batch)
                fed = np.full(batch, self.model.prefix_id, dtype=np.int64)
                for step in range(int(lengths[0])):
                    active = int(np.count_nonzero(lengths > step))
                    rows = self._rows(stepper, fed)[:active]
                    fed[active:] = self.model.eos_id
                    fed[:active] = code(starts[:active] + step, rows)
                    done += active
                    if progress is not None:
                        progress(done, count)


def check_shape(streams: int = DEFAULT_STREAMS, segment: int = DEFAULT_SEGMENT) -> None:
    """Raise InvalidParameter unless so many segments, of so many tokens, may advance together under some model."""
    for what, value in (("streams", streams), ("segment", segment)):
        if not 1 <= value <= NUMBERS[what]:
            raise InvalidParameter(f"{what} is {value}: it must be a whole number, 1 or more, at most {NUMBERS[what]}")


def tokenizer_digest(tokenizer: Tokenizer) -> str:
    """Return what a file says of the tokenizer of the model that wrote it: 4 bytes, hexadecimal."""
    return _digest([tokenizer_fingerprint(tokenizer)], _OTHER_DIGITS)


def segments_of(tokens: UIntArray, streams: int, segment: int) -> list[UIntArray]:
    """Cut tokens as a coder does: `score` on them, without EOS and in one window each, predicts what it codes.

    Example:
        >>> [part.tolist() for part in segments_of(np.arange(7, dtype=np.uint8), streams=2, segment=3)]
        [[0, 1, 2], [3, 4], [5, 6]]
    """
    return [
        tokens[start : start + length]
        for starts, lengths in _groups(tokens.size, streams, segment)
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


def _groups(count: int, streams: int, segment: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield starts and lengths of the segments that advance together: as few as can be, as equal as can be."""
    if not count:
        return
    segments = -(-count // segment)
    sizes = np.full(segments, count // segments) + (np.arange(segments) < count % segments)
    starts = np.cumsum(sizes) - sizes
    for first in range(0, segments, streams):
        yield starts[first : first + streams], sizes[first : first + streams]


def _digest(facts: list[Any], digits: int) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:digits]


def _scaled(progress: Progress | None, tokens: int, size: int) -> Progress | None:
    """Report tokens as the bytes they stand for."""
    if progress is None:
        return None
    return lambda done, total: progress(done * size // max(1, tokens), size)
