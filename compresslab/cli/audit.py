"""``compresslab audit``: how elastic an aligned model is, measured by short fine-tunings of it and of its base."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from compresslab.audit.json_form import series_as_json
from compresslab.audit.reading import ROLES
from compresslab.audit.rows import LABELS, rows_of
from compresslab.audit.settings import QUICK, AuditSettings
from compresslab.cli.data_options import DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.options import Split
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.reading import reading_notes
from compresslab.cli.role_data import named_data, numbers_of, read_named, shared_texts, stages_shown
from compresslab.cli.sinks import Sinks
from compresslab.cli.spec_files import SpecFiles
from compresslab.cli.tuning_options import DryRun, FirstOrder, Tuning
from compresslab.data.door import ReadData
from compresslab.errors import InvalidParameter
from compresslab.lm.protocol import LanguageModel
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

__all__ = ["command"]

_USUAL = AuditSettings()


@grouped
def command(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="BASE ALIGNED...",
            help="The base and the model aligned from it, or several of them: hf:NAME or folders.",
            show_default=False,
        ),
    ],
    pretrain: Annotated[list[str] | None, named_data("Data like that of pre-training; several, each a name.")] = None,
    align: Annotated[list[str] | None, named_data("Data like that of the alignment.")] = None,
    perturb: Annotated[list[str] | None, named_data("New data that is trained on.")] = None,
    neutral: Annotated[list[str] | None, named_data("Neutral data for the placebo; none: no placebo.")] = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="The models are pairs, BASE ALIGNED BASE ALIGNED..., such as of sizes.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help=f"{QUICK['seeds']} seeds, {QUICK['texts']} texts, {QUICK['examples'][-1]} examples: wider intervals.",
        ),
    ] = False,
    learning_rate: Annotated[float, typer.Option(help="Where the gate begins.")] = _USUAL.learning_rate,
    examples: Annotated[
        str | None, typer.Option(help="After how many examples all is measured.", show_default="4,16,64")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Runs of each arm.", show_default=str(_USUAL.seeds))] = None,
    texts: Annotated[
        int | None, typer.Option(help="Texts of each dataset that are measured.", show_default=str(_USUAL.texts))
    ] = None,
    level: Annotated[
        float, typer.Option(help="The gate: how far the base may move, nats per token; else the rate is halved.")
    ] = _USUAL.level_nats,
    lora: Annotated[int, typer.Option(help="Train a LoRA of this rank (needs peft); 0: all weights.")] = _USUAL.lora,
    alignment_sum: Annotated[
        float | None,
        typer.Option(
            help="Sum of the learning rates of the alignment's steps, for the placebo.",
            show_default="of the longest fine-tuning here",
        ),
    ] = None,
    first_order: FirstOrder = False,
    dry_run: DryRun = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Keep what is done here; the same command goes on.", show_default=False),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes that share the seeds; on GPUs as many at most as their memory holds.")
    ] = 1,
    split: Split = None,
    *,
    reading: DataOptions,
    tuning: Tuning,
    sinks: Sinks,
    specs: SpecFiles,
    output: ReportOutput,
) -> None:
    """Measure how elastic an aligned model is: what new data undoes of its alignment, and what comes back."""
    sinks.check()
    specs.save(context)
    asked = {"examples": None if examples is None else numbers_of(examples), "seeds": seeds, "texts": texts}
    chosen = (QUICK if quick else {}) | {name: value for name, value in asked.items() if value is not None}
    settings = AuditSettings(
        learning_rate=learning_rate, level_nats=level, lora=lora, alignment_sum=alignment_sum,
        linearised=not first_order, **tuning.steps,
    ).changed(chosen)  # fmt: skip
    names = _pairs(models, sizes=sizes)
    given = {"pretrain": pretrain, "align": align, "perturb": perturb, "neutral": neutral}
    for role in ROLES[:3]:
        if not given[role]:
            raise InvalidParameter(f"no --{role}: an audit takes pre-training, alignment and new data, a file of each")
    with ExitStack() as streams:
        found, files = read_named(given, reading.chosen, split, streams, output)
        shared = shared_texts(found)
        if dry_run:
            _plan(names, found, settings, output, keeps=out is not None)
            return
        from compresslab.audit.auditing import audit_series
        from compresslab.measurements.audit_page import audit_page
        from compresslab.measurements.audit_tables import audit_view

        held: dict[str, LanguageModel] = {
            name: tuning.load(name, quiet=output.quiet)
            for name in dict.fromkeys(name for pair in names for name in pair)
        }
        with stages_shown(output) as progress:
            results = audit_series(
                [(held[base], held[aligned]) for base, aligned in names], pretrain=found["pretrain"],
                align=found["align"], perturb=found["perturb"], neutral=found["neutral"], settings=settings,
                folder=out, workers=workers, progress=progress,
            )  # fmt: skip
        reads = [one for sets in found.values() for one in sets.values()]
        notes = [*reading_notes(reads, with_model=True), *map(str, shared)]

        def page() -> Page:
            packages = ("torch", "transformers")
            source = provenance(arguments_of(context), [], files=files, seed=tuning.seed, packages=packages, read=notes)
            return audit_page(results, source)

        values = {**series_as_json(results), "read": [one.facts() for one in reads]}
        output.show(values, lambda: audit_view(results), notes)
        output.write(page)
        sinks.send(lambda: rows_of(results), LABELS, out or output.report, f"audit of {results[0].aligned.name}")


def _pairs(models: list[str], *, sizes: bool) -> list[tuple[str, str]]:
    """Return base and aligned model of each audit."""
    if len(models) < 2:
        raise InvalidParameter("an audit takes a base and an aligned model: give both, BASE ALIGNED")
    if not sizes:
        return [(models[0], one) for one in models[1:]]
    if len(models) % 2:
        raise InvalidParameter(f"--sizes takes pairs, BASE ALIGNED BASE ALIGNED...: not {len(models)} models")
    return list(zip(models[::2], models[1::2], strict=True))


def _plan(
    names: list[tuple[str, str]],
    found: dict[str, dict[str, ReadData]],
    settings: AuditSettings,
    output: ReportOutput,
    *,
    keeps: bool,
) -> None:
    from dataclasses import asdict

    from compresslab.audit.planning import plan_audit
    from compresslab.probe.planning import model_of_settings, weights_of

    used = {
        role: {name: _used_bytes(read, settings, role) for name, read in sets.items()} for role, sets in found.items()
    }
    sizes = {aligned: weights_of(model_of_settings(aligned)) for _, aligned in names}
    largest = max(sizes, key=sizes.__getitem__)
    over_bytes = {"bytes_per_token": 1.0} if largest == "tiny" else {}
    plan = plan_audit(sizes[largest], used, settings, pairs=len(names), keeps=keeps, **over_bytes)
    output.say(asdict(plan), str(plan))


def _used_bytes(read: ReadData, settings: AuditSettings, role: str) -> int:
    """Return about how many bytes of a file are used."""
    most = max(settings.texts, settings.last) if role == "perturb" else settings.texts
    size = int(read.responses.buffer.size) + read.prompt_bytes
    return size if role == "neutral" else round(size * min(1.0, most / len(read.responses)))
