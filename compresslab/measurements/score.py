"""Several models on several datasets, in one table: what the responses of each cost under each."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from compresslab._support.cluster import connected, on_cluster, workers_of
from compresslab._support.files import short_names, write_atomic
from compresslab._support.json_text import finite
from compresslab.data.door import ReadData, read_data
from compresslab.data.texts import Texts
from compresslab.errors import EmptyDataset, InvalidParameter
from compresslab.lm.documents import Layout
from compresslab.lm.log_prob_files import PREFIX, LogProbs, log_prob_head, log_prob_lines, read_log_probs
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import get_model
from compresslab.lm.windows import Windows
from compresslab.measurements.model_score import ModelScore, Scored, Scorer, score_texts

__all__ = [
    "Data",
    "Difference",
    "ScoreTable",
    "by_name",
    "get_scorer",
    "named_models",
    "names_of_files",
    "read_each_dataset",
    "score",
]

SCHEMA_VERSION = 1

T = TypeVar("T")

Pairs: TypeAlias = Sequence[tuple[str | bytes, str | bytes]]
Data: TypeAlias = str | PathLike[str] | ReadData | Texts | Sequence[str | bytes] | Pairs
Models: TypeAlias = str | Scorer | Sequence[str | Scorer] | Mapping[str, str | Scorer]


@dataclass(frozen=True)
class Difference:
    """What a dataset costs under a model above what it costs under the first, response by response.

    Attributes:
        to: the first model's name.
        bits_per_byte: the difference; above 0: dearer than under the first.
        error_bits_per_byte: its standard error over responses, each being compared with itself; None below two.
    """

    to: str
    bits_per_byte: float
    error_bits_per_byte: float | None


@dataclass(frozen=True)
class ScoreTable:
    """What the responses of every dataset cost under every model.

    Attributes:
        models: the models' names, in the order given.
        datasets: what was read: name -> how, and how much of it.
        scores: (model, dataset) -> what its responses cost.
        differences: (model, dataset) -> the difference to the first model; none for that itself.
        unused: a file of log-probabilities -> how many of its lines no dataset has.
    """

    models: tuple[str, ...]
    datasets: Mapping[str, Mapping[str, Any]]
    scores: Mapping[tuple[str, str], ModelScore]
    differences: Mapping[tuple[str, str], Difference]
    unused: Mapping[str, int]

    def plain(self) -> dict[str, Any]:
        """Return the table as JSON has it; names and units are fixed, others may be added."""
        cells = []
        for (model, dataset), score in self.scores.items():
            numbers = asdict(score)
            del numbers["name"]
            cell = {"model": model, "dataset": dataset, "source": numbers.pop("model"), **numbers}
            difference = self.differences.get((model, dataset))
            cells.append({**cell, "difference": None if difference is None else asdict(difference)})
        return {
            "schema_version": SCHEMA_VERSION,
            "models": list(self.models),
            "datasets": {name: dict(facts) for name, facts in self.datasets.items()},
            "scores": finite(cells),
            "unused_log_probs": dict(self.unused),
        }


Watch: TypeAlias = Callable[[str, str], AbstractContextManager[Callable[[int, int], None]]]


def score(
    models: Models,
    data: Data | Mapping[str, Data],
    *,
    layout: Layout = Layout(),  # noqa: B008
    windows: Windows | None = None,
    eos: bool = True,
    batch_tokens: int | None = None,
    resume: str | PathLike[str] | None = None,
    save_log_probs: str | PathLike[str] | None = None,
    load: Callable[[str], Scorer] | None = None,
    progress: Watch | None = None,
    cluster: Any = None,
) -> ScoreTable:
    r"""Return what the responses of datasets cost under models: bits per byte and per token, nats, perplexity.

    Prompts are context, and nothing of theirs is counted. Models are loaded one after the other, and let go.

    Args:
        models: a model, by its name (see `compresslab.lm.registry`), as ``"logprobs:FILE"`` (log-probabilities from
            elsewhere, see `compresslab.lm.log_prob_files`), or itself; several in a list, or by the names that the
            table is to have.
        data: a path, texts, pairs of a prompt and its response, or what `compresslab.data.door.read_data` read; several
            by their names. A plain text is one response.
        layout: whether a chat template lays conversations out, and how control tokens in texts are read.
        windows: how long texts are read; `Windows.default` where None.
        eos: predict EOS at the end of each response, and count it.
        batch_tokens: inputs of a batch of a model; by its vocabulary and device where None.
        resume: a folder that keeps what is scored; whatever it holds of the same models, texts and settings is not
            scored again.
        save_log_probs: a file for the log-probabilities of all datasets under the model, which must be one.
        load: what gets a model by its name; `get_scorer` where None.
        progress: called with the names of a model and a dataset; gives a context, and in it what is called with
            (symbols done, in all).
        cluster: a Dask scheduler's address or a ``distributed.Client``, whose workers take a model each; models are
            then given by name. All workers see the models, and the folder of ``resume``, under the same names.

    Raises:
        InvalidParameter: no model, no data, one name for two, or several models whose log-probabilities go to one file;
            on a cluster: a model that is not a name, or a worker that would compute other numbers.
        UnreadableFile, WorkerKilled, MissingExtra: of a cluster, as `compresslab.experiments.experiment.run`.
        CompressLabError: as loading, reading and scoring do.

    Example:
        >>> from compresslab import Dataset, score
        >>> from compresslab.lm import TreeModel
        >>> model = TreeModel.of(Dataset.from_texts(["aab", "ccd"]), depth=2)
        >>> table = score({"tree": model}, {"pairs": [("aa", "b")], "alone": ["aab", "ccd"]})
        >>> cell = table.scores["tree", "alone"]
        >>> round(cell.bits_per_byte, 6), round(cell.bits, 6)       # 4 leaves, each of weight 1/4, for 6 bytes
        (1.333333, 8.0)
        >>> table.scores["tree", "pairs"].context_bytes
        2
    """
    chosen = named_models(models)
    read = read_each_dataset(data)
    if save_log_probs is not None and len(chosen) != 1:
        raise InvalidParameter(
            f"{len(chosen)} models' log-probabilities do not fit into one file: save those of one model at a time"
        )
    folder = None if resume is None else _folder(resume).absolute()
    how = {"layout": layout, "windows": windows, "eos": eos, "batch_tokens": batch_tokens, "folder": folder}
    get = load or get_scorer
    under = (
        ((label, _under_model(given, read, how, get, label, progress)) for label, given in chosen.items())
        if cluster is None
        else _on_cluster(cluster, chosen, read, how, get)
    )
    cells: dict[tuple[str, str], ModelScore] = {}
    bits: dict[tuple[str, str], NDArray[np.float64]] = {}
    unused: dict[str, int] = {}
    for label, (made, count) in under:
        for name, one in made.items():
            cells[label, name] = one.result
            bits[label, name] = one.responses.scores.response_bits
        unused[label] = count
        if save_log_probs is not None:
            write_atomic(save_log_probs, _lines(made, read))
    first = next(iter(chosen))
    return ScoreTable(
        tuple(chosen),
        {name: one.facts() for name, one in read.items()},
        cells,
        {
            (label, name): _difference(first, bits[label, name], bits[first, name], one.responses.lengths)
            for label in islice(chosen, 1, None)
            for name, one in read.items()
            if one.responses.buffer.size
        },
        {label: count for label, count in unused.items() if count},
    )


def _under_model(
    given: str | Scorer,
    read: Mapping[str, ReadData],
    how: Mapping[str, Any],
    load: Callable[[str], Scorer],
    label: str = "",
    progress: Watch | None = None,
) -> tuple[dict[str, Scored], int]:
    """Score all datasets under a model, which is let go at the end: there may be no room for two.

    Returns:
        dataset -> its scores; and how many lines of a file of log-probabilities no dataset has.
    """
    model = load(given) if isinstance(given, str) else given
    made: dict[str, Scored] = {}
    for name, one in read.items():
        with progress(label, name) if progress is not None else nullcontext() as step:
            made[name] = score_texts(
                model, one.responses, name, prompts=one.prompts, conversations=one.conversations, progress=step, **how
            )
    if not isinstance(model, LogProbs):
        return made, 0
    held = {line.place for name, one in read.items() for line in model.lines_of(one.responses, one.prompts, name)}
    return made, len(model) - len(held)


def _on_cluster(
    cluster: Any,
    chosen: Mapping[str, str | Scorer],
    read: Mapping[str, ReadData],
    how: Mapping[str, Any],
    load: Callable[[str], Scorer],
) -> list[tuple[str, tuple[dict[str, Scored], int]]]:
    """Score all datasets under each model on the workers of a cluster; in the order of the models."""
    own = next((label for label, given in chosen.items() if not isinstance(given, str)), None)
    if own is not None:
        raise InvalidParameter(f"the workers of a cluster load models by name: '{own}' is not one, save it and name it")
    found: dict[str, tuple[dict[str, Scored], int]] = {}
    with connected(cluster, "scoring on a cluster") as client:
        workers_of(client)  # or there is nobody to give the data to
        [shared] = client.scatter([dict(read)], broadcast=True, hash=False)  # a dictionary itself would be taken apart
        tasks = {label: (_under_model, given, shared, how, load) for label, given in chosen.items()}
        folders = [] if how["folder"] is None else [how["folder"]]
        on_cluster(client, tasks, found.__setitem__, folders)
    return [(label, found[label]) for label in chosen]


def get_scorer(name: str, **settings: Any) -> Scorer:
    """Return a model by name, or log-probabilities from elsewhere: ``logprobs:FILE``.

    Raises:
        InvalidParameter: settings of a model for a file, which has none.
        CompressLabError: as `get_model` and `read_log_probs` do.
    """
    if not name.startswith(PREFIX):
        return get_model(name, **settings)
    if settings:
        raise InvalidParameter(f"{', '.join(settings)}: {name} holds log-probabilities, which no setting changes")
    return read_log_probs(name.removeprefix(PREFIX))


def named_models(models: Models) -> dict[str, str | Scorer]:
    """Return models by the names that tables have for them.

    Raises:
        InvalidParameter: there is none, or two have one name.

    Example:
        >>> named_models(["runs/a/checkpoint-10", "tiny"])
        {'runs/a/checkpoint-10': 'runs/a/checkpoint-10', 'tiny': 'tiny'}
    """
    if isinstance(models, Mapping):
        named = list(models.items())
    else:
        listed: Sequence[str | Scorer] = [models] if isinstance(models, str | LanguageModel | LogProbs) else models
        named = [(one if isinstance(one, str) else one.name, one) for one in listed]
    if not named:
        raise InvalidParameter("there is no model: give at least one")
    return by_name(named, "model")


def read_each_dataset(data: Data | Mapping[str, Data]) -> dict[str, ReadData]:
    """Return datasets by their names, each as what was read of it; a dataset that is given alone is called by its file.

    Raises:
        InvalidParameter: there is none.
        EmptyDataset: one has no response.
    """
    if not isinstance(data, Mapping):
        one = _as_read("", data)
        return {one.label or "data": one}
    if not data:
        raise InvalidParameter("there is no data: give at least one dataset")
    return {name: _as_read(name, one) for name, one in data.items()}


def names_of_files(paths: Sequence[Path]) -> list[str]:
    """Return a short name for each path, no two alike: the last part, and as many before it as it takes.

    Raises:
        InvalidParameter: one path is given twice.

    Example:
        >>> names_of_files([Path("a/test.jsonl"), Path("b/test.jsonl"), Path("b/train.jsonl")])
        ['a/test.jsonl', 'b/test.jsonl', 'train.jsonl']
    """
    whole = [os.path.abspath(path) for path in paths]
    if len(set(whole)) < len(whole):
        twice = next(path for path, held in zip(paths, whole, strict=True) if whole.count(held) > 1)
        raise InvalidParameter(f"{twice} is given twice: each file makes one column of numbers")
    return short_names(paths)


def by_name(named: Iterable[tuple[str, T]], what: str) -> dict[str, T]:
    """Return what is called by a name each.

    Raises:
        InvalidParameter: two have one name.
    """
    found: dict[str, T] = {}
    for name, one in named:
        if name in found:
            raise InvalidParameter(f"two {what}s are called {name!r}: give each a name of its own, NAME={what.upper()}")
        found[name] = one
    return found


def _as_read(name: str, given: Data) -> ReadData:
    """Return texts and pairs in the form in which a file's are read."""
    if isinstance(given, ReadData):
        found = given
    elif isinstance(given, str | PathLike):
        found = read_data(given, usual="document")
    elif isinstance(given, Texts):
        found = _texts(name, given, None)
    else:
        held = list(given)
        if held and all(isinstance(one, tuple) and len(one) == 2 for one in held):
            prompts, responses = zip(*held, strict=True)
            found = _texts(name, Texts.pack(responses), Texts.pack(prompts))
        else:
            found = _texts(name, Texts.pack(held), None)  # type: ignore[arg-type]
    if not len(found.responses):
        raise EmptyDataset(f"{name or found.label or 'the data'} has no response: give at least one")
    return found


