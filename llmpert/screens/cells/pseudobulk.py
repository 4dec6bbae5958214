"""From a file of single cells to a screen: sum up the cells of each perturbation, then compare."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmpert.downloads import download_of
from llmpert.errors import InputError
from llmpert.genes.numbers import as_entrez_ids
from llmpert.io import limits
from llmpert.io.hashing import fingerprint
from llmpert.io.limits import refuse_more
from llmpert.io.names import preview
from llmpert.io.paths import home
from llmpert.io.reading import naming
from llmpert.parallel import Run, run_serially
from llmpert.screens.cells.differential import GroupStatistics, against_control
from llmpert.screens.cells.file import BLOCK_BYTES, open_cells
from llmpert.screens.cells.layout import CellGroups, Layout, cell_groups, layout_of, taken_together
from llmpert.screens.cells.moments import DEPTH, Job, Moments, add_up, centre_of, moments
from llmpert.screens.cells.scale import base_of
from llmpert.screens.files import stated
from llmpert.screens.names import measured_genes, note
from llmpert.screens.screen import Screen

VERSION = 1
"""Raised whenever the same file gives other sums: finished chunks are summed again."""

UNIT = "Δ log-normalised expression"

STARTING = 250 * 2**20
"""Bytes that a process takes before it reads anything: Python and its libraries."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The layout and cost of a file, known before it is read whole.

    `var` is its table of measured genes. `unit` is as it says, by default that of log-normalised
    expression, and `provenance` begins that of the screen.
    """

    layout: Layout
    groups: CellGroups
    job: Job
    var: pd.DataFrame
    unit: str
    provenance: dict[str, Any]

    def memory(self, processes: int = 1) -> int:
        """Estimate the bytes that `pseudobulk` takes at most, all processes together."""
        # Blocks of cells at a time: as stored, as expression, their squares, and their sums.
        sums, reading = self.job.bytes_of_sums, STARTING + 4 * BLOCK_BYTES
        if processes == 1:
            return reading + 3 * sums
        # Others hold the sums of the chunk in hand, and twice those under way of the one before.
        return STARTING + 3 * sums + processes * (reading + 3 * sums)

    def processes(self, most: int, memory: float = 4e9) -> int:
        """Return how many processes, up to `most`, `memory` bytes are enough for; at least one."""
        return max((n for n in range(1, most + 1) if self.memory(n) <= memory), default=1)


def plan(
    path: str | Path,
    line: str | None = None,
    *,
    default_line: str | None = None,
    target: str | None = None,
    control: Sequence[str] = (),
    batch: str | None = None,
    values: str | None = None,
    layer: str | None = None,
    fewest: int = 10,
    largest: int | None = None,
) -> Plan:
    """Return the layout and groups of a file of cells; given columns are not detected.

    Args:
        path: A `.h5ad` of cells x genes, of any size. One that stores genes one after the other
            (CSC) is read twice, and of it the sums of cells first.
        line, target, batch: As in `Layout`. The batch "none" means that there are none.
        values: What the numbers are, one of `scale.CHOICES`.
        layer: Which one holds them, in place of X; "raw" is what AnnData keeps under that name.
        default_line: Cell line where the file states none, in place of what its name says.
        control: What the target column says of control cells, as patterns with `*`. By default
            whatever controls go by ("non-targeting", "control", "ctrl", …).
        fewest: Perturbations with fewer cells (at least 2) are left out: their mean says little.
        largest: Cells x genes that an upload may have.

    Raises:
        InputError: The file cannot be read, lacks controls or perturbations, or something can
            neither be found in it nor was given.
    """
    with open_cells(path, layer=layer) as cells:
        # First the tables, then a sample of the cells; nothing else is read yet.
        size = math.prod(cells.shape)
        if largest is not None and size > largest:
            expected = f"at most {largest:,} cells x genes in an upload"
            raise InputError.of_file(cells.path, expected, f"{size:,}")
        layout = layout_of(cells, line, target, control, batch, default_line)
        groups = cell_groups(cells, layout, max(2, fewest))
        names = measured_genes(cells.path, cells.var, np.zeros(len(cells.var)), [], layout.symbols)
        sums = len(groups) * len(names)
        refuse_more(cells.path, limits.MOST_VALUES, "perturbations x genes", sums)
        notes = [*groups.notes, *taken_together(cells, layout.target)]
        if sentence := as_entrez_ids(
            cells.path, "measured gene", list(names), layout.symbols or ""
        ):
            notes.append(sentence)
        note(notes, cells.others, "kind(s) of features that are no genes were left out")
        base = base_of(cells, values)
        job = Job(
            cells.path.absolute(), layer, base, groups.group, len(groups), centre_of(cells, base),
            cells.kept, cells.totals if cells.by_gene else None,
        )  # fmt: skip
        return Plan(
            layout,
            groups,
            job,
            cells.var,
            unit=stated(cells.uns, "unit") or UNIT,
            provenance={
                "source": stated(cells.uns, "source") or cells.path.name,
                "file": cells.path.name,
                "simulated": bool(cells.uns.get("simulated", False)),
                "notes": notes,
            },
        )


def pseudobulk(
    plan: Plan,
    run: Run = run_serially,
    progress: Callable[[int, int], None] = lambda done, total: None,
    work: Path | None = None,
) -> Screen:
    """Average the cells of each perturbation to its response, and test it against control.

    Counts are scaled to 10,000 a cell and transformed as log(1 + x); a response is the mean over a
    perturbation's cells minus the mean over control cells, of the same batches where these are
    known. The file is read in blocks.

    Args:
        run: Where chunks are summed.
        progress: Called with the cells that were read, and with how many there are.
        work: Folder for finished chunks, by default in llmpert's data folder: a call after a break
            goes on with the next one. They are removed at the end.

    Returns:
        The screen, with the layers `variance`, `t` and `q` (see `differential.against_control`);
        `control_sd` is the standard deviation of control cells within batches.

    Raises:
        InputError: The file is damaged, holds values that are no expression, or too many empty
            cells.
    """
    job, work = plan.job, work or home() / "singlecell"
    file = job.path.stat()
    key = fingerprint(
        VERSION, file.st_size, file.st_mtime_ns, job.layer, job.base, job.centre, job.group,
        job.kept,
    )  # fmt: skip
    of_file = work / fingerprint(str(job.path))
    folder = of_file / key
    for other in set(of_file.glob("*")) - {folder}:  # of an earlier version of the file
        shutil.rmtree(other, ignore_errors=True)
    chunks = {chunk: folder / f"{number}.npz" for number, chunk in enumerate(job.chunks())}
    missing = [chunk for chunk, path in chunks.items() if not path.exists()]
    cells, length = len(job.group), max(stop for _, stop in chunks)
    done = length - sum(stop - start for start, stop in missing)
    progress(cells * done // length, cells)
    for position, found in run(moments, job, missing):
        start, stop = missing[position]
        found.save(chunks[start, stop])
        done += stop - start
        progress(cells * done // length, cells)
    total = add_up(list(chunks.values()), job)
    shutil.rmtree(of_file, ignore_errors=True)
    with naming(job.path):
        screen = _screen(plan, total)
    if download := download_of(job.path):
        screen.provenance["download"] = download
    return screen


def _screen(plan: Plan, total: Moments) -> Screen:
    groups = plan.groups
    first = len(groups.perturbations)
    table, controls = groups.counts(total.empty)
    cells = table.sum(axis=1)
    used = controls >= 2
    if table[:, ~used].any() or (cells < 2).any():
        raise InputError(
            "expected two control cells with counts in every batch and two cells with counts of"
            " every perturbation, found too many empty cells; filter the file first."
        )
    control = GroupStatistics(controls[used], total.sums[first:][used], total.squares[first:][used])
    perturbed = GroupStatistics(cells, total.sums[:first], total.squares[:first])
    delta, t, q = against_control(perturbed, control, table[:, used] / cells[:, None])
    freedom = control.cells - 1
    mean = plan.job.centre + control.cells @ control.mean / control.cells.sum()
    notes = list(plan.provenance["notes"])
    if len(total.empty):
        notes.append(f"{len(total.empty):,} cell(s) without any count were left out.")
    batch = plan.layout.batch
    own = f" of its own batches ({len(groups.batches):,} in the column {batch!r})" if batch else ""
    steps = [
        _said_of_values(plan.job.base),
        f"Averaged {cells.sum():,} cells to {first:,} targets named in the column"
        f" {plan.layout.target!r}.",
        f"Subtracted the mean of the control cells{own} from each: {controls.sum():,} cells,"
        f" {preview([repr(label) for label in plan.layout.controls])}.",
        "Tested every gene against control by Welch's t-test; q is the false discovery rate"
        " (Benjamini–Hochberg) over a perturbation's genes.",
    ]
    return Screen(
        line=plan.layout.line,
        response=delta,
        perturbations=groups.perturbations,
        genes=measured_genes(plan.job.path, plan.var, mean, notes, plan.layout.symbols),
        unit=plan.unit,
        control_mean=mean,
        control_sd=np.sqrt(freedom @ control.variance / freedom.sum()),
        cells=cells,
        layers={"variance": perturbed.variance, "t": t, "q": q},
        provenance={**plan.provenance, "steps": steps, "notes": notes},
    )


def _said_of_values(base: float | None) -> str:
    if base is None:
        return f"Scaled every cell to {DEPTH:,} counts and took log(1 + x)."
    if base == math.e:
        return "Taken as log-normalised expression."
    return f"Taken as log-normalised expression to the base {base:g}; turned to the natural one."
