"""What the commands that train a model of the user's share: the options of its steps and of its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from compresslab.cli.model_options import Device, Dtype, Template, load_model
from compresslab.cli.options import Seed
from compresslab.probe.settings import ProbeSettings

if TYPE_CHECKING:
    from compresslab.lm.protocol import LanguageModel

__all__ = ["DryRun", "FirstOrder", "Tuning"]

_USUAL = ProbeSettings()

FirstOrder = Annotated[
    bool, typer.Option("--first-order", help="Leave out the linearised model, which takes longer than fine-tuning.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what memory and time it takes, and stop.")]


@dataclass(frozen=True)
class Tuning:
    """How a model is trained, and where: the options of the same names."""

    batch: Annotated[int, typer.Option(help="Examples of a step.")] = _USUAL.batch
    length: Annotated[int, typer.Option(help="Tokens of an example at most.")] = _USUAL.length
    template: Template = "auto"
    device: Device = None
    dtype: Dtype = "float32"
    seed: Seed = 0

    @property
    def steps(self) -> dict[str, Any]:
        """Return what the settings of a probe and of an audit hold of these."""
        return {"batch": self.batch, "length": self.length, "template": self.template, "seed": self.seed}

    def load(self, name: str, *, quiet: bool) -> LanguageModel:
        """Load a model in its place."""
        return load_model(name, self.device, self.dtype, quiet=quiet)
