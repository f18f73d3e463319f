"""``compresslab probe``: what fine-tuning a model on new data will do to its other data, said before it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated, Any

import typer

from compresslab.cli.data_options import DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import refuse
from compresslab.cli.options import Split
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.reading import reading_notes
from compresslab.cli.role_data import named_data, numbers_of, read_named, shared_texts, stages_shown
from compresslab.cli.sinks import Sinks
from compresslab.cli.spec_files import SpecFiles
from compresslab.cli.tuning_options import DryRun, FirstOrder, Tuning
from compresslab.errors import InvalidParameter
from compresslab.lm.layout_notes import layout_notes
from compresslab.probe.json_form import as_json
from compresslab.probe.preferences import Preferences
from compresslab.probe.result import PRECISION, ProbeResult, check_precision
from compresslab.probe.rows import LABELS, rows_of
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
    state: Annotated[
        str, typer.Option(help=f"Where AdamW (betas {BETAS[0]}, {BETAS[1]}) begins: {' or '.join(STATES)} of all data.")
    ] = _USUAL.state,
    align_loss: Annotated[
        str,
        typer.Option(
            metavar="code-length|dpo",
            help="Of alignment data: dpo takes pairs (fields chosen, rejected), and the reference as --base.",
        ),
    ] = "code-length",
    lora: Annotated[
        int, typer.Option(help="Probe the space of a LoRA of this rank (needs peft); 0: of all weights.")
    ] = _USUAL.lora,
    dpo_beta: Annotated[float, typer.Option(help="Of the DPO loss.")] = _USUAL.dpo_beta,
    first_order: FirstOrder = False,
    verify: Annotated[bool, typer.Option("--verify", help="Fine-tune for real as well, and measure.")] = False,
    precision: Annotated[
        float, typer.Option(help="Half an interval in nats per token: how many texts does it take?")
    ] = PRECISION,
    dry_run: DryRun = False,
    split: Split = None,
    *,
    reading: DataOptions,
    tuning: Tuning,
    sinks: Sinks,
    specs: SpecFiles,
    output: ReportOutput,
) -> None:
    """Predict what fine-tuning a model on new data will do to its pre-training, alignment and other data."""
    check_precision(precision)
    sinks.check()
    specs.save(context)
    settings = ProbeSettings(
        optimizer=optimizer, learning_rate=learning_rate, examples=numbers_of(examples), state=state,
        linearised=not first_order, align_loss=align_loss.replace("-", " "), dpo_beta=dpo_beta, lora=lora,
        **tuning.steps,
    )  # fmt: skip
    if settings.align_loss != "dpo":
        refuse(context, ("dpo_beta",), "it is of the DPO loss: ask for that with --align-loss dpo, or leave it out")
    if not settings.keeps_state:
        refuse(context, ("state",), f"only adamw has a state, and the optimizer is {optimizer}: leave it out")
    given = {"pretrain": pretrain, "align": align, "other": other, "perturb": perturb}
    if not perturb:
        raise InvalidParameter("no --perturb: give a file of what the model will be fine-tuned on")
    with ExitStack() as streams:
        pairs = settings.align_loss == "dpo"
        first = {"align": "chosen"} if pairs else None
        found, files = read_named(given, reading.chosen, split, streams, output, first)
        shared = shared_texts(found)
        data: dict[str, dict[str, Any]] = {role: dict(sets) for role, sets in found.items()}
        if pairs:
            alone = {role: align if role == "align" else None for role in given}
            rejected, _ = read_named(alone, reading.chosen, split, streams, output, {"align": "rejected"})
            data["align"] = {n: Preferences(one, rejected["align"][n]) for n, one in found["align"].items()}
        if dry_run:
            _plan(model, base, data, settings, (tuning.device, tuning.dtype), verify=verify, output=output)
            return
        from compresslab.measurements.probe_page import probe_page
        from compresslab.measurements.probe_tables import probe_view
        from compresslab.probe.lora_against_whole import lora_accuracy
        from compresslab.probe.probing import probe

        held = tuning.load(model, quiet=output.quiet)
        before = None if base is None else tuning.load(base, quiet=output.quiet)
        with stages_shown(output) as progress:
            result = probe(held, **data, base=before, verify=verify, settings=settings, progress=progress)
            lost = lora_accuracy(held, result, **data, base=before, progress=progress) if _asks_both(result) else ()
        reads = [one for sets in found.values() for one in sets.values()]
        notes = [*map(str, lost), *reading_notes(reads, with_model=True), *_layout_notes(result), *map(str, shared)]

        def page() -> Page:
            source = provenance(
                arguments_of(context), [], files=files, seed=tuning.seed, packages=("torch", "transformers"), read=notes
            )
            return probe_page(result, precision, source)

        values = {
            **as_json(result, precision),
            "read": [one.facts() for one in reads],
            "shared": [one.facts() for one in shared],
            **(
                {"lora_accuracy": [{**asdict(one), "accuracy_lost": one.accuracy_lost} for one in lost]} if lost else {}
            ),
        }
        output.show(values, lambda: probe_view(result, precision), notes)
        output.write(page)
        sinks.send(lambda: rows_of(result), LABELS, output.report, f"probe of {result.model.name}")


def _plan(
    model: str,
    base: str | None,
    found: dict[str, dict[str, Any]],
    settings: ProbeSettings,
    where: tuple[str | None, str | None],
    *,
    verify: bool,
    output: ReportOutput,
) -> None:
    """Say what a probe takes, having checked without any weights what a run would refuse."""
    from compresslab.probe.lora import to_train
    from compresslab.probe.planning import model_of_settings, plan_probe, weights_of
    from compresslab.probe.probing import check_given, in_tokens

    check_given(found, with_base=base is not None)
    empty = model_of_settings(model, *where)
    before = None if base is None else model_of_settings(base, *where)
    with output.working("reading texts into tokens"):
        sizes = {data.name: data.dialogues.tokens for data in in_tokens(empty, found, settings, before)}
    every = weights_of(empty)
    trained = weights_of(to_train(empty, settings.lora, settings.seed)) if settings.lora else every
    plan = plan_probe(
        trained, sizes, settings, perturbations=len(found["perturb"]), verify=verify,
        frozen=every if settings.lora else 0,
    )  # fmt: skip
    output.say(asdict(plan), str(plan))


def _asks_both(result: ProbeResult) -> bool:
    """Return whether a probe of a LoRA is to be held against one of all weights: where fine-tuning is measured."""
    return bool(result.settings.lora and result.settings.linearised and result.measured)


def _layout_notes(result: ProbeResult) -> Iterator[str]:
    """Say how the texts of each dataset were laid out for the model, and what begins and ends them."""
    for name, facts in result.datasets.items():
        yield f"{name}: prefix {facts.prefix_token}, EOS {facts.eos_token}."
        if facts.objective == "dpo":
            yield f"{name}: the DPO loss per pair stands where other data has its code length per token."
        yield from layout_notes(facts, name, choice=False)
