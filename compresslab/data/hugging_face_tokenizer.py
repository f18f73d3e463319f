"""Any Hugging Face tokenizer as a Tokenizer. Nothing is downloaded; the packages are imported when asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from os.path import isdir, isfile  # false, not an error, for a name that is too long
from pathlib import Path
from typing import Any, Literal

import numpy as np

from compresslab._support.arrays import Int64Array, UIntArray, as_tokens, offsets_of
from compresslab._support.files import expanded, read_buffer
from compresslab._support.json_text import read_json
from compresslab._support.offline import offline
from compresslab.data.control_tokens import Respelling, as_typed, respelled_definition
from compresslab.data.texts import Texts
from compresslab.data.tokenizer_errors import guarded, is_theirs, reason_of
from compresslab.data.tokenizer_facts import named_template, special_tokens, without_invented, written_template
from compresslab.data.tokenizer_limits import check_definition, check_tokens
from compresslab.errors import (
    CorruptFile,
    DecodingError,
    InvalidParameter,
    InvalidTokens,
    MissingExtra,
    UnknownName,
    UnreadableFile,
)

__all__ = ["HuggingFaceTokenizer", "load_hugging_face"]

Place = tuple[int, int]  # characters of a text: from, to
Way = Literal["tokens", "characters", "respelled"]  # what a spelled control token is; respelled: see control_tokens.py

ENCODE_BATCH = 4096  # texts encoded at once: the library's own objects take far more memory than their tokens


@dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A Hugging Face tokenizer. Two are equal if equal numbers mean equal tokens, cut alike (``tokens``).

    Special tokens are not added, nothing is truncated or padded. Such tokenizers read text, so bytes that are not
    valid UTF-8 reach them as U+FFFD; some also change white space or case. A `Dataset` therefore checks every response,
    and its ``exact`` says whether all decode to their bytes. Byte counts are those of the original either way.

    Attributes:
        name: "hf:NAME". A base and the model aligned from it bring one tokenizer each, in two folders: no name counts.
        vocab_size: the largest token plus one, added tokens included.
        lossless: False: what it loses depends on the text.
        fingerprint: SHA-256 of its definition.
        tokens: SHA-256 of what is in it on how texts are cut and what each number is: not what it puts around a text.
        definition: returns it, as the text of a ``tokenizer.json``; None where the package has no such form.
        token_id: the number of a token by its spelling; None where there is none.
        control_ids: the tokens that control a model, such as ``<|im_start|>``.
        control_tokens: whether a text that spells one is read as that token, and not as its characters.
        eos_token: what ends a text for it, as its ``tokenizer_config.json`` says; None where that does not say it.
        bos_token: what starts one, likewise.
        as_written: whether its ``tokenizer.json`` was taken as it is, and not as its class in transformers has it.
        text_places: for each text, from which character to which each token is; None where the package does not say it.
        names: how control tokens are respelled, so that a text that spells one is read as characters.
        special_tokens: what a chat template is given of them: "bos_token" -> its spelling.
        chat_template: the Jinja template that the tokenizer brings; None where it brings none.
    """

    name: str = field(compare=False)
    vocab_size: int
    fingerprint: str = field(compare=False)
    tokens: str = field(repr=False)
    encode_texts: Callable[[list[str], Way], list[Sequence[int]]] = field(repr=False, compare=False)
    decode_tokens: Callable[[list[int]], str] = field(repr=False, compare=False)
    token_name: Callable[[int], str | None] = field(repr=False, compare=False)
    definition: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    text_places: Callable[[list[str], Way], list[list[Place]]] | None = field(default=None, repr=False, compare=False)
    token_id: Callable[[str], int | None] | None = field(default=None, repr=False, compare=False)
    control_ids: frozenset[int] = field(default=frozenset(), repr=False, compare=False)
    eos_token: str | None = field(default=None, repr=False, compare=False)
    bos_token: str | None = field(default=None, repr=False, compare=False)
    as_written: bool = field(default=False, repr=False, compare=False)
    control_tokens: bool = field(default=False, repr=False, compare=False)
    names: Respelling = field(default=Respelling(()), repr=False, compare=False)
    special_tokens: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    chat_template: str | None = field(default=None, repr=False, compare=False)
    lossless: bool = field(default=False, init=False)

    def __reduce__(self) -> tuple[Callable[[str, bool, bool], HuggingFaceTokenizer], tuple[str, bool, bool]]:
        return load_hugging_face, (self.name.removeprefix("hf:"), self.as_written, self.control_tokens)

    def reading(self, control_tokens: bool) -> HuggingFaceTokenizer:
        """Return the same tokenizer, which reads control tokens that a text spells as such, or as characters."""
        return self if control_tokens == self.control_tokens else replace(self, control_tokens=control_tokens)

    @property
    def way(self) -> Way:
        """How it reads a text."""
        return "tokens" if self.control_tokens else "characters"

    def count_control_tokens(self, text: bytes) -> int:
        """Return how many control tokens a text spells."""
        return self.names.count(text.decode("utf-8", "replace"))

    def encode(self, data: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return self.encode_batch([data])[0]

    def encode_batch(self, texts: Sequence[bytes] | Texts) -> tuple[UIntArray, Int64Array]:
        """Return the tokens of many texts, flat, and their offsets."""
        flat: list[int] = []
        lengths: list[int] = []
        batch: list[str] = []

        def flush() -> None:
            for ids in self.encode_texts(batch, self.way):
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

    def token_places(self, texts: Sequence[bytes]) -> list[list[Place]] | None:
        """Return of which characters of its text each token is, as (from, to), for each text; None where unknown."""
        if self.text_places is None:
            return None
        found: list[list[Place]] = []
        for start in range(0, len(texts), ENCODE_BATCH):
            part = [text.decode("utf-8", "replace") for text in texts[start : start + ENCODE_BATCH]]
            found += self.text_places(part, self.way)
        return found

    def encode_rendered(self, texts: Sequence[str], typed: bool) -> list[tuple[Sequence[int], list[Place]]]:
        """Return the tokens of texts that a template rendered, each with its place.

        Args:
            texts: in which control tokens are the template's, and those that a turn spelled are out of sight.
            typed: whether there are such.

        Raises:
            InvalidParameter: the tokenizer does not say of which characters its tokens are.
        """
        if self.text_places is None:
            raise InvalidParameter(
                f"the tokenizer '{self.name}' does not say of which characters its tokens are: chat templates cannot "
                "be used with it, give --template none (template='none')"
            )
        way: Way = "respelled" if typed and not self.control_tokens else "tokens"
        found = []
        for start in range(0, len(texts), ENCODE_BATCH):
            part = list(texts[start : start + ENCODE_BATCH])
            if typed:
                part = [self.names.reveal(self.names.respell(one) if way == "respelled" else one) for one in part]
            found += list(zip(self.encode_texts(part, way), self.text_places(part, way), strict=True))
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


def load_hugging_face(name: str, as_written: bool = False, control_tokens: bool = False) -> HuggingFaceTokenizer:
    """Load a tokenizer from a folder, a ``tokenizer.json``, or the local Hugging Face cache; nothing is downloaded.

    A folder without ``tokenizer.json`` (older models) and the tokenizer inside a ``.gguf`` file are read by the package
    transformers. A class of transformers may cut texts in another way than the ``tokenizer.json`` of its folder says
    (Qwen2's does): then texts are cut as it does, and as the model's users do, where transformers is installed.

    Args:
        name: see above.
        as_written: take a ``tokenizer.json`` as it is all the same: what files were coded with.
        control_tokens: read a control token that a text spells, such as ``<|im_end|>``, as that token; as its
            characters otherwise.

    Raises:
        MissingExtra: the package tokenizers (or transformers, where it is needed) is not installed.
        UnknownName: neither a folder, nor a file, nor in the local cache.
        UnreadableFile: a ``tokenizer.json`` that cannot be read.
        CorruptFile: a definition that the package does not accept.
    """
    return _loaded(name, as_written).reading(control_tokens)


def _loaded(name: str, as_written: bool) -> HuggingFaceTokenizer:
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
            f"cannot look for the tokenizer 'hf:{name}' in the local Hugging Face cache ({reason_of(error)}): set "
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
        if not is_theirs(error):
            raise
        raise CorruptFile(f"{path} is not a tokenizer that can be read: {reason_of(error)}") from error
    used = fast if as_written else _as_its_class_has_it(path.parent, fast)
    vocabulary = fast.get_vocab(with_added_tokens=True)
    return _from_fast(name, used, special_tokens(path.parent), written_template(path.parent), vocabulary, as_written)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _tokens_of(definition: Mapping[str, Any]) -> str:
    """Return what of a definition decides where a text is cut, and what each number is."""
    added = [(one["id"], one["content"]) for one in definition.get("added_tokens") or ()]
    return json.dumps([added, *(definition.get(part) for part in (*_CUTTING, "decoder"))], sort_keys=True)


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
        if not is_theirs(error):
            raise
        return fast  # a class of the checkpoint's own code, which is never run
    finally:
        logging.set_verbosity(level)
    theirs = getattr(loaded, "backend_tokenizer", None)
    if theirs is None:
        return fast
    ours, other = (json.loads(one.to_str()) for one in (fast, theirs))
    return fast if all(ours[part] == other[part] for part in _CUTTING) else theirs


def _from_fast(
    name: str,
    fast: Any,
    specials: Mapping[str, str],
    template: str | None,
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

    added = fast.get_added_tokens_decoder()
    control = {i: token.content for i, token in added.items() if token.special}
    names = Respelling(tuple(sorted(set(control.values()))))

    @cache
    def other(respelled: bool) -> Any:
        # What comes after the tokens, as ByteLevel does, may trim white space off their places.
        definition = fast.to_str()
        bare = json.dumps({**json.loads(definition), "post_processor": None})
        copy = type(fast).from_str(respelled_definition(definition, names) if respelled else bare)
        copy.no_truncation()
        copy.no_padding()
        return copy

    def read(by: Any, texts: list[str], way: Way) -> list[Any]:
        def respelled(few: list[str]) -> list[Any]:
            return list(other(True).encode_batch(few, add_special_tokens=False))

        if way == "respelled":
            return respelled(texts)
        found = list(by.encode_batch(texts, add_special_tokens=False))
        return found if way == "tokens" else as_typed(texts, found, frozenset(control), respelled, names)

    def encode(texts: list[str], way: Way) -> list[Sequence[int]]:
        return [one.ids for one in read(fast, texts, way)]

    def places(texts: list[str], way: Way) -> list[list[Place]]:
        return [one.offsets for one in read(other(False), texts, way)]

    return HuggingFaceTokenizer(
        name=f"hf:{name}",
        vocab_size=max(vocabulary.values(), default=0) + 1,
        fingerprint=_sha256(fast.to_str()),
        tokens=_sha256(_tokens_of(json.loads(fast.to_str()))),
        encode_texts=guarded(name, encode),
        decode_tokens=guarded(name, lambda ids: str(fast.decode(ids, skip_special_tokens=False))),
        token_name=fast.id_to_token,
        definition=fast.to_str,
        text_places=guarded(name, places),
        token_id=fast.token_to_id,
        control_ids=frozenset(control),
        eos_token=specials.get("eos_token"),
        bos_token=specials.get("bos_token"),
        as_written=as_written,
        names=names,
        special_tokens=specials,
        chat_template=template,
    )


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
        if not is_theirs(error):
            raise
        reason = reason_of(error)
        if "trust_remote_code" in reason or "custom code" in reason:
            reason = "it brings Python code of its own (auto_map), which is never run here"
        if not gguf_file and not any(path.glob("*token*")) and not any(path.glob("vocab*")):
            reason = "it has no tokenizer.json: put the one of its model there"
        raise UnreadableFile(f"{path / (gguf_file or '')} holds no tokenizer that can be read: {reason}") from error
    held = getattr(loaded, "special_tokens_map", {})
    specials = {key: value for key, value in held.items() if isinstance(value, str)}
    template = named_template(getattr(loaded, "chat_template", None))
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is not None:
        return _from_fast(name, without_invented(backend) if gguf_file else backend, specials, template)
    vocabulary = loaded.get_vocab()
    content = _sha256(json.dumps(vocabulary, sort_keys=True))
    names = {index: token for token, index in vocabulary.items()}

    control = frozenset(getattr(loaded, "all_special_ids", ()))

    def encode(texts: list[str], way: Way) -> list[Sequence[int]]:
        typed = {"split_special_tokens": True} if control and way == "characters" else {}
        return [loaded.encode(text, add_special_tokens=False, **typed) for text in texts]

    return HuggingFaceTokenizer(
        name=f"hf:{name}",
        vocab_size=max(vocabulary.values(), default=0) + 1,
        fingerprint=content,
        tokens=content,
        encode_texts=guarded(name, encode),
        decode_tokens=guarded(
            name,
            lambda ids: str(loaded.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)),
        ),
        token_name=names.get,
        token_id=vocabulary.get,
        control_ids=control,
        eos_token=specials.get("eos_token"),
        bos_token=specials.get("bos_token"),
        names=Respelling(tuple(sorted(set(getattr(loaded, "all_special_tokens", ()))))),
        special_tokens=specials,
        chat_template=template,
    )
