"""`python -m llmpert score`: a trained model judged on another screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmpert.commands import options
from llmpert.commands.evaluate import decimals, mean_and_error
from llmpert.commands.output import SIMULATED, aligned, echo, remark

if TYPE_CHECKING:
    import pandas as pd


@click.command(short_help="Judge a trained model on another screen.")
@click.option(
    "--trained", type=options.FILE, metavar="FILE", required=True,
    help="A model written by `train`.",
)  # fmt: skip
@click.option(
    "--screen", type=options.FILE, metavar="FILE", required=True,
    help=f"Responses that it was not trained on: {options.SCREENS}.",
)  # fmt: skip
@options.embeddings
@options.genes
@options.orthologs
@options.features
@options.top
@options.asked
@options.line
@options.reading
@options.out(".csv", required=False)
def score(
    trained: Path,
    screen: Path,
    embeddings: options.Sources,
    genes: Path | None,
    orthologs: Path | None,
    features: int,
    top: int,
    asked: Sequence[str],
    line: str | None,
    reading: options.Reading,
    out: Path | None,
) -> None:
    """Judge a trained model on another screen: another line, lab or technique.

    Prints the mean ± standard error over knockdowns of some scores, apart for targets that the
    model was trained on and for new ones. A target it was trained on is predicted from all others
    (gp), and with its own response known (gp-knowing). Beside them stand that response as the
    model's file keeps it (copy), the mean of the training responses, and no change.

    Lines need not share all genes: those that both measure count. Where units differ, only scores
    are given that do not depend on the unit. `--out` writes all scores, a row for each knockdown:
    targets, model, perturbation, metric, value.

    \b
    Example:
      python -m llmpert score --trained k562.llmpert --screen rpe1.h5ad --out scores.csv
    """
    from llmpert.datasets.report import left_out
    from llmpert.evaluation.scores import choose
    from llmpert.evaluation.transfer import METHODS, judge

    chosen = choose(asked, top)
    model, table = options.trained_model(trained, embeddings, genes, orthologs)
    (measured,) = options.read_screens([screen], [line] if line else [], reading).values()
    found = judge(model, measured, features, top, table)
    sizes = found.table.groupby("targets", sort=False)["perturbation"].nunique()
    remark(
        f"Model of {model.line}, screen of {measured.line}: {found.scored:,} of"
        f" {found.common:,} common genes are scored;"
        f" {' and '.join(f'{count:,} targets {kind}' for kind, count in sizes.items())}."
    )
    echo((f"  {sentence}" for sentence in left_out(found.left_out)), err=True)
    if not found.same_unit:
        remark(
            f"The model predicts {model.unit}, the screen has {measured.unit}: only scores that do"
            " not depend on the unit are given. If the two are the same, say so with --unit."
        )
    summary = found.summary()
    for metric in [metric for metric in chosen if metric.name not in set(summary["metric"])]:
        if metric.name in asked:
            why = metric.may_lack if found.same_unit else "the unit is another"
            remark(f"{metric.name} is not known: {why}.")
    names = [metric.name for metric in chosen]
    echo(aligned(_rows(summary[summary["metric"].isin(names)])))
    click.echo(
        f"In its own screen, held-out knockdowns correlated {model.accuracy.mean():.3f} over all"
        " genes on average."
    )
    for name in dict.fromkeys(summary["model"]):
        remark(f"{name}: {METHODS[name]}.")
    if model.simulated or measured.simulated:
        click.echo(SIMULATED)
    if out:
        from llmpert.io.atomic import atomic_path

        with atomic_path(out) as temporary:
            found.table.to_csv(temporary, index=False)
        remark(f"Wrote {len(found.table):,} rows to {out}.")


def _rows(summary: "pd.DataFrame") -> list[list[str]]:
    """Return a summary as text: header, and a row a kind of targets and model."""
    metrics = list(dict.fromkeys(summary["metric"]))
    digits = {name: decimals(part["se"]) for name, part in summary.groupby("metric")}
    table = [["targets", "model", "number", *metrics]]
    for (targets, model), part in summary.groupby(["targets", "model"], sort=False):
        values = {e["metric"]: mean_and_error(e, digits[e["metric"]]) for e in
                  part.to_dict("records")}  # fmt: skip
        number = f"{part['perturbations'].iloc[0]:,}"
        table.append([targets, model, number, *(values.get(name, "-") for name in metrics)])
    return table
