"""Log-probabilities that were computed elsewhere, from a file of JSON lines: scores without their model.

One object a line, one line a response:

====================================  =================================================================================
key                                   what it holds
====================================  =================================================================================
``response``, ``response_sha256``     the response, byte for byte as in the data; or the SHA-256 of its bytes, in hex
``prompt``, ``prompt_sha256``         what stands before it; may be left out where no response has two prompts
``logprobs``                          ``ln p`` of each token of the response, nats, 0 or less; the prompt's are left out
``logprob``                           instead of these their sum, where no more is known: no rate per token then
``tokens``, ``token_ids``             the tokens, as many as ``logprobs``; may be left out
``eos_logprob``                       ``ln p`` of the token that ends the response; in all lines or in none
``dataset``                           the data that it is of, where the same response is in several; may be left out
====================================  =================================================================================

Other keys are passed over. The first line may be an object about the file: ``{"compresslab_logprobs": 1, "model": ...,
"prefix_token": ..., "eos_token": ..., "window": ..., "stride": ...}``, each but the first left out where not known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from compresslab._support.arrays import offsets_of
from compresslab._support.files import expanded, read_buffer
from compresslab.data.json_rows import json_line_rows
from compresslab.data.packing import unpack
from compresslab.data.rows import Row
from compresslab.data.texts import Texts, as_bytes
from compresslab.errors import CorruptFile, InvalidDistribution, InvalidParameter, NotText
from compresslab.lm.responses import ScoredResponses
from compresslab.lm.scoring import Scores
from compresslab.lm.windows import Windows

__all__ = ["PREFIX", "LogProbLine", "LogProbs", "log_prob_head", "log_prob_lines", "read_log_probs"]

PREFIX: Final = "logprobs:"  # before the file's name, where a model's name is expected
HEAD: Final = "compresslab_logprobs"
VERSION: Final = 1
ROUNDING: Final = 1e-4  # nats above 0 that a sum of float32 leaves where a token is certain
LARGEST: Final = 1e300
MOST_TOKENS: Final = 1 << 31
_SHOWN = 40  # bytes of a response in an error


@dataclass(frozen=True, eq=False)
class LogProbLine:
    """What a line says of its response.

    Attributes:
        place: where it stands: "line 3 of a.jsonl".
        dataset: the data that it is of, where it says so.
        nats: float64, shape (number of tokens,): ``-ln p`` of each; of one number, their sum, where ``is_sum``.
        is_sum: whether the sum alone is known.
        eos_nats: ``-ln p`` of EOS; None where it is not there.
        token_ids: the tokens, where they are there.
    """

    place: str
    dataset: str | None
    nats: NDArray[np.float64]
    is_sum: bool
    eos_nats: float | None
    token_ids: tuple[int, ...] | None


_Key = tuple[str | None, str]  # digests of the prompt, where it is given, and of the response


@dataclass(frozen=True, eq=False)
class LogProbs:
    """The log-probabilities of a file, by prompt and response.

    Attributes:
        name: for tables: the model's, where the file says it, else the file's.
        path: of the file.
        head: what its first line says of it.
        lines: digests of prompt (or None) and response -> their lines, in the order of the file.
    """

    name: str
    path: str
    head: Mapping[str, Any]
    lines: Mapping[_Key, Sequence[LogProbLine]] = field(repr=False)
    digest: str = ""

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file."""
        return self.digest

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def scored(
        self, texts: Texts, prompts: Texts | None = None, name: str = "", *, eos: bool = True
    ) -> ScoredResponses:
        """Return the code lengths of responses, each of which the file must hold.

        A response that the data has several times takes the file's lines in turn, or its one line each time.

        Args:
            texts: the responses.
            prompts: what stands before each.
            name: the data's name: of several lines those of this ``dataset`` count, where they say it.
            eos: count EOS, which every line must then have.

        Raises:
            InvalidParameter: a response that the file lacks; several prompts for one line that names none; no EOS.
        """
        found = self.lines_of(texts, prompts, name)
        if len({line.is_sum for line in found}) > 1:
            one, other = (next(line for line in found if line.is_sum is kind) for kind in (True, False))
            raise InvalidParameter(
                f"{one.place} gives the sum of its log-probabilities and {other.place} gives each: write all lines in "
                "one way"
            )
        lacking = next((line for line in found if line.eos_nats is None), None)
        if eos and lacking is not None:
            raise InvalidParameter(
                f"{lacking.place} has no eos_logprob, the log-probability of the end of its response: write it, or "
                "leave the end out of every model's count (--no-eos, eos=False)"
            )
        ends = [[line.eos_nats] if eos and line.eos_nats is not None else [] for line in found]
        pieces = [np.append(line.nats, end) for line, end in zip(found, ends, strict=True)]
        ids = [line.token_ids for line in found if line.token_ids is not None]
        window = self.head.get("window")
        scores = Scores(
            np.concatenate([np.zeros(0), *pieces]),
            offsets_of(np.array([len(piece) for piece in pieces], dtype=np.int64)),
            eos,
            int(texts.lengths.sum()),
            texts.lengths,
            self.name,
            self.digest,
            Windows(window, self.head.get("stride")) if isinstance(window, int) else None,
        )
        return ScoredResponses(
            scores=scores,
            token_ids=np.concatenate([np.zeros(0, np.int64), *ids]).astype(np.int64)
            if len(ids) == len(found)
            else None,
            knows_tokens=not any(line.is_sum for line in found),
            exact=True,
            prefix_token=str(self.head.get("prefix_token", "not said")),
            eos_token=str(self.head.get("eos_token", "not said")),
            own_prefixes=0,
            own_ends=0,
            control_tokens=0,
            context_tokens=None,
            seconds=0.0,
        )

    def lines_of(self, texts: Texts, prompts: Texts | None, name: str) -> list[LogProbLine]:
        """Return the line of each response, as :meth:`scored` takes them."""
        before = [b""] * len(texts) if prompts is None else list(prompts)
        wanted: dict[_Key, list[int]] = {}
        missing: list[int] = []
        asked: dict[_Key, set[bytes]] = {}
        for i, (prompt, text) in enumerate(zip(before, texts, strict=True)):
            response = _digest(text)
            keys: tuple[_Key, _Key] = ((_digest(prompt), response), (None, response))
            key = next((one for one in keys if one in self.lines), None)
            if key is None:
                missing.append(i)
                continue
            wanted.setdefault(key, []).append(i)
            asked.setdefault(key, set()).add(prompt)
        if missing:
            shown = texts[missing[0]][:_SHOWN].decode("utf-8", "replace")
            told = any(prompt is not None for prompt, response in self.lines if response == _digest(texts[missing[0]]))
            why = "has it behind other prompts only" if told else "does not have it"
            raise InvalidParameter(
                f"response {missing[0] + 1} of {name or 'the data'}, {shown!r}, {self.path} {why} "
                f"({len(missing):,} of {len(texts):,} are missing): write a line for each, its text byte for byte"
            )
        found: dict[int, LogProbLine] = {}
        for key, places in wanted.items():
            lines = [line for line in self.lines[key] if line.dataset == name] or self.lines[key]
            if key[0] is None and len(asked[key]) > 1 and len(lines) != len(places):
                raise InvalidParameter(
                    f"{lines[0].place} names no prompt, and its response stands behind {len(asked[key])} different "
                    f"ones in {name or 'the data'}: write the prompt (or prompt_sha256) into each line"
                )
            for k, i in enumerate(places):
                found[i] = lines[min(k, len(lines) - 1)]
        return [found[i] for i in range(len(texts))]


