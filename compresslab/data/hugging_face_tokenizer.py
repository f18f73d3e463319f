"""Any Hugging Face tokenizer as a Tokenizer. Nothing is downloaded; the packages are imported when asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from os.path import isdir, isfile  # false, not an error, for a name that is too long
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from compresslab._support.arrays import Int64Array, UIntArray, as_tokens, offsets_of
from compresslab._support.files import expanded, read_buffer
from compresslab._support.json_text import read_json
from compresslab._support.offline import offline
from compresslab.data.texts import Texts
from compresslab.data.tokenizer_limits import check_definition, check_tokens
from compresslab.errors import (
    CorruptFile,
    DecodingError,
    InvalidTokens,
    MissingExtra,
    UnknownName,
    UnreadableFile,
    is_out_of_memory,
)

__all__ = ["HuggingFaceTokenizer", "load_hugging_face"]

Result = TypeVar("Result")

ENCODE_BATCH = 4096  # texts encoded at once: the library's own objects take far more memory than their tokens


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A Hugging Face tokenizer. Two are equal if their names and their contents (``fingerprint``) are.

    Special tokens are not added, nothing is truncated or padded. Such tokenizers read text, so bytes that are not
    valid UTF-8 reach them as U+FFFD; some also change white space or case. A `Dataset` therefore checks every response,
    and its ``exact`` says whether all decode to their bytes. Byte counts are those of the original either way.

    Attributes:
        name: "hf:NAME".
        vocab_size: the largest token plus one, added tokens included.
        lossless: False: what it loses depends on the text.
        fingerprint: SHA-256 of its definition.
        definition: returns it, as the text of a ``tokenizer.json``; None where the package has no such form.
        token_id: the number of a token by its spelling; None where there is none.
        control_ids: the tokens that control a model, such as ``<|im_start|>``: a text that spells one is read as it.
        eos_token: what ends a text for it, as its ``tokenizer_config.json`` says; None where that does not say it.
        bos_token: what starts one, likewise.
        as_written: whether its ``tokenizer.json`` was taken as it is, and not as its class in transformers has it.
        text_ends: for each text, behind which character each token ends; None where the package does not say it.
    """

    name: str
    vocab_size: int
    fingerprint: str
    encode_texts: Callable[[list[str]], list[Sequence[int]]] = field(repr=False, compare=False)
    decode_tokens: Callable[[list[int]], str] = field(repr=False, compare=False)
    token_name: Callable[[int], str | None] = field(repr=False, compare=False)
    definition: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    text_ends: Callable[[list[str]], list[list[int]]] | None = field(default=None, repr=False, compare=False)
    token_id: Callable[[str], int | None] | None = field(default=None, repr=False, compare=False)
    control_ids: frozenset[int] = field(default=frozenset(), repr=False, compare=False)
    eos_token: str | None = field(default=None, repr=False, compare=False)
    bos_token: str | None = field(default=None, repr=False, compare=False)
    as_written: bool = field(default=False, repr=False, compare=False)
    lossless: bool = field(default=False, init=False)

    def __reduce__(self) -> tuple[Callable[[str, bool], HuggingFaceTokenizer], tuple[str, bool]]:
        return load_hugging_face, (self.name.removeprefix("hf:"), self.as_written)

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return self.encode_batch([data])[0]

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets."""
        flat: list[int] = []
        lengths: list[int] = []
        batch: list[str] = []

        def flush() -> None:
            for ids in self.encode_texts(batch):
                flat.extend(ids)
                lengths.append(len(ids))
            batch.clear()

        for text in texts:
            batch.append(text.decode("utf-8", "replace"))
            if len(batch) == ENCODE_BATCH:
                flush()
        if batch:
            flush()
        return as_tokens(np.array(flat, dtype=np.int64), self.vocab_size)[0], offsets_of(lengths)

    def token_ends(self, texts: Sequence[bytes]) -> list[list[int]] | None:
        """Return behind which character of its text each token ends, for each text; None where that is not known."""
        if self.text_ends is None:
            return None
        found: list[list[int]] = []
        for start in range(0, len(texts), ENCODE_BATCH):
            found += self.text_ends([text.decode("utf-8", "replace") for text in texts[start : start + ENCODE_BATCH]])
        return found

    def decode(self, tokens: object) -> bytes:
        """Return the text of one response, special tokens included."""
        try:
            ids = as_tokens(tokens, self.vocab_size)[0].tolist()
        except InvalidTokens as error:
            reason = str(error).split(":", maxsplit=1)[0]
            raise DecodingError(f"{reason}: '{self.name}' has the tokens 0 to {self.vocab_size - 1}") from error
        return self.decode_tokens(ids).encode("utf-8") if ids else b""

    def token_text(self, token: int) -> str:
        """Return the token's own spelling in the vocabulary."""
        return self.token_name(int(token)) or f"<{int(token)}>"


