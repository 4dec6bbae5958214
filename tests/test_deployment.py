"""The files that run a server agree with the program: container, service and proxy."""

import configparser
import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest
import streamlit as st

from llmpert.commands.serve import serve
from llmpert.runtime import LOCAL
from llmpert.ui.serving import parts

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = (REPOSITORY / "docs" / "serving.md").read_text("utf-8")
SETTINGS = tomllib.loads((REPOSITORY / ".streamlit" / "config.toml").read_text("utf-8"))


def block(language: str) -> str:
    """The one block of code of a language in docs/serving.md."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Containerfile's, comments gone and continued lines joined."""
    text = (REPOSITORY / "Containerfile").read_text("utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (name, " ".join(rest.split()))
        for name, rest in re.findall(r"^([A-Z]+) +(.+)$", text, re.MULTILINE)
    ]


def values(instructions, name: str) -> list[str]:
    return [rest for instruction, rest in instructions if instruction == name]


def options_of(arguments: list[str]) -> dict:
    """What `serve` makes of a command line, as its own parser reads it."""
    with click.Context(serve) as context:
        serve.parse_args(context, list(arguments))
        return dict(context.params)


def test_every_line_of_the_containerfile_is_an_instruction(instructions):
    known = {
        "FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK",
        "ENTRYPOINT", "CMD",
    }  # fmt: skip
    names = [name for name, _ in instructions]
    assert set(names) == known
    assert names[0] == "FROM"
    text = (REPOSITORY / "Containerfile").read_text("utf-8")
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    assert len([line for line in lines if line.strip()]) == len(instructions)


def test_the_base_is_pinned_to_a_python_that_the_program_supports(instructions):
    (base,) = values(instructions, "FROM")
    version = re.fullmatch(r"docker\.io/library/python:(3\.\d+)-slim-[a-z]+", base)[1]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == f">={version}"


def test_all_that_is_copied_is_there_and_not_ignored(instructions):
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    copied = [shlex.split(rest)[0] for rest in values(instructions, "COPY")]
    for source in copied:
        assert (REPOSITORY / source).exists(), source
        assert any(fnmatch(source.rstrip("/"), pattern) for pattern in let_in), source
    assert {source.rstrip("/") for source in copied} == set(let_in)


def test_all_that_the_program_imports_is_copied(instructions):
    copied = {shlex.split(rest)[0].rstrip("/") for rest in values(instructions, "COPY")}
    assert {"app.py", "pages", "llmpert", "data", ".streamlit", "requirements.txt"} <= copied


def test_the_container_serves_as_an_unprivileged_user_of_the_volume(instructions):
    names = [name for name, _ in instructions]
    assert names.count("USER") == 1
    assert names.index("USER") < names.index("ENTRYPOINT")
    # After it nothing is run or copied by root.
    assert not {"RUN", "COPY"} & set(names[names.index("USER") :])
    (user,) = values(instructions, "USER")
    made = next(rest for rest in values(instructions, "RUN") if "useradd" in rest)
    assert user != "root"
    assert re.search(rf"useradd .*\b{user} &&", made)
    environment = dict(pair.split("=") for pair in values(instructions, "ENV")[0].split())
    (volume,) = values(instructions, "VOLUME")
    assert environment["LLMPERT_HOME"] == volume
    owned = made.partition(f"--owner {user} ")[2].split()
    assert {volume, environment["NUMBA_CACHE_DIR"]} <= set(owned)


def test_torch_comes_without_cuda(instructions):
    (install,) = [rest for rest in values(instructions, "RUN") if "pip install" in rest]
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in install
    assert "-r requirements.txt" in install
    assert "\ntorch==" in (REPOSITORY / "requirements.txt").read_text("utf-8")


def test_the_containers_command_is_one_that_serve_accepts(instructions):
    entry = json.loads(values(instructions, "ENTRYPOINT")[0])
    assert entry == ["python", "-m", "llmpert", "serve"]
    options = options_of(json.loads(values(instructions, "CMD")[0]))
    assert options["address"] == "0.0.0.0"
    assert options["shared"] is True
    assert options["log_format"] == "json"
    assert values(instructions, "EXPOSE") == [str(options["port"])]


def test_the_health_check_asks_what_the_server_answers(instructions):
    (check,) = values(instructions, "HEALTHCHECK")
    port, path = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)'", check).groups()
    assert [port] == values(instructions, "EXPOSE")
    assert "CMD " in check
    python, option, code = json.loads(check.partition("CMD ")[2])
    assert (python, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert path in [route.path for route in app_parts()["routes"]]


def app_parts() -> dict:
    """What `app.py` gives to Streamlit, without changing how this process logs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmpert.ui.serving.logs.configure", lambda form: None)
        return parts()


def test_the_health_check_answers_with_and_without_the_base_path(monkeypatch):
    options = {"server.baseUrlPath": "tools/llmpert", "server.corsAllowedOrigins": []}
    monkeypatch.setattr(st, "get_option", options.get)
    paths = {route.path for route in app_parts()["routes"]}
    assert paths == {"/health", "/tools/llmpert/health"}


def test_the_services_command_is_one_that_serve_accepts():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(block("ini"))
    service = unit["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == f"{service['WorkingDirectory']}/.venv/bin/python"
    assert arguments[:3] == ["-m", "llmpert", "serve"]
    options = options_of(arguments[3:])
    assert options["shared"] is True
    assert options["address"] == "localhost"
    assert set(unit) == {"DEFAULT", "Unit", "Service", "Install"}
    # nginx passes on the same path, port and name.
    nginx = block("nginx")
    assert f"location /{options['base_path']}/ {{" in nginx
    assert f"proxy_pass http://127.0.0.1:{options['port']};" in nginx
    assert f"server_name {options['hosts'][0]};" in re.sub(" +", " ", nginx)


def test_the_proxy_lets_uploads_through_and_not_more():
    (limit,) = re.findall(r"client_max_body_size (\d+)m;", block("nginx"))
    # The form around a file may take a megabyte.
    assert int(limit) == SETTINGS["server"]["maxUploadSize"] + 1
    assert f"max_size {limit}MB" in DOCS


def test_the_documented_options_are_those_of_serve():
    table = DOCS.partition("| option |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`(--[a-z-]+)", table))
    options = [(*option.opts, *option.secondary_opts) for option in serve.params]
    assert documented == {name for names in options for name in names}


def test_streamlits_protections_stay_on():
    assert not {"enableCORS", "enableXsrfProtection"} & set(SETTINGS["server"])
    assert SETTINGS["server"]["address"] == "localhost"
    assert SETTINGS["server"]["allowedHosts"] == list(LOCAL)
    assert SETTINGS["browser"]["gatherUsageStats"] is False
    assert SETTINGS["client"]["showErrorDetails"] == "none"
