"""``rate --model``: the code lengths of files under a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from compresslab._support.files import name_beside
from compresslab._support.interrupts import if_stopped
from compresslab.cli.model_options import Scoring, check_of_use, load_scorer, what_is_kept
from compresslab.cli.output import ReportOutput
from compresslab.cli.reading import reading_notes
from compresslab.data.choice import choice_for_role
from compresslab.data.door import check_not_empty, read_data
from compresslab.lm.log_prob_files import PREFIX
from compresslab.report.page import Page
from compresslab.report.provenance import provenance
from compresslab.report.terminal import table_view

__all__ = ["rate_under_model"]


def rate_under_model(
    files: Sequence[Path],
    name: str,
    split: str | None,
    options: Sequence[str],
    scoring: Scoring,
    resume: Path | None,
    depth: int,
    command: Sequence[str],
    output: ReportOutput,
) -> None:
    """Score files under a model and show the rates; of several processes the first one speaks."""
    from compresslab.lm.distributed import processes
    from compresslab.measurements.model_rate import measure_model_rate
    from compresslab.measurements.model_rate_page import model_rate_page, model_rate_table

    scoring.check()
    choice = choice_for_role(options)
    found = [check_not_empty(read_data(path, choice, unit=split, usual="document")) for path in files]
    speaks = processes()[0] == 0
    output = replace(output, quiet=output.quiet or not speaks)
    if name.startswith(PREFIX):
        check_of_use(name, {**scoring.of_models(), "resume": resume})
    model = load_scorer(name, quiet=output.quiet, **scoring.settings())
    windows = scoring.windows(getattr(model, "context", None))
    results = []
    for i, one in enumerate(found, start=1):
        journal = resume
        if journal is not None and len(found) > 1:
            journal = name_beside(journal, f".{i}")
        with if_stopped(partial(what_is_kept, journal, "FILE")), output.working(f"scoring {one.label}") as step:
            results.append(
                measure_model_rate(
                    model,
                    one.responses,
                    one.label,
                    prompts=one.prompts,
                    conversations=one.conversations,
                    layout=scoring.layout(),
                    windows=windows,
                    eos=scoring.eos,
                    baselines=speaks,
                    depth=depth,
                    batch_tokens=scoring.batch,
                    progress=step,
                    resume=journal,
                )
            )
    if not speaks:
        return
    notes = list(reading_notes(found, with_model=True))

    def page() -> Page:
        source = provenance(command, [], files=files, packages=("torch", "transformers"), read=notes)
        return model_rate_page(results, source)

    read = [one.facts() for one in found]
    values = {**asdict(results[0]), "files": [asdict(result) for result in results], "read": read}
    output.show(values, lambda: table_view(model_rate_table(results)), notes)
    output.write(page)