def load_hugging_face(name: str, as_written: bool = False) -> HuggingFaceTokenizer:
    """Load a tokenizer from a folder, a ``tokenizer.json``, or the local Hugging Face cache; nothing is downloaded.

    A folder without ``tokenizer.json`` (older models) and the tokenizer inside a ``.gguf`` file are read by the package
    transformers. A class of transformers may cut texts in another way than the ``tokenizer.json`` of its folder says
    (Qwen2's does): then texts are cut as it does, and as the model's users do, where transformers is installed.

    Args:
        name: see above.
        as_written: take a ``tokenizer.json`` as it is all the same: what files were coded with.

    Raises:
        MissingExtra: the package tokenizers (or transformers, where it is needed) is not installed.
        UnknownName: neither a folder, nor a file, nor in the local cache.
        UnreadableFile: a ``tokenizer.json`` that cannot be read.
        CorruptFile: a definition that the package does not accept.
    """
    path = expanded(name)
    if isfile(path):
        return (
            _from_folder(name, path.parent, path.name)
            if path.suffix.lower() == ".gguf"
            else _from_json(name, path, True)
        )
    if isdir(path):
        inside = path / "tokenizer.json"
        return _from_json(name, inside, as_written) if isfile(inside) else _from_folder(name, path)
    return _from_json(name, _cached(name), as_written)


