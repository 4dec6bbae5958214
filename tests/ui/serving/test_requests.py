"""What is logged of requests, and whose WebSockets are refused."""

import logging
import threading

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from llmpert.ui.serving.requests import LONGEST, NotYet, RequestLog, SameOrigin
from tests.support.asgi import ask


async def answer(request):
    return PlainTextResponse("fine")


async def fail(request):
    raise ValueError("mistake")


async def talk(websocket):
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


APP = Starlette(
    routes=[
        Route("/gene", answer),
        Route("/health", answer),
        Route("/fail", fail),
        WebSocketRoute("/_stcore/stream", talk),
    ],
    middleware=[
        Middleware(RequestLog, unlogged=["/health"]),
        Middleware(SameOrigin, allowed=["https://portal.example"]),
    ],
)


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, "llmpert.ui.serving.requests")

    def fields():
        requests = [record for record in caplog.records if record.message == "request"]
        assert all(record.milliseconds >= 0 for record in requests)
        return [(record.method, record.path, record.status) for record in requests]

    return fields


def test_method_path_and_status_are_logged(logged):
    ask(APP, "/gene")
    ask(APP, "/gene", "PUT")
    ask(APP, "/fail")
    ask(APP, "/nowhere")
    assert logged() == [
        ("GET", "/gene", 200),
        ("PUT", "/gene", 405),
        ("GET", "/fail", 500),
        ("GET", "/nowhere", 404),
    ]


def test_what_people_look_at_is_not(logged, caplog):
    ask(APP, "/gene?gene=SECRET1", headers={"Cookie": "a=SECRET2", "Referer": "SECRET3"})
    ask(APP, "/lab/_stcore/upload_file/SECRET4/SECRET5", "PUT")
    ask(APP, "/media/SECRET6.csv")
    assert [path for _, path, _ in logged()] == ["/gene", "/lab/_stcore/upload_file/…", "/media/…"]
    everything = [value for record in caplog.records for value in record.__dict__.values()]
    assert not [value for value in everything if "SECRET" in str(value)]
    # Nor who looks.
    assert not [value for value in everything if "192.0.2.77" in str(value)]


def test_health_checks_are_not(logged):
    assert ask(APP, "/health").status == 200
    assert logged() == []


def test_a_long_path_is_cut(logged):
    ask(APP, "/" + 3000 * "a")
    ((_, path, status),) = logged()
    assert len(path) == LONGEST + 1
    assert status == 404


@pytest.mark.parametrize("origin", [None, "http://lab.example", "https://portal.example"])
def test_a_visitors_connection_is_opened_and_logged(logged, origin):
    headers = {} if origin is None else {"Origin": origin}
    answer = ask(APP, "/_stcore/stream", "WEBSOCKET", headers)
    assert (answer.status, answer.text) == (101, "hello")
    assert logged() == [("WEBSOCKET", "/_stcore/stream", 101)]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://lab.example:81",
        "http://lab.example.evil.example",
        "http://lab.example@evil.example",
        "http://localhost:8501",
        "http://[",
        "null",
        "",
    ],
)
def test_a_page_of_another_site_cannot_connect(logged, origin):
    assert ask(APP, "/_stcore/stream", "WEBSOCKET", {"Origin": origin}).status == 403
    assert logged() == [("WEBSOCKET", "/_stcore/stream", 403)]


@pytest.mark.parametrize(
    ("path", "method", "answer"),
    [("/_stcore/stream", "WEBSOCKET", "hello"), ("/health", "GET", "fine")],
)
def test_files_are_sent_while_sessions_wait_for_what_opens_first(path, method, answer):
    loaded = threading.Event()
    app = NotYet(APP, loaded, ["/health"])
    assert ask(app, "/gene").text == "fine"
    threading.Timer(0.1, loaded.set).start()
    assert ask(app, path, method).text.startswith(answer)
    assert loaded.is_set()
