"""What happens when the server starts and stops."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules
from threading import Event, Thread
from time import perf_counter
from typing import Any

from llmpert import __version__, ui
from llmpert.io.paths import home
from llmpert.ui.common.permissions import is_shared
from llmpert.ui.serving.workers import own_number
from llmpert.ui.streamlit_internals import silence_spinners, wake_once

HOUR = 3600
QUICK = 2000
"""Perturbations of the largest screen that is fitted at the start: a larger one takes minutes."""

PATIENCE = 10
"""Seconds that visitors wait at most while the data that open first are loaded."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def prepared(app: Any, loaded: Event) -> AsyncIterator[None]:
    """Load what opens first, and get ready for the rest, while the server runs.

    `loaded` is set once what opens first is there, and after `PATIENCE` in any case.
    """
    settings: dict[str, Any] = {
        "version": __version__,
        "data_folder": str(home()),
        "shared": is_shared(),
    }
    worker = own_number()
    if worker is not None:
        settings["worker"] = worker
    log.info("started", extra=settings)
    wake_once(loop := asyncio.get_running_loop())
    loop.call_later(PATIENCE, loaded.set)
    stopped = Event()
    Thread(target=_prepare, args=(loaded,), name="prepare", daemon=True).start()
    if not worker:  # one is enough
        Thread(target=_sweep, args=(stopped,), name="sweep", daemon=True).start()
    yield
    stopped.set()
    log.info("stopped")


def _prepare(loaded: Event) -> None:
    start = perf_counter()
    silence_spinners()
    try:
        from llmpert.datasets import DatasetStore

        names = DatasetStore().names()
        prepare(loaded)
        seconds = round(perf_counter() - start, 3)
        log.info("ready", extra={"data_sets": names, "seconds": seconds})
    except Exception:
        log.exception("not prepared")
    finally:
        loaded.set()


def import_pages() -> None:
    """Import what pages import: else all early visitors wait while the first of them does."""
    names = [f"{ui.__name__}.{module.name}" for module in iter_modules(ui.__path__)]
    for name in (*names, f"{ui.__name__}.gene.view", f"{ui.__name__}.datasets.upload_wizard"):
        import_module(name)


def prepare(loaded: Event) -> None:
    """Import the pages and fit what the gene page shows first; early visitors wait for that fit.

    `loaded` is set once nothing is left to do but fits.
    """
    # Only here: the first line of the log should not wait for these imports.
    import_pages()
    from llmpert.ui.common import cache
    from llmpert.ui.common.selection import Selection
    from llmpert.ui.gene.answer import FAVOURED
    from llmpert.ui.gene.prediction import predict

    data = cache.load(cache.first_choice())
    line, embedding = data.lines[0], data.embedding_choices[0]
    if data.trained:  # nothing is left to fit
        selection = Selection.of_trained(data, line)
        predict(selection, selection.strong)
        selection.reliability(selection.strong)
        selection.changed_alike()
        if FAVOURED in cache.collections(data, line, "genes"):
            cache.gene_sets(data, line, "genes", FAVOURED)
        return
    loaded.set()
    selection = Selection(data, line, embedding, cache.training_sizes(data)[-1])
    experiment = selection.experiment
    names = experiment.problem.screen.perturbations
    if len(names) > QUICK:
        return
    for fold in range(experiment.settings.folds):
        gene = str(names[experiment.tested(fold)][0])
        fitted = selection.model_behind(gene)
        experiment.fold_prediction(selection.model, selection.size, fold, fitted)
        selection.reliability(gene)


def _sweep(stopped: Event) -> None:
    """Remove expired uploads every hour."""
    from llmpert.datasets import UploadStore
    from llmpert.evaluation.store import ResultsStore

    while True:
        try:
            UploadStore().sweep()
            ResultsStore().sweep()
        except Exception:
            log.exception("not swept")
        if stopped.wait(HOUR):
            return
