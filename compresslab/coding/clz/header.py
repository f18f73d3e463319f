"""The facts that a `.clz` file begins with, in few bytes: sizes and fingerprints as they are, the rest deflated.

The text is deflated with a preset dictionary, `_TYPICAL`: what is in it costs next to nothing, anything else a few
bytes more. The dictionaries are part of the format: another one is another version.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

from compresslab.coding.clz.identity import Identity
from compresslab.coding.clz.schema import TEXT_MOST, read_text
from compresslab.coding.leb128 import leb128, read_leb128
from compresslab.coding.stream_version import STREAM_VERSION
from compresslab.errors import CorruptStream, InvalidParameter

__all__ = [
    "CHUNKS_MOST",
    "CHUNK_MOST",
    "VERSION",
    "Header",
    "chunk_most",
    "pack_facts",
    "parse_facts",
]

VERSION: Final = 3
"""What is written; 2 is read too."""

CHUNK_MOST: Final = 1 << 25
"""Original bytes of a chunk, at most: 32 MiB."""

CHUNKS_MOST: Final = 1 << 21
"""Chunks of a file, at most."""

_CHUNK_MOST_OF: Final = {2: (1 << 31) - 1}
_SIZE_MOST: Final = (1 << 63) - 1
_FINGERPRINT_MOST: Final = 32  # bytes
_POWERS: Final = 32  # chunk sizes that are powers of two are written as their exponents
_TEXT: Final = ("libraries", "machine", "model", "settings")
_FINGERPRINTS: Final = ("model", "tokenizer", "template", "probe")

_DICTIONARY: Final = {
    2: (
        b'"device":"cuda""float16""bfloat16""aarch64""arm64""x86_64 AVX2""tokenizer":"tree:tiny"'
        b"2.4.63.12.3.13.1.2.3.4.5.6"
        b'{"libraries":{"compresslab":"0.1.0","numpy":"2.4.6","python":"3.11.7"},"model":"embedded","settings":'
        b'{"arithmetic":"integer","tokenizer":"bytes"}}'
        b'{"libraries":{"compresslab":"0.1.0","numpy":"2.4.6","python":"3.11.7"},"model":"smollm2","settings":'
        b'{"device":"cpu","dtype":"float32","processor":"x86_64 AVX512","segment":512,"streams":16,"threads":2,'
        b'"torch":"2.13.0+cpu","transformers":"5.23.0"}}'
    ),
    3: (
        b'"MKL_CBWR":"COMPATIBLE","ONEDNN_MAX_CPU_ISA":"AVX2""float16""float64""eager""flash_attention_2"'
        b'"cpu":"0x41 8.0xd0c 3f0000","device":"cpu","kernels":"NEON","mkl":"open","onednn":"3.11.2",'
        b'"processor":"arm64","simd":"SVE","torch":"2.11.0""DEFAULT""aarch64""Apple M""X86_V2""hf:""tree:""unknown"'
        b'"SVE256""ASIMD""cpu":"AMD 23.49 000f""cpu":"AMD 25.17 07ef""cpu":"Intel 6.85 03ef""cpu":"Intel 6.106 "'
        b'"cpu":"Intel 6.207 ""simd":"X86_V4","torch":"2.12.1+cpu","transformers":"5.18.0"}'
        b'"compresslab":"0.2.0","numpy":"2.2.6","python":"3.12.3"},"machine":{"attention":"sdpa","cuda":"12.8",'
        b'"compresslab":"0.1.1","numpy":"2.5.5","python":"3.13.1"},"machine":{"attention":"sdpa","cuda":"13.0",'
        b'"cudnn":91002,"device":"NVIDIA H100 80GB HBM3","torch":"2.13.0+cu130""NVIDIA A100-SXM4-80GB""NVIDIA H200"'
        b'"settings":{"dtype":"bfloat16",'
        b'{"libraries":{"compresslab":"0.1.0","numpy":"2.1.0","python":"3.11.7"},"machine":{"processor":"x86_64",'
        b'"simd":"X86_V3"},"model":"tree:","settings":{"segment":512,"streams":16}}'
        b'{"libraries":{"compresslab":"0.1.0","numpy":"2.4.6","python":"3.11.7"},"model":"embedded","settings":'
        b'{"arithmetic":"integer","tokenizer":"bytes"}}'
        b'"cpu":"AMD 26.2 07ff","device":"cpu","kernels":"AVX512","mkl":"2024.2","onednn":"3.12.0",'
        b'"processor":"x86_64","simd":"AVX512_ICL","torch":"2.13.0+cpu","transformers":"5.24.0"},'
        b'"cpu":"Intel 6.143 7fff","device":"cpu","kernels":"AVX512","mkl":"2024.2","onednn":"3.12.0",'
        b'"processor":"x86_64","simd":"AVX512_SPR","torch":"2.13.0+cpu","transformers":"5.18.0"},"model":"smollm2",'
        b'"settings":{"dtype":"float32","segment":512,"streams":16,"threads":2}}'
        b'{"libraries":{"compresslab":"0.1.0","numpy":"2.4.6","python":"3.11.7"},"machine":{"attention":"sdpa",'
        b'"cpu":"AMD 25.1 000f","device":"cpu","kernels":"AVX2","mkl":"2024.2","onednn":"3.12.0",'
        b'"processor":"x86_64","simd":"X86_V3","torch":"2.13.0+cpu","transformers":"5.24.0"},"model":"tiny","settings":'
        b'{"dtype":"float32","segment":32,"streams":64,"threads":1}}'
    ),
}


@dataclass(frozen=True)
class Header:
    """What a `.clz` file says before its chunks; its copy may say less.

    Attributes:
        original_size, chunk_size: bytes of the original, and of its chunks (the last one may be shorter).
        identity: fingerprints of model, tokenizer, template and probe, and the machine's facts. Before version 3 one
            fingerprint, ``identity.model``, is of all of them.
        model: the model's name, for people.
        settings, libraries: of the model, and of what wrote the file.
        version, stream_version: of the file's form, and of what its chunks hold.
        short: whether it is a copy of sizes and of the fingerprint's beginning alone (version 2).
    """

    original_size: int
    chunk_size: int
    identity: Identity
    model: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    version: int = VERSION
    stream_version: int = STREAM_VERSION
    short: bool = False

    @property
    def num_chunks(self) -> int:
        """Number of chunks."""
        return -(-self.original_size // self.chunk_size)

    def size_of(self, index: int) -> int:
        """Original bytes of a chunk."""
        return min(self.chunk_size, self.original_size - index * self.chunk_size)

    def agrees(self, copy: Header) -> bool:
        """Tell whether a copy says the same, as far as it goes."""
        if not copy.short:
            return self == copy
        sizes = (self.version, self.original_size, self.chunk_size)
        same = sizes == (copy.version, copy.original_size, copy.chunk_size)
        return same and self.identity.model.startswith(copy.identity.model)


def pack_facts(header: Header) -> bytes:
    """Write sizes, stream version, fingerprints and text, in the form of version 3.

    Raises:
        InvalidParameter: a fingerprint is not hexadecimal, or the text is too long to be read again.
    """
    chunk_size, identity = header.chunk_size, header.identity
    power = chunk_size & (chunk_size - 1) == 0
    code = chunk_size.bit_length() - 1 if power else chunk_size + _POWERS
    parts = [leb128(header.original_size), leb128(code), leb128(header.stream_version)]
    for what in _FINGERPRINTS:
        raw = _from_hex(getattr(identity, what), what, header.model)
        parts += [leb128(len(raw)), raw]
    text = {"libraries": header.libraries, "model": header.model, "settings": header.settings}
    if identity.machine:
        text["machine"] = dict(identity.machine)
    plain = json.dumps(text, sort_keys=True, separators=(",", ":")).encode("ascii")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY[VERSION])
    deflated = packer.compress(plain) + packer.flush()
    try:
        read_text(deflated, _DICTIONARY[VERSION], VERSION)
    except CorruptStream as error:
        raise InvalidParameter(
            f"the model {header.model[:60]!r} cannot be named in a file ({error}): its name and settings must be short "
            f"and plain, {TEXT_MOST} bytes of JSON at most"
        ) from error
    return b"".join([*parts, deflated])


def parse_facts(data: bytes, version: int = VERSION) -> Header:
    """Read facts of version 2 or 3; a short copy gives sizes and the fingerprint's beginning only.

    Raises:
        CorruptStream: they cannot be that, or cannot be true. (Checksums find damage before: it was written so.)
    """
    size, at = read_leb128(data)
    code, at = read_leb128(data, at)
    chunk_size = 1 << code if code < _POWERS else code - _POWERS
    stream_version = 1
    prints: dict[str, str] = {}
    if version > 2:
        stream_version, at = read_leb128(data, at)
    for what in _FINGERPRINTS if version > 2 else _FINGERPRINTS[:1]:
        length, at = read_leb128(data, at)
        if length > _FINGERPRINT_MOST:
            raise CorruptStream(f"the fingerprint of its {what} has {length} bytes, more than {_FINGERPRINT_MOST}")
        if len(data) < at + length:
            raise CorruptStream(f"the fingerprint of its {what} is cut")
        prints[what], at = data[at : at + length].hex(), at + length
    _check_sizes(size, chunk_size, version)
    if not prints["model"]:
        raise CorruptStream("the fingerprint of its model is empty")
    if len(data) == at and version == 2:
        return Header(size, chunk_size, Identity(prints["model"]), version=version, stream_version=1, short=True)
    text = read_text(data[at:], _DICTIONARY[version], version)
    identity = Identity(**prints, machine=text.get("machine", {}))
    names = (text["model"], text["settings"], text["libraries"])
    return Header(size, chunk_size, identity, *names, version=version, stream_version=stream_version)


def chunk_most(header: Header | None) -> int:
    """Return the most bytes that a chunk may have in a file of this header; `CHUNK_MOST` where it is lost."""
    return CHUNK_MOST if header is None else _CHUNK_MOST_OF.get(header.version, CHUNK_MOST)


def _check_sizes(size: int, chunk_size: int, version: int) -> None:
    if chunk_size < 1:
        raise CorruptStream("its chunks have 0 bytes each")
    most = _CHUNK_MOST_OF.get(version, CHUNK_MOST)
    if chunk_size > most:
        raise CorruptStream(f"it claims chunks of {chunk_size} bytes, more than {most}")
    if size > _SIZE_MOST:
        raise CorruptStream(f"it claims an original of {size} bytes, which no file has")
    if -(-size // chunk_size) > CHUNKS_MOST:
        raise CorruptStream(f"it claims {-(-size // chunk_size)} chunks, more than {CHUNKS_MOST}")


def _from_hex(digits: str, what: str, model: str) -> bytes:
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if raw.hex() != digits or len(raw) > _FINGERPRINT_MOST or (what == "model" and not raw):
        raise InvalidParameter(
            f"the fingerprint of {what} of model {model!r} must be lower-case hexadecimal digits, an even number of "
            f"them up to {2 * _FINGERPRINT_MOST}, not {digits!r}: give a digest's hexdigest()"
        )
    return raw
