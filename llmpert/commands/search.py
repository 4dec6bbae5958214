"""`python -m llmpert search`: which knockdowns give a state, or reverse it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED, aligned, echo, remark
from llmpert.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from llmpert.insight.search import Library
    from llmpert.insight.signature import Signature

HEADER = ("GENE", "SCORE", "95 %", "FDR", "TAU", "WTCS", "XSUM", "BEHIND IT")
SHOWN = 10
"""Knockdowns that are printed of each kind."""


@click.command(short_help="Find knockdowns that give or reverse a state.")
@options.any_model
@click.option(
    "--up", metavar="GENES", default="",
    help="Genes that the state raises, separated by commas or blanks; a number after a gene is its"
         " weight. @FILE reads them from a text file.",
)  # fmt: skip
@click.option(
    "--down", metavar="GENES", default="", help="Genes that the state lowers, in the same form.",
)  # fmt: skip
@click.option(
    "--like",
    metavar="SYMBOL",
    help="Search for the state that this known knockdown causes, in place of genes.",
)
@click.option(
    "--cells", type=options.FILE, metavar="FILE",
    help="Search for the state of a --cluster in this file of single cells (.h5ad), in place of"
         " genes: its mean log-normalised expression less that of all other cells.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="COLUMN=LABEL", default="",
    help="The cells of --cells that are meant: a column of obs and their label, as in leiden=3.",
)  # fmt: skip
@click.option(
    "--values", metavar="KIND",
    help="Kind of the values of --cells: counts, log or log2. Default: detected.",
)  # fmt: skip
@options.layer
@click.option("--reverse", is_flag=True, help="Find knockdowns that reverse the state.")
@options.out(".csv", required=False)
def search(
    name: str | None,
    trained: Path | None,
    line: str | None,
    up: str,
    down: str,
    like: str | None,
    cells: Path | None,
    cluster: str,
    values: str | None,
    layer: str | None,
    reverse: bool,
    out: Path | None,
) -> None:
    """Find knockdowns whose response is like a state, given by the genes it raises and lowers.

    Ranks the knockdowns of the data set and, in a second list, the predicted responses of all other
    genes with a vector. Do not compare scores between the two: predicted responses are smoother. A
    score is the correlation of the state with the response relative to the mean response, without
    the knocked-down gene itself. WTCS (weighted connectivity) and XSum are scores of the
    Connectivity Map, of the 500 best. The file has all candidates of both lists.

    \b
    Example:
      python -m llmpert search --up "ATF4 DDIT3 TRIB3 HERPUD1 SESN2"
      python -m llmpert search --data mine --line K562 --like MED12 --reverse --out hits.csv
      python -m llmpert search --cells pbmc.h5ad --cluster leiden=3
    """
    from llmpert.insight.search import Library, genes_behind
    from llmpert.insight.search import search as find
    from llmpert.insight.signature import Signature

    given = {"genes": up or down, "--like": like, "--cells": cells}
    if len(found := [what for what, one in given.items() if one]) != 1:
        raise click.UsageError(
            "Expected genes (--up, --down), --like or --cells, found"
            f" {' and '.join(found) or 'none of them'}."
        )
    model = options.full_model(name, trained, line)
    library = Library.of(model.fitted, model.fitted.known.unseen(), model.screen, model.raised_only)
    if library.raised_only and (down or reverse):
        raise InputError(
            "Expected --up alone: this data set has raised genes only. It cannot show lowered"
            " ones, nor the opposite of a state."
        )
    if cells:
        signature = _of_cluster(library, cells, cluster, values, layer)
    elif like:
        signature = library.signature_of(like)
    else:
        raised, lowered = options.text_or_file(up), options.text_or_file(down)
        signature = Signature.of_names(raised, lowered, library.genes)
    for names, why in (
        (signature.not_measured, "not measured here"),
        (signature.unknown, "unknown"),
    ):
        if names:
            remark(f"{len(names):,} {why}, not used: {', '.join(names)}.")
    signature = signature.reversed if reverse else signature
    goal = "do the opposite of" if reverse else "are like"
    click.echo(f"{model.what}: knockdowns that {goal} {len(signature.used):,} genes.")
    state = "measured" if library.measured else "predicted from the others"
    kinds = {state: library.known, "not knocked down, predicted": library.unseen}
    tables = []
    for kind, candidates in kinds.items():
        if candidates is None:
            continue
        table = find(candidates, signature).assign(state=kind)
        tables.append(table)
        behind = genes_behind(candidates.profiles, signature, list(table.index[:SHOWN]))
        click.echo(f"\nKnockdowns, {kind}:")
        echo(aligned([HEADER, *_rows(table, behind)]))
    if out:
        _write(tables, out)
    if model.simulated:
        click.echo(SIMULATED)


def _rows(table: "pd.DataFrame", behind: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for one, genes in zip(table.head(SHOWN).to_dict("records"), behind, strict=True):
        known = not math.isnan(one["low95"])
        between = f"{one['low95']:.2f} to {one['high95']:.2f}" if known else "-"
        cells = (
            f"{one['score']:.3f}", between, f"{one['fdr']:.1g}", f"{one['tau']:.0f}",
            f"{one['wtcs']:.2f}", f"{one['xsum']:.3g}",
        )  # fmt: skip
        rows.append((str(one["gene"]), *cells, " ".join(genes)))
    return rows


def _write(tables: "Sequence[pd.DataFrame]", out: Path) -> None:
    import pandas as pd

    from llmpert.io.atomic import atomic_path

    with atomic_path(out) as temporary:
        pd.concat(tables).to_csv(temporary, index=False)


def _of_cluster(
    library: "Library", path: Path, cluster: str, values: str | None, layer: str | None
) -> "Signature":
    from llmpert.insight.signature import Signature
    from llmpert.io.names import preview
    from llmpert.screens.cells.cluster import cluster_against_rest, clusters_in

    column, _, label = (part.strip() for part in cluster.partition("="))
    if not column or not label:
        listed = "; ".join(
            f"{name} ({preview(list(labels), 5)})"
            for name, labels in clusters_in(path, layer).items()
        )
        raise click.UsageError(
            f"Expected --cluster COLUMN=LABEL with a column of {path}, found {cluster!r}. It has"
            f" {listed}."
        )
    found = cluster_against_rest(path, column, label, values, layer)
    remark(f"{column} = {label}: {found.cells:,} cells against {found.rest:,} others.")
    return Signature.of_cluster(found, library.genes, library.raised_only)
