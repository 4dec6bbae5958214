"""Which gene sets are over-represented in a list of genes."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from llmpert.genes.sets import GeneSets

COLUMNS = ("set", "overlap", "size", "expected", "fold", "p", "q", "genes")


def enrichment(
    chosen: Iterable[str],
    background: Iterable[str],
    sets: GeneSets,
    smallest: int = 3,
    largest: int = 500,
) -> pd.DataFrame:
    """Test each gene set for more of the chosen genes than a draw from the background gives.

    The one-sided hypergeometric test (Fisher's exact test), with false discovery rates over all
    sets tested (Benjamini & Hochberg 1995).

    Args:
        chosen, background: Those that are not in the background are not counted.
        sets: With genes spelt as in the background (`GeneSets.within`).
        smallest, largest: Sets with fewer or more genes of the background are not tested.

    Returns:
        Columns `COLUMNS`, a row a tested set, smallest p first: genes chosen and in the background
        (overlap, size), the overlap of a random draw, its fold (missing where no gene was chosen),
        p and false discovery rate q, and the overlapping genes, separated by blanks.
    """
    from scipy import stats  # takes half a second

    everything = {str(gene) for gene in background}
    drawn = {str(gene) for gene in chosen} & everything
    rows = []
    for name, members in sets.members.items():
        size, found = len(members & everything), members & drawn
        if smallest <= size <= largest:
            rows.append((name, len(found), size, " ".join(sorted(found))))
    table = pd.DataFrame(rows, columns=["set", "overlap", "size", "genes"])
    overlap, sizes = table["overlap"].to_numpy(np.int64), table["size"].to_numpy(np.int64)
    table["expected"] = sizes * len(drawn) / max(len(everything), 1)
    table["fold"] = (overlap / table["expected"]).where(table["expected"] > 0)
    tail = stats.hypergeom.sf(overlap - 1, len(everything), sizes, len(drawn))
    table["p"] = np.clip(tail, 0, 1)  # a sum of probabilities can exceed 1 by rounding
    table["q"] = stats.false_discovery_control(table["p"]) if len(table) else []
    order = table.sort_values(["p", "fold", "set"], ascending=[True, False, True], kind="stable")
    return order.reset_index(drop=True)[list(COLUMNS)]
