"""Files that somebody brings: whatever they are called, nothing of that is used as a path."""

import gzip
import io

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.datasets import reading
from llmpert.datasets.builtin import example_files
from llmpert.datasets.report import coverage
from llmpert.errors import InputError
from llmpert.io.paths import home
from llmpert.screens.files import FORMATS
from tests.support import small
from tests.support.single_cells import TARGETS, single_cells, written


def as_csv(screen) -> bytes:
    frame = pd.DataFrame(screen.response, index=screen.perturbations, columns=screen.genes)
    return frame.to_csv().encode()


def read(content: bytes, name: str):
    with reading.copied(content, name, FORMATS) as file:
        return reading.screen_in(file)


def test_a_table_is_read_and_called_as_its_owner_calls_it():
    screen = read(as_csv(small.screen()), "hepg2_my screen.csv")
    np.testing.assert_allclose(screen.response, small.screen().response, rtol=1e-6)
    assert screen.line == "HEPG2"
    assert screen.provenance["source"] == screen.provenance["file"] == "hepg2_my screen.csv"
    assert not screen.simulated
    assert list((home() / "visitors").iterdir()) == []


def test_a_packed_table_is_read():
    packed = gzip.compress(as_csv(small.screen()))
    assert len(read(packed, "a/../../B_x.CSV.GZ").perturbations) == 40


def test_an_array_is_read_with_the_names_beside_it():
    vectors = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
    buffer = io.BytesIO()
    np.save(buffer, vectors)

    def embedding(names: str):
        beside = names.encode(), "my vectors.TXT"
        with reading.copied(buffer.getvalue(), "my vectors.npy", [".npy"], beside) as file:
            return reading.embedding_in(file)

    found = embedding("TP53\nMYC\nKLF1\n")
    assert list(found.genes) == ["TP53", "MYC", "KLF1"]
    steps = found.provenance["steps"]
    assert steps[0] == "The names of the genes are those in my vectors.txt."
    with pytest.raises(InputError) as caught:
        embedding("TP53\n")
    assert "my vectors.txt: expected a name for each of 3 rows of my vectors" in str(caught.value)
    assert "/" not in str(caught.value)


def test_a_line_that_the_file_states_counts_more_than_its_name(tmp_path):
    small.screen("HepG2").save(tmp_path / "x.h5ad")
    assert read((tmp_path / "x.h5ad").read_bytes(), "k562_x.h5ad").line == "HepG2"


def test_a_line_that_nothing_states_is_left_open():
    assert read(as_csv(small.screen()), "_.csv").line == reading.UNNAMED


def test_a_line_is_not_looked_up_in_other_files(tmp_path):
    small.screen("Secret").save(tmp_path / "secret.h5ad")
    small.screen("Mine").save(tmp_path / "x.h5ad")
    with h5py.File(tmp_path / "x.h5ad", "a") as file:
        del file["uns/llmpert/line"]
        secret = h5py.ExternalLink(str(tmp_path / "secret.h5ad"), "uns/llmpert/line")
        file["uns/llmpert/line"] = secret
        file["uns/line"] = h5py.SoftLink("/uns/llmpert/line")
    with pytest.raises(InputError, match=r"k562_x\.h5ad: .*soft link|external link") as error:
        reading.screen_in(reading.File(tmp_path / "x.h5ad", "k562_x.h5ad"))
    assert "Secret" not in str(error.value)


def test_errors_name_the_file_as_its_owner_does():
    with pytest.raises(InputError) as error:
        read(b"gene,A\nKD1,high\n", "K562_screen.csv")
    assert str(error.value).startswith("K562_screen.csv: expected a number")
    assert "visitors" not in str(error.value)
    with pytest.raises(InputError, match=r"ends in \.h5ad"):
        read(b"", "screen.xlsx")
    assert list((home() / "visitors").iterdir()) == []


@given(st.text(max_size=60), st.sampled_from(FORMATS))
def test_a_files_name_never_becomes_a_path(name, ending):
    with reading.copied(b"x", name + ending, FORMATS) as file:
        assert file.path.name == f"upload{ending}"
        assert file.path.parent.parent == home() / "visitors"


