"""What happens when the server starts and stops."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event, Thread
from time import perf_counter
from typing import Any

from llmpert import __version__
from llmpert.io.paths import home
from llmpert.ui.common.permissions import is_shared
from llmpert.ui.streamlit_internals import silence_spinners

HOUR = 3600

log = logging.getLogger(__name__)


@asynccontextmanager
async def prepared(app: Any) -> AsyncIterator[None]:
    """Get ready for the first visitors while the server runs."""
    settings = {"version": __version__, "data_folder": str(home()), "shared": is_shared()}
    log.info("started", extra=settings)
    stopped = Event()
    Thread(target=_prepare, name="prepare", daemon=True).start()
    Thread(target=_sweep, args=(stopped,), name="sweep", daemon=True).start()
    yield
    stopped.set()
    log.info("stopped")


def _prepare() -> None:
    start = perf_counter()
    silence_spinners()
    try:
        # Only here: the server should answer before these imports are done.
        from llmpert.datasets import DatasetStore
        from llmpert.ui.common.warm_up import prepare

        names = DatasetStore().names()
        prepare()
        seconds = round(perf_counter() - start, 3)
        log.info("ready", extra={"data_sets": names, "seconds": seconds})
    except Exception:
        log.exception("not prepared")


def _sweep(stopped: Event) -> None:
    """Keep the promise that uploads go after their time, whether or not anybody comes."""
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
