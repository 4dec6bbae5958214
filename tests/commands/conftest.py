"""Fixtures for tests of the command line."""

import pytest

from llmpert.__main__ import main
from llmpert.embeddings import save_embedding
from tests.support import small


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Runs a command; returns exit code, standard output and standard error."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def files(tmp_path):
    """A screen of LineA and two embeddings as files."""
    small.screen().save(tmp_path / "screen.h5ad")
    save_embedding(small.embedding("text"), tmp_path / "text.parquet")
    # Ten genes fewer: perturbations KD035 to KD039 have no sequence.
    save_embedding(small.embedding("sequence", genes=35, seed=2), tmp_path / "sequence.parquet")
    return tmp_path
