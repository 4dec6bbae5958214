"""`python -m llmpert embed`: from a network, features or annotations to an embedding."""

from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import echo
from llmpert.errors import InputError


@click.command(short_help="Make an embedding of a network, of features or of annotations.")
@click.option(
    "--network", type=options.FILE, metavar="FILE",
    help="Table of links between genes (symbols, Ensembl ids, or ids with names in --names): two"
         " columns and, if there is one, a weight. CSV, TSV or separated by blanks, also .gz.",
)  # fmt: skip
@click.option(
    "--names", type=options.FILE, metavar="FILE",
    help="Table with the name of each id of --network, such as STRING's protein.info.",
)  # fmt: skip
@click.option(
    "--channel", metavar="COLUMN",
    help="Column of --network with the weights, such as experimental.  [default: combined_score,"
         " or the one column of numbers]",
)  # fmt: skip
@click.option(
    "--matrix", type=options.FILE, metavar="FILE",
    help="Table of genes x features, or features x genes, of numbers or categories, such as"
         " DepMap's gene effects: CSV, TSV or Parquet.",
)  # fmt: skip
@click.option(
    "--annotations", type=options.FILE, metavar="FILE",
    help="Table with a row for each gene and what it is annotated with, such as NCBI's gene2pubmed:"
         " CSV or TSV, also .gz.",
)  # fmt: skip
@click.option(
    "--item", metavar="COLUMN",
    help="Column of --annotations with what genes are annotated with.  [default: the one left]",
)  # fmt: skip
@options.count("--dimensions", default=128, help="Most numbers in a gene's vector.")
@click.option("--name", metavar="NAME", help="Name of the embedding.  [default: that of --out]")
@options.out(".parquet")
def embed(
    network: Path | None,
    names: Path | None,
    channel: str | None,
    matrix: Path | None,
    annotations: Path | None,
    item: str | None,
    dimensions: int,
    name: str | None,
    out: Path,
) -> None:
    """Make an embedding of a network of genes, of a table of features or of annotations.

    A network becomes regularised spectral coordinates, in which genes with links to the same genes
    are near. A table becomes principal components of its columns, each scaled to the same variance.
    Annotations become singular vectors of genes x items, rare items first (TF-IDF). None uses any
    response. Use the file like any embedding.

    \b
    Example:
      python -m llmpert embed --network 9606.protein.links.v12.0.txt.gz \\
          --names 9606.protein.info.v12.0.txt.gz --out STRING.parquet
      python -m llmpert embed --matrix CRISPRGeneEffect.csv --out DepMap.parquet
      python -m llmpert embed --annotations gene2pubmed.gz --out papers.parquet
      python -m llmpert evaluate --data mine --embedding STRING=STRING.parquet
    """
    from llmpert.embeddings.annotations import annotations_embedding
    from llmpert.embeddings.features import features_embedding
    from llmpert.embeddings.network import network_embedding
    from llmpert.embeddings.stored import save_embedding

    files = {"--network": network, "--matrix": matrix, "--annotations": annotations}
    given = [option for option, file in files.items() if file is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise InputError(f"Expected one of {', '.join(files)}, found {found}.")
    if network is None and (names is not None or channel is not None):
        raise InputError(f"Expected --names and --channel with --network only, found {given[0]}.")
    if annotations is None and item is not None:
        raise InputError(f"Expected --item with --annotations only, found {given[0]}.")
    called = name or out.stem
    if network is not None:
        embedding = network_embedding(network, called, names, channel, dimensions)
    elif matrix is not None:
        embedding = features_embedding(matrix, called, dimensions)
    elif annotations is not None:
        embedding = annotations_embedding(annotations, called, item, dimensions)
    save_embedding(embedding, out)
    known = embedding.provenance
    count = f"{len(embedding.genes):,} genes x {embedding.dimensions} numbers"
    echo([f"{embedding.name}: {count}.", *(f"  {s}" for s in [*known["steps"], *known["notes"]])])
    click.echo(f"Wrote {out}.")
