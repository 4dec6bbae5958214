"""What happens when the server starts and stops."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread
from time import perf_counter
from typing import Any

from llmpert import __version__
from llmpert.errors import InputError
from llmpert.io.paths import home
from llmpert.ui.common.permissions import is_shared
from llmpert.ui.streamlit_internals import silence_spinners

log = logging.getLogger(__name__)


@asynccontextmanager
async def prepared(app: Any) -> AsyncIterator[None]:
    """Get ready for the first visitors while the server runs."""
    settings = {"version": __version__, "data_folder": str(home()), "shared": is_shared()}
    log.info("started", extra=settings)
    Thread(target=_prepare, name="prepare", daemon=True).start()
    yield
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
    except InputError as problem:  # the page that uses the data tells visitors
        log.warning("not prepared", extra={"reason": str(problem)})
    except Exception:
        log.exception("not prepared")
