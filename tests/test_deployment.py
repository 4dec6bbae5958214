"""What starts a server elsewhere agrees with the program: container, service and documentation.

The documented proxies are run in tests/browser/test_behind_a_proxy.py.
"""

import configparser
import json
import re
import shlex
from fnmatch import fnmatch

import click
import pytest
import streamlit as st

from llmpert.commands.serve import serve
from llmpert.ui.serving.parts import parts
from tests.support.server_process import REPOSITORY

DOCS = (REPOSITORY / "docs" / "serving.md").read_text("utf-8")


@pytest.fixture(scope="module")
def container() -> dict[str, list[str]]:
    """The Containerfile's instructions: name -> what follows it, each time it is given."""
    text = (REPOSITORY / "Containerfile").read_text("utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for name, rest in re.findall(r"^([A-Z]+) +(.+)$", text, re.MULTILINE):
        found.setdefault(name, []).append(rest)
    return found


def options_of(arguments: list[str]) -> dict:
    """What `serve` makes of a command line, as its own parser reads it."""
    with click.Context(serve) as context:
        serve.parse_args(context, list(arguments))
        return dict(context.params)


def health_paths() -> set[str]:
    """Where the server answers health checks, without changing how this process logs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmpert.ui.serving.logs.configure", lambda form: None)
        return {route.path for route in parts()["routes"]}


def test_all_that_the_container_copies_is_there_and_not_ignored(container):
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    for source in [name for rest in container["COPY"] for name in shlex.split(rest)[:-1]]:
        assert (REPOSITORY / source).exists(), source
        assert any(fnmatch(source.rstrip("/"), pattern) for pattern in let_in), source


def test_the_containers_command_is_one_that_serve_accepts(container):
    assert json.loads(container["ENTRYPOINT"][0]) == ["python", "-m", "llmpert", "serve"]
    options = options_of(json.loads(container["CMD"][0]))
    assert options["address"] == "0.0.0.0"
    assert options["shared"] is True
    assert container["EXPOSE"] == [str(options["port"])]


def test_the_containers_health_check_asks_what_the_server_answers(container):
    (check,) = container["HEALTHCHECK"]
    port, path = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)'", check).groups()
    assert [port] == container["EXPOSE"]
    assert path in health_paths()
    python, option, code = json.loads(check.partition("CMD ")[2])
    assert (python, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")


def test_the_health_check_answers_with_and_without_the_base_path(monkeypatch):
    options = {"server.baseUrlPath": "tools/llmpert", "server.corsAllowedOrigins": []}
    monkeypatch.setattr(st, "get_option", options.get)
    assert health_paths() == {"/health", "/tools/llmpert/health"}


def test_the_services_command_is_one_that_serve_accepts():
    (text,) = re.findall(r"^```ini\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    module, program, command, *arguments = shlex.split(unit["Service"]["ExecStart"])[1:]
    assert (module, program, command) == ("-m", "llmpert", "serve")
    options = options_of(arguments)
    assert options["shared"] is True
    assert options["address"] == "localhost"


def test_the_documented_options_are_those_of_serve():
    table = DOCS.partition("| option |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`(--[a-z-]+)", table))
    options = [(*option.opts, *option.secondary_opts) for option in serve.params]
    assert documented == {name for names in options for name in names}


def test_the_program_lets_no_larger_file_in_than_the_proxy():
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", DOCS)
    # The form around a file may take a megabyte.
    assert int(limit) == st.get_option("server.maxUploadSize") + 1
    assert f"max_size {limit}MB" in DOCS