def read_log_probs(path: str | PathLike[str]) -> LogProbs:
    """Read a file of log-probabilities; see the top of this file. It may be compressed.

    Raises:
        UnreadableFile: it is missing or cannot be read.
        CorruptFile: a line that is not as the table says: the message names the line, the value and the remedy.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> file = Path(tempfile.mkdtemp()) / "a.jsonl"
        >>> _ = file.write_text('{"response": "to be", "logprobs": [-1.5, -0.5], "eos_logprob": -1.0}')
        >>> read_log_probs(file).scored(Texts.pack(["to be"])).scores.nats.tolist()
        [1.5, 0.5, 1.0]
    """
    where = str(path)
    raw = read_buffer(expanded(path)).tobytes()
    head: dict[str, Any] = {}
    lines: dict[_Key, list[LogProbLine]] = {}
    for number, row in enumerate(json_line_rows(unpack(raw, where), where).read(())):
        if HEAD in row.values:
            if number or row.values[HEAD] != VERSION:
                raise CorruptFile(
                    f"{row.place} is about the file itself, of version {row.values[HEAD]!r}: it stands in the first "
                    f"line, and this compresslab reads version {VERSION}"
                )
            head = row.values
            continue
        key, line = _line_of(row)
        lines.setdefault(key, []).append(line)
    if not lines:
        raise CorruptFile(f"{where} holds no log-probabilities: write one object a line, one line a response")
    said = head.get("model")
    return LogProbs(said if isinstance(said, str) else where, where, head, lines, hashlib.sha256(raw).hexdigest())


def log_prob_head(scored: ScoredResponses) -> bytes:
    """Return the first line of a file: what its numbers are of."""
    scores = scored.scores
    window, stride = (scores.windows.length, scores.windows.stride) if scores.windows else (None, None)
    facts = {
        HEAD: VERSION, "model": scores.model, "fingerprint": scores.fingerprint, "prefix_token": scored.prefix_token,
        "eos_token": scored.eos_token, "window": window, "stride": stride,
    }  # fmt: skip
    return json.dumps(facts, ensure_ascii=False).encode() + b"\n"


