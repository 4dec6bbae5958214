"""Additions to a data set are seen whole or not at all, by all processes."""

import json
import multiprocessing
import re
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import llmpert as lp
from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Parts
from llmpert.datasets.dataset import KINDS
from llmpert.datasets.store import Index
from llmpert.embeddings import Embedding
from llmpert.errors import InputError
from llmpert.evaluation.results import COLUMNS, ResultsSummary, summarise
from llmpert.genes.sets import GeneSets
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.screens import Screen
from tests.support import small


def files() -> list[str]:
    """Files of the data set "mine" below the folder of their addition."""
    folder = DatasetStore().folder("mine")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted("/".join(path.parts[1:]) or path.name for path in paths)


def marked(mark: int) -> tuple[Screen, Embedding]:
    """A screen and an embedding that say which addition they are of."""
    screen, embedding = small.screen(genes=4), small.embedding(genes=40)
    values, vectors = np.full_like(screen.response, mark), np.full_like(embedding.vectors, mark)
    return (
        Screen("LineA", values, screen.perturbations, screen.genes, "Δ expression"),
        Embedding("text", embedding.genes, vectors),
    )


def marks() -> tuple[float, float]:
    data = DatasetStore().load("mine")
    return data.screens["LineA"].response[0, 0], data.embeddings["text"].vectors[0, 0]


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_killed_addition_is_invisible_and_swept_away_by_the_next(monkeypatch, written):
    screen, embedding = marked(1)
    small.add("mine", [screen], [embedding])
    before = DatasetStore().fingerprint("mine")

    class Killed(BaseException):
        pass

    def killed(self):
        raise Killed

    screen, embedding = marked(2)
    with monkeypatch.context() as patch:
        # Before the first file, between the two, or between both and the index.
        if written == 0:
            patch.setattr(Screen, "to_anndata", killed)
        elif written == 1:
            patch.setattr("pyarrow.table", killed)
        else:
            patch.setattr(Index, "write", killed)
        with pytest.raises((Killed, TypeError)):
            small.add("mine", [screen], [embedding])
    assert marks() == (1, 1)
    assert DatasetStore().fingerprint("mine") == before
    small.add("mine", [screen], [embedding])
    assert marks() == (2, 2)
    assert files() == ["dataset.json", "embeddings/text.parquet", "screens/LineA.h5ad"]


def test_a_first_addition_that_is_killed_leaves_no_data_set(monkeypatch):
    monkeypatch.setattr(Index, "write", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        small.add("mine", [small.screen()], [small.embedding()])
    assert DatasetStore().names() == [*BUILT_IN_DATA]
    assert list(DatasetStore().folder("mine").rglob("LineA.h5ad"))


def test_a_file_that_somebody_put_there_stays():
    small.add("mine", [small.screen()], [small.embedding()])
    notes = DatasetStore().folder("mine") / "notes.txt"
    notes.write_text("mine")
    small.add("mine", [small.screen()], [])
    assert notes.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"version": 2, "parts": {}, "record": None}, "data set format 1, found format 2; a newer"),
        ({"version": 0, "parts": {}, "record": None}, "found format 0; import the original file"),
        ({"parts": {}}, "an index of a data set"),
        ([], "an index of a data set"),
    ],
)
def test_an_index_that_cannot_be_used_is_named(content, said):
    small.add("mine", [small.screen()], [])
    (DatasetStore().folder("mine") / "dataset.json").write_text(json.dumps(content))
    for use in (
        lambda: DatasetStore().load("mine"),
        lambda: small.add("mine", [], []),
    ):
        with pytest.raises(InputError, match=rf"dataset\.json: expected .*{re.escape(said)}"):
            use()
    # Other data sets are listed and loaded as ever.
    small.add("other", [small.screen()], [small.embedding()])
    assert DatasetStore().names() == ["mine", "other", *BUILT_IN_DATA]
    assert DatasetStore().load("other").screens
    DatasetStore().remove("mine")
    assert DatasetStore().names() == ["other", *BUILT_IN_DATA]


def test_every_kind_of_part_says_its_version_or_has_a_format_of_others(tmp_path: Path):
    # The header of a trained model, packed, has its version (`test_trained`).
    marks = {".h5ad": b"version", ".parquet": b'"version": 1', ".llmpert": b"header.npy"}
    made = {
        "screens": small.screen(),
        "embeddings": small.embedding(),
        "gene_sets": GeneSets("go", "go.gmt", {"B": frozenset({"KD001"})}),
        "published": _published(tmp_path),
        "external": _external(),
        "trained": lp.train(small.screen(), small.embedding()),
        "results": _results(),
    }
    for kind in KINDS:
        path = tmp_path / f"part{kind.ending}"
        kind.save(made[kind.name], path)
        assert kind.ending == ".gmt" or marks[kind.ending] in path.read_bytes()
        assert kind.load(path) is not None


def _results() -> ResultsSummary:
    one = ("LineA", "text", "gp", 40, 0, 0, "KD001", "pearson_all", 0.5)
    return ResultsSummary(summarise(pd.DataFrame([one], columns=COLUMNS)), {})


