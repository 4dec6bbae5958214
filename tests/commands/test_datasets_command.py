"""`datasets`: lists what there is, and removes what is named."""

import io

from llmpert.datasets import BUILT_IN_DATA, DatasetStore
from tests.support import small


def test_data_sets_are_listed(run, files):
    small.place("mine", [small.screen()], [small.embedding(), small.embedding("sequence")])
    small.place("broken", [small.screen()], [small.embedding()])
    (DatasetStore().folder("broken") / "dataset.json").write_text("{")
    code, out, err = run("datasets")
    assert code == 0
    assert "dataset.json: expected an index of a data set written by llmpert" in err
    head, broken, mine, ranks, simulated = out.splitlines()
    assert head.split() == ["DATASET", "LINES", "EMBEDDINGS", "SIZE", "CHANGED", "RECIPE"]
    assert broken.split()[:4] == ["broken", "cannot", "be", "used"]
    assert mine.startswith("mine ")
    assert "  LineA  " in mine
    assert "  sequence, text  " in mine
    assert "  0.0 MB    20" in mine
    assert ranks.split()[:5] == ["replogle-2022-ranks", "K562,", "RPE1", "built", "in"]
    assert simulated.split()[:2] == ["simulated", "Sim-K562-like,"]
    assert simulated.endswith("built in")


def test_one_is_removed_once_that_is_agreed_to(run, files, monkeypatch):
    small.place("mine", [small.screen()], [small.embedding()])
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, out, err = run("datasets", "--remove", "mine")
    # Older releases of click write the blank after a question here.
    assert (code, out.strip()) == (1, "")
    assert "Remove the data set mine (0.0 MB)?" in err
    assert err.endswith("Error: Nothing was removed. Answer y, or give --yes.\n")
    assert DatasetStore().names() == ["mine", *BUILT_IN_DATA]
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run("datasets", "--remove", "mine")[0] == 0
    assert DatasetStore().names() == [*BUILT_IN_DATA]
    small.place("mine", [small.screen()], [small.embedding()])
    assert run("datasets", "--remove", "mine", "--yes")[1] == (
        "Removed the data set mine (0.0 MB).\n"
    )


def test_what_cannot_be_removed_is_one_line(run, files):
    for name, said in (
        ("simulated", "comes with llmpert"),
        ("x", "found 'x'"),
        ("..", "found '.."),
    ):
        code, out, err = run("datasets", "--remove", name)
        assert (code, out) == (1, "")
        assert said in err
