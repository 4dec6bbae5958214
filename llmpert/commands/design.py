"""`python -m llmpert design`: which genes to knock down next."""

from pathlib import Path

import click

from llmpert.commands import options
from llmpert.commands.output import SIMULATED, aligned, echo, remark

SHOWN = 20
"""Knockdowns that are printed."""


@click.command(short_help="Choose the knockdowns that teach most.")
@options.any_model
@options.count("--budget", default=50, help="Knockdowns to choose.")
@click.option(
    "--candidates", metavar="GENES", default="",
    help="Genes to choose from, separated by commas or blanks; @FILE reads them from a text file."
         " Default: all genes with a vector that were not knocked down.",
)  # fmt: skip
@click.option(
    "--targets", metavar="GENES", default="",
    help="Genes whose responses you want to know, in the same form; a number after a gene is its"
         " weight. Default: every gene with a vector.",
)  # fmt: skip
@click.option(
    "--by-effect", is_flag=True,
    help="Let targets count by the size of the response that is expected of them.",
)  # fmt: skip
@click.option(
    "--no-essential", is_flag=True,
    help="Leave out genes that nearly all cell lines depend on. Needs DepMap's list: `download"
         " depmap_common_essentials`.",
)  # fmt: skip
@click.option(
    "--cells", "by_number", is_flag=True,
    help="Print the accuracy to expect of as many knockdowns by the number of cells of each, too."
         " Needs a screen with numbers of cells.",
)  # fmt: skip
@options.out(".csv", required=False)
def design(
    name: str | None,
    trained: Path | None,
    line: str | None,
    budget: int,
    candidates: str,
    targets: str,
    by_effect: bool,
    no_essential: bool,
    by_number: bool,
    out: Path | None,
) -> None:
    """Choose the knockdowns that leave the least uncertainty about all others.

    Each is the one that reduces most the variance which those before it leave, summed over all
    targets; it depends on no response. Prints how many random knockdowns would do
    as much. The file is a library without its guides: gene, Ensembl id, rank, gain, and columns to
    fill in.

    \b
    Example:
      python -m llmpert design --budget 50 --out library.csv
      python -m llmpert design --data mine --line K562 --candidates @druggable.txt --by-effect
    """
    from llmpert.genes.essential import essential_genes
    from llmpert.insight.design import Ground, expected_effects, plan
    from llmpert.insight.signature import typed

    model = options.full_model(name, trained, line)
    ground = Ground.of(model.fitted, model.fitted.known.unseen())
    rows = aims = None
    chosen = list(typed(options.text_or_file(candidates))) if candidates else None
    if no_essential:
        chosen = ground.without(essential_genes(), chosen)
    if chosen is not None:
        rows, why = ground.candidates(chosen)
        for what, names in why.items():
            remark(f"{len(names):,} {what}, not used: {', '.join(names)}.")
    if targets:
        aims = ground.targets(typed(options.text_or_file(targets)))
    effects = expected_effects(model.fitted, ground) if by_effect else None
    found = plan(ground, budget, rows, aims, effects)
    count, of = len(found.table), len(ground.open if rows is None else rows)
    click.echo(
        f"{model.what}: {count:,} of {of:,} candidates would remove"
        f" {100 * found.table['together'].iloc[-1]:.1f} % of the variance; {found.compared()}."
    )
    cells = [
        (
            str(one["rank"]),
            one["gene"],
            f"{100 * one['gain']:.2f} %",
            f"{100 * one['together']:.1f} %",
        )
        for one in found.table.head(SHOWN).to_dict("records")
    ]
    echo(aligned([("RANK", "GENE", "REMOVES", "TOGETHER"), *cells]))
    if by_number:
        echo(_by_cells(model))
    if out:
        from llmpert.io.atomic import atomic_path

        with atomic_path(out) as temporary:
            found.library(ground).to_csv(temporary, index=False)
    if model.simulated:
        click.echo(SIMULATED)


def _by_cells(model: options.FullModel) -> list[str]:
    """Return lines on the accuracy to expect with more cells."""
    from llmpert.insight.depth import by_cells

    table = by_cells(model.fitted, model.cells)
    header = ("CELLS", "R, WITH THE RESPONSE", "WITH A MEASUREMENT", "WIDTH OF 95 % INTERVALS")
    rows = [
        (f"{cells:,}", f"{r:.3f}", f"{measured:.3f}", f"{width:.3g}")
        for cells, _, r, measured, width in table.itertuples(index=False)
    ]
    what = "Expected of predictions from as many knockdowns, relative to the mean response:"
    return ["", what, *aligned([header, *rows])]
