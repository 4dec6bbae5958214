"""Whether the server can do its work, for machines that ask."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from llmpert import __version__
from llmpert.errors import InputError
from llmpert.io.paths import free_space


def health(request: Request) -> JSONResponse:
    """Answer 200 if the data folder can be used, else 503.

    The state has the version; ready; free_bytes of the data folder's disk if ready, else problem, a
    sentence. No path is in it: anyone may ask.
    """
    try:
        state = {"version": __version__, "ready": True, "free_bytes": free_space()}
    except InputError as problem:
        state = {"version": __version__, "ready": False, "problem": str(problem)}
    status = 200 if state["ready"] else 503
    return JSONResponse(state, status, headers={"Cache-Control": "no-store"})
