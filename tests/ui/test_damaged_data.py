"""No data set breaks a page: it is listed with what is wrong, and cannot be chosen."""

import json
import re
from pathlib import Path

import h5py
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from llmpert.datasets import BUILT_IN_DATA, DatasetStore, Parts, UploadStore
from llmpert.genes.sets import GeneSets
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SETS = GeneSets("go", "go.gmt", {"A": frozenset({"KD001"})})
DAMAGED = {
    "a-bare": "It has no embedding yet; import one.",
    "b-without-screen": "It has no screen yet; import one.",
    "c-index": "dataset.json: expected an index of a data set written by llmpert",
    "d-types": "dataset.json: expected an index of a data set written by llmpert",
    "e-index-of-later": "dataset.json: expected data set format 1, found format 7",
    "f-screen": "LineA.h5ad: expected a screen written by llmpert",
    "g-screen-of-later": "LineA.h5ad: expected screen format 1, found format 7",
    "h-embedding": "text.parquet: expected an embedding written by llmpert",
    "i-missing-file": "text.parquet: expected",
    "j-gene-sets": "go.gmt: expected text in UTF-8",
}
"""Name -> what is said of it; pages would show the first of names if it could be chosen."""


def path_of(name: str, file: str) -> Path:
    (found,) = DatasetStore().folder(name).rglob(file)
    return found


@pytest.fixture
def damaged():
    st.cache_resource.clear()
    small.place("a-bare", [small.screen()])
    small.place("b-without-screen", [], [small.embedding()])
    for name in [*DAMAGED][2:]:
        small.place(name, [small.screen()], [small.embedding()], [SETS])
    path_of("c-index", "dataset.json").write_bytes(b"\x00garbage")
    path_of("d-types", "dataset.json").write_text('{"version": 1, "parts": [1], "record": 2}')
    index = path_of("e-index-of-later", "dataset.json")
    index.write_text(json.dumps(json.loads(index.read_text()) | {"version": 7}))
    path_of("f-screen", "LineA.h5ad").write_bytes(b"garbage")
    with h5py.File(path_of("g-screen-of-later", "LineA.h5ad"), "a") as file:
        del file["uns/llmpert/version"]
        file["uns/llmpert"].create_dataset("version", data=7)
        file["uns/llmpert/version"].attrs.update(
            {"encoding-type": "numeric-scalar", "encoding-version": "0.2.0"}
        )
    path_of("h-embedding", "text.parquet").write_bytes(b"PAR1garbage")
    path_of("i-missing-file", "text.parquet").unlink()
    path_of("j-gene-sets", "go.gmt").write_bytes(b"\xff\xfe")
    small.place("mine", [small.screen("LineA")], [small.embedding()])
    yield
    st.cache_resource.clear()


def open_page(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update(query)
    return app.switch_page(f"pages/{page}.py").run()


def said(app: AppTest) -> str:
    blocks = [*app.subheader, *app.error, *app.warning]
    return "\n".join(re.sub(r"\\(.)", r"\1", block.value) for block in blocks)


@pytest.mark.parametrize("page", ["start", "gene", "data"])
def test_pages_show_the_first_that_can_be_used(damaged, page):
    app = open_page(page)
    assert not app.exception
    assert app.selectbox(key="data").value == "mine"
    assert app.selectbox(key="data").options == ["mine", *BUILT_IN_DATA]


def test_the_data_page_says_what_is_wrong_with_each(damaged):
    app = open_page("data")
    text = said(app)
    assert not app.exception
    for name, sentence in DAMAGED.items():
        assert name in text
        assert sentence in text
    opened = [button.key for button in app.button if (button.key or "").startswith("open-")]
    assert opened == [f"open-{name}" for name in BUILT_IN_DATA]


@pytest.mark.parametrize("name", ["a-bare", "j-gene-sets"])
def test_an_address_that_names_one_is_answered(damaged, name):
    app = open_page("start", data=name)
    assert not app.exception
    assert app.selectbox(key="data").value == "mine"
    assert f"{name} cannot be used" in said(app)


def test_an_upload_that_is_damaged_breaks_no_page(damaged):
    name = UploadStore().create("mine", Parts([small.screen()], [small.embedding()]))
    (UploadStore().folder(name) / "dataset.json").write_text("[]")
    app = open_page("start", data=name)
    assert not app.exception
    assert app.selectbox(key="data").value == "mine"
