"""The health check tells the truth, and no more than anyone may know."""

import json
import shutil
from collections import namedtuple

from starlette.applications import Starlette
from starlette.routing import Route

from llmpert.io.paths import LEAST_FREE
from llmpert.ui.serving.requests import health
from tests.support.asgi import ask

Usage = namedtuple("Usage", "total used free")


APP = Starlette(routes=[Route("/health", health)])


def test_a_server_that_can_work_says_so(own_home):
    answer = ask(APP, "/health")
    assert answer.status == 200
    state = json.loads(answer.text)
    assert set(state) == {"version", "ready", "free_bytes"}
    assert state["ready"] is True
    assert state["free_bytes"] > 0
    assert list(own_home.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_without_its_path(own_home):
    own_home.write_text("a file where the folder should be")
    answer = ask(APP, "/health")
    assert answer.status == 503
    assert json.loads(answer.text)["ready"] is False
    assert json.loads(answer.text)["problem"].startswith(
        "The data folder cannot be read and written: "
    )
    assert str(own_home) not in answer.text
    assert own_home.name not in answer.text


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, LEAST_FREE - 1))
    answer = ask(APP, "/health")
    assert answer.status == 503
    assert json.loads(answer.text)["problem"] == "The disk of the data folder is full."


def test_an_error_without_words_of_the_system_does_not_break_it(monkeypatch):
    def fail(path):
        raise PermissionError("/secret/path")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    answer = ask(APP, "/health")
    assert answer.status == 503
    assert "secret" not in answer.text
    assert "PermissionError" in json.loads(answer.text)["problem"]
