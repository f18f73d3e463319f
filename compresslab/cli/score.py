"""``compresslab score``: what the responses of several datasets cost under several models, in one table."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compresslab._support.interrupts import if_stopped
from compresslab._support.piping import is_stream, output_file, output_folder, piped
from compresslab.cli.data_options import DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import PANEL, Scoring, check_of_use, load_scorer, option_of, what_is_kept
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.reading import labelled, reading_notes
from compresslab.data.choice import choice_for_role
from compresslab.data.door import ReadData, check_not_empty, read_data
from compresslab.data.splitting import check_unit
from compresslab.errors import InvalidParameter
from compresslab.lm.log_prob_files import PREFIX
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

if TYPE_CHECKING:
    from compresslab.measurements.model_score import Scorer

__all__ = ["command"]

_CHECKPOINT = re.compile(r"(.*checkpoint-)(\d+)")


@grouped
def command(
    context: typer.Context,
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            metavar="[NAME=]MODEL",
            help="smollm2, tiny, hf:NAME, tree:FILE, a folder, a .gguf file, or logprobs:FILE; several in a row.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]FILE",
            help="Responses, with their prompts where the file has them; - is standard input; several in a row.",
            show_default=False,
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            help="What a response of a text is: line, sentence, word or document.",
            show_default="document; of data: a row",
            callback=lambda unit: None if unit is None else check_unit(unit),
        ),
    ] = None,
    *,
    reading: DataOptions,
    scoring: Scoring,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep what is scored in this folder, and score nothing twice.",
            rich_help_panel=PANEL,
            callback=output_folder,
        ),
    ] = None,
    save_logprobs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the log-probability of each token of each response, as logprobs:FILE reads them.",
            rich_help_panel=PANEL,
            callback=output_file,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:PORT",
            help="Dask scheduler whose workers score the models, one each at a time; all see the same folders.",
            show_default="none",
            rich_help_panel=PANEL,
        ),
    ] = None,
    output: ReportOutput,
) -> None:
    """Score responses given their prompts: bits per byte and per token, nats, perplexity; all models on all data."""
    from compresslab.lm.distributed import processes
    from compresslab.lm.windows import Windows
    from compresslab.measurements.score import score
    from compresslab.measurements.score_page import score_page, score_view

    if scoring.stride is not None and scoring.window is None:
        raise InvalidParameter("--stride needs --window here: models may differ in what they read at once")
    scoring.check()
    models = _models(model)
    settings = scoring.settings()
    if all(one.startswith(PREFIX) for one in models.values()):
        check_of_use(next(iter(models.values())), {**settings, **scoring.of_models(), "resume": resume})
    if save_logprobs is not None and len(models) > 1:
        raise InvalidParameter(
            f"--save-logprobs takes the numbers of one model, not of {len(models)}: give one --model at a time"
        )
    files = _named(context, data)
    speaks, of = processes()[0] == 0, processes()[1]
    if scheduler is not None and of > 1:
        raise InvalidParameter(
            f"{of} processes were launched, and --scheduler has the workers of a cluster do the work: take one of the "
            "two"
        )
    output = replace(output, quiet=output.quiet or not speaks)
    found = _read(files, split, reading.chosen)

    @contextmanager
    def watch(name: str, dataset: str) -> Iterator[Callable[[int, int], None]]:
        with (
            if_stopped(partial(what_is_kept, resume, "DIR")),
            output.working(f"scoring {dataset} under {name}") as step,
        ):
            yield step

    table = score(
        models,
        found,
        layout=scoring.layout(),
        windows=None if scoring.window is None else Windows(scoring.window, scoring.stride),
        eos=scoring.eos,
        batch_tokens=scoring.batch,
        resume=resume,
        save_log_probs=save_logprobs if speaks else None,
        load=partial(_load, settings=_given(models, settings), quiet=output.quiet or scheduler is not None),
        progress=watch,
        cluster=scheduler,
    )
    if not speaks:
        return
    notes = list(reading_notes(list(found.values()), with_model=True))

    def page() -> Page:
        packages = ("torch", "transformers")
        source = provenance(arguments_of(context), [], files=list(files.values()), packages=packages, read=notes)
        return score_page(table, source)

    output.show(table.plain(), lambda: score_view(table), notes)
    if save_logprobs is not None and not output.quiet:
        output.announce(f"Log-probabilities: {save_logprobs}")
    output.write(page)


def _models(given: Sequence[str]) -> dict[str, str]:
    """Return models by their names in tables: those given, else of a folder its shortest name that is its own."""
    from compresslab.measurements.score import by_name, names_of_files

    labels, names = zip(*map(_label, _by_step(given)), strict=True)
    folders = [Path(name) for label, name in zip(labels, names, strict=True) if not label and os.path.exists(name)]
    short = dict(zip(map(str, folders), names_of_files(folders), strict=True))
    return by_name(
        [(label or short.get(str(Path(name)), name), name) for label, name in zip(labels, names, strict=True)], "model"
    )


def _named(context: typer.Context, given: Sequence[str]) -> dict[str, Path]:
    """Return files of data by their names in tables; a stream becomes a file that lasts as long as the command."""
    from compresslab.measurements.score import by_name, names_of_files

    labels, names = zip(*map(_label, given), strict=True)
    plain = [Path(name) for label, name in zip(labels, names, strict=True) if not label and not is_stream(name)]
    short = dict(zip(map(str, plain), names_of_files(plain), strict=True))
    shown = [
        label or ("standard input" if is_stream(name) else short[str(Path(name))])
        for label, name in zip(labels, names, strict=True)
    ]
    paths = context.with_resource(piped([Path(name) for name in names]))
    return by_name(list(zip(shown, paths, strict=True)), "file")


def _by_step(given: Sequence[str]) -> list[str]:
    """Return models with the checkpoints of a run that stand in a row in the order of their steps.

    A shell has them in the order of the letters.

    Example:
        >>> _by_step(["base", "run/checkpoint-10", "run/checkpoint-100", "run/checkpoint-90", "end"])
        ['base', 'run/checkpoint-10', 'run/checkpoint-90', 'run/checkpoint-100', 'end']
    """
    steps = [_CHECKPOINT.fullmatch(one.rstrip("/")) for one in given]
    order: list[str] = []
    for _, run in groupby(enumerate(steps), key=lambda pair: pair[1][1] if pair[1] else pair[0]):
        places = list(run)
        places.sort(key=lambda pair: int(pair[1][2]) if pair[1] else 0)
        order += [given[place] for place, _ in places]
    return order


def _label(given: str) -> tuple[str, str]:
    """Return the name of a model or a file, and what it is: names of models hold colons."""
    return labelled(given, "NAME=VALUE", ":/\\")


def _read(files: dict[str, Path], split: str | None, options: Sequence[str]) -> dict[str, ReadData]:
    """Read each file; an option that begins with the name of a file and a colon is that file's."""
    roles = list(files)
    choices = {name: choice_for_role(options, name, roles) for name in roles}
    return {
        name: check_not_empty(read_data(path, choices[name], unit=split, usual="document"))
        for name, path in files.items()
    }


def _given(models: dict[str, str], settings: dict[str, str | None]) -> dict[str, dict[str, str | None]]:
    """Return for each model those settings that it has; one that none has is refused."""
    from compresslab.lm.registry import takes

    keys = {"eos_token": "eos_id", "prefix_token": "prefix_id"}
    given = {key: value for key, value in settings.items() if value is not None}
    fit = {
        name: {key for key in given if not name.startswith(PREFIX) and takes(name, keys.get(key, key))}
        for name in models.values()
    }
    for key in given:
        if not any(key in held for held in fit.values()):
            raise InvalidParameter(f"{option_of(key)}: no model here has such a setting, leave it out")
    return {name: {key: value for key, value in given.items() if key in held} for name, held in fit.items()}


def _load(name: str, *, settings: dict[str, dict[str, str | None]], quiet: bool) -> Scorer:
    own = dict(settings[name])
    return load_scorer(name, own.pop("device", None), own.pop("dtype", None), quiet=quiet, **own)
