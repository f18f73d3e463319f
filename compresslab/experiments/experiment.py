"""The protocol of experiments: what each of them states, and the one way in which all are run, resumed and read.

An experiment is a value of `Experiment`: its design (frozen with the spec, before there are rows), its presets, its
units of work, and what is made of the rows. Everything else is done here, once: a run is checked before anything is
trained, resumed unit by unit and stage by stage, and read back from its folder.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Generic, TypeVar

from compresslab._support.checks import number_or_nan
from compresslab._support.files import write_atomic
from compresslab._support.json_text import read_json
from compresslab._support.locks import alone_with
from compresslab.errors import CorruptFile, InvalidParameter, UnknownName, did_you_mean
from compresslab.experiments.models.networks import check_device
from compresslab.experiments.pool import Step, run_units
from compresslab.experiments.rows import Row, read_rows
from compresslab.experiments.spec import save_spec, saved_spec
from compresslab.experiments.stages import Stages
from compresslab.report.page import Page, Section, Table
from compresslab.report.provenance import Provenance

__all__ = [
    "Design",
    "Experiment",
    "Options",
    "Work",
    "design_of",
    "findings_and_tables",
    "finished",
    "named_preset",
    "page_of",
    "read",
    "read_notes",
    "record",
    "run",
]

READ = "data.json"  # in a folder: how its files were read

Spec = TypeVar("Spec")
Unit = TypeVar("Unit")
Summary = TypeVar("Summary")
Preset = TypeVar("Preset")

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Design:
    """What is fixed before there are rows; it is part of ``spec.json``. Where there is nothing of a kind, it says why.

    Attributes:
        primary: the one statistic that decides, and its direction; all else is secondary, and corrected by Holm.
        stopping: when no more rows are added.
        equivalence: within which margin an effect counts as nothing.
        treated: what is done to the model that the question is about.
        control: the same done to the base.
        placebo: the same done to a base that was aligned to neutral data at the same sum of learning rates.
        factors: what is random: seeds, corpora.
        rate: how the learning rate is chosen.
        secondary: what else is tested, and how it is corrected for its number.
    """

    primary: str
    stopping: str
    equivalence: str
    treated: str
    control: str
    placebo: str
    factors: str
    rate: str
    secondary: str = "every other verdict; none of them is corrected for their number"


@dataclass(frozen=True, eq=False)
class Experiment(Generic[Spec, Unit, Summary]):
    """One experiment.

    Attributes:
        name: of the command, in ``spec.json`` and in tables.
        design: what is fixed before there are rows.
        preset: a preset's name and options -> the spec.
        check: raises unless the spec can be run here; the data is read for it, models are found.
        record: the spec as ``spec.json`` holds it: plain values, with digests of data and models.
        restore: what `record` returned -> the spec, to be shown: files are named without their folders.
        units: the spec and the folder -> the units by name, in order.
        work: turns a unit into its rows; a function of a module, so that other processes find it.
        cost: how long a unit takes, in any measure.
        keep: the spec and the finished units -> the spec of what is whole; raises where nothing is.
        summarise: the spec and its rows -> what they say.
        findings: what they say in words: a section without tables and figures.
        tables: the same in tables; wide ones are for files.
        plain: the same as JSON holds it.
        page: the spec, its summary, the rows and where they come from -> the report.
        former: names that older folders have for it.
        notes: the spec -> what its files were read as, and what was left out; in the order of the data.
        gpu_bytes: the spec -> about how much of a GPU's memory one process takes.
        prepare: the spec and the folder -> the spec with what a pilot chooses, if there is one; a folder that has its
            ``spec.json`` is not piloted again.
        designed: the spec and the design -> the design where a spec fixes more than the experiment does.
    """

    name: str
    design: Design
    preset: Callable[[str, Options], Spec]
    check: Callable[[Spec], None]
    record: Callable[[Spec], dict[str, Any]]
    restore: Callable[[Mapping[str, Any]], Spec]
    units: Callable[[Spec, Path], dict[str, Unit]]
    work: Callable[[Unit, Stages], list[Row]]
    cost: Callable[[Unit], float]
    keep: Callable[[Spec, Collection[str]], Spec]
    summarise: Callable[[Spec, Sequence[Row]], Summary]
    findings: Callable[[Spec, Summary], Section]
    tables: Callable[[Spec, Summary, bool], Iterable[Table]]
    plain: Callable[[Spec, Summary, Sequence[Row]], dict[str, Any]]
    page: Callable[[Spec, Summary, Sequence[Row], Provenance], Page]
    former: tuple[str, ...] = ()
    notes: Callable[[Spec], Sequence[str]] = lambda _: ()
    gpu_bytes: Callable[[Spec], int] = lambda _: 1 << 30
    prepare: Callable[[Spec, Path], Spec] = lambda spec, _: spec
    designed: Callable[[Spec, Design], Design] = lambda _, design: design


@dataclass(frozen=True)
class Work(Generic[Unit]):
    """A unit on its way to a process: what to do, and where its stages are kept."""

    do: Callable[[Unit, Stages], list[Row]]
    unit: Unit
    stages: str
    deadline: float | None
    of: str


def record(experiment: Experiment[Spec, Unit, Summary], spec: Spec) -> dict[str, Any]:
    """Return what ``spec.json`` holds."""
    return {"experiment": experiment.name, **experiment.record(spec), "design": asdict(design_of(experiment, spec))}


def design_of(experiment: Experiment[Spec, Unit, Summary], spec: Spec) -> Design:
    """Return what is fixed before there are rows of a spec."""
    return experiment.designed(spec, experiment.design)


def run(
    experiment: Experiment[Spec, Unit, Summary],
    spec: Spec,
    out: str | PathLike[str],
    *,
    workers: int = 1,
    time_limit: float | None = None,
    progress: Step | None = None,
    begin: Callable[[], None] = lambda: None,
    cluster: Any = None,
) -> list[Row]:
    """Run an experiment, or resume a stopped one; rows go to ``out/rows.jsonl``, the spec to ``spec.json``.

    Args:
        experiment: which.
        spec: what to do.
        out: a folder; made where missing.
        workers: processes, each with one thread.
        time_limit: seconds after which no stage is begun that would end later; None for no limit.
        progress: see :func:`compresslab.experiments.pool.run_units`.
        begin: called once, before the first unit that is missing; not at all where none is.
        cluster: a Dask scheduler's address or a ``distributed.Client``: its workers do the units.

    Returns:
        All rows, in the order of the spec.

    Raises:
        InvalidParameter, UnknownName, UnreadableFile: the spec is wrong, or another process runs in the folder;
            nothing has been trained or written.
        MissingExtra: torch or transformers is not installed; for a cluster, dask.
        CorruptFile: the data, or the rows in the folder, are damaged.
        TimeLimitReached: what is finished is kept.
    """
    if time_limit is not None and not 0 < number_or_nan(time_limit) < float("inf"):
        raise InvalidParameter(f"a time limit is a positive number of seconds, not {time_limit!r}")
    deadline = None if time_limit is None else time.time() + time_limit
    check_device(getattr(spec, "device", "cpu"))
    experiment.check(spec)
    spec = experiment.prepare(spec, Path(out).absolute())
    held = record(experiment, spec)
    save_spec(out, held, former=experiment.former)
    folder, of = Path(out).absolute(), hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
    notes = list(experiment.notes(spec))
    if notes:
        write_atomic(folder / READ, [(json.dumps({"read": notes}, indent=2, ensure_ascii=False) + "\n").encode()])
    units = {
        name: Work(experiment.work, unit, str(folder / "stages" / f"unit-{number}"), deadline, f"{of} {name}")
        for number, (name, unit) in enumerate(experiment.units(spec, folder).items())
    }
    busy = f"another process runs the experiment in {folder}: wait until it ends, or name another folder"
    with alone_with(folder / "spec.json", busy):
        rows = run_units(
            _work, units, folder / "rows.jsonl", workers=workers, cost=lambda work: experiment.cost(work.unit),
            progress=progress, saved=lambda work: Stages(work.stages).clear(), begin=begin, cluster=cluster,
        )  # fmt: skip
        Stages(folder / "stages").clear()
    return rows


def read_notes(folder: str | PathLike[str]) -> list[str]:
    """Return how the files of an experiment were read, and what was left out; embedded corpora are not mentioned.

    Raises:
        CorruptFile: the file that says it is damaged.
    """
    path = Path(folder) / READ
    if not path.is_file():
        return []
    found = read_json(path)
    notes = found.get("read") if isinstance(found, dict) else None
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise CorruptFile(f"{path} does not say what was read: delete it, the rows do not need it")
    return notes


def _work(work: Work[Any]) -> list[Row]:
    stages = Stages(work.stages, work.deadline, work.of)
    stages.check_time()  # what a unit does before its first stage takes time as well
    return work.do(work.unit, stages)


def finished(
    experiment: Experiment[Spec, Unit, Summary], spec: Spec, out: str | PathLike[str]
) -> tuple[Spec, list[Row]]:
    """Return the part of a spec that is finished in a folder, and the folder's rows; nothing is trained.

    Raises:
        InvalidParameter: nothing is finished there, or the folder is of another experiment.
        CorruptFile: the rows are damaged.
    """
    units = read_rows(Path(out) / "rows.jsonl")
    if units:  # there is a spec with what a pilot chose
        spec = experiment.prepare(spec, Path(out).absolute())
    kept = experiment.keep(spec, units)
    save_spec(out, record(experiment, spec), former=experiment.former)
    return kept, [row for rows in units.values() for row in rows]


def read(experiment: Experiment[Spec, Unit, Summary], folder: str | PathLike[str]) -> tuple[Spec, list[Row]]:
    """Return the spec and the rows of an experiment from its folder; of an unfinished one, the finished part.

    Raises:
        UnreadableFile: there is no ``spec.json``.
        InvalidParameter: it is not the spec of such an experiment, or nothing of it is finished.
        CorruptFile: the rows are damaged.
    """
    with saved_spec(folder, experiment.name, *experiment.former) as found:
        units = read_rows(Path(folder) / "rows.jsonl")
        spec = experiment.keep(experiment.restore(found), units)  # what makes no units is not a spec
    return spec, [row for rows in units.values() for row in rows]


def findings_and_tables(
    experiment: Experiment[Spec, Unit, Summary], spec: Spec, summary: Summary, *, wide: bool = True
) -> Section:
    """Return what an experiment found, in words and in tables; tables that are not wide fit a terminal."""
    return replace(experiment.findings(spec, summary), tables=tuple(experiment.tables(spec, summary, wide)))


def page_of(experiment: Experiment[Spec, Unit, Summary], folder: str | PathLike[str], source: Provenance) -> Page:
    """Return the report of an experiment from its folder; it raises what `read` raises."""
    spec, rows = read(experiment, folder)
    return experiment.page(spec, experiment.summarise(spec, rows), rows, source)


def named_preset(presets: Mapping[str, Callable[[], Preset]], name: str) -> Preset:
    """Return the spec of a preset, without options.

    Raises:
        UnknownName: no such preset.
    """
    if name not in presets:
        raise UnknownName(f"unknown preset {name!r}: {did_you_mean(name, presets)}")
    return presets[name]()
