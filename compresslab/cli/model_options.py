"""What the commands that take ``--model`` share: their options, loading with progress, and ``rate --model``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from compresslab._support.files import name_beside
from compresslab._support.interrupts import if_stopped
from compresslab._support.progress import working
from compresslab.cli.reading import reading_notes, with_notes
from compresslab.data.choice import choice_for_role
from compresslab.data.door import read_data
from compresslab.errors import InvalidParameter
from compresslab.report.page import write_report
from compresslab.report.provenance import provenance

if TYPE_CHECKING:
    from compresslab.lm.protocol import LanguageModel
    from compresslab.lm.windows import Windows

__all__ = ["PANEL", "Device", "Dtype", "Scoring", "load_model", "rate_under_model", "refuse"]

PANEL = "With --model"

Device = Annotated[
    str | None,
    typer.Option(
        help="Where the model computes: cpu, cuda, cuda:1.", show_default="a GPU if there is one", rich_help_panel=PANEL
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        help="What it computes in: float32, bfloat16, float16, float64 or auto (the checkpoint's).",
        show_default="float32; on a GPU bfloat16",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Scoring:
    """How ``rate --model`` scores: the options of the same names."""

    window: int | None
    stride: int | None
    eos: bool
    batch: int | None
    resume: Path | None
    depth: int
    eos_token: str | None = None
    prefix_token: str | None = None


def refuse(context: typer.Context, options: Collection[str], why: str) -> None:
    """Raise InvalidParameter if one of some options was given: an option that does nothing is not passed over."""
    sources = {name: context.get_parameter_source(name) for name in options}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        named = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InvalidParameter(f"{named}: {why}")


def load_model(
    name: str,
    device: str | None,
    dtype: str | None,
    *,
    quiet: bool,
    eos_token: str | None = None,
    prefix_token: str | None = None,
    **more: str,
) -> LanguageModel:
    """Load a model by name; the one that is trained when it is first asked for says how far it is."""
    from compresslab.lm.registry import get_model, takes

    settings: dict[str, Any] = {key: value for key, value in (("device", device), ("dtype", dtype)) if value} | more
    for option, key, value in (("--eos-token", "eos_id", eos_token), ("--prefix-token", "prefix_id", prefix_token)):
        if value is not None:
            if not takes(name, key):
                raise InvalidParameter(f"{option}: the model '{name}' has tokens of its own for that, leave it out")
            settings[key] = value
    trained = name == "tiny"
    with working(f"{'training' if trained else 'loading'} {name}", quiet=quiet) as step:
        return get_model(name, **settings, **({"progress": step} if trained else {}))


def rate_under_model(
    files: Sequence[Path],
    name: str,
    split: str | None,
    options: Sequence[str],
    scoring: Scoring,
    *,
    device: str | None,
    dtype: str | None,
    report: Path | None,
    command: Sequence[str],
    as_json: bool,
    quiet: bool,
    show: Callable[[RenderableType], None],
    show_json: Callable[[Any], None],
) -> None:
    """Score files under a model and show the rates; of several processes the first one speaks."""
    from compresslab.lm.distributed import processes
    from compresslab.measurements.model_rate import measure_model_rate
    from compresslab.measurements.model_tables import model_rate_table

    _check_windows(scoring)
    choice = choice_for_role(options)
    found = [read_data(path, choice, unit=split, usual="document") for path in files]
    speaks = processes()[0] == 0
    quiet = quiet or not speaks
    model = load_model(name, device, dtype, quiet=quiet, eos_token=scoring.eos_token, prefix_token=scoring.prefix_token)
    windows = _windows(scoring, model)
    results = []
    for i, one in enumerate(found, start=1):
        journal = None
        if scoring.resume is not None:
            journal = scoring.resume if len(found) == 1 else name_beside(scoring.resume, f".{i}")
        with if_stopped(partial(_kept, journal)), working(f"scoring {one.label}", quiet=quiet) as step:
            results.append(
                measure_model_rate(
                    model,
                    one.responses,
                    one.label,
                    prompts=one.prompts,
                    windows=windows,
                    eos=scoring.eos,
                    baselines=speaks,
                    depth=scoring.depth,
                    batch_tokens=scoring.batch,
                    progress=step,
                    resume=journal,
                )
            )
    if not speaks:
        return
    notes = list(reading_notes(found, with_model=True))
    if as_json:
        read = [one.facts() for one in found]
        show_json({**asdict(results[0]), "files": [asdict(result) for result in results], "read": read})
    else:
        show(with_notes(model_rate_table(results), notes))
    if report is not None:
        from compresslab.measurements.model_pages import model_rate_page

        with working("writing the report", quiet=quiet):
            source = provenance(command, [], files=files, packages=("torch", "transformers"), read=notes)
            written = write_report(model_rate_page(results, source), report)
        print(f"Report: {written}", file=sys.stderr if as_json else sys.stdout)


def _kept(journal: Path | None) -> str:
    """Say what an interrupted scoring leaves behind."""
    if journal is None:
        return "no score is kept; with --resume FILE a scoring goes on where it was stopped"
    return f"what is scored is kept in {journal}; the same command goes on from there"


def _check_windows(scoring: Scoring) -> None:
    """Refuse windows that no model has before one is loaded."""
    from compresslab.lm.windows import Windows

    if scoring.window is not None or scoring.stride is not None:
        Windows(scoring.window if scoring.window is not None else max(1, scoring.stride or 1), scoring.stride)


def _windows(scoring: Scoring, model: LanguageModel) -> Windows | None:
    """Return the windows that were asked for; None for the default ones."""
    from compresslab.lm.windows import Windows

    if scoring.window is None and scoring.stride is None:
        return None
    length = scoring.window if scoring.window is not None else Windows.default(model.context).length
    return Windows(length, scoring.stride)
