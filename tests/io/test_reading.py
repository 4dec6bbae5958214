"""Whose fault it is that a file is not read: the file's, or llmpert's own."""

import logging

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmpert.embeddings import read_embedding, save_embedding
from llmpert.embeddings import stored as stored_module
from llmpert.errors import InputError
from llmpert.genes.sets import GeneSets
from llmpert.io import tables as text_module
from llmpert.io.names import parse_object
from llmpert.io.reading import as_input_error, check_version, naming
from llmpert.methods.published import Published
from llmpert.screens import Screen, read_screen
from llmpert.screens import files as files_module
from llmpert.screens import replogle as replogle_module
from tests.support import small
from tests.support.replogle_files import small_bulk, write_bulk


def test_what_a_library_raises_is_the_files_fault_and_its_place_is_logged(tmp_path, caplog):
    path = tmp_path / "x.json"
    with (
        caplog.at_level(logging.INFO, "llmpert"),
        pytest.raises(InputError, match=r"x\.json: expected a list, found something.*TP53"),
        as_input_error(path, "a list"),
    ):
        int("TP" + "53")  # what it raises quotes it
    (record,) = caplog.records
    assert record.problem == "ValueError"
    assert __file__ in record.frames[-1]
    assert "TP53" not in str(vars(record))


@pytest.mark.parametrize("problem", [TypeError("x"), KeyError("x"), AttributeError("x")])
def test_what_only_mistakes_raise_is_the_files_fault_if_a_library_raises_it(tmp_path, problem):
    class Library:
        def parse(self):
            raise problem

    # This file is not part of the package, as no library is.
    with pytest.raises(InputError), as_input_error(tmp_path / "x", "a table"):
        Library().parse()


def test_a_lack_of_memory_is_not_the_files_fault(tmp_path):
    with pytest.raises(MemoryError), as_input_error(tmp_path / "x", "a table"):
        raise MemoryError


def test_the_file_is_named_once(tmp_path):
    path = tmp_path / "x"
    for problem in ("expected a, found b.", f"{path}: expected a, found b."):
        with pytest.raises(InputError) as caught, naming(path):
            raise InputError(problem)
        assert str(caught.value) == f"{path}: expected a, found b."
    with pytest.raises(ValueError, match="other"), naming(path):
        raise ValueError("other")


class Mistaken:
    """Stands for a part of the program in which somebody has mistyped a name."""


def screen_of_llmpert(folder):
    small.screen().save(folder / "x.h5ad")
    return folder / "x.h5ad"


def embedding_of_llmpert(folder):
    save_embedding(small.embedding(), folder / "x.parquet")
    return folder / "x.parquet"


def gene_sets(folder):
    (folder / "x.gmt").write_text("A\t\tB\n")
    return folder / "x.gmt"


def bulk(folder):
    write_bulk(folder / "K562_raw.h5ad", small_bulk("raw"))
    return folder / "K562_raw.h5ad"


@pytest.mark.parametrize(
    ("write", "read", "module", "name"),
    [
        (screen_of_llmpert, read_screen, files_module, "refuse_oversized"),
        (screen_of_llmpert, Screen.load, files_module, "shape_of"),
        (bulk, read_screen, replogle_module, "measured_genes"),
        (embedding_of_llmpert, lambda p: read_embedding(p, "text"), stored_module, "_is_vector"),
        (gene_sets, GeneSets.read, text_module, "io"),
    ],
)
def test_a_mistake_of_ours_is_no_sentence_about_the_file(
    tmp_path, monkeypatch, write, read, module, name
):
    path = write(tmp_path)
    read(path)
    monkeypatch.setattr(module, name, Mistaken())
    with pytest.raises((TypeError, AttributeError), match="Mistaken"):
        read(path)


@pytest.mark.parametrize("missing", ["line", "unit", "provenance"])
def test_a_saved_screen_that_lacks_a_remark(tmp_path, missing):
    path = screen_of_llmpert(tmp_path)
    with h5py.File(path, "r+") as file:
        del file[f"uns/llmpert/{missing}"]
    for read in (read_screen, Screen.load):
        with pytest.raises(InputError, match=rf"x\.h5ad: expected a screen.*no '{missing}'"):
            read(path)


@pytest.mark.parametrize("value", [np.array([1, 1]), "one", 2.0])
def test_a_version_that_is_no_number(tmp_path, value):
    with pytest.raises(InputError, match="screen format 1, found format"):
        check_version(tmp_path / "x", "screen", value, 1)


def test_a_column_of_a_saved_screen_that_is_text(tmp_path):
    path = screen_of_llmpert(tmp_path)
    data = anndata.read_h5ad(path)
    data.var["spread"] = "wide"
    data.write_h5ad(path)
    with pytest.raises(InputError, match=r"x\.h5ad: expected numbers in the column 'spread'"):
        read_screen(path)


def test_a_saved_embedding_of_other_vectors(tmp_path):
    path = embedding_of_llmpert(tmp_path)
    head = pq.read_schema(path).metadata
    for vectors in (pa.array([1.0, 2.0]), pa.array([["a"], ["b"]], pa.list_(pa.string(), 1))):
        table = pa.table({"gene": ["A", "B"], "vector": vectors})
        pq.write_table(table.replace_schema_metadata(head), path)
        with pytest.raises(InputError, match=r"x\.parquet: expected"):
            read_embedding(path, "text")


def test_columns_of_one_name(tmp_path):
    columns = [pa.array(["A", "B"]), pa.array([1.0, 2.0]), pa.array([1.0, 2.0])]
    pq.write_table(pa.Table.from_arrays(columns, ["gene", "a", "a"]), tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"x\.parquet: expected"):
        read_embedding(tmp_path / "x.parquet", "text")
    frame = pd.DataFrame([["A", "M", "m", 1, 2]])
    text = frame.to_csv(header=["perturbation", "method", "metric", "value", " value"], index=False)
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=r"x\.csv: expected every column once"):
        Published.read(tmp_path / "x.csv", "K562")


@pytest.mark.parametrize("text", ["[]", "5", "{", b"\xff", "[" * 100_000])
def test_what_is_no_json_object(text):
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        parse_object(text)
