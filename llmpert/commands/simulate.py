"""`python -m llmpert simulate`: write the simulated screens and embeddings as files."""

from pathlib import Path

import click

from llmpert.commands import options
from llmpert.errors import InputError


@click.command(short_help="Write simulated screens and embeddings.")
@click.option(
    "--out", "folder", type=options.FILE, metavar="DIR", required=True,
    help="Output folder; created if missing.",
)  # fmt: skip
@options.count(
    "--cells", "per_perturbation",
    help="Also write single cells, N of each perturbation, and the ontology that gears needs.",
)  # fmt: skip
@options.count("--pool", default=1, help="With --cells: write means of N cells each.")
@options.seed
def simulate(folder: Path, per_perturbation: int | None, pool: int, seed: int) -> None:
    """Write the simulated screens (.h5ad) and embeddings (.parquet).

    The genes are invented. The files are read by evaluate, predict and import like any others, and
    say that they are simulated.

    \b
    Example:
      python -m llmpert simulate --out simulated
    """
    if reason := options.why_not_writable(folder / "text.parquet"):
        raise InputError(f"{folder} cannot be written: {reason}.")

    from llmpert.embeddings import save_embedding
    from llmpert.io.atomic import atomic_path
    from llmpert.simulation import generate
    from llmpert.simulation.cells import single_cells

    made = generate.simulate(seed)
    for line, screen in made.screens.items():
        screen.save(path := folder / f"{line}.h5ad")
        rows, columns = screen.response.shape
        click.echo(f"{path}: {rows:,} perturbations x {columns:,} genes ({screen.unit})")
    for name, embedding in made.embeddings.items():
        save_embedding(embedding, path := folder / f"{name}.parquet")
        rows, columns = embedding.vectors.shape
        click.echo(f"{path}: {rows:,} genes x {columns:,} dimensions")
    if per_perturbation is None:
        return
    terms = generate.gene_ontology(made)
    terms.save(path := folder / "ontology.gmt")
    click.echo(f"{path}: {len(terms.members):,} terms")
    for line in made.screens:
        path = folder / f"{line}-cells.h5ad"
        cells = single_cells(made, line, per_perturbation, pool)
        with atomic_path(path) as temporary:
            cells.write_h5ad(temporary, compression="gzip")
        click.echo(f"{path}: {cells.n_obs:,} cells x {cells.n_vars:,} genes")
