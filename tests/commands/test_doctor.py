"""`doctor`: says what is installed, where things lie and what is broken; nothing of the data."""

import re
import sys
from collections import namedtuple
from importlib import metadata

import pytest

from llmpert import __version__
from llmpert.datasets import Dataset, DatasetStore, Parts, UploadStore
from llmpert.io.paths import LEAST_FREE
from tests.support import small

Usage = namedtuple("Usage", "total used free")


def test_a_working_installation_has_no_problem(run, own_home, simulated_once):
    small.place("mine", [small.screen()], [small.embedding()])
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert re.search(rf"^  llmpert +{re.escape(__version__)}$", out, re.MULTILINE)
    assert re.search(rf"^  torch +{re.escape(metadata.version('torch'))}$", out, re.MULTILINE)
    assert f"{own_home} (from LLMPERT_HOME)" in out
    assert re.search(r"^  free space +[\d,.]+ [GM]B$", out, re.MULTILINE)
    assert re.search(r"^  mine +can be used$", out, re.MULTILINE)
    assert re.search(r"^  simulated +can be used$", out, re.MULTILINE)
    assert out.endswith("\nNo problems found.\n")


@pytest.fixture
def quick(monkeypatch):
    """A built-in data set that need not be simulated."""
    builtin = Dataset("simulated", {"LineA": small.screen()}, {"text": small.embedding()})
    monkeypatch.setattr("llmpert.datasets.store.simulated_dataset", lambda: builtin)


def test_a_damaged_data_set_is_named_with_what_is_wrong(quick, run):
    for name in ("mine", "other"):
        small.place(name, [small.screen()], [small.embedding()])
    (path,) = DatasetStore().folder("other").rglob("LineA.h5ad")
    path.write_bytes(b"damaged")
    code, out, _ = run("doctor")
    assert code == 1
    assert re.search(r"^  mine +can be used$", out, re.MULTILINE)
    assert re.search(r"^  other +PROBLEM: .*LineA.h5ad: expected ", out, re.MULTILINE)
    assert out.endswith("\n1 problem found.\n")


def test_neither_data_nor_secret_names_are_printed(quick, run):
    small.place("mine", [small.screen()], [small.embedding()])
    secret = UploadStore().create("K562", Parts([small.screen()], [small.embedding()]))
    _, out, _ = run("doctor")
    assert secret not in out
    assert "LineA" not in out
    assert "KD001" not in out


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.0", "PROBLEM: 1.0 is installed; torch==2.13.0 is needed."),
        (None, "PROBLEM: not installed; torch==2.13.0 is needed."),
    ],
)
def test_a_library_of_another_version_is_a_problem(quick, run, monkeypatch, version, said):
    found = metadata.version

    def pretend(name):
        if name != "torch":
            return found(name)
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", pretend)
    code, out, _ = run("doctor")
    assert code == 1
    assert said in out


def test_a_full_disk_and_a_missing_list_are_problems(quick, run, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(1, 1, LEAST_FREE - 1))
    monkeypatch.setenv("LLMPERT_SOURCES", str(tmp_path / "nowhere.toml"))
    code, out, _ = run("doctor")
    assert code == 1
    assert "PROBLEM: The disk of the data folder is full." in out
    assert "nowhere.toml: no such file." in out


def test_mistakes_and_missing_libraries_do_not_end_the_check(quick, run, monkeypatch):
    def fail(self, name):
        raise RuntimeError("KD001 is 3.5")

    monkeypatch.setattr(DatasetStore, "load", fail)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, _ = run("doctor")
    assert code == 1
    assert re.search(r"^  not checked +PROBLEM: import of torch halted", out, re.MULTILINE)
    assert "PROBLEM: llmpert has a fault (RuntimeError); please report it." in out
    assert "KD001" not in out
    assert out.endswith("\n3 problems found.\n")
