"""`python -m llmpert predict`: responses to knocking down genes, measured or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED, remark
from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS

if TYPE_CHECKING:
    from llmpert.api import Model, TrainedModel
    from llmpert.evaluation.experiment import FittedModel
    from llmpert.evaluation.prediction import Prediction
    from llmpert.evaluation.problem import GeneVectors
    from llmpert.insight.descriptions import Description
    from llmpert.insight.leave_out import LeftOut


@dataclass(frozen=True)
class Made:
    """Predictions of genes, and of texts, with what is to be said of them.

    Attributes:
        notes: What each prediction is.
        raised_only: Whether they know of raised genes alone.
        behind: Returns the model that predicts a gene.
        answers: Turns predictions into AnnData.
    """

    of_genes: "Prediction | None"
    of_texts: "list[Prediction]"
    notes: list[str]
    simulated: bool
    raised_only: bool
    behind: "Callable[[str], FittedModel]"
    answers: "Model | TrainedModel"


@dataclass(frozen=True)
class Wanted:
    """Genes to predict: named one by one, in a file, or all that no knockdown is of."""

    names: Sequence[str]
    file: Path | None
    every: bool

    def of(self, known: "GeneVectors") -> list[str]:
        """Return their names; say which of the file cannot be predicted, and raise for others."""
        from llmpert.insight.gene_list import counted, find_genes

        found = list(dict.fromkeys(name.strip() for name in self.names))
        for name in found:
            known.find(name)
        if self.file:
            genes, others = find_genes(options.text_or_file(f"@{self.file}"), known, most=None)
            found = list(dict.fromkeys([*found, *genes]))
            if others:
                remark(counted(others))
        return [*found, *known.unseen()] if self.every else found


STRONGEST, PRINTED = 5, 20
"""Genes that are printed of each prediction, and predictions that are printed of all genes."""

BLOCK = 256
"""Perturbations whose table is made at once."""


@click.command(short_help="Predict the responses to knocking down genes.")
@click.option(
    "--screen", type=options.FILE, metavar="FILE", help=f"Responses to train on: {options.SCREENS}."
)
@click.option(
    "--trained", type=options.FILE, metavar="FILE",
    help="A model written by `train`, in place of --screen.",
)  # fmt: skip
@options.embeddings
@options.genes
@options.orthologs
@click.option(
    "--gene", "wanted", multiple=True, metavar="SYMBOL",
    help="A gene to predict, by symbol, alias, Ensembl id or UniProt accession.",
)  # fmt: skip
@click.option(
    "--genes-from", "listed", type=options.FILE, metavar="FILE",
    help="A text file of genes to predict, separated by commas, blanks or lines. Those that cannot"
        " be predicted are listed.",
)  # fmt: skip
@click.option(
    "--all", "every", is_flag=True,
    help="Predict every gene with an embedding that was not knocked down. Needs --out.",
)  # fmt: skip
@click.option(
    "--text", "texts", multiple=True, metavar="TEXT",
    help="Description of a gene without an embedding: what its protein does, where, with which"
        " others. A screen's model then uses descriptions alone; for a trained model, genes with"
        " similar descriptions provide its other embeddings. Needs the extra text.",
)  # fmt: skip
@click.option(
    "--beyond", type=click.FloatRange(0), metavar="CHANGE",
    help="Add the probability of a measurement above this (p_up), below minus this (p_down), and"
        " either (p_change), in the responses' unit; p_up alone where the screen has raised genes"
        " only.",
)  # fmt: skip
@click.option(
    "--without", metavar="GENES", default="",
    help="Training knockdowns to leave out, separated by commas or blanks; @FILE reads them from a"
         " text file. Prints how far predictions move without them, in closed form; the table has"
         " the predictions without them and from these alone, too. With gp only.",
)  # fmt: skip
@click.option(
    "--model", type=click.Choice(list(MODELS)),
    help=f"The model; gp gives standard deviations.  [default: {GAUSSIAN_PROCESS}]",
)  # fmt: skip
@options.line
@options.reading
@options.out(".csv", ".h5ad", required=False)
def predict(
    screen: Path | None,
    trained: Path | None,
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    wanted: Sequence[str],
    listed: Path | None,
    every: bool,
    texts: Sequence[str],
    beyond: float | None,
    without: str,
    model: str | None,
    line: str | None,
    reading: options.Reading,
    out: Path | None,
) -> None:
    """Predict the responses of all measured genes to knocking down some genes.

    Genes that are in the screen, under whatever name, are held out of the training, all together,
    so that every prediction is about an unseen knockdown. A trained model predicts each knockdown
    it was trained on from all others (leave-one-out), and says so; it needs the embeddings it was
    trained with where they do not come with llmpert. Writes a row a perturbation and gene with the
    predicted mean and standard deviation (empty for models that give none), or all of it as AnnData
    for scanpy, with trust in obs. A text that is unlike every known gene is not predicted.

    \b
    Example:
      python -m llmpert predict --screen k562.h5ad --embedding text=genept.pickle \\
          --gene GATA1 --gene CDK9 --out predictions.csv
      python -m llmpert predict --trained k562.llmpert --gene CDK9 --without "CCNT1 AFF4 ELL"
      python -m llmpert predict --trained k562.llmpert --all --out all.h5ad
    """
    if (screen is None) == (trained is None):
        found = "neither" if screen is None else "both"
        raise click.UsageError(f"Expected --screen or --trained, found {found}.")
    if trained and (model or line or reading != options.Reading()):
        raise click.UsageError(
            "Expected --model, --line, --unit, --values and --target with --screen only."
        )
    if not (wanted or listed or every or texts):
        raise click.UsageError(
            "Expected a --gene, --genes-from, --all or a --text to predict, found none."
        )
    if every and not out:
        raise click.UsageError("Expected --out with --all: so many predictions go to a file.")
    if without and (texts or every or model not in (None, GAUSSIAN_PROCESS)):
        raise click.UsageError(
            f"Expected --without with --gene or --genes-from and {GAUSSIAN_PROCESS} only."
        )
    whole = out is not None and out.suffix == ".h5ad"
    if whole and (texts or without or beyond is not None):
        raise click.UsageError("Expected --text, --without and --beyond with a .csv file only.")
    chosen = Wanted(wanted, listed, every)
    if trained:
        made = _by_trained(trained, embeddings, genes, orthologs, chosen, texts)
    elif screen:
        model = model or GAUSSIAN_PROCESS
        made = _by_screen(screen, embeddings, genes, orthologs, chosen, texts, model, line, reading)
    predictions = [*([made.of_genes] if made.of_genes else []), *made.of_texts]
    names = [] if made.of_genes is None else list(map(str, made.of_genes.perturbations))
    moved = [_left_out(made.behind(name), name, without) for name in names if without]
    if out and whole and made.of_genes:
        with atomic_path(out) as temporary:
            made.answers.to_anndata(made.of_genes).write_h5ad(temporary)
    elif out:
        _write_table(out, predictions, moved, beyond, made.raised_only)
    rows = [
        (one, *row)
        for one in predictions
        for row in zip(one.perturbations, one.bounded, strict=True)
    ]
    printed = 0 if every and len(rows) > PRINTED else len(rows)
    for (prediction, name, mean), note in zip(rows[:printed], made.notes, strict=False):
        strongest = (mean if made.raised_only else abs(mean)).argsort()[::-1][:STRONGEST]
        shown = ", ".join(f"{prediction.genes[i]} {mean[i]:+.3g}" for i in strongest)
        click.echo(f"{name}: {shown} ({note})")
    if printed < len(rows):
        click.echo(f"{len(rows):,} genes: {out} ({made.notes[-1]})")
    for name, one in zip(names, moved, strict=False):
        click.echo(
            f"{name} without {', '.join(one.family)}: the prediction moves by"
            f" {100 * one.moved:.0f} % of its distance from the mean response"
        )
    if made.simulated:
        click.echo(SIMULATED)


def _write_table(
    out: Path,
    predictions: "Sequence[Prediction]",
    moved: "Sequence[LeftOut]",
    beyond: float | None,
    raised_only: bool,
) -> None:
    """Write a row a perturbation and gene, in blocks: all genes are tens of millions of rows."""
    import pandas as pd

    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        if moved:
            others = pd.concat([one.table().drop(columns="gene") for one in moved])
            table = predictions[0].table(beyond, raised_only).join(others.reset_index(drop=True))
            table.to_csv(file, index=False)
            return
        blocks = (block for one in predictions for block in one.blocks(BLOCK))
        for number, block in enumerate(blocks):
            block.table(beyond, raised_only).to_csv(file, index=False, header=not number)


def _by_trained(
    path: Path,
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    wanted: Wanted,
    texts: Sequence[str],
) -> Made:
    """Return predictions of a trained model."""
    from llmpert.api import TrainedModel
    from llmpert.embeddings import built_in
    from llmpert.evaluation.problem import LENDERS
    from llmpert.insight.descriptions import EMBEDDING

    kept, _ = options.trained_model(path, embeddings, genes, orthologs)
    if texts and kept.sources.get(EMBEDDING) != built_in(EMBEDDING).fingerprint:
        expected = f"a model on the embedding {EMBEDDING} that comes with llmpert, for --text"
        raise InputError.of_file(path, expected, f"one on {' and '.join(kept.sources)}")
    names = wanted.of(kept.fitted.known)
    of_genes = kept.predict(names) if names else None
    of_texts = _of_texts(kept.fitted, _described(texts))
    known, size = kept.fitted.known, len(kept.fitted.trained_on)
    what = f"{kept.unit}; {GAUSSIAN_PROCESS} trained on {size:,} perturbations of {kept.line}"
    others = f"{what}, this one predicted from the others: leave-one-out"
    notes = [others if known.perturbation(name) else what for name in names]
    missing = " and ".join(kept.fitted.missing([EMBEDDING]))
    lent = f"; {missing} lent by the {LENDERS} genes with the most similar descriptions"
    notes += [what + lent * bool(missing)] * len(texts)
    answers = TrainedModel.with_answers(kept)
    return Made(of_genes, of_texts, notes, kept.simulated, kept.raised_only, kept.behind, answers)


def _by_screen(
    screen: Path,
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    wanted: Wanted,
    texts: Sequence[str],
    model: str,
    line: str | None,
    reading: options.Reading,
) -> Made:
    """Fit to a screen, with the genes to predict held out; return as `_by_trained`."""
    from llmpert.api import Model
    from llmpert.evaluation.experiment import Experiment, Settings
    from llmpert.insight.descriptions import EMBEDDING

    if texts and (set(embeddings) - {EMBEDDING} or any(embeddings.values())):
        raise click.UsageError(
            f"Expected --text with the embedding {EMBEDDING} that comes with llmpert: other"
            " embeddings cannot hold a text. Leave --embedding out."
        )
    described = _described(texts)
    if described:
        embeddings = {EMBEDDING: None}
    lines = [line] if line else []
    data = options.read_dataset([screen], lines, reading, embeddings, genes, orthologs)
    (measured,) = data.screens.values()
    problem = options.aligned_problem(data, measured.line)
    names = wanted.of(problem)  # says what is wrong with a name before anything is fitted
    experiment = Experiment(problem, Settings(n_hvgs=len(measured.genes)))
    fitted = experiment.fit_all(model, held_out=names)
    of_genes = fitted.predict(names) if names else None
    of_texts = _of_texts(fitted, described)
    what = (
        f"{measured.unit}; {model} trained on {len(fitted.trained_on):,} perturbations of"
        f" {measured.line}"
    )
    notes = [what] * (len(names) + len(described))
    answers, raised_only = Model(experiment, fitted), measured.raised_only
    return Made(
        of_genes, of_texts, notes, problem.simulated, raised_only, lambda _: fitted, answers
    )


def _left_out(fitted: "FittedModel", gene: str, without: str) -> "LeftOut":
    """Predict a gene without training knockdowns; say which names mean none of these."""
    from llmpert.insight.leave_out import leave_out
    from llmpert.insight.signature import typed

    family = [*typed(options.text_or_file(without))]
    found = leave_out(fitted, gene, family)
    others = [name for name in family if not fitted.known.perturbations_of([name])]
    if others:
        remark(f"{len(others):,} not among the training knockdowns: {', '.join(others)}.")
    return found


def _described(texts: Sequence[str]) -> "list[Description]":
    """Place texts among genes; refuse those that are far from all of them."""
    from llmpert.insight.descriptions import describe

    described = [describe(text) for text in texts]
    for number, one in enumerate(described, 1):
        if one.far:
            raise InputError(f"Text {number}: {one.explain_far()}")
    return described


def _of_texts(fitted: "FittedModel", described: "Sequence[Description]") -> "list[Prediction]":
    """Predict genes from their descriptions, and print what these are most like."""
    import numpy as np

    from llmpert.insight.descriptions import EMBEDDING

    predictions = []
    for number, one in enumerate(described, 1):
        near = ", ".join(f"{gene} {value:.2f}" for gene, value in one.similarity[:5].items())
        click.echo(f"text {number}: most similar descriptions: {near}")
        label = np.array([f"text {number}"], dtype=object)
        predictions.append(fitted.predict_vectors({EMBEDDING: one.vector}, label))
    return predictions
