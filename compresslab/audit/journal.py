"""Where an audit keeps what it has done, so that the same call goes on from there.

A folder of a base or of a pair holds ``spec.json``, the rows of each arm, the stages of the arm at work, and what was
measured of the models as they are. Without a folder rows go to one that is deleted at the end, and no stage is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

from compresslab._support.files import temporary_folder
from compresslab._support.interrupts import if_stopped
from compresslab._support.locks import alone_with
from compresslab.audit.arms import nothing_kept
from compresslab.audit.reading import AuditData
from compresslab.audit.result import MARGIN
from compresslab.audit.settings import AuditSettings
from compresslab.experiments.experiment import Design
from compresslab.experiments.spec import save_spec
from compresslab.experiments.stages import Stages

__all__ = ["DESIGN", "Journal", "Place", "journal", "place_of"]

DESIGN = Design(
    primary="the share of what alignment gained on its data that new data undoes, net of control, after the last "
    "number of examples: above 0; all else is secondary",
    stopping="after as many seeds as were asked for",
    equivalence=f"{MARGIN:.0%} of what alignment gained",
    treated="the aligned model, fine-tuned on the new data",
    control="the base, fine-tuned on the same examples in the same order at the same rate",
    placebo="the base, aligned to neutral data at the alignment's sum of learning rates where that is known (else at "
    "that of the longest fine-tuning), then as the control; left out without neutral data",
    factors="seeds of the order of examples, and responses, crossed",
    rate="halved from the one that was asked for until the control's divergence from its base stays below the level",
)


@dataclass(frozen=True)
class Place:
    """Where audits are kept, and whether for good."""

    folder: Path
    keeps: bool


@contextmanager
def place_of(folder: str | PathLike[str] | None) -> Iterator[Place]:
    """Yield where audits are kept: in a folder for good, or, where it is None, in one that is deleted afterwards."""
    if folder is not None:
        with if_stopped(lambda: f"what is done is kept in {folder}; the same command goes on from there"):
            yield Place(Path(folder), True)
        return
    with temporary_folder() as temporary, if_stopped(nothing_kept):
        yield Place(temporary, False)


@dataclass(frozen=True)
class Journal:
    """Where one base or one pair keeps what is done.

    Attributes:
        folder: of its rows.
        of: what its stages are of.
        keeps: whether stages are kept: not in a folder that is deleted at the end, where nothing goes on.
    """

    folder: Path
    of: str
    keeps: bool

    def kept(self, rate: float) -> Stages:
        """Return what is kept for good: what was measured at a rate of the gate's."""
        return Stages(self.folder / "kept" if self.keeps else None, of=f"{self.of} {rate}")

    def stages(self, arm: str, number: int, rate: float) -> Stages:
        """Return the stages of one arm with one seed."""
        folder = self.folder / "stages" / f"{arm}-{number}" if self.keeps else None
        return Stages(folder, of=f"{self.of} {arm} {number} {rate}")


@contextmanager
def journal(
    place: Place, name: str, data: AuditData, settings: AuditSettings, models: Mapping[str, str]
) -> Iterator[Journal]:
    """Begin a folder, or go on with one of the same audit; no other process works there within the block.

    Args:
        place: of all audits of a call.
        name: of the folder.
        data: of the audit.
        settings: likewise.
        models: "base", and "aligned" for a pair, -> content fingerprint.

    Raises:
        InvalidParameter: the folder is of another audit, or another process works there.
    """
    stream, folder = data.measured[0].stream, place.folder / name
    spec = {
        "experiment": "audit", "design": asdict(DESIGN), "settings": asdict(settings), "models": dict(models),
        "tokens": {"prefix": stream.prefix_id, "eos": stream.eos_id}, "data": data.digests(),
    }  # fmt: skip
    save_spec(folder, spec)
    busy = f"another process audits in {folder}: wait until it ends, or name another folder"
    with alone_with(folder / "spec.json", busy):
        yield Journal(folder, repr(spec), place.keeps)
