"""``compresslab probe``: what fine-tuning a model on new data will do to its other data, said before it is done."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from compresslab.cli.data_options import DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import Device, Dtype, load_model
from compresslab.cli.options import Seed, Split
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.reading import reading_notes
from compresslab.cli.role_data import named_data, numbers_of, read_named, stages_shown
from compresslab.data.door import ReadData
from compresslab.errors import InvalidParameter
from compresslab.probe.json_form import as_json
from compresslab.probe.result import PRECISION, check_precision
from compresslab.probe.settings import BETAS, OPTIMIZERS, STATES, ProbeSettings
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

__all__ = ["command"]

_USUAL = ProbeSettings()


@grouped
def command(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="The model: tiny, smollm2, hf:NAME or a folder.")],
    pretrain: Annotated[
        list[str] | None, named_data("Data like that of pre-training; several, each with a name.")
    ] = None,
    align: Annotated[list[str] | None, named_data("Data like that of alignment.")] = None,
    other: Annotated[list[str] | None, named_data("Data in neither: does it come back?")] = None,
    perturb: Annotated[list[str] | None, named_data("What the model will be fine-tuned on.")] = None,
    base: Annotated[
        str | None, typer.Option(help="The model before alignment: what has alignment gained?", show_default=False)
    ] = None,
    optimizer: Annotated[str, typer.Option(help=f"Of the fine-tuning: {', '.join(OPTIMIZERS)}.")] = _USUAL.optimizer,
    learning_rate: Annotated[float, typer.Option(help="Of all its steps.")] = _USUAL.learning_rate,
    examples: Annotated[str, typer.Option(help="After how many examples the changes are predicted.")] = "4,16,64,256",
    batch: Annotated[int, typer.Option(help="Examples of a step.")] = _USUAL.batch,
    length: Annotated[int, typer.Option(help="Tokens of an example at most.")] = _USUAL.length,
    state: Annotated[
        str, typer.Option(help=f"Where AdamW (betas {BETAS[0]}, {BETAS[1]}) begins: {' or '.join(STATES)} of all data.")
    ] = _USUAL.state,
    first_order: Annotated[
        bool, typer.Option("--first-order", help="Leave out the linearised model, which takes longer than fine-tuning.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Fine-tune for real as well, and measure.")] = False,
    precision: Annotated[
        float, typer.Option(help="Half an interval in nats per token: how many texts does it take?")
    ] = PRECISION,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what memory and time it takes, and stop.")] = False,
    split: Split = None,
    *,
    reading: DataOptions,
    template: Annotated[
        str,
        typer.Option(
            metavar="auto|tokenizer|none|FILE",
            help="Chat template: the tokenizer's, for conversations (auto) or prompts too (tokenizer); or of a file.",
        ),
    ] = "auto",
    device: Device = None,
    dtype: Dtype = "float32",
    seed: Seed = 0,
    output: ReportOutput,
) -> None:
    """Predict what fine-tuning a model on new data will do to its pre-training, alignment and other data."""
    check_precision(precision)
    settings = ProbeSettings(
        optimizer=optimizer, learning_rate=learning_rate, examples=numbers_of(examples), batch=batch, length=length,
        state=state, linearised=not first_order, template=template, seed=seed,
    )  # fmt: skip
    given = {"pretrain": pretrain, "align": align, "other": other, "perturb": perturb}
    if not perturb:
        raise InvalidParameter("no --perturb: give a file of what the model will be fine-tuned on")
    with ExitStack() as streams:
        found, files = read_named(given, reading.chosen, split, streams, output)
        if dry_run:
            _plan(model, found, settings, verify=verify, output=output)
            return
        from compresslab.measurements.probe_page import probe_page
        from compresslab.measurements.probe_tables import probe_view
        from compresslab.probe.probing import probe

        held = load_model(model, device, dtype, quiet=output.quiet)
        before = None if base is None else load_model(base, device, dtype, quiet=output.quiet)
        with stages_shown(output) as progress:
            result = probe(held, **found, base=before, verify=verify, settings=settings, progress=progress)
        reads = [one for sets in found.values() for one in sets.values()]
        notes = list(reading_notes(reads, with_model=True))

        def page() -> Page:
            source = provenance(
                arguments_of(context), [], files=files, seed=seed, packages=("torch", "transformers"), read=notes
            )
            return probe_page(result, precision, source)

        values = {**as_json(result, precision), "read": [one.facts() for one in reads]}
        output.show(values, lambda: probe_view(result, precision), notes)
        output.write(page)


def _plan(
    model: str, found: dict[str, dict[str, ReadData]], settings: ProbeSettings, *, verify: bool, output: ReportOutput
) -> None:
    from dataclasses import asdict

    from compresslab.probe.planning import plan_probe, weights_of

    sizes = {
        name: int(read.responses.buffer.size) + read.prompt_bytes
        for sets in found.values()
        for name, read in sets.items()
    }
    over_bytes = {"bytes_per_token": 1.0} if model == "tiny" else {}
    plan = plan_probe(
        weights_of(model), sizes, settings, perturbations=len(found["perturb"]), verify=verify, **over_bytes
    )
    output.say(asdict(plan), str(plan))
