"""`python -m llmpert sources`: does a source help here?"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED, aligned, echo, remark, work_bar
from llmpert.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.evaluation.problem import Problem


@click.command(short_help="Find out which embeddings help on a screen.")
@options.data
@options.screens
@options.embeddings
@options.genes
@options.orthologs
@click.option(
    "--score", "score_name", default="pearson_all", show_default=True, metavar="NAME",
    help="The score to judge by, by its name in the results of `evaluate`.",
)  # fmt: skip
@click.option(
    "--sets", metavar="NAME",
    help="Also list the gene sets of knockdowns that each source helps, of this collection: that of"
         " the data set or 'GO complexes', 'GO processes', 'GO components', 'GO functions'.",
)  # fmt: skip
@options.count("--folds", least=2, default=5, help="Folds of the cross-validation.")
@options.seed
@options.features
@options.lines
@options.reading
@options.processes
@options.scheduler
@options.out(".csv", required=False)
def sources(
    name: str | None,
    screens: Sequence[Path],
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    score_name: str,
    sets: str | None,
    folds: int,
    seed: int,
    features: int,
    lines: Sequence[str],
    reading: options.Reading,
    processes: int | None,
    scheduler: str | None,
    out: Path | None,
) -> None:
    """Find out which sources, embeddings of genes, help to predict a screen.

    The Gaussian process learns from each source by itself, from all together, and from all without
    each, by cross-validation on the knockdowns that have every source. Prints of each source how
    many of the screen's knockdowns have it, its score alone, what it adds to all others with a 95 %
    interval over knockdowns (above 0 it helps), and the weight of its kernel where all are joined.
    A source that does not help gets little weight, and does no harm. `--sets` prints for which gene
    sets of knockdowns the score gets better, or worse, by each source beside all others.

    Finished fits are kept: a stopped run resumes.

    \b
    Example:
      python -m llmpert sources --screen k562.h5ad --embedding description --embedding go \\
          --embedding string=string.parquet
    """
    import pandas as pd

    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.evaluation.grid import run
    from llmpert.evaluation.scores import choose
    from llmpert.insight.sources import covered, sets_helped, source_fits, worth
    from llmpert.io.names import preview
    from llmpert.models.registry import GAUSSIAN_PROCESS
    from llmpert.parallel import workers

    metric, *others = choose([score_name])
    if others:
        raise click.UsageError("Expected one --score, found all.")
    data = options.data_or_screens(name, screens, lines, reading, embeddings, genes, orthologs)
    settings, parts = Settings(folds=folds, seed=seed, n_hvgs=features), []
    for line in data.screens:
        problem = options.aligned_problem(data, line)
        fits = source_fits(problem, partial(_experiment, problem, settings))
        with workers(processes or 1, scheduler) as somewhere, work_bar("fit") as progress:
            table = run(fits, progress, somewhere, [metric.name]).table
        fitted = Experiment(problem, settings).fit_all(GAUSSIAN_PROCESS)
        found = worth(problem, table, metric, fitted)
        knockdowns = list(data.screens[line].perturbations)
        found.insert(2, "covered", found["source"].map(covered(knockdowns, problem)))
        found.insert(0, "line", line)
        parts.append(found)
        click.echo(
            f"{line}: {metric.label} of {len(problem.perturbations):,} knockdowns with every"
            f" source, {folds} folds."
        )
        echo(aligned([HEADER, *_rows(found, len(knockdowns))]))
        if sets is not None:
            offered = data.collections(knockdowns)
            if sets not in offered:
                raise InputError(
                    f"Expected gene sets among {preview(offered) or 'none'}, found {sets}."
                )
            members = data.collection(sets).within(problem.perturbations).members
            echo(aligned(_set_rows(sets_helped(problem, table, metric, members))))
    if data.simulated:
        click.echo(SIMULATED)
    if out:
        from llmpert.io.atomic import atomic_path

        with atomic_path(out) as temporary:
            pd.concat(parts).to_csv(temporary, index=False)
        remark(f"Wrote {out}.")


def _experiment(problem: "Problem", settings: "Settings", choice: str) -> "Experiment":
    from llmpert.evaluation.experiment import Experiment

    return Experiment(problem.only(*choice.split("+")), settings)


HEADER = ("SOURCE", "GENES", "KNOCKDOWNS", "ALONE", "ADDS TO ALL OTHERS", "WEIGHT")


MOST_SETS = 20
"""Gene sets that are printed."""


def _set_rows(table: "pd.DataFrame") -> list[tuple[str, ...]]:
    header = ("GENE SET", "SOURCE", "SCORE", "KNOCKDOWNS", "MEDIAN GAIN", "FDR")
    return [
        header,
        *(
            (one["set"], one["source"], one["which"], f"{one['perturbations']:,}",
             f"{one['gain']:+.4f}", f"{one['fdr']:.1e}")
            for one in table.head(MOST_SETS).to_dict("records")
        ),
    ]  # fmt: skip


def _rows(table: "pd.DataFrame", knockdowns: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one in table.to_dict("records"):
        known = not math.isnan(one["adds"])
        of = (f"{one['genes']:,.0f}", f"{one['covered']:,.0f} of {knockdowns:,}")
        adds = f"{one['adds']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f})"
        rows.append((
            str(one["source"]), *(of if known else ("-", "-")), f"{one['alone']:.4f}",
            adds if known else "-", f"{100 * one['weight']:.0f} %",
        ))  # fmt: skip
    return rows