def test_results_lie_in_the_data_set_and_an_addition_replaces_them():
    model = lp.train(small.screen(), small.embedding())
    parts = Parts(embeddings=[small.embedding()], trained=[model], results=[_results()])
    DatasetStore().add("mine", parts)
    assert DatasetStore().load("mine").results.table["mean"].tolist() == [0.5]
    other = ResultsSummary(_results().table.assign(mean=0.25), {})
    DatasetStore().add("mine", Parts(results=[other]))
    found = DatasetStore().load("mine")
    assert found.results.table["mean"].tolist() == [0.25]
    assert list(found.trained) == ["LineA"]


def _published(folder: Path) -> Published:
    table = folder / "table.csv"
    table.write_text("perturbation,method,metric,value\nKD001,GEARS,pearson_top20,0.5\n")
    return Published.read(table, "LineA")


def _external() -> ExternalPredictions:
    return ExternalPredictions(
        "GEARS", "LineA", "Δ", ["KD001"], ["OUT001"], [[1.0]], ["0"], {"0": ["KD002"]}
    )


def _adding(process: int) -> None:
    for turn in range(2):
        small.add("mine", [], [small.embedding(f"of-{process}-{turn}")])
        screen, embedding = marked(10 * process + turn)
        small.add("mine", [screen], [embedding])


@pytest.mark.processes
def test_processes_that_add_at_once_lose_nothing_and_readers_see_whole_additions():
    screen, embedding = marked(0)
    small.add("mine", [screen], [embedding])
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_adding, args=(number,)) for number in (1, 2)]
    for process in processes:
        process.start()
    seen = set()
    while any(process.is_alive() for process in processes):
        seen.add(marks())
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert all(one == other for one, other in seen)
    assert len(seen) > 1
    names = {f"of-{process}-{turn}" for process in (1, 2) for turn in range(2)}
    assert set(DatasetStore().load("mine").embeddings) == {"text", *names}
    assert len(files()) == 1 + 1 + 1 + len(names)


def test_a_reader_whose_file_is_replaced_begins_again(monkeypatch):
    screen, embedding = marked(1)
    small.add("mine", [screen], [embedding])
    first = Index.read
    replaced = []

    def read(folder):
        found = first(folder)
        if not replaced:
            replaced.append(True)
            monkeypatch.setattr(Index, "read", first)
            small.add("mine", *([part] for part in marked(2)))
        return found

    monkeypatch.setattr(Index, "read", read)
    assert marks() == (2, 2)


def test_of_two_additions_that_do_not_fit_together_one_is_refused():
    """Both are valid by themselves: each has to be held against what the other has added."""
    screen, embedding = marked(0)
    for turn in range(5):
        name = f"mine{turn}"
        small.add(name, [screen], [embedding])
        start, refused = threading.Barrier(2), []

        def add(collection: str, name=name, start=start, refused=refused) -> None:
            start.wait()
            sets = GeneSets(collection, f"{collection}.gmt", {"S": frozenset({"KD001"})})
            try:
                small.add(name, gene_sets=[sets])
            except InputError as problem:
                refused.append(str(problem))

        threads = [threading.Thread(target=add, args=(collection,)) for collection in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        assert "every gene set in one collection" in refused[0]
        assert set(DatasetStore().load(name).gene_sets.members) == {"S"}


def test_a_new_data_set_replaces_none():
    small.add("mine", [small.screen()], [small.embedding()])
    with pytest.raises(InputError, match="The data set mine already exists"):
        DatasetStore().add("mine", Parts([small.screen(seed=3)]), new=True)
    np.testing.assert_array_equal(
        DatasetStore().load("mine").screens["LineA"].response, small.screen().response
    )


def test_screens_and_embeddings_that_share_nothing_are_not_kept():
    small.add("mine", [small.screen()])
    strange = Embedding("text", ["X", "Y", "Z"], np.eye(3))
    with pytest.raises(InputError, match="at least 2"):
        small.add("mine", [], [strange])
    assert files() == ["dataset.json", "screens/LineA.h5ad"]


def test_a_fingerprint_tells_content_apart_and_sees_damage_and_repair():
    first = small.add("mine", [small.screen()], [small.embedding()])
    assert first.fingerprint == ""  # nobody has read it from the disk
    before = DatasetStore().fingerprint("mine")
    assert DatasetStore().load("mine").fingerprint == before
    (path,) = DatasetStore().folder("mine").rglob("LineA.h5ad")
    whole = path.read_bytes()
    path.write_bytes(b"damaged")
    assert DatasetStore().fingerprint("mine") != before
    path.unlink()
    missing = DatasetStore().fingerprint("mine")
    path.write_bytes(whole)
    assert DatasetStore().fingerprint("mine") != missing
    DatasetStore().remove("mine")
    small.add("mine", [small.screen()], [small.embedding()])
    assert DatasetStore().fingerprint("mine") != before
