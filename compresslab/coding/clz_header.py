"""The facts that a `.clz` file begins with, in few bytes: sizes and fingerprint as they are, the rest deflated.

The text is deflated with a preset dictionary, `_TYPICAL`: what is in it costs next to nothing, anything else a few
bytes more. The dictionary is part of the format: another one is another version.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from compresslab.coding.leb128 import leb128, read_leb128
from compresslab.errors import CorruptStream, InvalidParameter

__all__ = ["SHORT_FINGERPRINT", "agree", "pack_facts", "parse_facts"]

SHORT_FINGERPRINT = 4
"""Bytes of the fingerprint in a short copy: what a wrong model decodes to is found out by the digest anyway."""

_TYPICAL = (
    b'"device":"cuda""float16""bfloat16""aarch64""arm64""x86_64 AVX2""tokenizer":"tree:tiny"2.4.63.12.3.13.1.2.3.4.5.6'
    b'{"libraries":{"compresslab":"0.1.0","numpy":"2.4.6","python":"3.11.7"},"model":"embedded","settings":'
    b'{"arithmetic":"integer","tokenizer":"bytes"}}'
    b'{"libraries":{"compresslab":"0.1.0","numpy":"2.4.6","python":"3.11.7"},"model":"smollm2","settings":'
    b'{"device":"cpu","dtype":"float32","processor":"x86_64 AVX512","segment":512,"streams":16,"threads":2,'
    b'"torch":"2.13.0+cpu","transformers":"5.23.0"}}'
)
_TEXT = ("libraries", "model", "settings")
_POWERS = 32  # chunk sizes that are powers of two are written as their exponents


def pack_facts(header: dict[str, Any], *, short: bool = False) -> bytes:
    """Write original size, chunk size, fingerprint and, unless ``short``, model, settings and libraries.

    Raises:
        InvalidParameter: the fingerprint is not hexadecimal.
    """
    chunk_size = header["chunk_size"]
    power = chunk_size & (chunk_size - 1) == 0
    code = chunk_size.bit_length() - 1 if power else chunk_size + _POWERS
    try:
        fingerprint = bytes.fromhex(header["fingerprint"])
    except ValueError:
        fingerprint = b""
    if fingerprint.hex() != header["fingerprint"]:
        raise InvalidParameter(
            f"the fingerprint of model {header['model']!r} must be lower-case hexadecimal digits, an even number of "
            f"them, not {header['fingerprint']!r}: give a digest's hexdigest()"
        )
    text = b""
    if short:
        fingerprint = fingerprint[:SHORT_FINGERPRINT]
    else:
        plain = json.dumps({key: header[key] for key in _TEXT}, sort_keys=True, separators=(",", ":")).encode("ascii")
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _TYPICAL)
        text = packer.compress(plain) + packer.flush()
    return leb128(header["original_size"]) + leb128(code) + leb128(len(fingerprint)) + fingerprint + text


def parse_facts(data: bytes) -> dict[str, Any]:
    """Read what `pack_facts` wrote; a short copy gives only ``original_size``, ``chunk_size`` and ``fingerprint``.

    Raises:
        CorruptStream: it cannot be that. (Its bytes are covered by a checksum, so it hardly ever is not.)
    """
    size, at = read_leb128(data)
    code, at = read_leb128(data, at)
    length, at = read_leb128(data, at)
    end = at + length
    header: dict[str, Any] = {
        "original_size": size,
        "chunk_size": 1 << code if code < _POWERS else code - _POWERS,
        "fingerprint": data[at:end].hex(),
    }
    if len(data) < end:
        raise CorruptStream("the fingerprint is cut")
    if len(data) > end:
        try:
            plain = zlib.decompressobj(-15, _TYPICAL).decompress(data[end:], 1 << 24)
            header |= json.loads(plain)
        except (zlib.error, ValueError) as error:
            raise CorruptStream(f"the text does not inflate ({error})") from error
    return header


def agree(header: dict[str, Any], copy: dict[str, Any]) -> bool:
    """Tell whether a copy says the same as the header, as far as it goes."""
    short = {key: value for key, value in copy.items() if key != "fingerprint"}
    return header["fingerprint"].startswith(copy["fingerprint"]) and short.items() <= header.items()