def _cached(name: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise MissingExtra(f"the tokenizer 'hf:{name}'", "lm") from error
    try:
        return Path(hf_hub_download(name, "tokenizer.json", local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise UnknownName(
            f"unknown tokenizer 'hf:{name}': there is no such folder or file, and it is not in the local Hugging Face "
            "cache: give a folder with a tokenizer.json, or download it first (nothing is downloaded here)"
        ) from error
    except (OSError, RuntimeError) as error:  # such as a home directory that is not there, in HF_HOME
        raise UnreadableFile(
            f"cannot look for the tokenizer 'hf:{name}' in the local Hugging Face cache ({_reason(error)}): set "
            "HF_HOME to a folder that can be read, or give a folder with a tokenizer.json"
        ) from error


def _from_json(name: str, path: Path, as_written: bool) -> HuggingFaceTokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra(f"the tokenizer 'hf:{name}'", "lm") from error
    definition = read_buffer(path).tobytes()
    try:
        text = definition.decode("utf-8")
        check_definition(text)
        fast = Tokenizer.from_str(text)
    except BaseException as error:
        if not _is_theirs(error):
            raise
        raise CorruptFile(f"{path} is not a tokenizer that can be read: {_reason(error)}") from error
    used = fast if as_written else _as_its_class_has_it(path.parent, fast)
    return _from_fast(name, used, _special_tokens(path.parent), fast.get_vocab(with_added_tokens=True), as_written)


_PLAIN_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")
_CUTTING = ("normalizer", "pre_tokenizer", "model")  # the parts of a definition that decide where a text is cut


def _as_its_class_has_it(folder: Path, fast: Any) -> Any:
    """Return the tokenizer that transformers makes of a folder, if it cuts texts in another way than ``fast``."""
    if not isfile(folder / "tokenizer_config.json"):
        return fast
    held = read_json(folder / "tokenizer_config.json")
    named = held.get("tokenizer_class") if isinstance(held, dict) else None
    if not isinstance(named, str) or named in _PLAIN_CLASSES:
        return fast
    try:
        from transformers import AutoTokenizer
        from transformers.utils import logging
    except ImportError:
        return fast
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with offline():
            loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except BaseException as error:
        if not _is_theirs(error):
            raise
        return fast  # a class of the checkpoint's own code, which is never run
    finally:
        logging.set_verbosity(level)
    theirs = getattr(loaded, "backend_tokenizer", None)
    if theirs is None:
        return fast
    ours, other = (json.loads(one.to_str()) for one in (fast, theirs))
    return fast if all(ours[part] == other[part] for part in _CUTTING) else theirs


def _special_tokens(folder: Path) -> dict[str, str | None]:
    """Return the EOS and the BOS that the files beside a ``tokenizer.json`` name."""
    found: dict[str, str | None] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        if not isfile(folder / file):
            continue
        try:
            held = read_json(folder / file)
        except CorruptFile as error:
            raise CorruptFile(f"{error}: it says how the tokenizer's special tokens are called") from error
        for key in ("eos_token", "bos_token"):
            value = held.get(key) if isinstance(held, dict) else None
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str):
                found[key] = text
    return found


def _from_fast(
    name: str,
    fast: Any,
    specials: Mapping[str, str | None],
    vocabulary: Mapping[str, int] | None = None,
    as_written: bool = False,
) -> HuggingFaceTokenizer:
    if vocabulary is None:  # of the file, where there is one: a class may add tokens that its model does not have
        vocabulary = fast.get_vocab(with_added_tokens=True)
    try:
        check_tokens(vocabulary.items())  # of other files than tokenizer.json
    except CorruptFile as error:
        raise CorruptFile(f"the tokenizer 'hf:{name}' cannot be used: {error}") from error
    # Settings of the file that would change texts: cut them, or fill them up to one length.
    fast.no_truncation()
    fast.no_padding()

    def encode(texts: list[str]) -> list[Sequence[int]]:
        return [one.ids for one in fast.encode_batch(texts, add_special_tokens=False)]

    @cache
    def bare() -> Any:
        # What comes after the tokens, as ByteLevel does, may trim white space off their places.
        copy = type(fast).from_str(json.dumps({**json.loads(fast.to_str()), "post_processor": None}))
        copy.no_truncation()
        copy.no_padding()
        return copy

    def ends(texts: list[str]) -> list[list[int]]:
        return [[end for _, end in one.offsets] for one in bare().encode_batch(texts, add_special_tokens=False)]

    return HuggingFaceTokenizer(
        name=f"hf:{name}",
        vocab_size=max(vocabulary.values(), default=0) + 1,
        fingerprint=hashlib.sha256(fast.to_str().encode("utf-8")).hexdigest(),
        encode_texts=_named(name, encode),
        decode_tokens=_named(name, lambda ids: str(fast.decode(ids, skip_special_tokens=False))),
        token_name=fast.id_to_token,
        definition=fast.to_str,
        text_ends=_named(name, ends),
        token_id=fast.token_to_id,
        control_ids=frozenset(i for i, token in fast.get_added_tokens_decoder().items() if token.special),
        eos_token=specials.get("eos_token"),
        bos_token=specials.get("bos_token"),
        as_written=as_written,
    )


def _named(name: str, work: Callable[[Any], Result]) -> Callable[[Any], Result]:
    """Have what the packages raise, bare exceptions and Rust's panics, become an error that names the tokenizer."""

    def guarded(given: Any) -> Result:
        try:
            return work(given)
        except BaseException as error:
            if not _is_theirs(error):
                raise
            raise CorruptFile(
                f"the tokenizer 'hf:{name}' fails on what it is given ({_reason(error)}): its definition must hold a "
                "token for every text, such as an unknown token or all bytes; correct it, or use another tokenizer"
            ) from error

    return guarded


def _is_theirs(error: BaseException) -> bool:
    """Whether an exception is one to explain: not Ctrl-C, nor that memory ran out."""
    is_panic = type(error).__name__ == "PanicException"  # of Rust: no Exception
    return is_panic or (isinstance(error, Exception) and not is_out_of_memory(error))


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _from_folder(name: str, path: Path, gguf_file: str | None = None) -> HuggingFaceTokenizer:
    what = "a GGUF file" if gguf_file else "a folder without tokenizer.json"
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtra(f"the tokenizer 'hf:{name}' ({what})", "lm") from error
    where = {"gguf_file": gguf_file} if gguf_file else {}
    try:
        # The Python code that a folder may bring is never run, nor is anyone asked whether it may.
        with offline():
            loaded = AutoTokenizer.from_pretrained(str(path), local_files_only=True, trust_remote_code=False, **where)
    except ImportError as error:  # a GGUF file needs the package gguf
        raise MissingExtra(f"the tokenizer 'hf:{name}' ({what})", "lm") from error
    except BaseException as error:
        if not _is_theirs(error):
            raise
        reason = _reason(error)
        if "trust_remote_code" in reason or "custom code" in reason:
            reason = "it brings Python code of its own (auto_map), which is never run here"
        if not gguf_file and not any(path.glob("*token*")) and not any(path.glob("vocab*")):
            reason = "it has no tokenizer.json: put the one of its model there"
        raise UnreadableFile(f"{path / (gguf_file or '')} holds no tokenizer that can be read: {reason}") from error
    specials = {key: getattr(loaded, key, None) for key in ("eos_token", "bos_token")}
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is not None:
        return _from_fast(name, backend, specials)
    vocabulary = loaded.get_vocab()
    names = {index: token for token, index in vocabulary.items()}
    return HuggingFaceTokenizer(
        name=f"hf:{name}",
        vocab_size=max(vocabulary.values(), default=0) + 1,
        fingerprint=hashlib.sha256(json.dumps(vocabulary, sort_keys=True).encode("utf-8")).hexdigest(),
        encode_texts=_named(name, lambda texts: [loaded.encode(text, add_special_tokens=False) for text in texts]),
        decode_tokens=_named(
            name,
            lambda ids: str(loaded.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)),
        ),
        token_name=names.get,
        token_id=vocabulary.get,
        eos_token=specials["eos_token"],
        bos_token=specials["bos_token"],
    )
