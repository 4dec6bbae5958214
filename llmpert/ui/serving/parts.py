"""What the application has besides pages."""

import os
from functools import partial
from threading import Event
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from llmpert.ui.serving import logs, workers
from llmpert.ui.serving.requests import EarlyStart, NotYet, RequestLog, SameOrigin, StayHere, health
from llmpert.ui.serving.start import prepared
from llmpert.ui.streamlit_internals import HEALTH


def parts() -> dict[str, Any]:
    """Return the arguments of `streamlit.App`, and set up how this process logs.

    The health check answers below the base path, where a proxy asks, and without it.
    """
    logs.configure(os.environ.get(logs.VARIABLE, "text"))
    logs.include_server()
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    bases = ["", f"/{path}"] if path else [""]
    checks = [f"{base}/health" for base in bases]
    unlogged = [*checks, *(f"{base}{HEALTH}" for base in bases)]
    number = workers.own_number()
    stay = [] if number is None else [
        Middleware(
            StayHere, cookie=workers.cookie(st.get_option("server.port")), worker=number,
            path=f"/{path}",
        )
    ]  # fmt: skip
    loaded = Event()
    return {
        "lifespan": partial(prepared, loaded=loaded),
        "routes": [Route(path, health) for path in checks],
        "middleware": [
            Middleware(RequestLog, unlogged=unlogged),
            *stay,
            Middleware(SameOrigin, allowed=st.get_option("server.corsAllowedOrigins")),
            Middleware(NotYet, loaded=loaded, checks=unlogged),
            Middleware(EarlyStart),
        ],
    }
