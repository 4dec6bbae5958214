"""`python -m llmpert pseudobulk`: from single cells to a screen."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import echo, remark, work_bar


@click.command(short_help="Turn a file of single cells into a screen.")
@click.argument("file", type=options.FILE)
@options.line
@options.target
@options.control
@click.option(
    "--batch", metavar="COLUMN",
    help="Column of obs with batches: perturbed cells are compared with control cells of their own."
         " 'none': with all. Default: gem_group, batch, … where there is one.",
)  # fmt: skip
@click.option(
    "--values", type=click.Choice(["counts", "log", "log2"]),
    help="Kind of the values of X: counts, or log-normalised with the natural logarithm (log) or"
        " base 2 (log2). Default: detected.",
)  # fmt: skip
@options.layer
@options.count(
    "--fewest-cells", "fewest", least=2, default=10,
    help="Fewest cells of a perturbation; those with fewer are left out.",
)  # fmt: skip
@click.option(
    "--covariance", is_flag=True,
    help="Also compute the covariance of each perturbed gene with every gene over control cells,"
         " from which the model 'covariance' predicts. Reads the file once more.",
)  # fmt: skip
@options.processes
@options.scheduler
@options.out(".h5ad")
def pseudobulk(
    file: Path,
    line: str | None,
    target: str | None,
    control: Sequence[str],
    batch: str | None,
    values: str | None,
    layer: str | None,
    fewest: int,
    covariance: bool,
    processes: int | None,
    scheduler: str | None,
    out: Path,
) -> None:
    """Turn a file of single cells (.h5ad, of any size) into a screen.

    Cells are scaled to 10,000 counts and log(1 + x) transformed; a perturbation's response is the
    mean over its cells minus the mean over control cells of the same batches. Every gene is tested
    against control (Welch's t-test), which then ranks the top DE genes. The file is never
    held in memory as a whole. Finished parts are kept: a stopped run resumes.

    \b
    Example:
      python -m llmpert pseudobulk K562_essential_raw_singlecell_01.h5ad --out k562.h5ad
      python -m llmpert import --name mine --screen k562.h5ad --embedding text=genept.pickle
    """
    from llmpert.datasets.dataset import Parts
    from llmpert.datasets.report import contents
    from llmpert.downloads import format_bytes
    from llmpert.parallel import workers
    from llmpert.screens import FDR, cells

    found = cells.plan(
        file, line, target=target, control=control, batch=batch, fewest=fewest,
        values=values, layer=layer,
    )  # fmt: skip
    if processes is None:
        # Smaller files are read in one process before others would have started.
        large = scheduler is None and file.stat().st_size > 1e9
        processes = found.processes(os.cpu_count() or 1) if large else 1
    remark(f"{file}: takes up to {format_bytes(found.memory(processes))} of memory.")
    with workers(processes, scheduler) as run, work_bar("cell") as progress:
        screen = cells.pseudobulk(found, run, progress)
    if covariance:
        screen = cells.with_covariance(found, screen)
    screen.save(out)
    echo(contents(Parts(screens=[screen])))
    called = (screen.layers["q"] <= FDR).sum(axis=1)
    click.echo(
        f"  {int(called.mean()):,} genes of a perturbation differ from control on average, at a"
        f" false discovery rate of {round(100 * FDR)} %."
    )
    click.echo(f"Wrote {out}.")
