"""Whether the server can do its work, for machines that ask."""

import shutil
import tempfile

from starlette.requests import Request
from starlette.responses import JSONResponse

from llmpert import __version__
from llmpert.io.paths import home

LEAST_FREE = 100 * 10**6
"""Bytes of disk without which the data folder counts as full."""


def condition() -> dict[str, object]:
    """The state of server and data folder.

    Returns
    -------
    version; ready, whether the data folder can be read and written and its disk is not full;
    free_bytes of that disk where that is known; problem, a sentence, where it is not ready. No path
    is in it: anyone may ask.
    """
    state: dict[str, object] = {"version": __version__, "ready": False}
    try:
        folder = home()
        folder.mkdir(parents=True, exist_ok=True)
        next(folder.iterdir(), None)
        # It has no name where the system can do without, so a kill leaves nothing behind.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can be written")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return {**state, "problem": f"The data folder cannot be read and written: {reason}."}
    state["free_bytes"] = free
    if free < LEAST_FREE:
        return {**state, "problem": "The disk of the data folder is full."}
    return {**state, "ready": True}


def health(request: Request) -> JSONResponse:
    """200 with the state if ready, else 503 with the state."""
    state = condition()
    return JSONResponse(
        state, 200 if state["ready"] else 503, headers={"Cache-Control": "no-store"}
    )
