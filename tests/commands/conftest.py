"""Fixtures for tests of the command line."""

from shutil import copytree

import pytest

from llmpert.__main__ import main
from llmpert.embeddings import save_embedding
from tests.support import small


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def own_home(here, tmp_path, monkeypatch):
    """The data folder lies where the command runs."""
    folder = tmp_path / "llmpert-home"
    monkeypatch.setenv("LLMPERT_HOME", str(folder))
    return folder


@pytest.fixture
def run(capsys):
    """Runs a command; returns exit code, standard output and standard error."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    small.screen().save(folder / "screen.h5ad")
    save_embedding(small.embedding("text"), folder / "text.parquet")
    # Ten genes fewer: perturbations KD035 to KD039 have no sequence.
    save_embedding(small.embedding("sequence", genes=35, seed=2), folder / "sequence.parquet")
    return folder


@pytest.fixture
def files(written, tmp_path):
    """A screen of LineA and two embeddings as files."""
    return copytree(written, tmp_path, dirs_exist_ok=True)
