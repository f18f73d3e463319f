"""Make every table and every figure of docs/results.md from the rows beside it: ``python docs/make_results.py``.

A figure is found by its file, a table by its title, among those of the runs whose figures its section shows. What no
rows make is named, and nothing is written; so is a table whose title changed: it is given the new title by hand.
Nothing is trained. ``make results`` then holds every number of the page, those in its sentences too, to the rows, by a
script that shares nothing with this one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from compresslab._support.files import write_atomic
from compresslab.cli.report import experiment_page
from compresslab.experiments.experiment import findings_and_tables, read
from compresslab.experiments.registry import get_experiment
from compresslab.experiments.row_source import experiment_run
from compresslab.experiments.spec import read_spec
from compresslab.report.markdown import markdown
from compresslab.report.provenance import provenance
from compresslab.report.style import figure_bytes

DOCS = Path(__file__).parent
TABLE = re.compile(r"^\*\*(.+)\*\*\n\n((?:\|.*\n)+)", re.MULTILINE)
FIGURE = re.compile(r"!\[[^\]]*\]\(results/([^/)]+)/figures/([^/)]+)\.svg\)")


def made_tables(folder: Path) -> dict[str, str]:
    """Return the tables that the rows of a folder make, as Markdown, by title."""
    experiment = get_experiment(read_spec(folder)["experiment"])
    spec, rows = read(experiment, folder)
    text = markdown(findings_and_tables(experiment, spec, experiment.summarise(spec, rows)))
    return dict(TABLE.findall(text + "\n"))


def made_figures(folder: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Return those figures that are wanted of the page that the rows of a folder make, as SVG, by name."""
    if not wanted:
        return {}
    source = provenance(["report", folder.name], [], experiment=experiment_run(folder))
    page = experiment_page(folder, source)
    held = [one for one in page.figures if one.name in wanted]
    return {one.name: figure_bytes(one.figure, "svg", one.name, background=False) for one in held}


def main(docs: Path = DOCS) -> int:
    """Write the page and its figures; return how many tables and figures of the page no rows make."""
    page = docs / "results.md"
    text = page.read_text(encoding="utf-8")
    folders = sorted(path.parent for path in (docs / "results").glob("*/rows.jsonl"))
    wanted = {folder: [name for where, name in FIGURE.findall(text) if where == folder.name] for folder in folders}
    drawn = {folder: made_figures(folder, wanted[folder]) for folder in folders}
    unknown = [
        f"no rows make the figure {folder.name}/figures/{name}.svg"
        for folder in folders
        for name in wanted[folder]
        if name not in drawn[folder]
    ]
    tables = {folder.name: made_tables(folder) for folder in folders}
    parts = [section_made(part, tables, unknown) for part in re.split(r"(?m)^(?=## )", text)]
    for line in unknown:
        print(line)
    if not unknown:
        for folder in folders:
            for name in wanted[folder]:
                (folder / "figures").mkdir(exist_ok=True)
                write_atomic(folder / "figures" / f"{name}.svg", [drawn[folder][name]])
        write_atomic(page, ["".join(parts).encode()])
        print(f"{len(TABLE.findall(text))} tables and {sum(map(len, wanted.values()))} figures made")
    return len(unknown)


def section_made(text: str, tables: Mapping[str, Mapping[str, str]], unknown: list[str]) -> str:
    """Return a section with its tables made again, by the runs whose figures it shows; name what they do not make."""
    runs = dict.fromkeys(where for where, _ in FIGURE.findall(text))
    mine = {title: rows for run in runs for title, rows in tables.get(run, {}).items()}
    unknown += [f"no rows make the table {title!r}" for title, _ in TABLE.findall(text) if title not in mine]
    return TABLE.sub(lambda found: f"**{found[1]}**\n\n{mine.get(found[1], found[2])}", text)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