def _texts(name: str, responses: Texts, prompts: Texts | None) -> ReadData:
    size = 0 if prompts is None else int(prompts.lengths.sum())
    how = "texts" if prompts is None else "pairs of a prompt and its response"
    return ReadData(responses, prompts, name, how, len(responses), len(responses), prompt_bytes=size)


def _folder(path: str | PathLike[str]) -> Path:
    found = Path(path)
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidParameter(f"{found} cannot be a folder of scores: {error.strerror}: name another") from error
    return found


def _difference(
    first: str, bits: NDArray[np.float64], others: NDArray[np.float64], sizes: NDArray[np.int64]
) -> Difference:
    """Return the difference of two ratios with one denominator, and its error over responses (the delta method)."""
    n, total = bits.size, float(sizes.sum())
    with np.errstate(invalid="ignore"):  # where both are infinite
        extra = bits - others
    mean = float(extra.sum()) / total
    if n < 2 or not math.isfinite(mean):
        return Difference(first, mean, None)
    residual = extra - mean * sizes
    return Difference(first, mean, math.sqrt(n / (n - 1) * float(residual @ residual)) / total)


def _lines(made: Mapping[str, Scored], read: Mapping[str, ReadData]) -> Iterator[bytes]:
    yield log_prob_head(next(iter(made.values())).responses)
    for name, one in made.items():
        yield from log_prob_lines(one.responses, read[name].responses, read[name].prompts, name)
