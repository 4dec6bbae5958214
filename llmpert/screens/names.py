"""Names of perturbations, controls and measured genes, as files of screens spell them."""

import re

import numpy as np
import pandas as pd

from llmpert.io.names import preview

# `CTRL` in capitals is a gene (chymotrypsin like), so only "ctrl" and "Ctrl" are a control.
_CONTROL = re.compile(
    r"[Cc]trl(\+ctrl)?|(?i:controls?|ntc|unperturbed|neg(ative)?[-_ ]?(control|ctrl)|"
    r"non[-_ ]?targeting([-_ ].*)?)"
)


def is_control(name: str) -> bool:
    """Whether a name is one of those that controls go by."""
    return bool(_CONTROL.fullmatch(name))


def target(name: str) -> str:
    """The targeted gene in "GENE+ctrl", "ctrl+GENE" or "GENE"."""
    name = name.strip()
    return name if name == "ctrl+ctrl" else name.removeprefix("ctrl+").removesuffix("+ctrl")


def measured_genes(
    var: pd.DataFrame, expressed: np.ndarray, notes: list[str], column: str | None = "gene_name"
) -> np.ndarray:
    """What measured genes go by: their symbol; of several with one symbol, all but one by their id.

    Args:
        var: Index: ids; `column`: symbols. Without a column, the index is what genes go by.
        expressed: How strongly each gene is expressed: the most expressed one keeps a shared
            symbol.
        notes: Gets a sentence on shared symbols.
    """
    ids = var.index.to_numpy().astype(str)
    if column is None:
        return ids
    given = var[column].astype(object)
    symbols = given.where(given.notna(), "").astype(str).str.strip().to_numpy()
    names = np.where(symbols == "", ids, symbols)
    order = np.argsort(-expressed, kind="stable")
    shadowed = np.zeros(len(names), dtype=bool)
    shadowed[order] = pd.Series(names[order]).duplicated().to_numpy()
    if shadowed.any():
        notes.append(
            f"{int(shadowed.sum())} measured gene(s) share a symbol with a more expressed one and"
            f" go by their Ensembl id: {preview(pd.unique(names[shadowed]))}."
        )
    return np.where(shadowed, ids, names)
