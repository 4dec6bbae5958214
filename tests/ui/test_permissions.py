"""Visitors from other machines are no operators, however the server was started."""

import os
import re
import subprocess
import sys

import pytest
import streamlit as st

from llmpert.commands.serve import streamlit_command
from llmpert.ui.common.permissions import is_operator, is_shared
from tests.support.server_process import REPOSITORY, STREAMLIT, eventually, free_port


@pytest.fixture
def server(monkeypatch):
    """Takes the options that Streamlit gets for a server of `serve`."""

    def server(address="localhost", hosts=(), base_path=""):
        options = {"server.allowedHosts": []}
        for option in streamlit_command(8501, address, hosts, base_path)[5:]:
            name, _, value = option.removeprefix("--").partition("=")
            if name == "server.allowedHosts":
                options[name].append(value)
            else:
                options[name] = value
        monkeypatch.setattr(st, "get_option", options.get)

    monkeypatch.delenv("LLMPERT_SHARED", raising=False)
    return server


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1"])
def test_on_their_own_machine_visitors_are_operators(server, address):
    server(address)
    assert is_operator()


@pytest.mark.parametrize(
    "reachable",
    [
        {"address": "0.0.0.0"},
        {"address": "::"},
        {"address": "192.0.2.1"},
        {"hosts": ("llmpert.lab.example",)},
        {"base_path": "llmpert"},
    ],
)
def test_a_server_that_other_machines_reach_is_shared(server, reachable):
    server(**reachable)
    assert is_shared()
    assert not is_operator()


@pytest.mark.parametrize(("value", "shared"), [("1", True), ("0", False), ("no", True)])
@pytest.mark.parametrize("address", ["localhost", "0.0.0.0"])
def test_the_variable_has_the_last_word(server, monkeypatch, value, shared, address):
    server(address)
    monkeypatch.setenv("LLMPERT_SHARED", value)
    assert is_shared() is shared


def test_an_empty_variable_says_nothing(server, monkeypatch):
    monkeypatch.setenv("LLMPERT_SHARED", "")
    server("localhost")
    assert not is_shared()
    server("0.0.0.0")
    assert is_shared()


@pytest.mark.processes
def test_streamlits_own_command_is_understood_too(tmp_path, monkeypatch):
    monkeypatch.delenv("LLMPERT_SHARED", raising=False)
    log = tmp_path / "log"
    options = ("--server.address=0.0.0.0", "--server.port", str(free_port()))
    with log.open("wb") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", *STREAMLIT, *options],
            cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL, stderr=stderr,
        )  # fmt: skip
    try:
        eventually(lambda: re.search(r"started.*\n", log.read_text("utf-8")))
    finally:
        server.kill()
        server.wait()
    (started,) = [line for line in log.read_text("utf-8").splitlines() if "started" in line]
    assert started.endswith("shared=true")
