"""``compresslab elasticity``: what a perturbation does to pre-training and alignment data (Theorem 4.2)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from compresslab.cli.data_options import DATA_OPTIONS, DataOptions
from compresslab.cli.grouped_options import grouped
from compresslab.cli.model_options import refuse
from compresslab.cli.options import Depth, Parse, Seed, Split, TokenizerName
from compresslab.cli.output import ReportOutput, arguments_of
from compresslab.cli.piped_arguments import piped_argument
from compresslab.cli.reading import read_each_role, reading_notes
from compresslab.data.contamination import Overlap, overlaps
from compresslab.data.corpora import default_scenario
from compresslab.data.dataset import Dataset
from compresslab.data.door import ReadData
from compresslab.data.texts import Texts
from compresslab.errors import InvalidParameter
from compresslab.measurements.elasticity import DEFAULT_L, build_scenarios, check_numbers, measure_scenarios
from compresslab.measurements.elasticity_page import elasticity_page, elasticity_view
from compresslab.report.page import Page
from compresslab.report.provenance import provenance

__all__ = ["command"]


@grouped
def command(
    context: typer.Context,
    pretrain: Annotated[
        list[Path] | None,
        typer.Option(
            help="Pre-training data D_p: one or more files, the parts.", show_default=False, callback=piped_argument
        ),
    ] = None,
    align: Annotated[
        list[Path] | None, typer.Option(help="Alignment data D_a.", show_default=False, callback=piped_argument)
    ] = None,
    perturb: Annotated[
        list[Path] | None, typer.Option(help="Perturbation data D_t.", show_default=False, callback=piped_argument)
    ] = None,
    k: Annotated[list[float] | None, typer.Option(help="|D_p| / |D_a|; may be repeated.", show_default="10")] = None,
    l: Annotated[  # noqa: E741 - the paper's symbol
        list[float] | None,
        typer.Option(
            "--l", help="|D_t| / |D_a|; may be repeated.", show_default=", ".join(f"{x:g}" for x in DEFAULT_L)
        ),
    ] = None,
    depth: Depth = 4,
    parse: Parse = "phrases",
    tokenizer: TokenizerName = "bytes",
    split: Split = None,
    *,
    reading: DataOptions,
    natural: Annotated[
        bool, typer.Option("--natural", help="Mix the parts of D_p by their sizes, not in equal volumes.")
    ] = False,
    epsilon: Annotated[float, typer.Option(help="KL in nats at which alignment counts as undone.")] = 0.01,
    seed: Seed = 0,
    output: ReportOutput,
) -> None:
    """Measure what a perturbation does to pre-training and alignment data (no files: the embedded corpora)."""
    ks = k or [10.0]
    check_numbers(ks, l or DEFAULT_L, epsilon)
    given = {"--pretrain": pretrain, "--align": align, "--perturb": perturb}
    options = reading.chosen
    found: list[ReadData] = []
    shared: list[Overlap] = []
    missing = [option for option, paths in given.items() if not paths]
    with output.working("reading") as step:
        if len(missing) == len(given):
            refuse(context, DATA_OPTIONS, "for files, add --pretrain, --align and --perturb, or leave it out")
            scenario = default_scenario(split or "line", seed, tokenizer, progress=step)
            parts, aligned, perturbed = scenario.pretrain, scenario.align, scenario.perturb
        elif missing or not (pretrain and align and perturb):
            raise InvalidParameter(
                f"no {' and no '.join(missing)}: give files for all of --pretrain, --align and --perturb, "
                "or for none (the embedded corpora)"
            )
        else:
            roles = {"pretrain": pretrain, "align": align, "perturb": perturb}
            named = [(role, path) for role, paths in roles.items() for path in paths]
            sets, found = read_each_role(named, tokenizer, split, options, tuple(roles))
            held: dict[str, list[Texts]] = {role: [] for role in roles}
            for (role, _), one in zip(named, found, strict=True):
                held[role].append(one.responses)
            shared = overlaps({role: Texts.concat(texts) for role, texts in held.items()})
            cut = len(pretrain), len(pretrain) + len(align)
            parts = {f"{i} {dataset.name}": dataset for i, dataset in enumerate(sets[: cut[0]], start=1)}
            aligned, perturbed = Dataset.concat(sets[cut[0] : cut[1]]), Dataset.concat(sets[cut[1] :])
    with output.working("measuring"):
        built = build_scenarios(parts, aligned, perturbed, k=ks[0], depth=depth, parse=parse, equal_volumes=not natural)
        result = measure_scenarios(built, k=ks, l=l or DEFAULT_L, epsilon=epsilon)
    notes = [*reading_notes(found), *map(str, shared)]

    def page() -> Page:
        files = [*(pretrain or ()), *(align or ()), *(perturb or ())]
        sets = [*parts.values(), aligned, perturbed]
        source = provenance(arguments_of(context), sets, files=files, seed=None if files else seed, read=notes)
        return elasticity_page(result, built, source)

    read = {"read": [one.facts() for one in found], "shared": [one.facts() for one in shared]}
    output.show({**asdict(result), **read}, lambda: elasticity_view(result), notes)
    output.write(page)
