"""``compresslab score``: what the responses of several datasets cost under several models, in one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compresslab._support.interrupts import if_stopped
from compresslab._support.piping import is_stream, output_file, output_folder, piped
from compresslab._support.progress import working
from compresslab.cli.data_options import (
    DataFormat,
    Field,
    PromptField,
    ResponseField,
    SkipMissing,
    Where,
    chosen_data,
)
from compresslab.cli.model_options import (
    PANEL,
    Batch,
    ControlTokens,
    CountEos,
    Device,
    Dtype,
    EosToken,
    PrefixToken,
    Stride,
    Template,
    Window,
    check_of_use,
    check_windows,
    load_scorer,
    option_of,
    used_templates,
)
from compresslab.cli.options import AsJson, Encoding, Quiet, Split
from compresslab.cli.output import announce, arguments_of, show, show_json
from compresslab.cli.reading import reading_notes, with_notes
from compresslab.cli.report import ReportTo
from compresslab.data.choice import choice_for_role
from compresslab.data.door import ReadData, read_data
from compresslab.errors import InvalidParameter
from compresslab.report.page import write_report
from compresslab.report.provenance import provenance

if TYPE_CHECKING:
    from compresslab.measurements.model_score import Scorer

__all__ = ["score_command"]

LOG_PROBS = "logprobs:"


def score_command(
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
    split: Split = None,
    encoding: Encoding = "utf-8",
    format: DataFormat = None,
    field: Field = None,
    prompt_field: PromptField = None,
    response_field: ResponseField = None,
    where: Where = None,
    skip_missing: SkipMissing = False,
    window: Window = None,
    stride: Stride = None,
    eos: CountEos = True,
    eos_token: EosToken = None,
    prefix_token: PrefixToken = None,
    template: Template = "auto",
    control_tokens: ControlTokens = False,
    batch: Batch = None,
    device: Device = None,
    dtype: Dtype = None,
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
    report: ReportTo = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score responses given their prompts: bits per byte and per token, nats, perplexity; all models on all data."""
    from compresslab.lm.distributed import processes
    from compresslab.lm.documents import Layout
    from compresslab.lm.windows import Windows
    from compresslab.measurements.score import score
    from compresslab.measurements.score_tables import score_tables

    if stride is not None and window is None:
        raise InvalidParameter("--stride needs --window here: models may differ in what they read at once")
    check_windows(window, stride)
    models = _models(model)
    settings = {"device": device, "dtype": dtype, "eos_token": eos_token, "prefix_token": prefix_token}
    if all(one.startswith(LOG_PROBS) for one in models.values()):
        others: dict[str, object] = {"window": window, "stride": stride, "batch": batch, "resume": resume}
        given = {option_of(key): value for key, value in (settings | others).items()}
        check_of_use(next(iter(models.values())), given | used_templates(template, control_tokens))
    if save_logprobs is not None and len(models) > 1:
        raise InvalidParameter(
            f"--save-logprobs takes the numbers of one model, not of {len(models)}: give one --model at a time"
        )
    files = _named(context, data)
    speaks = processes()[0] == 0
    quiet = quiet or not speaks
    found = _read(files, split, chosen_data(context))

    @contextmanager
    def watch(name: str, dataset: str) -> Iterator[Callable[[int, int], None]]:
        with (
            if_stopped(partial(_kept, resume)),
            working(f"scoring {dataset} under {name}", quiet=quiet) as step,
        ):
            yield step

    table = score(
        models,
        found,
        layout=Layout(template, control_tokens, prefix_token is not None, eos_token is not None),
        windows=None if window is None else Windows(window, stride),
        eos=eos,
        batch_tokens=batch,
        resume=resume,
        save_log_probs=save_logprobs if speaks else None,
        load=partial(_load, settings=_given(models, settings), quiet=quiet),
        progress=watch,
    )
    if not speaks:
        return
    notes = list(reading_notes(list(found.values()), with_model=True))
    if as_json:
        show_json(table.plain())
    else:
        show(with_notes(score_tables(table), notes))
    if save_logprobs is not None:
        announce(f"Log-probabilities: {save_logprobs}", as_json)
    if report is not None:
        from compresslab.measurements.score_page import score_page

        with working("writing the report", quiet=quiet):
            source = provenance(
                arguments_of(context), [], files=list(files.values()), packages=("torch", "transformers"), read=notes
            )
            written = write_report(score_page(table, source), report)
        announce(f"Report: {written}", as_json)


def _models(given: Sequence[str]) -> dict[str, str]:
    """Return models by their names in tables: those given, else of a folder its shortest name that is its own."""
    from compresslab.measurements.score import by_name, names_of_files

    labels, names = zip(*map(_label, given), strict=True)
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


def _label(given: str) -> tuple[str, str]:
    """Return the name that something is given, and what it is; "" where it is given none.

    Example:
        >>> _label("base=hf:gpt2"), _label("tree:a=b"), _label("./a=b")
        (('base', 'hf:gpt2'), ('', 'tree:a=b'), ('', './a=b'))
    """
    label, equals, rest = given.partition("=")
    if not equals or os.path.exists(given) or any(sign in label for sign in ":/\\"):
        return "", given
    if not label.strip() or not rest.strip():
        raise InvalidParameter(f"{given!r} is not of the form NAME=VALUE: give both")
    return label, rest


def _read(files: dict[str, Path], split: str | None, options: Sequence[str]) -> dict[str, ReadData]:
    """Read each file; an option that begins with the name of a file and a colon is that file's."""
    roles = list(files)
    choices = {name: choice_for_role(options, name, roles) for name in roles}
    return {name: read_data(path, choices[name], unit=split, usual="document") for name, path in files.items()}


def _given(models: dict[str, str], settings: dict[str, str | None]) -> dict[str, dict[str, str | None]]:
    """Return for each model those settings that it has; one that none has is refused."""
    from compresslab.lm.registry import takes

    keys = {"eos_token": "eos_id", "prefix_token": "prefix_id"}
    given = {key: value for key, value in settings.items() if value is not None}
    fit = {
        name: {key for key in given if not name.startswith(LOG_PROBS) and takes(name, keys.get(key, key))}
        for name in models.values()
    }
    for key in given:
        if not any(key in held for held in fit.values()):
            raise InvalidParameter(f"{option_of(key)}: no model here has such a setting, leave it out")
    return {name: {key: value for key, value in given.items() if key in held} for name, held in fit.items()}


def _load(name: str, *, settings: dict[str, dict[str, str | None]], quiet: bool) -> Scorer:
    own = dict(settings[name])
    return load_scorer(name, own.pop("device", None), own.pop("dtype", None), quiet=quiet, **own)


def _kept(folder: Path | None) -> str:
    """Say what an interrupted scoring leaves behind."""
    if folder is None:
        return "no score is kept; with --resume DIR a scoring goes on where it was stopped"
    return f"what is scored is kept in {folder}; the same command goes on from there"
