"""The data of an audit in tokens that all its models read, each dataset in one role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from compresslab.audit.settings import AuditSettings
from compresslab.errors import InvalidParameter, MismatchedVocabulary
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.prompts import Dialogues
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import Given, ProbeData, dialogues_of, prepare

__all__ = ["ROLES", "AuditData", "check_pair", "fitting", "read_again", "read_roles"]

ROLES = ("pretrain", "align", "perturb", "neutral")


@dataclass(frozen=True, eq=False)
class AuditData:
    """All data of an audit.

    Attributes:
        measured: the datasets whose code lengths are measured: pre-training, alignment, perturbations.
        neutral: what the placebo is aligned to; None for an audit without it.
    """

    measured: tuple[ProbeData, ...]
    neutral: ProbeData | None

    def of_role(self, role: str) -> tuple[ProbeData, ...]:
        """Return the measured datasets of a role."""
        return tuple(data for data in self.measured if data.role == role)

    def digests(self) -> dict[str, str]:
        """Return dataset -> SHA-256 of all that is read of it."""
        every = (*self.measured, *([] if self.neutral is None else [self.neutral]))
        return {f"{data.role} {data.name}": data.stream.digest() for data in every}


def read_roles(model: HuggingFaceModel, given: Mapping[str, Mapping[str, Given]], settings: AuditSettings) -> AuditData:
    """Put data into a model's tokens, as many responses as are used.

    Args:
        model: the aligned one, whose tokenizer and chat template lay out what all models read.
        given: role -> name -> data.
        settings: of the audit.

    Raises:
        InvalidParameter: a role without data; one name, or the same responses, in two roles; several neutral datasets.
        EmptyDataset: a dataset without responses.
        MismatchedVocabulary: data in other tokens than the model's.
    """
    for role in ROLES[:3]:
        if not given.get(role):
            raise InvalidParameter(f"an audit takes pre-training, alignment and new data: give some with --{role}")
    if len(given.get("neutral", {})) > 1:
        raise InvalidParameter("the placebo is aligned to one neutral dataset: give one --neutral")
    names = [name for sets in given.values() for name in sets]
    for name in names:
        if names.count(name) > 1:
            raise InvalidParameter(f"two datasets are called {name!r}: each has a name of its own (NAME=FILE)")
    chosen = settings.probe()
    laid = {
        (role, name): dialogues_of(model, name, data, chosen)
        for role in ROLES
        for name, data in given.get(role, {}).items()
    }
    for (one, a), (two, b) in combinations(laid, 2):
        if one != two and laid[one, a].data.same_as(laid[two, b].data):
            raise InvalidParameter(
                f"'{a}' ({one}) and '{b}' ({two}) are the same responses: what is trained on is not what is measured "
                "beside it, give each role data of its own"
            )
    sets = {key: _prepared(model, key, one, settings, chosen) for key, one in laid.items()}
    return AuditData(
        tuple(data for (role, _), data in sets.items() if role != "neutral"),
        next((data for (role, _), data in sets.items() if role == "neutral"), None),
    )


def _prepared(
    model: HuggingFaceModel, key: tuple[str, str], laid: Dialogues, settings: AuditSettings, chosen: ProbeSettings
) -> ProbeData:
    role, name = key
    most = {"perturb": max(settings.texts, settings.last), "neutral": len(laid.data)}.get(role, settings.texts)
    data = prepare(model, name, role, _some(laid, most, settings.seed), chosen)
    if not len(data.stream):
        raise InvalidParameter(
            f"'{name}' has prompts that fill all {chosen.length} tokens of an example, so that no response counts: "
            "raise the length"
        )
    return data


def _some(laid: Dialogues, most: int, seed: int) -> Dialogues:
    """Return ``most`` of the responses at most, drawn by a seed, in their order."""
    count = len(laid.data)
    if count <= most:
        return laid
    rows = np.sort(np.random.default_rng([seed, 2]).permutation(count)[:most])
    sizes = laid.data.response_bytes
    num_bytes = 0 if sizes is None else int(sizes[rows].sum())
    return replace(laid, data=laid.data.select(rows), hidden=laid.hidden[rows], num_bytes=num_bytes)


def read_again(role: str, sets: object) -> dict[str, Given]:
    """Return the data of a role so that several models can read it: what can be gone through once becomes a list.

    Raises:
        InvalidParameter: something else than a dictionary.
    """
    if not isinstance(sets, Mapping):
        raise InvalidParameter(f"{role} is a dictionary of data by name, such as {{'chat': texts}}: not {sets!r}")
    return {name: list(data) if isinstance(data, Iterator) else data for name, data in sets.items()}


def fitting(settings: AuditSettings, *models: HuggingFaceModel) -> AuditSettings:
    """Return settings whose examples fit into the context of every model, so that all see the same ones."""
    contexts = [model.context for model in models if model.context is not None]
    return replace(settings, length=min([settings.length, *contexts]))


def check_pair(base: HuggingFaceModel, aligned: HuggingFaceModel) -> None:
    """Raise MismatchedVocabulary unless two models predict the same tokens."""
    one, two = base.tokenizer, aligned.tokenizer
    if base.vocab_size != aligned.vocab_size or (one is not None and two is not None and one != two):
        names = [f"'{m.name}' ({m.vocab_size:,} tokens" + (f", {m.tokenizer.name})" if m.tokenizer else ")")
                 for m in (base, aligned)]  # fmt: skip
        raise MismatchedVocabulary(
            f"{names[0]} and {names[1]} do not predict the same tokens: give the model that the second was aligned "
            "from, with the same tokenizer (where tokens were added to one, add them to the other)"
        )
