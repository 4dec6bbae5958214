"""`python -m llmpert simulate`: write the simulated screens and embeddings as files."""

from pathlib import Path

import click

from llmpert.commands import options
from llmpert.errors import InputError


@click.command(short_help="Write simulated screens and embeddings.")
@click.option(
    "--out",
    "folder",
    type=options.FILE,
    metavar="DIR",
    required=True,
    help="Folder to write to; made if needed.",
)
@options.seed
def simulate(folder: Path, seed: int) -> None:
    """Write the simulated screens (.h5ad) and embeddings (.parquet).

    The genes are invented. The files are read by evaluate, predict and import like any others, and
    say that they are simulated.

    \b
    Example:
      python -m llmpert simulate --out simulated
    """
    reason = options.why_not_writable(folder / "text.parquet")
    if reason:
        raise InputError(f"{folder} cannot be written: {reason}.")

    from llmpert.embeddings import save_embedding
    from llmpert.simulation import simulate as run

    simulation = run(seed)
    for line, screen in simulation.screens.items():
        path = folder / f"{line}.h5ad"
        screen.save(path)
        rows, columns = screen.response.shape
        click.echo(f"{path}: {rows:,} perturbations x {columns:,} genes ({screen.unit})")
    for name, embedding in simulation.embeddings.items():
        path = folder / f"{name}.parquet"
        save_embedding(embedding, path)
        rows, columns = embedding.vectors.shape
        click.echo(f"{path}: {rows:,} genes x {columns:,} dimensions")
