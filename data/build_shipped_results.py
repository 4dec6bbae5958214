"""Build what the pages show of the simulated data: scores, and how intervals held.

These are `data/simulated_results.parquet`: the paper's scores of all fits, and
`simulated_scores.parquet`: all scores of the largest training size that need no distribution. Of
the Gaussian process at that size `simulated_outcomes.parquet` says how its intervals held.

Run from the repository's root; it takes about twenty minutes on two cores:

    python -m data.build_shipped_results                # work in the data folder (LLMPERT_HOME)
    python -m data.build_shipped_results --work DIR     # keep finished fits in DIR

Every finished fit is kept in the work folder at once: a run that is stopped goes on where it was,
and only fits whose data, model or settings have changed since are made again. The pages would
compute the same numbers; with this file they need not.
"""

import argparse
from collections.abc import Container, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from llmpert.datasets import simulated_dataset
from llmpert.evaluation import calibration
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.grid import Fit, grid, run
from llmpert.evaluation.scores import SPREAD, paper, registry
from llmpert.evaluation.splits import PAPER_SIZES
from llmpert.evaluation.store import NAMES, ResultsStore
from llmpert.io.atomic import atomic_path
from llmpert.io.paths import home, shipped
from llmpert.models.registry import GAUSSIAN_PROCESS, MODELS
from llmpert.parallel import workers
from llmpert.ui.common.cache import PACKS, REPEATS

PACK, SCORES, OUTCOMES = (shipped() / name for name in PACKS)


def experiments(store: ResultsStore, metrics: Container[str] | None = None) -> list[Experiment]:
    """Both lines with every embedding, with these scores of fits, or with all."""
    data = simulated_dataset()
    return [
        Experiment(data.problem(line, embedding), store=store, metrics=metrics)
        for line in data.screens
        for embedding in data.embedding_choices
    ]


def fits(store: ResultsStore) -> tuple[list[Fit], list[Fit]]:
    """All fits that ship: both lines, every embedding, model and size that the pages offer.

    Those with the paper's scores, and those with all others, too.
    """
    *smaller, largest = PAPER_SIZES
    named = paper()
    every = {name for name, one in registry().items() if one.group != SPREAD}
    whole = grid(experiments(store, every), list(MODELS), [largest])
    again = grid(experiments(store, named), list(MODELS), [largest], REPEATS)
    first = {fit.key for fit in whole}
    others = [fit for fit in again if fit.key not in first]
    return grid(experiments(store, named), list(MODELS), smaller, REPEATS) + others, whole


def outcomes(store: ResultsStore) -> list[str]:
    """Make the outcomes that ship, and return the keys under which the store has them."""
    size = max(PAPER_SIZES)
    folds = [(one, GAUSSIAN_PROCESS, size, n) for one in experiments(store) for n in range(5)]
    for fold in tqdm(folds, unit="fold"):
        calibration.kept(*fold)
    return [calibration.key_of(*fold) for fold in folds]


def write_pack(path: Path, store: ResultsStore, keys: Sequence[str], whole: str = "Int16") -> None:
    """Write the scores of finished fits, all with the same metrics, as one table for a store.

    Values are kept as `whole` thousandths: finer than any standard error here, and half the size
    of four decimals.

    Raises
    ------
    TypeError
        A score does not fit (into 16 bits, its magnitude is above 32.767).
    """
    parts = [(key, store.scores(key)) for key in keys]
    table = pd.concat(
        [part.assign(key=key) for key, part in parts if part is not None], ignore_index=True
    )
    metrics = [name for name in table.columns if name not in NAMES]
    table[metrics] = (1000 * table[metrics]).round().astype(whole)
    # Compressed a byte plane at a time, and the names as they are: a fold's fits repeat one list of
    # perturbations, which numbering would hide. Together a quarter smaller.
    with atomic_path(path) as temporary:
        pq.write_table(
            pa.Table.from_pandas(table, preserve_index=False), temporary,
            compression="zstd", compression_level=19, use_dictionary=["key"],
            column_encoding=dict.fromkeys(metrics, "BYTE_STREAM_SPLIT"),
            row_group_size=len(table), data_page_size=2**24, write_statistics=False,
        )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the fits that are not kept yet and write the pack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--work", type=Path, default=home() / "shipped-results", help="folder of finished fits"
    )
    parser.add_argument("--out", type=Path, default=PACK, help="file to write")
    parser.add_argument("--processes", type=int, default=2, help="that make fits")
    options = parser.parse_args(arguments)
    store = ResultsStore(options.work)
    some, whole = fits(store)
    wanted = [*some, *whole]
    with tqdm(total=len(wanted), unit="fit") as bar, workers(options.processes) as somewhere:

        def progress(done: int, total: int, label: str) -> None:
            bar.set_postfix_str(label, refresh=False)
            bar.update(done - bar.n)

        run(wanted, progress, somewhere)
    write_pack(options.out, store, [fit.key for fit in some])
    write_pack(SCORES, store, [fit.key for fit in whole], "Int32")
    print(f"{SCORES}: {SCORES.stat().st_size / 1e6:.1f} MB")
    write_pack(OUTCOMES, store, outcomes(store), "Int32")
    print(f"{OUTCOMES}: {OUTCOMES.stat().st_size / 1e6:.1f} MB")
    print(f"{options.out}: {len(wanted):,} fits, {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