def log_prob_lines(scored: ScoredResponses, texts: Texts, prompts: Texts | None, name: str) -> Iterator[bytes]:
    """Return a line for each response, as `read_log_probs` reads it; what is not UTF-8 by its SHA-256 alone.

    Raises:
        InvalidDistribution: a symbol of probability 0, which JSON has no number for.
    """
    scores = scored.scores
    before = [b""] * len(texts) if prompts is None else list(prompts)
    at = 0
    for i, (prompt, text) in enumerate(zip(before, texts, strict=True)):
        nats = scores.nats[scores.offsets[i] : scores.offsets[i + 1]]
        if not np.isfinite(nats).all():
            raise InvalidDistribution(
                f"response {i + 1} of {name or 'the data'} has a symbol of probability 0 under '{scores.model}': JSON "
                "has no number for its logarithm; smooth the model"
            )
        line: dict[str, Any] = {"dataset": name} if name else {}
        line |= _named("prompt", prompt) if prompts is not None else {}
        line |= _named("response", text)
        own = nats[:-1] if scores.eos else nats
        line |= {"logprobs": (-own).tolist()} if scored.knows_tokens else {"logprob": -float(own.sum())}
        if scored.token_ids is not None:
            line["token_ids"] = scored.token_ids[at : at + len(own)].tolist()
            at += len(own)
        if scores.eos:
            line["eos_logprob"] = -float(nats[-1])
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"


def _named(key: str, text: bytes) -> dict[str, str]:
    try:
        return {key: text.decode()}
    except UnicodeDecodeError:
        return {f"{key}_sha256": _digest(text)}


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _line_of(row: Row) -> tuple[_Key, LogProbLine]:
    values, place = row.values, row.place
    response = _text_digest(row, "response")
    if response is None:
        raise CorruptFile(
            f'{place} names no response: write its text as "response", or its SHA-256 as "response_sha256"'
        )
    if ("logprobs" in values) == ("logprob" in values):
        raise CorruptFile(f"{place} needs either logprobs, a list of one number a token, or logprob, their sum")
    is_sum = "logprob" in values
    given = [values["logprob"]] if is_sum else values["logprobs"]
    if not isinstance(given, list):
        raise CorruptFile(f"{place}: logprobs is a list of one number a token, not {json.dumps(given)[:_SHOWN]}")
    nats = np.array([_nats(value, f"logprobs[{i}] of {place}") for i, value in enumerate(given)], dtype=np.float64)
    empty = values.get("response") == "" or response == _digest(b"")
    if not nats.size and not empty:
        raise CorruptFile(f"{place} has no log-probability of its response: write one number a token")
    for name in ("tokens", "token_ids"):
        tokens = values.get(name)
        if tokens is not None and not is_sum and (not isinstance(tokens, list) or len(tokens) != nats.size):
            count = len(tokens) if isinstance(tokens, list) else json.dumps(tokens)[:_SHOWN]
            raise CorruptFile(
                f"{place} has {count} {name} and {nats.size} logprobs: write as many of the one as of the other, those "
                "of the response alone"
            )
    ids = values.get("token_ids")
    if ids is not None and not (
        isinstance(ids, list) and all(type(one) is int and 0 <= one < MOST_TOKENS for one in ids)
    ):
        raise CorruptFile(f"{place}: token_ids are whole numbers, from 0 to 2**31 - 1")
    end = values.get("eos_logprob")
    dataset = values.get("dataset")
    return (_text_digest(row, "prompt"), response), LogProbLine(
        place,
        dataset if isinstance(dataset, str) else None,
        nats,
        is_sum,
        None if end is None else _nats(end, f"eos_logprob of {place}"),
        None if ids is None or is_sum else tuple(ids),
    )


def _text_digest(row: Row, name: str) -> str | None:
    """Return the digest of a text, which is given whole or as its digest; None where neither is."""
    text, digest = row.values.get(name), row.values.get(f"{name}_sha256")
    if text is not None:
        if not isinstance(text, str):
            raise CorruptFile(f"{row.place}: {name} is a text, not {json.dumps(text)[:_SHOWN]}")
        try:
            own = _digest(as_bytes(text))
        except NotText as error:
            raise CorruptFile(f"{row.place}: {name}: {error}") from error
        if digest is not None and digest != own:
            raise CorruptFile(f"{row.place}: its {name} does not have the SHA-256 that it says: correct one of the two")
        return own
    if digest is None:
        return None
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest.lower()) <= set("0123456789abcdef"):
        raise CorruptFile(f"{row.place}: {name}_sha256 is 64 hexadecimal digits, not {json.dumps(digest)[:_SHOWN]}")
    return digest.lower()


def _nats(value: object, what: str) -> float:
    """Return the code length of a log-probability."""
    if value is None:
        raise CorruptFile(
            f"{what} is null: where the first token of a text has none (vLLM), let the text begin with the prefix token"
        )
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        raise CorruptFile(f"{what} is {value!r:.{_SHOWN}}, not a finite number: write ln p, in nats")
    if value > ROUNDING:
        raise CorruptFile(f"{what} is {value!r}, above 0: write ln p, the natural logarithm of a probability, in nats")
    return -float(value)
