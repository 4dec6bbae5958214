import numpy as np
import pytest

from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Parts
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from tests.support import small
from tests.support.external_predictions import predictions


@pytest.fixture
def imported():
    lines = [small.screen("LineA", seed=0), small.screen("LineB", perturbations=35, seed=5)]
    small.add("mine", lines, [small.embedding("sequence"), small.embedding("text", seed=2)])


def test_what_was_added_is_loaded_cut_to_common_perturbations(imported):
    data = DatasetStore().load("mine")
    assert list(data.screens) == ["LineA", "LineB"]
    assert list(data.embeddings) == ["text", "sequence"]
    assert {len(s.perturbations) for s in data.screens.values()} == {35}
    original = small.screen("LineA", seed=0)
    np.testing.assert_array_equal(data.screens["LineA"].response, original.response[:35])
    assert not data.simulated


def test_imported_data_come_before_the_simulated(imported):
    assert DatasetStore().names() == ["mine", *BUILT_IN_DATA]


def test_problems_on_all_choices_have_the_same_perturbations():
    small.add(
        "mine",
        [small.screen()],
        [small.embedding("text", 45), small.embedding("sequence", 30)],
    )
    data = DatasetStore().load("mine")
    assert data.embedding_choices == ["text", "sequence", "text+sequence"]
    sizes = {
        choice: len(data.problem("LineA", choice).screen.perturbations)
        for choice in data.embedding_choices
    }
    assert set(sizes.values()) == {30}


def test_adding_a_line_again_replaces_it_and_changes_the_stamp(imported):
    before = DatasetStore().fingerprint("mine")
    small.add("mine", [small.screen("LineA", seed=9)], [])
    assert DatasetStore().fingerprint("mine") != before
    np.testing.assert_array_equal(
        DatasetStore().load("mine").screens["LineA"].response,
        small.screen("LineA", seed=9).response[:35],
    )


@pytest.mark.parametrize("name", ["../etc", "a/b", "", "simulated", ".hidden", "a" * 65])
def test_names_that_could_leave_the_folder_are_refused(name):
    with pytest.raises(InputError, match="data set name"):
        DatasetStore().folder(name)


def test_unknown_names_are_sentences(imported):
    with pytest.raises(InputError, match="found 'other'"):
        DatasetStore().load("other")
    with pytest.raises(InputError, match="cell line among LineA, LineB"):
        DatasetStore().load("mine").problem("HeLa", "text")


def test_a_damaged_file_is_named(imported):
    (path,) = DatasetStore().folder("mine").rglob("LineA.h5ad")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"LineA\.h5ad"):
        DatasetStore().load("mine")


def test_a_removed_data_set_is_gone_and_can_come_again(imported):
    before = DatasetStore().fingerprint("mine")
    small.add("other", [small.screen()], [])
    DatasetStore().remove("mine")
    assert DatasetStore().names() == ["other", *BUILT_IN_DATA]
    with pytest.raises(InputError, match="found 'mine'"):
        DatasetStore().load("mine")
    folder = DatasetStore().folder("mine").parent
    assert {path.name for path in folder.iterdir()} == {".mine.lock", ".other.lock", "other"}
    small.add("mine", [small.screen()], [small.embedding()])
    assert DatasetStore().fingerprint("mine") != before
    assert list(DatasetStore().load("mine").screens) == ["LineA"]


@pytest.mark.parametrize(
    ("name", "said"), [("simulated", "comes with llmpert"), ("other", "'other'"), ("..", "name")]
)
def test_what_cannot_be_removed_is_told(imported, name, said):
    with pytest.raises(InputError, match=said):
        DatasetStore().remove(name)
    assert DatasetStore().names() == ["mine", *BUILT_IN_DATA]


def test_what_a_killed_removal_left_is_removed_by_the_next(imported, monkeypatch):
    folder = DatasetStore().folder("mine").parent
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        DatasetStore().remove("mine")
    assert DatasetStore().names() == [*BUILT_IN_DATA]
    assert len(list(folder.glob(".mine.*.removed"))) == 1
    small.add("mine", [small.screen()], [])
    DatasetStore().remove("mine")
    assert {path.name for path in folder.iterdir()} == {".mine.lock"}


def test_a_record_tells_of_all_screens_and_embeddings_or_is_dropped(imported):
    assert DatasetStore().load("mine").record is None
    record = {"recipe": "a", "seconds": 1.5, "steps": ["one"]}
    DatasetStore().add("mine", Parts([small.screen("LineA")]), lambda _: record)
    assert DatasetStore().load("mine").record == record
    small.add("mine", [], [], [GeneSets("go", "go.gmt", {"B": frozenset({"KD001"})})])
    assert DatasetStore().load("mine").record == record
    small.add("mine", [], [small.embedding("text")])
    assert DatasetStore().load("mine").record is None


def test_gene_sets_are_kept_with_the_data(imported):
    assert DatasetStore().load("mine").gene_sets is None
    hallmark = GeneSets("hallmark.v1", "hallmark.v1.gmt", {"A": frozenset({"KD001", "KD002"})})
    terms = GeneSets("go", "go.gmt", {"B": frozenset({"KD001"})})
    before = DatasetStore().fingerprint("mine")
    small.add("mine", [], [], [hallmark, terms])
    assert DatasetStore().fingerprint("mine") != before
    kept = DatasetStore().load("mine").gene_sets
    assert kept.members == {"A": {"KD001", "KD002"}, "B": {"KD001"}}
    assert kept.source == "go.gmt; hallmark.v1.gmt"
    small.add("mine", [], [], [GeneSets("go", "go.gmt", {"C": frozenset({"KD003"})})])
    assert set(DatasetStore().load("mine").gene_sets.members) == {"A", "C"}


def test_a_damaged_file_of_predictions_is_named(imported):
    small.add("mine", [], [], external=[predictions(small.screen())])
    (path,) = DatasetStore().folder("mine").rglob("external/*")
    assert path.name.startswith("LineA-GEARS-26-")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=path.name):
        DatasetStore().load("mine")
    # The file that is replaced is not read.
    small.add("mine", external=[predictions(small.screen())])
