"""A judge of style: is a text more like the positive or the negative data? Naive Bayes over words and their pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import EmptyDataset

__all__ = ["StyleJudge"]

_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+|[^\sA-Za-z0-9\x80-\xff]")


@dataclass(frozen=True, eq=False)
class StyleJudge:
    """A multinomial naive Bayes classifier with add-one smoothing, both classes being equally likely beforehand.

    Attributes:
        weight: term -> ``ln p(term | positive) - ln p(term | negative)``; terms that it has not seen weigh nothing.

    Example:
        >>> judge = StyleJudge.of([b"a fine film", b"fine and warm"], [b"a dull film", b"dull and cold"])
        >>> (judge.log_odds([b"fine film", b"dull film", b"other words"]) > 0).tolist()
        [True, False, False]
        >>> judge.positive_share([b"fine film", b"dull film"])
        0.5
    """

    weight: dict[bytes, float]

    @classmethod
    def of(cls, positive: Iterable[bytes], negative: Iterable[bytes]) -> StyleJudge:
        """Return a judge that has learned from texts of both kinds; they should not be among those to be judged.

        Raises:
            EmptyDataset: a kind without any words.
        """
        counts = [Counter(term for text in texts for term in _terms(text)) for texts in (positive, negative)]
        if not all(counts):
            raise EmptyDataset("a judge of style learns from texts with words in them, of both kinds: one has none")
        known = sorted(set(counts[0]) | set(counts[1]))
        table = np.array([[count[term] + 1.0 for term in known] for count in counts])
        odds = np.diff(np.log(table / table.sum(axis=1, keepdims=True))[::-1], axis=0)[0]
        return cls(dict(zip(known, odds.tolist(), strict=True)))

    def log_odds(self, texts: Iterable[bytes]) -> NDArray[np.float64]:
        """Return ``ln p(positive | text) - ln p(negative | text)`` of each text; shape ``(number of texts,)``."""
        return np.array([sum(self.weight.get(term, 0.0) for term in _terms(text)) for text in texts])

    def positive_share(self, texts: Iterable[bytes]) -> float:
        """Return the share of the texts that are more likely positive; one that is as likely either counts half."""
        odds = self.log_odds(texts)
        return float(np.mean((odds > 0) + 0.5 * (odds == 0)))


def _terms(text: bytes) -> list[bytes]:
    words = _WORD.findall(text.lower())
    return words + [b" ".join(pair) for pair in pairwise(words)]
