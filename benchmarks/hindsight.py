"""What the built-in embeddings may owe to experiments like those that they predict.

    LLMPERT_REAL_DATA=FOLDER python -m benchmarks.hindsight [--write]

GO was written by people who knew some of what screens of knockdowns show. The embeddings are made
once more with less evidence or more, for the knockdowns of the rank-score benchmark, and `gp` is
scored on these: 5-fold cross-validation at the largest training size, for several seeds. Made as
`data/build_embeddings.py` makes them; the sentence model needs the extra `text`.
"""

from collections.abc import Mapping
from pathlib import Path

import click
import pandas as pd

from benchmarks import real
from benchmarks.page import markdown, publish, to_pages
from data import build_embeddings as build
from data import build_gene_table, ontology
from data.debian import unpacked
from llmpert.embeddings import Embedding
from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
from llmpert.genes import GeneTable
from llmpert.models.registry import GAUSSIAN_PROCESS

SEEDS = range(5)
EVIDENCE = {
    "as they ship": ontology.LEFT_OUT,
    "with those by high-throughput experiments": ontology.NOTHING_KNOWN,
    "without any from mutants, genetic interactions or expression": (
        *ontology.LEFT_OUT,
        *ontology.MUTANTS,
    ),
}


def vectors(names: pd.Series, found: pd.DataFrame) -> dict[str, Embedding]:
    """Make the built-in embeddings of annotations; descriptions are of genes in `names` alone."""
    described, _ = build.text_vectors(build.texts(names, found))
    made = {"GO": build.go_vectors(found), "description": described}
    return {name: build.embedding(name, of, {}) for name, of in made.items()}


def scores(data: Mapping[str, Embedding]) -> pd.DataFrame:
    """Score `gp` on each embedding and both, on perturbations that have both: line x embedding."""
    rows = {}
    for line, screen in real.read(()).screens.items():
        whole = Problem.align(screen, list(data.values()))
        for choice in (*data, "+".join(data)):
            problem = whole.only(*choice.split("+"))
            values = []
            for seed in SEEDS:
                one = Experiment(problem, Settings(seed=seed))
                size = one.largest_training_size
                parts = [one.scores(GAUSSIAN_PROCESS, size, f) for f in range(one.settings.folds)]
                values.append(pd.concat(parts)["pearson_all"].mean())
            rows[line, choice] = values
    return pd.DataFrame(rows, index=list(SEEDS))


@click.command()
@to_pages
@click.option("--genes-deb", type=click.Path(path_type=Path), help="As for data.build_embeddings.")
@click.option("--go-deb", type=click.Path(path_type=Path), help="As for data.build_embeddings.")
def main(write: bool, genes_deb: Path | None, go_deb: Path | None) -> None:
    """Print the table, and how much seeds differ."""
    with (
        unpacked(build_gene_table.PACKAGE, genes_deb) as (genes, _),
        unpacked(ontology.PACKAGE, go_deb) as (go, _),
    ):
        org = genes / build_gene_table.SQLITE
        names, every = ontology.coding_genes(org), ontology.annotations(org, go / ontology.SQLITE)
    table, deviations = [], []
    resolve = GeneTable.shipped().resolve
    given = {name for screen in real.read(()).screens.values() for name in screen.perturbations}
    wanted = {found.gene.symbol for found in map(resolve, given) if found.gene}
    for evidence, left_out in EVIDENCE.items():
        found = scores(vectors(names[names.index.isin(wanted)], ontology.without(every, left_out)))
        lines, choices = (found.columns.unique(level) for level in (0, 1))
        header = ["annotations", *(f"{c}, {' / '.join(lines)}" for c in choices)]
        means = found.mean()
        row = [" / ".join(f"{means[line, c]:.3f}" for line in lines) for c in choices]
        table.append([evidence, *row])
        deviations.append(found.std())
    every = pd.concat(deviations)
    click.echo(f"standard deviation over seeds: {every.min():.4f} to {every.max():.4f}")
    publish("benchmarks.hindsight", markdown([header, *table]), write)


if __name__ == "__main__":
    main()
