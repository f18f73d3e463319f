"""What the commands that take ``--model`` share: their options, and loading with progress."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compresslab._support.progress import working
from compresslab.cli.spec_files import GIVEN
from compresslab.errors import InvalidParameter

if TYPE_CHECKING:
    from compresslab.lm.documents import Layout
    from compresslab.lm.protocol import LanguageModel
    from compresslab.lm.windows import Windows
    from compresslab.measurements.model_score import Scorer

__all__ = [
    "PANEL",
    "Device",
    "Dtype",
    "Scoring",
    "Template",
    "check_of_use",
    "load_model",
    "load_scorer",
    "option_of",
    "refuse",
    "what_is_kept",
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
Template = Annotated[
    str,
    typer.Option(
        metavar="auto|tokenizer|none|FILE",
        help="Chat template: the tokenizer's, for conversations (auto) or prompts too (tokenizer); or of a file.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Scoring:
    """How texts are scored under a model: the options of the same names."""

    window: Annotated[
        int | None,
        typer.Option(help="Tokens it reads at once.", show_default="1024, or its context", rich_help_panel=PANEL),
    ] = None
    stride: Annotated[
        int | None,
        typer.Option(
            help="New tokens in each window; fewer: more context.", show_default="the window", rich_help_panel=PANEL
        ),
    ] = None
    eos: Annotated[bool, typer.Option(help="Count the end of each response.", rich_help_panel=PANEL)] = True
    eos_token: Annotated[
        str | None,
        typer.Option(
            help="The token that ends a response: its spelling, or a number.",
            show_default="the tokenizer's",
            rich_help_panel=PANEL,
        ),
    ] = None
    prefix_token: Annotated[
        str | None,
        typer.Option(
            help="The token that each response starts from, likewise.",
            show_default="the tokenizer's",
            rich_help_panel=PANEL,
        ),
    ] = None
    template: Template = "auto"
    control_tokens: Annotated[
        bool,
        typer.Option(
            "--control-tokens",
            help="Read control tokens that texts spell, such as <|im_end|>, as such, not as characters.",
            rich_help_panel=PANEL,
        ),
    ] = False
    batch: Annotated[
        int | None,
        typer.Option(help="Tokens of a batch.", show_default="by the memory", min=1, rich_help_panel=PANEL),
    ] = None
    device: Device = None
    dtype: Dtype = None

    def check(self) -> None:
        """Raise InvalidParameter for windows that no model can have, before a model is loaded."""
        from compresslab.lm.windows import Windows

        if self.window is not None or self.stride is not None:
            Windows(self.window if self.window is not None else max(1, self.stride or 1), self.stride)

    def windows(self, context: int | None) -> Windows | None:
        """Return the windows that were asked for, of a model with such a context; None for the default ones."""
        from compresslab.lm.windows import Windows

        if self.window is None and self.stride is None:
            return None
        return Windows(self.window if self.window is not None else Windows.default(context).length, self.stride)

    def layout(self) -> Layout:
        """Return how texts and prompts become tokens."""
        from compresslab.lm.documents import Layout

        return Layout(self.template, self.control_tokens, self.prefix_token is not None, self.eos_token is not None)

    def settings(self) -> dict[str, str | None]:
        """Return the options that a model is loaded with."""
        return {name: getattr(self, name) for name in ("device", "dtype", "eos_token", "prefix_token")}

    def of_models(self) -> dict[str, object]:
        """Return the other options that only a model has a use for; None for those that are not given."""
        return {
            "window": self.window,
            "stride": self.stride,
            "batch": self.batch,
            "template": None if self.template == "auto" else self.template,
            "control_tokens": self.control_tokens or None,
        }


def refuse(context: typer.Context, options: Collection[str], why: str) -> None:
    """Raise InvalidParameter if one of these options was given: it would do nothing."""
    sources = {name: context.get_parameter_source(name) for name in options}
    given = [name for name, source in sources.items() if source is not None and source.name in GIVEN]
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
    """Load a model by name; ``tiny`` is trained at its first use, and shows how far it is."""
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
    check_of_use(name, {"device": device, "dtype": dtype, **tokens})
    with working(f"reading {name}", quiet=quiet):
        return read_log_probs(name.removeprefix(PREFIX))


def option_of(name: str) -> str:
    """Return the option of a parameter.

    Example:
        >>> option_of("eos_token")
        '--eos-token'
    """
    return f"--{name.replace('_', '-')}"


def check_of_use(name: str, options: Mapping[str, object]) -> None:
    """Raise InvalidParameter if an option of models was given for log-probabilities that are there already."""
    given = [option_of(option) for option, value in options.items() if value is not None]
    if given:
        raise InvalidParameter(
            f"{' and '.join(given)}: {name} holds log-probabilities, which nothing changes, leave it out"
        )


def what_is_kept(place: Path | None, kind: str) -> str:
    """Say what an interrupted scoring leaves in the place of ``--resume``, which takes a ``kind`` (FILE, DIR)."""
    if place is None:
        return f"no score is kept; with --resume {kind} a scoring goes on where it was stopped"
    return f"what is scored is kept in {place}; the same command goes on from there"
