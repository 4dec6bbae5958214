"""`python -m llmpert predict`: responses to knocking down genes, measured or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED
from llmpert.errors import InputError
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS

if TYPE_CHECKING:
    from llmpert.insight.descriptions import Description


@click.command(short_help="Predict the responses to knocking down genes.")
@click.option(
    "--screen", type=options.FILE, metavar="FILE", required=True,
    help=f"Responses to train on: {options.SCREENS}.",
)  # fmt: skip
@options.embeddings
@options.genes
@click.option(
    "--gene", "wanted", multiple=True, metavar="SYMBOL",
    help="A gene to predict, by symbol, alias, Ensembl id or UniProt accession.",
)  # fmt: skip
@click.option(
    "--text", "texts", multiple=True, metavar="TEXT",
    help="A description of a gene that no embedding has: what its protein does, where, with which"
         " others. The model then knows genes by their descriptions alone. Needs the extra text.",
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
    texts: Sequence[str],
    model: str,
    line: str | None,
    unit: str | None,
    out: Path,
) -> None:
    """Predict the responses of all measured genes to knocking down some genes.

    Genes that are in the screen, under whatever name, are held out of the training, all together,
    so that every prediction is about an unseen knockdown. Writes a row a perturbation and gene with
    the predicted mean and standard deviation (empty for models that give none). A text that is
    unlike every known gene is not predicted.

    \b
    Example:
      python -m llmpert predict --screen k562.h5ad --embedding text=genept.pickle \\
          --gene GATA1 --gene CDK9 --out predictions.csv
    """
    import numpy as np
    import pandas as pd

    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.insight.descriptions import EMBEDDING
    from llmpert.io.atomic import atomic_path

    if not wanted and not texts:
        raise click.UsageError("Expected a --gene or a --text to predict, found neither.")
    described = _described(texts, embeddings) if texts else []
    if described:
        embeddings = {EMBEDDING: None}
    data = options.read_dataset([screen], [line] if line else [], unit, embeddings, genes)
    (measured,) = data.screens.values()
    problem = options.aligned_problem(data, measured.line)
    names = list(dict.fromkeys(name.strip() for name in wanted))
    for name in names:
        problem.find(name)  # says what is wrong with a name before anything is fitted
    experiment = Experiment(problem, Settings(n_hvgs=len(measured.genes)))
    fitted = experiment.fit_all(model, held_out=names)
    predictions = [fitted.predict(names)] if names else []
    for number, one in enumerate(described, 1):
        near = ", ".join(f"{gene} {value:.2f}" for gene, value in one.similarity[:5].items())
        click.echo(f"text {number}: most similar descriptions: {near}")
        label = np.array([f"text {number}"], dtype=object)
        predictions.append(fitted.predict_vectors({EMBEDDING: one.vector}, label))
    with atomic_path(out) as temporary:
        pd.concat([one.table() for one in predictions]).to_csv(temporary, index=False)
    for prediction in predictions:
        for name, mean in zip(prediction.perturbations, prediction.mean, strict=True):
            strongest = abs(mean).argsort()[::-1][:5]
            click.echo(
                f"{name}: {', '.join(f'{prediction.genes[i]} {mean[i]:+.3g}' for i in strongest)}"
                f" ({measured.unit}; {model} trained on {len(fitted.trained_on):,} perturbations of"
                f" {measured.line})"
            )
    if problem.simulated:
        click.echo(SIMULATED)


def _described(texts: Sequence[str], embeddings: options.Sources) -> "list[Description]":
    """Place texts among genes; refuse those that are far from all of them."""
    from llmpert.insight.descriptions import EMBEDDING, describe

    if set(embeddings) - {EMBEDDING} or any(embeddings.values()):
        raise click.UsageError(
            f"Expected --text with the embedding {EMBEDDING} that comes with llmpert: no other has"
            " a place for a text. Leave --embedding out."
        )
    described = [describe(text) for text in texts]
    for number, one in enumerate(described, 1):
        if one.far:
            raise InputError(f"Text {number}: {one.explain_far()}")
    return described
