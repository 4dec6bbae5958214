"""Which training knockdowns a Gaussian process's prediction rests on, and through which source."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from llmpert.evaluation.experiment import FittedModel
from llmpert.evaluation.prediction import Prediction
from llmpert.insight.clusters import leaf_order
from llmpert.insight.ranking import strongest
from llmpert.screens.screen import Screen


@dataclass(frozen=True, eq=False)
class Attribution:
    """What the prediction of one gene rests on.

    Attributes:
        shares: Each training perturbation's share (rows) in the prediction's departure from the
            training mean, through each source (columns); "text+sequence" is the kernel over both
            together. All shares sum to 1; a negative one pulls away. Missing where the prediction
            is the mean.
        similarity: Of each training perturbation to the gene as the model sees it: prior
            correlation of their responses, 0 to 1.
    """

    gene: str
    shares: pd.DataFrame
    similarity: pd.Series

    @property
    def totals(self) -> pd.Series:
        """Each training perturbation's share over all sources."""
        return self.shares.sum(axis=1, skipna=False)

    @property
    def by_source(self) -> pd.Series:
        """Each source's share over all training perturbations."""
        return self.shares.sum(axis=0, skipna=False)

    @property
    def defined(self) -> bool:
        """Whether there is anything to share: not where the prediction is the mean."""
        return bool(self.shares.notna().all(axis=None))

    def table(self) -> pd.DataFrame:
        """Return columns perturbation, similarity, share and one a source; largest |share| first.

        No rows where no share is defined.
        """
        table = self.shares.add_prefix("share through ")
        table.insert(0, "share", self.totals)
        table.insert(0, "similarity", self.similarity)
        return strongest(table.rename_axis("perturbation").reset_index(), "share")

    def strongest(self, count: int) -> list[str]:
        """Return the training perturbations of the largest |share|, strongest first."""
        return list(self.table()["perturbation"].head(count))


def attribute(fitted: FittedModel, gene: str) -> Attribution:
    """Attribute a Gaussian process's prediction of a gene; raise as `FittedModel.predict`."""
    model, inputs = fitted.model, fitted.inputs([gene])
    # A model of one part for all sources calls it "all".
    joint = fitted.known.embedding_name
    sources = [joint if source == "all" else source for source in model.signal_to_noise_]
    names = pd.Index(fitted.trained_on, name="perturbation")
    return Attribution(
        gene,
        pd.DataFrame(model.contributions(inputs[0]).T, index=names, columns=sources),
        pd.Series(model.similarity(inputs)[0], index=names, name="similarity"),
    )


def neighbourhood(
    fitted: FittedModel,
    screen: Screen,
    attribution: Attribution,
    prediction: Prediction,
    measured: np.ndarray | None,
    knockdowns: int,
    genes: int,
) -> pd.DataFrame:
    """Set a gene's response above those that its prediction rests on.

    Args:
        screen: What `fitted` is trained on.
        prediction, measured: Of the gene, at the genes that `fitted` predicts.
        knockdowns, genes: How many of the strongest training knockdowns and predicted genes.

    Returns:
        Label of the row x gene, in the screen's unit: the prediction, the measurement if there is
        one, the mean of all training knockdowns, and the measured responses of the training
        knockdowns that contribute most. These, and the genes, stand beside those like them.
    """
    order = np.argsort(-np.abs(prediction.mean[0]), kind="stable")[:genes]
    columns = [str(gene) for gene in prediction.genes[order]]
    rows = {f"{attribution.gene}, predicted": prediction.mean[0, order]}
    if measured is not None:
        rows[f"{attribution.gene}, measured"] = measured[order]
    rows["training mean"] = fitted.model.mean_[order]
    names = attribution.strongest(knockdowns)
    if names:
        responses = screen.select(names, columns).response
        labels = [f"{name} ({100 * attribution.totals[name]:+.0f} %)" for name in names]
        rows |= {labels[at]: responses[at] for at in leaf_order(responses)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.iloc[:, leaf_order(table.to_numpy(float).T)]
