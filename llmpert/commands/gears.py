"""`python -m llmpert gears`: train GEARS on single cells and write its predictions."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import remark, work_bar
from llmpert.errors import InputError


@click.command(short_help="Train GEARS fold by fold and write what it predicts.")
@click.option(
    "--data", "name", metavar="DATASET", required=True,
    help="The data set whose folds are used: one that was imported, or 'simulated'.",
)  # fmt: skip
@click.option("--line", metavar="NAME", required=True, help="Cell line of the data set.")
@click.option(
    "--cells", "cells_file", type=options.FILE, metavar="FILE", required=True,
    help="Single cells of the line (.h5ad): raw counts or log-normalised.",
)  # fmt: skip
@click.option(
    "--terms", "terms_file", type=options.FILE, metavar="FILE",
    help="GO annotation of genes as a GMT file. Default for human genes: the built-in gene sets.",
)  # fmt: skip
@options.target
@options.control
@options.unit
@options.count(
    "--train-size", least=10, help="Perturbations to train on. Default: as many as the folds offer."
)
@options.count(
    "--cells-per-perturbation", least=2, default=50,
    help="Cells of each perturbation at most, drawn at random.",
)  # fmt: skip
@options.count("--controls", least=2, default=2000, help="Control cells at most, drawn at random.")
@options.count("--epochs", default=20, help="Training epochs: passes over all training cells.")
@options.count(
    "--at-once", default=1,
    help="Folds trained at the same time, each with its share of the processor cores.",
)  # fmt: skip
@options.seed
@click.option("--estimate", is_flag=True, help="Print the expected time and memory, and stop.")
@options.out(".h5ad")
def gears(
    name: str,
    line: str,
    cells_file: Path,
    terms_file: Path | None,
    target: str | None,
    control: Sequence[str],
    unit: str | None,
    train_size: int | None,
    cells_per_perturbation: int,
    controls: int,
    epochs: int,
    at_once: int,
    seed: int,
    estimate: bool,
    out: Path,
) -> None:
    """Train GEARS on the folds of a data set and write its predictions of held-out perturbations.

    Uses the published package (pip install -r requirements-gears.txt) and a GPU if there is one.
    Each fold is trained on the same perturbations as every other model; a tenth of them choose the
    epoch. Finished folds are kept: a stopped run resumes with the next one.

    Beside --out it writes the mean response of the training knockdowns nearest in the ontology
    (…-go-neighbours.h5ad), what GEARS' graph predicts without GEARS. `import --predictions` adds
    both to the data set.

    \b
    Example:
      python -m llmpert simulate --out simulated --cells 5 --pool 19
      python -m llmpert gears --data simulated --line Sim-K562-like \\
          --cells simulated/Sim-K562-like-cells.h5ad --terms simulated/ontology.gmt \\
          --epochs 4 --at-once 2 --out gears.h5ad
    """
    from llmpert.datasets import DatasetStore
    from llmpert.evaluation.experiment import Experiment
    from llmpert.genes import BUILT_IN_SETS, built_in_sets
    from llmpert.genes.sets import GeneSets, joined
    from llmpert.io.paths import home
    from llmpert.methods.gears import run
    from llmpert.methods.gears.cells import read_cells

    if not estimate:
        run.check_installed()
    data = DatasetStore().load_measured(name)
    # All embeddings of a data set share the perturbations, hence the folds.
    experiment = Experiment(data.problem(line))
    screen = experiment.problem.screen
    size = train_size or experiment.largest_training_size
    if terms_file:
        every = GeneSets.read(terms_file)
    else:
        every = joined([built_in_sets(name) for name in BUILT_IN_SETS])
    terms = every.within(screen.perturbations)
    cells = read_cells(
        cells_file, screen, per_perturbation=cells_per_perturbation, controls=controls,
        column=target, control=control, unit=unit, seed=seed,
    )  # fmt: skip
    if not terms.members:
        expected, found = f"terms of perturbations of {line}", "terms of other genes only"
        raise InputError.of_file(terms_file or every.name, expected, found)
    parts, left_out = run.folds(experiment, cells, terms, size, seed)
    if left_out:
        remark(
            f"{len(left_out):,} of {len(screen.perturbations):,} perturbations left out: no term in"
            " the ontology."
        )
    threads = max(1, (os.cpu_count() or 1) // at_once)
    training = run.Training(epochs=epochs, threads=threads, seed=seed)
    seconds, gigabytes = run.needs(parts, cells, training, at_once)
    remark(
        f"{len(parts)} folds will take about {seconds / 60:,.0f} minutes on these processor cores"
        f" (a GPU is faster) and {gigabytes:.1f} GB of memory."
    )
    if estimate:
        return
    done = dict.fromkeys((fold.number for fold in parts), 0.0)
    with work_bar("%") as show:

        def progress(fold: int, share: float) -> None:
            done[fold] = share
            under_way = (f"{k + 1}: {v:.0%}" for k, v in done.items() if 0 < v < 1)
            show(100 * sum(done.values()) / len(done), 100, f"fold {', '.join(under_way)}")

        predictions = run.run(
            screen, cells, terms, parts, training, home() / "gears", at_once, progress
        )
    neighbours = out.with_name(f"{out.stem}-go-neighbours.h5ad")
    run.predict_from_neighbours(experiment, terms, size).save(neighbours)
    predictions.save(out)
    took = predictions.about["seconds"] / 60
    click.echo(
        f"{out}: {len(predictions.perturbations):,} perturbations x {len(predictions.genes):,}"
        f" genes, {run.METHOD} ({took:,.0f} minutes of training)"
    )
    click.echo(f"{neighbours}: {run.NEIGHBOUR_MEAN}")
