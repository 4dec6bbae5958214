"""A short version of the benchmark of hostile files, and that it would see what goes wrong."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.hostile import readers
from benchmarks.hostile.__main__ import BAD, run, table, try_readers
from benchmarks.hostile.readers import MARK, NUMBER, leaks, unsafe
from benchmarks.hostile.valid import write_valid
from llmpert.embeddings import Embedding


def test_every_valid_file_is_read(tmp_path):
    for kind, files in write_valid(tmp_path / "valid").items():
        for path in files:
            assert next(iter(readers.READERS[kind].values()))(path) is not None


@pytest.mark.processes
def test_damaged_files_are_refused_or_read(tmp_path):
    outcomes = list(try_readers(tmp_path, count=240, seed=1, by_hand=False))
    ended = Counter(how for _, how, _, _ in outcomes)
    assert [line for line in table(outcomes) if not line.startswith("|")] == []
    assert len(outcomes) > 240
    assert ended["refused"] > 100
    assert {reader for reader, *_ in outcomes} >= {"read_screen", "read_embedding", "unpack"}


@pytest.mark.processes
def test_what_goes_wrong_is_seen(tmp_path, monkeypatch):
    """Readers that do what none may, in the processes of the benchmark."""
    canary, home = tmp_path / "canary", tmp_path / "home"
    canary.mkdir()
    code = f"""
import os, signal, sys
from pathlib import Path
import numpy as np
from benchmarks.hostile import child, readers
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
def refuse(path): raise InputError("no file named")
readers.READERS.clear()
readers.READERS["any"] = {{
    "crashes": lambda path: os.kill(os.getpid(), signal.SIGSEGV),
    "runs": lambda path: Path({str(canary)!r}, "x").touch(),
    "leaks": lambda path: Embedding("x", ["A"], np.full((1, 2), {float(NUMBER)})),
    "fails": lambda path: 1 / 0,
    "mumbles": refuse,
    "grows": lambda path: np.ones(10**10),
    "reads": lambda path: 5,
    "import loses": lambda path: Path({str(home)!r}, "kept").unlink(),
}}
child.main(*map(Path, sys.argv[1:]))
"""
    home.mkdir()
    (home / "kept").write_text("kept")
    (tmp_path / "home.copy").mkdir()
    (tmp_path / "home.copy" / "kept").write_text("kept")
    (tmp_path / "warm.json").write_text("[]")
    monkeypatch.setattr("benchmarks.hostile.__main__.CHILD", ["-c", code])
    expected = {
        "crashes": "crashed", "runs": "executed", "leaks": "leaked", "fails": "other exception",
        "mumbles": "other exception", "grows": "over memory", "reads": "read",
        "import loses": "lost data",
    }  # fmt: skip
    jobs = [(reader, tmp_path / "x") for reader in expected]
    found = {reader: how for reader, how, _, _ in run(tmp_path, jobs, home, canary)}
    assert found == expected
    assert set(found.values()) - {"read"} <= set(BAD)
    assert (home / "kept").exists()


def test_leaks_are_found_wherever_they_are():
    plain = {"genes": ["A"], "vectors": np.ones((1, 2))}
    assert not leaks(Embedding("x", **plain))
    assert leaks(Embedding("x", **{**plain, "genes": [MARK]}))
    assert leaks(Embedding("x", **plain, provenance={"a": [{"b": f"…{MARK}"}]}))
    assert leaks(Embedding("x", **{**plain, "vectors": np.full((1, 2), NUMBER)}))


def test_unsafe_names_are_found():
    assert not unsafe(type("Read", (), {"genes": ["A", "HLA-A"], "line": "K562"}))
    for name in ("<b>", "=1", "a\x1b[2J", "a\u202eb"):
        assert unsafe(type("Read", (), {"genes": ["A", name]}))
