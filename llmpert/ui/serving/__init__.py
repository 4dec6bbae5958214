"""What the server does besides running pages: it gets ready, logs, refuses and tells its health."""

import os
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from llmpert.ui.serving import logs
from llmpert.ui.serving.health import health
from llmpert.ui.serving.hints import BrowserHints
from llmpert.ui.serving.requests import RequestLog, SameOrigin
from llmpert.ui.serving.start import prepared


def parts() -> dict[str, Any]:
    """What `streamlit.App` takes; from here on the process logs as `llmpert.ui.serving.logs` says.

    The health check answers below the base path, where a proxy asks, and without it.
    """
    logs.configure(os.environ.get(logs.VARIABLE, "text"))
    base = "/" + (st.get_option("server.baseUrlPath") or "").strip("/")
    bases = {"", base.rstrip("/")}
    checks = [f"{b}/health" for b in bases]
    quiet = [*checks, *(f"{b}/_stcore/health" for b in bases)]
    allowed = st.get_option("server.corsAllowedOrigins")
    return {
        "lifespan": prepared,
        "routes": [Route(path, health) for path in checks],
        "middleware": [
            Middleware(RequestLog, quiet=quiet),
            Middleware(SameOrigin, allowed=allowed),
            Middleware(BrowserHints),
        ],
    }
