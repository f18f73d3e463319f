"""``compresslab probe``: what fine-tuning a model on new data will do to its other data, said before it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from compresslab._support.piping import named, piped
from compresslab._support.progress import Step
from compresslab.cli.data_options import DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import Device, Dtype, load_model, refuse
from compresslab.cli.options import Seed, Split
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.reading import labelled, reading_notes
from compresslab.data.choice import DataChoice, choice_for_role
from compresslab.data.contamination import overlaps
from compresslab.data.door import ReadData, check_not_empty, read_data
from compresslab.data.readers import label_of
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter
from compresslab.lm.layout_notes import layout_notes
from compresslab.probe.json_form import as_json
from compresslab.probe.result import PRECISION, ProbeResult, check_precision
from compresslab.probe.settings import BETAS, OPTIMIZERS, STATES, ProbeSettings
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

__all__ = ["command"]

_USUAL = ProbeSettings()
_ROLES = ("pretrain", "align", "other", "perturb")


def _data(help_text: str) -> Any:
    return typer.Option(metavar="[NAME=]FILE", help=help_text, show_default=False)


@grouped
def command(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="The model: tiny, smollm2, hf:NAME or a folder.")],
    pretrain: Annotated[list[str] | None, _data("Data like that of pre-training; several, each with a name.")] = None,
    align: Annotated[list[str] | None, _data("Data like that of alignment.")] = None,
    other: Annotated[list[str] | None, _data("Data in neither: does it come back?")] = None,
    perturb: Annotated[list[str] | None, _data("What the model will be fine-tuned on.")] = None,
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
        optimizer=optimizer, learning_rate=learning_rate, examples=_numbers(examples), batch=batch, length=length,
        state=state, linearised=not first_order, template=template, seed=seed,
    )  # fmt: skip
    if not settings.keeps_state:
        refuse(context, ("state",), f"only adamw has a state, and the optimizer is {optimizer}: leave it out")
    given = {"pretrain": pretrain, "align": align, "other": other, "perturb": perturb}
    if not perturb:
        raise InvalidParameter("no --perturb: give a file of what the model will be fine-tuned on")
    with ExitStack() as streams:
        found, files = _read(given, reading.chosen, split, streams, output)
        shared = overlaps({
            role: Texts.concat(one.responses for one in sets.values()) for role, sets in found.items() if sets
        })  # fmt: skip
        if dry_run:
            _plan(model, base, found, settings, (device, dtype), verify=verify, output=output)
            return
        from compresslab.measurements.probe_page import probe_page
        from compresslab.measurements.probe_tables import probe_view
        from compresslab.probe.probing import probe

        held = load_model(model, device, dtype, quiet=output.quiet)
        before = None if base is None else load_model(base, device, dtype, quiet=output.quiet)
        with _stages(output) as progress:
            result = probe(held, **found, base=before, verify=verify, settings=settings, progress=progress)
        reads = [one for sets in found.values() for one in sets.values()]
        notes = [*reading_notes(reads, with_model=True), *_layout_notes(result), *map(str, shared)]

        def page() -> Page:
            source = provenance(
                arguments_of(context), [], files=files, seed=seed, packages=("torch", "transformers"), read=notes
            )
            return probe_page(result, precision, source)

        values = {
            **as_json(result, precision),
            "read": [one.facts() for one in reads],
            "shared": [one.facts() for one in shared],
        }
        output.show(values, lambda: probe_view(result, precision), notes)
        output.write(page)


def _numbers(text: str) -> tuple[int, ...]:
    """Return ``4,16`` as numbers."""
    try:
        return tuple(int(part) for part in text.replace(" ", "").split(","))
    except ValueError:
        raise InvalidParameter(
            f"--examples are whole numbers with commas between them, as in 4,16: not {text!r}"
        ) from None


def _read(
    given: dict[str, list[str] | None],
    options: Sequence[str],
    split: str | None,
    streams: ExitStack,
    output: ReportOutput,
) -> tuple[dict[str, dict[str, ReadData]], list[Path]]:
    """Read the files of each role, each under its name: the one that was given, or the file's."""
    found: dict[str, dict[str, ReadData]] = {role: {} for role in _ROLES}
    files: list[Path] = []
    seen: dict[tuple[Path, DataChoice], str] = {}
    entries = [(role, *labelled(entry)) for role in _ROLES for entry in given[role] or ()]
    paths = streams.enter_context(piped([Path(path) for _, _, path in entries]))
    with output.working("reading"):
        for (role, name, _), path in zip(entries, paths, strict=True):
            choice = choice_for_role(options, role, _ROLES)
            label = name or label_of([path])
            if any(label in sets for sets in found.values()):
                raise InvalidParameter(f"two datasets are called '{label}': give each a name of its own, as NAME=FILE")
            first = seen.get((path.resolve(), choice))
            if first is not None:
                where = f"in two roles, {first} and {role}" if first != role else f"given twice for --{role}"
                raise InvalidParameter(
                    f"{named(str(path))} is {where}: what is said of the one is then said of the other too; give other "
                    f"data, or other rows of it, such as --where {role}:NAME=VALUE"
                )
            seen[path.resolve(), choice] = role
            read = check_not_empty(read_data(path, choice, unit=split))
            found[role][label] = read
            files.append(path)
    return found, files


def _plan(
    model: str,
    base: str | None,
    found: dict[str, dict[str, ReadData]],
    settings: ProbeSettings,
    where: tuple[str | None, str | None],
    *,
    verify: bool,
    output: ReportOutput,
) -> None:
    """Say what a probe takes, having checked without any weights what a run would refuse."""
    from dataclasses import asdict

    from compresslab.probe.planning import model_of_settings, plan_probe, weights_of
    from compresslab.probe.probing import check_given, in_tokens

    check_given(found, with_base=base is not None)
    empty = model_of_settings(model, *where)
    before = None if base is None else model_of_settings(base, *where)
    with output.working("reading texts into tokens"):
        sizes = {data.name: data.dialogues.tokens for data in in_tokens(empty, found, settings, before)}
    plan = plan_probe(weights_of(empty), sizes, settings, perturbations=len(found["perturb"]), verify=verify)
    output.say(asdict(plan), str(plan))


def _layout_notes(result: ProbeResult) -> Iterator[str]:
    """Say how the texts of each dataset were laid out for the model, and what begins and ends them."""
    for name, facts in result.datasets.items():
        yield f"{name}: prefix {facts.prefix_token}, EOS {facts.eos_token}."
        yield from layout_notes(facts, name, choice=False)


@contextmanager
def _stages(output: ReportOutput) -> Iterator[Any]:
    """Show each stage of a probe under its own title."""
    with ExitStack() as stack:
        shown: dict[str, Step] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                stack.pop_all().close()
                shown[stage] = stack.enter_context(output.working(stage))
            shown[stage](done, total)

        yield progress
