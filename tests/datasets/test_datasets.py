import numpy as np
import pytest

from llmpert import datasets
from llmpert.datasets import dataset
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from tests.support import small
from tests.support.external_predictions import predictions


@pytest.fixture
def imported():
    lines = [small.screen("LineA", seed=0), small.screen("LineB", perturbations=35, seed=5)]
    datasets.add("mine", lines, [small.embedding("sequence"), small.embedding("text", seed=2)])


def test_what_was_added_is_loaded_cut_to_common_perturbations(imported):
    data = datasets.load("mine")
    assert list(data.screens) == ["LineA", "LineB"]
    assert list(data.embeddings) == ["text", "sequence"]
    assert {len(s.perturbations) for s in data.screens.values()} == {35}
    original = small.screen("LineA", seed=0)
    np.testing.assert_array_equal(data.screens["LineA"].response, original.response[:35])
    assert not data.simulated


def test_imported_data_come_before_the_simulated(imported):
    assert datasets.names() == ["mine", "simulated"]


def test_problems_on_all_choices_have_the_same_perturbations():
    datasets.add(
        "mine", [small.screen()], [small.embedding("text", 45), small.embedding("sequence", 30)]
    )
    data = datasets.load("mine")
    assert data.embedding_choices == ["text", "sequence", "text+sequence"]
    sizes = {
        choice: len(data.problem("LineA", choice).screen.perturbations)
        for choice in data.embedding_choices
    }
    assert set(sizes.values()) == {30}


def test_adding_a_line_again_replaces_it_and_changes_the_stamp(imported):
    before = datasets.stamp("mine")
    datasets.add("mine", [small.screen("LineA", seed=9)], [])
    assert datasets.stamp("mine") > before
    np.testing.assert_array_equal(
        datasets.load("mine").screens["LineA"].response,
        small.screen("LineA", seed=9).response[:35],
    )


@pytest.mark.parametrize("name", ["../etc", "a/b", "", "simulated", ".hidden", "a" * 65])
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(InputError, match="data set name"):
        datasets.folder(name)


def test_unknown_names_are_sentences(imported):
    with pytest.raises(InputError, match="found 'other'"):
        datasets.load("other")
    with pytest.raises(InputError, match="cell line among LineA, LineB"):
        datasets.load("mine").problem("HeLa", "text")


def test_a_damaged_file_is_named(imported):
    (path,) = datasets.folder("mine").rglob("LineA.h5ad")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"LineA\.h5ad"):
        datasets.load("mine")


def test_a_removed_data_set_is_gone_and_can_come_again(imported):
    before = datasets.stamp("mine")
    assert datasets.size("mine") > 2000
    assert datasets.size("simulated") == 0
    datasets.add("other", [small.screen()], [])
    datasets.remove("mine")
    assert datasets.names() == ["other", "simulated"]
    with pytest.raises(InputError, match="found 'mine'"):
        datasets.load("mine")
    assert datasets.size("mine") == datasets.stamp("mine") == 0
    folder = datasets.folder("mine").parent
    assert {path.name for path in folder.iterdir()} == {".mine.lock", ".other.lock", "other"}
    datasets.add("mine", [small.screen()], [small.embedding()])
    assert datasets.stamp("mine") > before
    assert list(datasets.load("mine").screens) == ["LineA"]


@pytest.mark.parametrize(
    ("name", "said"), [("simulated", "comes with llmpert"), ("other", "'other'"), ("..", "name")]
)
def test_what_cannot_be_removed_is_told(imported, name, said):
    with pytest.raises(InputError, match=said):
        datasets.remove(name)
    assert datasets.names() == ["mine", "simulated"]


def test_what_a_killed_removal_left_is_removed_by_the_next(imported, monkeypatch):
    folder = datasets.folder("mine").parent
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        datasets.remove("mine")
    assert datasets.names() == ["simulated"]
    assert len(list(folder.glob(".mine.*.removed"))) == 1
    datasets.add("mine", [small.screen()], [])
    datasets.remove("mine")
    assert {path.name for path in folder.iterdir()} == {".mine.lock"}


def test_a_record_tells_of_all_screens_and_embeddings_or_is_dropped(imported):
    assert datasets.load("mine").record is None
    record = {"recipe": "a", "seconds": 1.5, "steps": ["one"]}
    datasets.add("mine", [small.screen("LineA")], [], record=record)
    assert datasets.load("mine").record == record
    datasets.add("mine", [], [], [GeneSets("go", "go.gmt", {"B": frozenset({"KD001"})})])
    assert datasets.load("mine").record == record
    assert datasets.with_added("mine", [], [small.embedding("text")]).record is None
    assert datasets.load("mine").record == record
    datasets.add("mine", [], [small.embedding("text")])
    assert datasets.load("mine").record is None


def test_gene_sets_are_kept_with_the_data(imported):
    assert datasets.load("mine").gene_sets is None
    hallmark = GeneSets("hallmark.v1", "hallmark.v1.gmt", {"A": frozenset({"KD001", "KD002"})})
    terms = GeneSets("go", "go.gmt", {"B": frozenset({"KD001"})})
    before = datasets.stamp("mine")
    datasets.add("mine", [], [], [hallmark, terms])
    assert datasets.stamp("mine") > before
    kept = datasets.load("mine").gene_sets
    assert kept.members == {"A": {"KD001", "KD002"}, "B": {"KD001"}}
    assert kept.source == "go.gmt; hallmark.v1.gmt"
    datasets.add("mine", [], [], [GeneSets("go", "go.gmt", {"C": frozenset({"KD003"})})])
    assert set(datasets.load("mine").gene_sets.members) == {"A", "C"}


def test_the_simulated_modules_are_its_gene_sets():
    data = datasets.simulated_dataset()
    modules = data.gene_sets.members
    assert len(modules) == 60
    genes = [gene for members in modules.values() for gene in members]
    assert sorted(genes) == sorted(data.embeddings["text"].genes)
    assert "module 01" in modules


def test_simulated_data_come_with_predictions_that_were_made_on_them(tmp_path, monkeypatch):
    screens = datasets.simulated_dataset().screens
    line, screen = next(iter(screens.items()))
    monkeypatch.setattr(dataset, "shipped", lambda: tmp_path)
    of_now = {"screen": screen.fingerprint}
    shipped = {
        "gears": predictions(screen, about=of_now),
        "gears_100": predictions(screen, about=of_now, train_size=100),
        "older": predictions(screen, "Older", about={"screen": "0123456789abcdef"}),
        "unknown": predictions(screen, "Unknown"),
        "elsewhere": predictions(small.screen("HeLa"), "Elsewhere", about=of_now),
    }
    for name, one in shipped.items():
        one.save(tmp_path / f"simulated_external_{name}.h5ad")
    shipped["gears"].save(tmp_path / "another.h5ad")
    data = datasets.simulated_dataset()
    assert list(data.external) == [line]
    found = [(p.method, p.train_size) for p in data.external[line]]
    assert found == [("GEARS", 100), ("GEARS", shipped["gears"].train_size)]
    np.testing.assert_array_equal(data.external[line][1].delta, shipped["gears"].delta)


def test_a_damaged_file_of_predictions_is_named(imported):
    datasets.add("mine", [], [], external=[predictions(small.screen())])
    (path,) = datasets.folder("mine").rglob("external/*")
    assert path.name.startswith("LineA-GEARS-26-")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=path.name):
        datasets.load("mine")
    # The file that is replaced is not read.
    datasets.with_added("mine", [], [], external=[predictions(small.screen())])