def test_embeddings_are_called_after_their_file(tmp_path):
    vectors = small.embedding()
    frame = pd.DataFrame(vectors.vectors, index=vectors.genes)
    frame.to_csv(tmp_path / "x.csv")
    embedding = reading.embedding_in(reading.File(tmp_path / "x.csv", "Our: language+model.v2.csv"))
    assert embedding.name == "Our language model"
    assert embedding.provenance["file"] == "Our: language+model.v2.csv"


def test_gene_sets_are_called_like_their_file(tmp_path):
    (tmp_path / "x.gmt").write_text("set\t\tKD001\tKD002\n")
    sets = reading.gene_sets_in(reading.File(tmp_path / "x.gmt", "hallmark.v7.gmt"))
    assert (sets.name, sets.source) == ("hallmark", "hallmark.v7.gmt")


def test_uploads_have_limits(monkeypatch):
    screen, embedding = small.screen(), small.embedding()
    reading.check_upload(screen, "x")
    monkeypatch.setattr(reading, "PERTURBATIONS", 39)
    with pytest.raises(InputError, match="at most 39 perturbations in an upload, found 40"):
        reading.check_upload(screen, "x.csv")
    monkeypatch.setattr(reading, "VALUES", 359)
    with pytest.raises(InputError, match="at most 359 numbers in an upload, found 45 x 8"):
        reading.check_upload(embedding, "x.csv")


def test_the_histogram_counts_all_but_the_outermost():
    screen = small.screen(perturbations=100, genes=100)
    table = reading.histogram(screen)
    inside = (screen.response >= table["from"].min()) & (screen.response <= table["to"].max())
    assert table["share"].sum() == pytest.approx(inside.mean())
    assert 0.997 < inside.mean() < 1


def test_examples_are_read_and_stay_marked_as_simulated(simulated, tmp_path):
    files = {}
    for name, content in example_files(simulated).items():
        (tmp_path / name).write_bytes(content)
        files[name] = reading.File(tmp_path / name, name)
    screen = reading.screen_in(files["Simulated_screen.csv"])
    assert screen.simulated
    embedding = reading.embedding_in(files["Simulated_embedding.csv"])
    (found,) = coverage([screen], [embedding])
    assert found.found == found.total == 120
    sets = reading.gene_sets_in(files["Simulated_modules.gmt"])
    assert sets.within(screen.perturbations).members


def test_single_cells_become_a_screen(tmp_path):
    path = written(tmp_path / "upload.h5ad", single_cells(), as_sparse=True)
    screen = reading.screen_in(reading.File(path, "rpe1_cells.h5ad"))
    assert (screen.line, list(screen.perturbations)) == ("RPE1", list(TARGETS))
    assert screen.layers["t"].shape == screen.response.shape
    assert screen.provenance["file"] == "rpe1_cells.h5ad"
    with reading.copied(path.read_bytes(), "rpe1_cells.h5ad", FORMATS) as file:
        upload = reading.screen_in(file, reading.CELLS_X_GENES)
    assert upload.fingerprint == screen.fingerprint
    assert not [left for left in home().rglob("*") if left.is_file()]
    said = r"rpe1_cells\.h5ad: expected at most 11,999 cells x genes"
    with pytest.raises(InputError, match=said):
        reading.screen_in(reading.File(path, "rpe1_cells.h5ad"), 11_999)


def test_single_cells_are_called_as_their_owner_calls_them_behind_a_link_too(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    data = single_cells()
    data.X[(data.obs["gene"] == TARGETS[0]).to_numpy()] = 0
    path = written(tmp_path / "link" / "upload.h5ad", data)
    with pytest.raises(InputError, match="too many empty cells") as error:
        reading.screen_in(reading.File(path, "rpe1_cells.h5ad"))
    assert str(error.value).startswith("rpe1_cells.h5ad: expected")
    assert str(tmp_path) not in str(error.value)
