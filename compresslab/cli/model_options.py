"""What the commands that take ``--model`` share: their options, loading with progress, and ``rate --model``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
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
    from compresslab.measurements.model_score import Scorer

__all__ = [
    "PANEL",
    "Batch",
    "ControlTokens",
    "CountEos",
    "Device",
    "Dtype",
    "EosToken",
    "PrefixToken",
    "Scoring",
    "Stride",
    "Template",
    "Window",
    "check_of_use",
    "check_windows",
    "load_model",
    "load_scorer",
    "option_of",
    "rate_under_model",
    "refuse",
    "used_templates",
]

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
Window = Annotated[
    int | None,
    typer.Option(help="Tokens it reads at once.", show_default="1024, or its context", rich_help_panel=PANEL),
]
Stride = Annotated[
    int | None,
    typer.Option(
        help="New tokens in each window; fewer: more context.", show_default="the window", rich_help_panel=PANEL
    ),
]
CountEos = Annotated[bool, typer.Option(help="Count the end of each response.", rich_help_panel=PANEL)]
EosToken = Annotated[
    str | None,
    typer.Option(
        help="The token that ends a response: its spelling, or a number.",
        show_default="the tokenizer's",
        rich_help_panel=PANEL,
    ),
]
PrefixToken = Annotated[
    str | None,
    typer.Option(
        help="The token that each response starts from, likewise.",
        show_default="the tokenizer's",
        rich_help_panel=PANEL,
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(help="Tokens of a batch.", show_default="by the memory", min=1, rich_help_panel=PANEL),
]
Template = Annotated[
    str,
    typer.Option(
        metavar="auto|tokenizer|none|FILE",
        help="Chat template: the tokenizer's, for conversations (auto) or prompts too (tokenizer); or of a file.",
        rich_help_panel=PANEL,
    ),
]
ControlTokens = Annotated[
    bool,
    typer.Option(
        "--control-tokens",
        help="Read control tokens that texts spell, such as <|im_end|>, as such, not as characters.",
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
    template: str = "auto"
    control_tokens: bool = False


def refuse(context: typer.Context, options: Collection[str], why: str) -> None:
    """Raise InvalidParameter if one of some options was given: an option that does nothing is not passed over."""
    sources = {name: context.get_parameter_source(name) for name in options}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        named = " and ".join(map(option_of, given))
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


def load_scorer(name: str, device: str | None, dtype: str | None, *, quiet: bool, **tokens: str | None) -> Scorer:
    """Load what scores texts: a model as `load_model` does, or the log-probabilities of ``logprobs:FILE``."""
    from compresslab.lm.log_prob_files import PREFIX, read_log_probs

    if not name.startswith(PREFIX):
        return load_model(name, device, dtype, quiet=quiet, **tokens)  # type: ignore[arg-type]
    options = {"--device": device, "--dtype": dtype, **{option_of(key): value for key, value in tokens.items()}}
    check_of_use(name, options)
    with working(f"reading {name}", quiet=quiet):
        return read_log_probs(name.removeprefix(PREFIX))


def used_templates(template: str, control_tokens: bool) -> dict[str, object]:
    """Return the options of how texts are laid out by their names; None for those that are not given."""
    given = None if template == "auto" else template
    return {"--template": given, "--control-tokens": True if control_tokens else None}


def option_of(name: str) -> str:
    """Return the option of a parameter.

    Example:
        >>> option_of("eos_token")
        '--eos-token'
    """
    return f"--{name.replace('_', '-')}"


def check_of_use(name: str, options: Mapping[str, object]) -> None:
    """Raise InvalidParameter if an option of models was given for log-probabilities that are there already."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise InvalidParameter(
            f"{' and '.join(given)}: {name} holds log-probabilities, which nothing changes, leave it out"
        )


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
    from compresslab.lm.documents import Layout
    from compresslab.measurements.model_rate import measure_model_rate
    from compresslab.measurements.model_tables import model_rate_table

    check_windows(scoring.window, scoring.stride)
    choice = choice_for_role(options)
    found = [read_data(path, choice, unit=split, usual="document") for path in files]
    speaks = processes()[0] == 0
    quiet = quiet or not speaks
    tokens = {"eos_token": scoring.eos_token, "prefix_token": scoring.prefix_token}
    if name.startswith("logprobs:"):
        others: dict[str, object] = {"--window": scoring.window, "--stride": scoring.stride, "--batch": scoring.batch}
        check_of_use(
            name, others | {"--resume": scoring.resume} | used_templates(scoring.template, scoring.control_tokens)
        )
    model = load_scorer(name, device, dtype, quiet=quiet, **tokens)
    windows = _windows(scoring, getattr(model, "context", None))
    layout = Layout(
        scoring.template, scoring.control_tokens, scoring.prefix_token is not None, scoring.eos_token is not None
    )
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
                    conversations=one.conversations,
                    layout=layout,
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


def check_windows(window: int | None, stride: int | None) -> None:
    """Refuse windows that no model has before one is loaded."""
    from compresslab.lm.windows import Windows

    if window is not None or stride is not None:
        Windows(window if window is not None else max(1, stride or 1), stride)


def _windows(scoring: Scoring, context: int | None) -> Windows | None:
    """Return the windows that were asked for; None for the default ones."""
    from compresslab.lm.windows import Windows

    if scoring.window is None and scoring.stride is None:
        return None
    length = scoring.window if scoring.window is not None else Windows.default(context).length
    return Windows(length, scoring.stride)
