"""`python -m llmpert evaluate`: score models on unseen knockdowns by cross-validation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED, aligned, echo, remark, work_bar
from llmpert.models.registry import EVALUATED, EVERY, LINE

if TYPE_CHECKING:
    import pandas as pd

BASELINES = (
    "mean",
    *(n for n, spec in EVALUATED.items() if spec.copies == LINE and not spec.uses_embedding),
)  # fmt: skip
"""Models that are always shown beside predictions from another line."""


@click.command(short_help="Score models on unseen knockdowns by cross-validation.")
@options.data
@options.screens
@options.embeddings
@options.genes
@options.orthologs
@click.option(
    "--model", "models", type=click.Choice(list(EVERY)), multiple=True, required=True,
    help="A model to score; give several for a comparison.",
)  # fmt: skip
@options.count(
    "--train-size", "sizes", least=2, multiple=True,
    help="Perturbations to train on; give several for a learning curve. Default: as many as the"
         " folds offer.",
)  # fmt: skip
@options.count(
    "--folds", least=2, default=5,
    help="Folds of the cross-validation; every perturbation is tested once.",
)  # fmt: skip
@options.count("--repeats", default=1, help="Random training sets drawn of each size and fold.")
@options.seed
@options.features
@options.top
@options.asked
@click.option(
    "--each", is_flag=True,
    help="Also evaluate each embedding by itself, on the same perturbations.",
)  # fmt: skip
@click.option(
    "--elsewhere", is_flag=True,
    help="Also predict each line from the responses to the same knockdowns in each other line,"
         f" beside {', '.join(BASELINES)}.",
)  # fmt: skip
@options.lines
@options.reading
@options.processes
@options.scheduler
@options.out(".parquet")
def evaluate(
    name: str | None,
    screens: Sequence[Path],
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    models: Sequence[str],
    sizes: Sequence[int],
    folds: int,
    repeats: int,
    seed: int,
    features: int,
    top: int,
    asked: Sequence[str],
    each: bool,
    elsewhere: bool,
    lines: Sequence[str],
    reading: options.Reading,
    processes: int | None,
    scheduler: str | None,
    out: Path,
) -> None:
    """Score models on knockdowns they were not trained on, by cross-validation.

    Prints the mean ± standard error over folds of some scores and writes all, a tidy table with the
    columns line, embedding, model, train_size, fold, repeat, perturbation, metric and value.

    Finished fits are kept in llmpert's data folder (the environment variable LLMPERT_HOME moves
    it): a stopped run resumes.

    \b
    Example:
      python -m llmpert evaluate --screen k562.h5ad \\
          --embedding text=genept.pickle --embedding sequence=per-protein.h5 --each \\
          --model mean --model linear --model gp \\
          --train-size 100 --train-size 400 --out results.parquet
    """
    data = options.data_or_screens(name, screens, lines, reading, embeddings, genes, orthologs)

    import pandas as pd

    from llmpert.datasets.report import left_out
    from llmpert.evaluation import grid
    from llmpert.evaluation import lines as across
    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.evaluation.results import summarise
    from llmpert.evaluation.scores import choose
    from llmpert.parallel import workers

    chosen = choose(asked, top)
    settings = Settings(folds=folds, seed=seed, n_hvgs=features, top=top)
    experiments, hidden, new = [], [], []
    for line in data.screens:
        problem = options.aligned_problem(data, line)
        choices = data.embedding_choices if each else data.embedding_choices[-1:]
        if elsewhere:
            problem = data.elsewhere(line)
            others = [e.name for e in problem.embeddings if e.name not in data.embeddings]
            echo((f"  {sentence}" for sentence in left_out(problem.left_out)), err=True)
            remark(
                f"{line}: {' or '.join(others)} has the tested knockdowns' responses there as"
                " inputs."
            )
            joined = data.embedding_choices[-1]
            choices = [*choices, *others, *(f"{joined}+{one}" for one in others)]
            choices += [problem.embedding_name] if len(others) > 1 else []
            remark(f"{line}: predicting knockdowns by models of the other lines …")
            own = Experiment(problem.only(*data.embeddings), settings)
            folds_of_line = across.hidden(
                own, [data.problem(other) for other in data.screens if other != line]
            )
            hidden.append(folds_of_line)
            new += [[Experiment(problem, settings)] * folds, folds_of_line]
        experiments += [Experiment(problem.only(*c.split("+")), settings) for c in choices]
        measured = len(data.screens[line].genes)
        for option, wanted in (("--features", features), ("--top", top)):
            if wanted > measured:
                remark(
                    f"{line}: {option} {wanted:,} is more than the {measured:,} genes measured;"
                    " all are used."
                )
        for wanted, largest in grid.training_sizes(experiments[-1], sizes)[1].items():
            remark(
                f"{line}: --train-size {wanted:,} is more than the {largest:,} that {folds} folds"
                f" offer; {largest:,} is used."
            )
    models = list(dict.fromkeys([*(BASELINES if elsewhere else ()), *models]))
    fits = grid.grid(experiments, models, sizes, repeats)
    fits += [fit for one in hidden for fit in across.hidden_fits(one, models, sizes, repeats)]
    with workers(processes or 1, scheduler) as run, work_bar("fit") as progress:
        results = grid.run(fits, progress, run)
    if new:
        unseen = [across.unseen_line(one) for one in new]
        results = replace(results, table=pd.concat([results.table, *unseen], ignore_index=True))
    results.write(out)
    table = results.table
    for metric in [metric for metric in chosen if not (table["metric"] == metric.name).any()]:
        if metric.name in asked:
            remark(f"{metric.name} is not known: {metric.may_lack}.")
    summary = summarise(table[table["metric"].isin([metric.name for metric in chosen])])
    echo(aligned(rows(summary, models, settings=elsewhere)))
    if summary["undefined"].any():
        click.echo(
            "Undefined: the prediction or the measurement is constant over the genes concerned and"
            " has no correlation; left out of the means."
        )
    if results.simulated:
        click.echo(SIMULATED)
    remark(f"Wrote {len(results.table):,} rows to {out}.")


def rows(summary: "pd.DataFrame", models: Sequence[str], settings: bool = False) -> list[list[str]]:
    """Return a summary as text: header, and a row a line, size, model (in order) and embedding.

    Args:
        settings: Whether a column names what is not known of tested knockdowns.
    """
    from llmpert.evaluation.lines import setting

    metrics = list(dict.fromkeys(summary["metric"]))
    digits = {name: decimals(part["se"]) for name, part in summary.groupby("metric", observed=True)}
    ordered = summary.sort_values(
        ["line", "train_size", "model"],
        key=lambda c: c.astype(str).map(models.index) if c.name == "model" else c,
        kind="stable",
    )
    table = [["line", *["setting"] * settings, "embedding", "model", "size", *metrics]]
    cell = ["line", "embedding", "model", "train_size"]
    for key, part in ordered.groupby(cell, observed=True, sort=False):
        values = {
            entry["metric"]: mean_and_error(entry, digits[entry["metric"]])
            for entry in part.to_dict("records")
        }
        line, embedding, model, size = map(str, key)
        head = [line, *[setting(embedding, int(size))] * settings, embedding, model, size]
        table.append([*head, *(values.get(metric, "-") for metric in metrics)])
    return table


def mean_and_error(entry: Mapping[Any, Any], digits: int) -> str:
    """Return a metric's mean ± standard error, and how many values are undefined."""
    mean, error, undefined = entry["mean"], entry["se"], entry["undefined"]
    if not math.isfinite(mean):
        return f"{undefined:,} undefined"
    shown = f"{error:.{digits}f}" if math.isfinite(error) else "?"
    note = f" ({undefined:,} undefined)" if undefined else ""
    return f"{mean:.{digits}f} ± {shown}{note}"


def decimals(errors: "pd.Series") -> int:
    """Return the decimals that show a digit of the median standard error, at least 3."""
    known = errors[errors > 0]
    return 3 if known.empty else max(3, -math.floor(math.log10(known.median())))
