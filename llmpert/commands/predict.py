"""`python -m llmpert predict`: responses to knocking down genes, measured or not."""

from collections.abc import Sequence
from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS


@click.command(short_help="Predict the responses to knocking down genes.")
@click.option(
    "--screen", type=options.FILE, metavar="FILE", required=True,
    help=f"Responses to train on: {options.SCREENS}.",
)  # fmt: skip
@options.embeddings
@options.genes
@click.option(
    "--gene", "wanted", multiple=True, required=True, metavar="SYMBOL",
    help="A gene to predict, by symbol, alias, Ensembl id or UniProt accession.",
)  # fmt: skip
@click.option(
    "--model", type=click.Choice(list(MODELS)), default=GAUSSIAN_PROCESS, show_default=True,
    help="The model; gp gives standard deviations.",
)  # fmt: skip
@options.line
@options.unit
@options.out(".csv")
def predict(
    screen: Path,
    embeddings: options.Sources,
    genes: Path | None,
    wanted: Sequence[str],
    model: str,
    line: str | None,
    unit: str | None,
    out: Path,
) -> None:
    """Predict the responses of all measured genes to knocking down some genes.

    Genes that are in the screen, under whatever name, are held out of the training, all together,
    so that every prediction is about an unseen knockdown. Writes a row a perturbation and gene with
    the predicted mean and standard deviation (empty for models that give none).

    \b
    Example:
      python -m llmpert predict --screen k562.h5ad --embedding text=genept.pickle \\
          --gene GATA1 --gene CDK9 --out predictions.csv
    """
    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.io.atomic import atomic_path

    data = options.read_dataset([screen], [line] if line else [], unit, embeddings, genes)
    (measured,) = data.screens.values()
    problem = options.aligned_problem(data, measured.line)
    names = list(dict.fromkeys(name.strip() for name in wanted))
    for name in names:
        problem.find(name)  # says what is wrong with a name before anything is fitted
    experiment = Experiment(problem, Settings(n_hvgs=len(measured.genes)))
    fitted = experiment.fit_all(model, held_out=names)
    prediction = fitted.predict(names)
    with atomic_path(out) as temporary:
        prediction.table().to_csv(temporary, index=False)
    for name, mean in zip(names, prediction.mean, strict=True):
        strongest = abs(mean).argsort()[::-1][:5]
        click.echo(
            f"{name}: {', '.join(f'{prediction.genes[i]} {mean[i]:+.3g}' for i in strongest)}"
            f" ({measured.unit}; {model} trained on {len(fitted.trained_on):,} perturbations of"
            f" {measured.line})"
        )
    if problem.simulated:
        click.echo(SIMULATED)
