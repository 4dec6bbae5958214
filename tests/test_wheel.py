"""The wheel holds all that the program needs: it works from any folder, without the clone."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from llmpert.datasets import BUILT_IN_DATA
from tests.support.server_process import REPOSITORY, running

pytestmark = pytest.mark.processes

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder,
         REPOSITORY],
        check=True,
    )  # fmt: skip
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with the wheel's content and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [*PIP, "install", "--no-deps", "--no-index", "--target", folder, wheel], check=True
    )
    return folder


@pytest.fixture
def run(installed, tmp_path):
    """Runs Python with the installed folder on its path, elsewhere; returns its standard output."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(installed)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_installs_one_name_and_leaves_out_what_only_makes_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"llmpert"}
    assert "llmpert/py.typed" in names
    pages = {path.name for path in (REPOSITORY / "docs").glob("*.md")}
    assert {name.rpartition("/")[2] for name in names if "/_app/docs/" in name} == pages
    data = REPOSITORY / "data"
    files = [path for path in data.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    shipped = {path.relative_to(data).as_posix() for path in files if path.suffix != ".py"}
    start = "llmpert/_app/data/"
    assert {name.removeprefix(start) for name in names if name.startswith(start)} == shipped


def test_it_requires_what_the_requirement_files_say(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    lines = archive.read(metadata).decode().splitlines()
    required = {line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line}
    plain = {one for one in required if "extra ==" not in one}
    asked = (REPOSITORY / "requirements.txt").read_text("utf-8").splitlines()
    assert len(plain) == len([line for line in asked if line and not line.startswith("#")])
    assert "torch==2.13.0" in plain
    assert "cell-gears==0.1.2; extra == 'gears'" in required


def test_the_command_works_from_any_folder(run, installed):
    origin = run("-c", "import llmpert; print(llmpert.__file__)").strip()
    assert origin == str(installed / "llmpert" / "__init__.py")
    assert "Usage: " in run(installed / "bin" / "llmpert", "evaluate", "--help")
    # These read what comes with the program: lists of public files and of published settings.
    assert "prott5" in run("-m", "llmpert", "download")
    assert "paper-2024" in run("-m", "llmpert", "prepare")
    known = run("-m", "llmpert", "doctor")
    for name in BUILT_IN_DATA:
        assert re.search(rf"^  {name} +can be used$", known, re.MULTILINE)


def test_the_pages_are_served_with_the_programs_settings(installed, tmp_path):
    command = ("llmpert", "serve")
    home, log = tmp_path / "home", tmp_path / "log"
    with running(command, home, log, folder=tmp_path, health="/health", path=installed) as server:
        address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
        with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
            state = ClientState(page_name="data")
            socket.send(BackMsg(rerun_script=state).SerializeToString())
            messages = []
            # A link into a server that was just started runs the script twice.
            while not (messages and is_done(messages[-1])):
                messages.append(ForwardMsg.FromString(socket.recv(timeout=60)))
    sessions = [m.new_session for m in messages if m.WhichOneof("type") == "new_session"]
    assert sessions[-1].config.gather_usage_stats is False
    elements = [m.delta.new_element for m in messages if m.WhichOneof("type") == "delta"]
    assert "Data" in [element.heading.body for element in elements]
    assert "exception" not in {element.WhichOneof("type") for element in elements}


def is_done(message: ForwardMsg) -> bool:
    """Whether a script has run to its end."""
    return (
        message.WhichOneof("type") == "script_finished"
        and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
    )
