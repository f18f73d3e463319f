"""Where a report's numbers come from: the command, the data's digests, the versions, the seed."""

from __future__ import annotations

import hashlib
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from compresslab import __version__
from compresslab._support.files import open_file
from compresslab._support.piping import named
from compresslab.data.dataset import Dataset
from compresslab.data.readers import find_files

__all__ = ["DataSource", "ExperimentRun", "Provenance", "dataset_digest", "file_digest", "provenance"]

_PACKAGES = ("numpy", "scipy", "matplotlib")


@dataclass(frozen=True)
class DataSource:
    """One dataset that was measured.

    Attributes:
        name: its label.
        responses: how many.
        bytes: of its text; None where unknown.
        digest: SHA-256 of its tokens, see :func:`dataset_digest`.
    """

    name: str
    responses: int
    bytes: int | None
    digest: str


@dataclass(frozen=True)
class ExperimentRun:
    """How the rows of an experiment came about, as far as its folder tells.

    Attributes:
        said: what is known, in a sentence; it comes before the command.
        command: the command line that ran it; "" where it is not known.
        facts: such as "seeds", "machine" -> what was recorded.
        digests: data -> SHA-256.
    """

    said: str
    command: str
    facts: Mapping[str, str]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Provenance:
    """What it takes to measure the same again.

    Attributes:
        command: the exact command line.
        seed: the seed of every random choice; None where there is none.
        versions: name -> version, Python and the operating system included.
        data: the datasets.
        files: path as given -> SHA-256 of the file.
        experiment: how the rows came about, where the page is of an experiment's.
        read: what the files were read as, and what was left out, in sentences.
    """

    command: str
    seed: int | None
    versions: Mapping[str, str]
    data: tuple[DataSource, ...]
    files: Mapping[str, str]
    experiment: ExperimentRun | None = None
    read: tuple[str, ...] = ()


def provenance(
    arguments: Sequence[str],
    datasets: Sequence[Dataset],
    *,
    files: Sequence[Path] = (),
    seed: int | None = None,
    packages: Sequence[str] = (),
    experiment: ExperimentRun | None = None,
    read: Sequence[str] = (),
) -> Provenance:
    """Collect where numbers come from.

    Args:
        arguments: of the command line, without the program's name.
        datasets: what was measured.
        files: what was read; of a folder the files in it.
        seed: the seed, if any choice was random.
        packages: whose versions matter too, such as "torch".
        experiment: how the rows of an experiment came about.
        read: what the files were read as, in sentences.
    """
    found = [path for given in files for path in find_files(given)]
    return Provenance(
        command=shlex.join(["compresslab", *arguments]),
        seed=seed,
        versions={
            "compresslab": __version__,
            "Python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.system()})",
            **{name: _version(name) for name in (*_PACKAGES, *packages)},
        },
        data=tuple(DataSource(d.name or "data", d.num_responses, d.num_bytes, dataset_digest(d)) for d in datasets),
        files={named(str(path)): file_digest(path) for path in found if path.is_file()},
        experiment=experiment,
        read=tuple(read),
    )


def dataset_digest(dataset: Dataset) -> str:
    """Return a SHA-256 of a dataset's tokens: equal digests, equal responses in equal order over equal vocabularies.

    It is taken over the vocabulary's size and the number of responses (uint64, little-endian), the responses' ends
    (uint64), and the tokens (uint32).

    Example:
        >>> a, b = (Dataset.from_texts(["to be", text]) for text in ("or", "or"))
        >>> dataset_digest(a) == dataset_digest(b) != dataset_digest(Dataset.from_texts(["to beor"]))
        True
    """
    digest = hashlib.sha256()
    for number in (dataset.vocab_size, dataset.num_responses):
        digest.update(number.to_bytes(8, "little"))
    digest.update(dataset.offsets[1:].astype("<u8").tobytes())
    digest.update(dataset.tokens.astype("<u4").tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
