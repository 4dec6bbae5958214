"""How the server is started: where it listens, for whom, and how it logs."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(run, monkeypatch):
    """Runs `serve`; returns Streamlit's settings and the environment it would get."""
    for name in ("LLMPERT_SHARED", "LLMPERT_LOG_FORMAT"):
        monkeypatch.setenv(name, "kept for monkeypatch to put back")
        monkeypatch.delenv(name)

    def started(*arguments):
        commands = []
        monkeypatch.setattr(os, "execv", lambda program, command: commands.append(command))
        code, out, err = run("serve", *arguments)
        assert (code, out, err) == (0, "", "")
        ((python, *module, app), options) = commands[0][:5], commands[0][5:]
        assert (python, module) == (sys.executable, ["-m", "streamlit", "run"])
        assert app == str(REPOSITORY / "app.py")
        settings = {}
        for option in options:
            name, _, value = option.partition("=")
            settings.setdefault(name.rpartition(".")[2], []).append(value)
        return settings, os.environ

    return started


def test_only_this_machine_is_served_by_default(started):
    settings, environment = started()
    assert settings == {
        "port": ["8501"],
        "address": ["localhost"],
        "baseUrlPath": [""],
        "allowedHosts": ["localhost", "127.0.0.1", "::1"],
    }
    assert environment["LLMPERT_LOG_FORMAT"] == "text"
    assert "LLMPERT_SHARED" not in environment


def test_a_server_behind_a_proxy(started):
    settings, environment = started(
        "--shared", "--base-path", "/tools/llmpert/", "--allow-host", "llmpert.lab.example",
        "--log-format", "json", "--port", 8600,
    )  # fmt: skip
    assert settings["baseUrlPath"] == ["tools/llmpert"]
    assert settings["allowedHosts"][-1] == "llmpert.lab.example"
    assert settings["address"] == ["localhost"]
    assert settings["hideWelcomeMessage"] == ["true"]
    assert environment["LLMPERT_LOG_FORMAT"] == "json"
    assert environment["LLMPERT_SHARED"] == "1"


def test_on_all_addresses_any_name_will_do_unless_some_are_given(started):
    settings, _ = started("--address", "0.0.0.0")
    assert settings["allowedHosts"] == ["*"]
    settings, _ = started("--address", "0.0.0.0", "--allow-host", "lab.example")
    assert settings["allowedHosts"] == ["localhost", "127.0.0.1", "::1", "lab.example"]


def test_visitors_are_trusted_only_if_asked_for(started):
    _, environment = started("--address", "0.0.0.0")
    assert "LLMPERT_SHARED" not in environment
    _, environment = started("--address", "0.0.0.0", "--trust-visitors")
    assert environment["LLMPERT_SHARED"] == "0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--address", "192.0.2.1"], "expected an address of this machine, found '192.0.2.1'"),
        (["--address", "no such name"], "expected an address of this machine"),
        (["--base-path", "a/../b"], "expected a path like /llmpert, found 'a/../b'"),
        (["--base-path", "a//b"], "expected a path like /llmpert"),
        (["--base-path", "a?b"], "expected a path like /llmpert"),
        (["--base-path", "https://lab.example/a"], "expected a path like /llmpert"),
        (["--log-format", "xml"], "'xml' is not one of"),
    ],
)
def test_what_cannot_be_is_refused_in_words(run, arguments, said):
    code, out, err = run("serve", *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1
