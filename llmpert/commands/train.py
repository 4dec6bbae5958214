"""`python -m llmpert train`: a model as a file, which predicts without the screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED, echo, remark

if TYPE_CHECKING:
    from llmpert.evaluation.trained import TrainedModel


@click.command(short_help="Train a model and write it as a file that predicts without the screen.")
@options.data
@options.screens
@options.embeddings
@options.genes
@options.orthologs
@options.line
@options.reading
@options.count(
    "--components",
    help="Largest number of response components, chosen before the fit. The rest counts as noise"
    " and is not stored. Default: 100.",
)
@options.count("--folds", least=2, default=5, help="Folds of the cross-validation.")
@options.seed
@options.out(".llmpert")
def train(
    name: str | None,
    screens: Sequence[Path],
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    line: str | None,
    reading: options.Reading,
    components: int | None,
    folds: int,
    seed: int,
    out: Path,
) -> None:
    """Train the Gaussian process on all knockdowns of a cell line and write it as one file.

    `predict --trained` needs that file and the embeddings, not the screen: a model can be shared
    while its screen stays at home. Says how well held-out knockdowns were predicted, and what the
    file gives away.

    \b
    Example:
      python -m llmpert train --screen k562.h5ad --components 64 --out k562.llmpert
      python -m llmpert predict --trained k562.llmpert --gene TP53
    """
    own = [line] if line and screens else []
    data = options.data_or_screens(name, screens, own, reading, embeddings, genes, orthologs)

    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.insight.training import train as trained

    if line not in data.screens and (line or len(data.screens) > 1):
        raise click.UsageError(f"Expected --line {' or '.join(data.screens)}, found {line}.")
    problem = options.aligned_problem(data, line or next(iter(data.screens)))
    settings = Settings(folds=folds, seed=seed, n_hvgs=len(problem.screen.genes))
    model = trained(Experiment(problem, settings), components)
    model.save(out)
    echo(report(model, folds))
    if model.simulated:
        click.echo(SIMULATED)
    remark(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB).")


def report(model: "TrainedModel", folds: int) -> list[str]:
    """Return how well a model predicts, and what its file gives away, in sentences."""
    fitted, accuracy = model.fitted, model.accuracy.quantile([0.25, 0.5, 0.75])
    low, middle, high = 100 * model.reconstructed.quantile([0, 0.5, 1])
    return [
        f"{model.line}: gp trained on {len(fitted.trained_on):,} perturbations,"
        f" {len(fitted.genes):,} genes ({model.unit}); {model.components} components of the"
        " responses.",
        f"Held out in {folds} folds: correlation over all genes {model.accuracy.mean():.3f} on"
        f" average; median {accuracy[0.5]:.2f}, middle half {accuracy[0.25]:.2f} to"
        f" {accuracy[0.75]:.2f}.",
        "What the file reveals: of each training response's variance over genes, from"
        f" {low:.0f} to {high:.0f} %, median {middle:.0f} %, can be reconstructed from it. It also"
        " has the mean response, the names of perturbations and genes, how well each perturbation"
        " was predicted and, where known, numbers of cells and the control mean.",
    ]
