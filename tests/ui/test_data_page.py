"""The Data page without a browser: uploads understood, used, and seen by their owner alone."""

import gc
import gzip
import re
import time
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from llmpert import downloads
from llmpert.datasets import (
    BUILT_IN_DATA,
    GONE,
    DatasetStore,
    UploadStore,
    is_upload,
    presets,
    reading,
)
from llmpert.downloads import transfer
from llmpert.embeddings import built_in
from llmpert.insight.report_card import report_card
from llmpert.io.paths import home
from llmpert.ui.common import cache
from llmpert.ui.datasets import uploads
from llmpert.ui.datasets.jobs import jobs
from tests.support import paper_files, small
from tests.support.faulty_server import Faulty, answers, cut, md5, serve
from tests.support.single_cells import CONTROL, single_cells, written

APP = str(Path(__file__).resolve().parents[2] / "app.py")


def table(names, columns, values) -> bytes:
    return pd.DataFrame(values, index=names, columns=columns).to_csv().encode()


SCREEN = table(small.screen().perturbations, small.screen().genes, small.screen().response)
EMBEDDING = table(
    small.embedding(genes=38).genes, [f"d{i}" for i in range(8)], small.embedding(genes=38).vectors
)


def human_genes() -> list[str]:
    """40 genes that both embeddings of human genes know."""
    described = set(built_in("description").genes)
    return [gene for gene in built_in("GO").genes if gene in described][:40]


def open_page(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.query_params.update(query)
    return app.switch_page("pages/data.py").run()


@pytest.fixture
def app():
    small.place("mine", [small.screen("LineA")], [small.embedding("text")])
    return open_page()


def upload(app: AppTest, key: str, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader(key=key).set_value([(name, content, "") for name, content in files])
    return app.run()


def shown(app: AppTest) -> str:
    blocks = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.warning, *app.info]
    return "\n".join(block.value for block in [*blocks, *app.success, *app.error])


def errors(app: AppTest) -> list[str]:
    """What is told, as a reader sees it."""
    return [re.sub(r"\\(.)", r"\1", error.value) for error in app.error]


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)


def field(app: AppTest, label: str):
    return next(one for one in app.text_input if one.label == label)


def brought(app: AppTest) -> AppTest:
    upload(app, "own-screen", ("hepg2_screen.csv.gz", gzip.compress(SCREEN)))
    return upload(app, "own-embedding", ("our model.csv", EMBEDDING))


def test_uploads_are_understood_before_they_are_used(app):
    brought(app)
    text = shown(app)
    assert not app.exception
    assert "**40** knockdowns × **30** measured genes" in text
    assert "**38** genes × **8** numbers" in text
    assert "**38** knockdowns have a vector in every embedding" in text
    assert field(app, "Cell line").value == "HEPG2"
    reasons = next(d.value for d in app.dataframe if "Why" in d.value)
    assert list(reasons["Knockdown"]) == ["KD038", "KD039"]
    assert [path for path in (home() / "visitors").glob("[!.]*")] == []


def test_a_report_card_is_made_when_it_is_opened(app, monkeypatch):
    st.cache_resource.clear()
    made = []
    monkeypatch.setattr(
        "llmpert.ui.datasets.report_card.report_card",
        lambda screen: made.append(screen.line) or report_card(screen),
    )
    app.query_params["data"] = "mine"
    app.run()
    brought(app)
    assert made == []
    app.session_state["report-card-LineA"] = True
    app.run()
    assert made == ["LineA"]
    assert ":material/question_mark: unknown] **Targets.**" in shown(app)
    (table,) = [d.value for d in app.dataframe if "remarks" in d.value]
    assert len(table) == 40
    assert not table.isna().all().any()
    labels = [element.proto.label for element in app.get("download_button")]
    assert labels.count("Knockdowns (CSV)") == labels.count("All of it (JSON)") == 1
    # That of the uploaded file is another one, of its own cell line.
    key = field(app, "Cell line").key.replace("line-", "report-card-")
    app.session_state[key] = True
    app.run()
    assert made == ["LineA", "HEPG2"]
    assert not app.exception


def test_what_was_uploaded_is_used_on_every_page_and_seen_by_its_owner_alone(app):
    brought(app)
    button(app, "Use these data").click().run()
    assert "All pages show your data now" in shown(app)
    name = app.selectbox(key="data").value
    assert is_upload(name)
    assert name.startswith("HEPG2.")
    assert name not in DatasetStore().names()
    other = open_page()
    assert name not in other.selectbox(key="data").options
    assert name not in shown(other)
    again = open_page(data=name)
    assert again.selectbox(key="data").value == name
    again.switch_page("pages/table.py").run()
    assert not again.exception
    assert "HEPG2, 30 training perturbations" in shown(again)


def test_a_screen_of_human_genes_is_enough(app):
    genes = human_genes()
    human = table(genes, small.screen().genes, small.screen().response)
    upload(app, "own-screen", ("hepg2_screen.csv", human))
    assert not app.exception
    assert "**40** knockdowns have a vector in every embedding" in shown(app)
    button(app, "Use these data").click().run()
    again = open_page(data=app.selectbox(key="data").value)
    again.switch_page("pages/gene.py").run()
    assert not again.exception
    assert again.selectbox(key="embedding").options == ["GO", "description", "GO+description"]


def test_mouse_genes_need_orthologs_and_keep_their_names(app):
    genes = human_genes()
    mouse = [f"{gene.capitalize()}m" for gene in genes]
    upload(app, "own-screen", ("hepg2_screen.csv", SCREEN))
    assert "own-orthologs" not in [one.key for one in app.file_uploader]
    measured = table(mouse, small.screen().genes, small.screen().response)
    upload(app, "own-screen", ("mouse_screen.csv", measured))
    assert "**Mouse genes.**" in shown(app)
    assert "these look like mouse symbols" in " ".join(errors(app))
    upload(app, "own-orthologs", ("pairs.csv", b"Trp53\n"))
    assert "pairs.csv: expected two columns" in " ".join(errors(app))
    pairs = "".join(f"{a},{b}\n" for a, b in zip(mouse, genes, strict=True))
    upload(app, "own-orthologs", ("pairs.csv", pairs.encode()))
    assert not errors(app)
    assert r"40 mouse genes have the vectors of human orthologs (pairs.csv)" in re.sub(
        r"\\(.)", r"\1", shown(app)
    )
    assert "**40** knockdowns have a vector in every embedding" in shown(app)
    button(app, "Use these data").click().run()
    again = open_page(data=app.selectbox(key="data").value, gene=mouse[0])
    again.switch_page("pages/gene.py").run()
    assert not again.exception
    assert f"{mouse[0]} knockdown" in shown(again)


def test_one_of_human_genes_can_stand_beside_an_upload(app):
    brought(app)
    app.multiselect(key="own-embedding-here").select("GO of human genes").run()
    assert "share 0 gene(s)" in " ".join(errors(app))


def test_a_file_that_can_be_read_in_two_ways_is_asked_about(app):
    screen = small.screen()
    rows = [*screen.perturbations, "control"]
    responses = np.vstack([screen.response, np.full(len(screen.genes), 1.0)])
    upload(app, "own-screen", ("K562_x.csv", table(rows, screen.genes, responses)))
    assert "values: differences" in re.sub(r"\\(.)", r"\1", app.warning[0].value)
    (asked,) = [box for box in app.selectbox if box.label == "What are the numbers?"]
    assert asked.value is None
    assert "measured genes." not in shown(app)
    asked.set_value("means").run()
    assert not app.exception
    assert "**40** knockdowns × **30** measured genes." in shown(app)
    assert "Subtracted the mean of 1 control row" in shown(app)


def test_what_controls_of_single_cells_are_called_is_asked(app, tmp_path):
    data = single_cells()
    data.obs["gene"] = ["Pool 7" if g == CONTROL else str(g) for g in data.obs["gene"]]
    path = written(tmp_path / "k562_cells.h5ad", data)
    upload(app, "own-screen", (path.name, path.read_bytes()))
    (asked,) = [box for box in app.selectbox if box.label == "What are control cells called?"]
    assert len(asked.options) == 1
    asked.set_value("Pool 7").run()
    assert not app.exception
    assert "**4** knockdowns × **30** measured genes" in shown(app)


def test_line_unit_and_name_can_be_said(app):
    brought(app)
    field(app, "Cell line").input("Hep-G2")
    field(app, "Unit of the responses").input("Δ z-score")
    field(app, "Name of this embedding").input("model")
    app.run()
    button(app, "Use these data").click().run()
    data = UploadStore().load(app.selectbox(key="data").value)
    assert [(s.line, s.unit) for s in data.screens.values()] == [("Hep-G2", "Δ z-score")]
    assert list(data.embeddings) == ["model"]
    assert data.embeddings["model"].provenance["file"] == "our model.csv"


def test_bounds_that_the_data_break_are_told_and_others_kept(app):
    brought(app)

    def lowest(value: float) -> None:
        next(b for b in app.number_input if b.label == "Lowest possible response").set_value(value)
        app.run()

    lowest(0.0)
    assert "responses within the bounds of its unit (0 or more)" in " ".join(errors(app))
    lowest(-99.0)
    button(app, "Use these data").click().run()
    data = UploadStore().load(app.selectbox(key="data").value)
    assert [screen.bounds for screen in data.screens.values()] == [(-99, np.inf)]


def screens_of_three_lines() -> list[tuple[str, bytes]]:
    screens = [small.screen(line, seed=seed) for seed, line in enumerate(("A", "B", "C"))]
    return [(f"{s.line}.csv", table(s.perturbations, s.genes, s.response + 1)) for s in screens]


def test_uploads_are_read_once_however_often_the_page_runs(app, monkeypatch):
    st.cache_resource.clear()
    reads = []
    for reader in ("screen_in", "embedding_in"):
        original = getattr(reading, reader)

        def counted(file, original=original, **options):
            reads.append(file.name)
            return original(file, **options)

        monkeypatch.setattr(reading, reader, counted)
    upload(app, "own-screen", *screens_of_three_lines())
    for at, file in enumerate("XYZ"):
        [one for one in app.text_input if one.label == "Cell line"][at].input(f"Line{file}")
    app.run()
    upload(app, "own-embedding", ("our model.csv", EMBEDDING), ("other.csv", EMBEDDING))
    app.run()
    assert "**38** knockdowns have a vector in every embedding" in shown(app)
    assert sorted(reads) == ["A.csv", "B.csv", "C.csv", "other.csv", "our model.csv"]
    # Another visitor's copies of the same files are known too.
    upload(open_page(), "own-screen", *screens_of_three_lines())
    button(app, "Use these data").click().run()
    assert "All pages show your data now" in shown(app)
    assert len(reads) == 5


def on_disk(tmp_path: Path, name: str, content: bytes) -> uploads.ChosenFile:
    path = tmp_path / name
    path.write_bytes(content)
    return uploads.ChosenFile(str(path), name, path)


def test_files_of_names_go_with_the_arrays_called_like_them(tmp_path):
    files = [
        on_disk(tmp_path, name, b"x")
        for name in ("A.npy", "a.txt", "b.txt", "c.safetensors", "d.csv")
    ]
    found = {file.name: file.beside for file in uploads.with_names(files)}
    assert list(found) == ["A.npy", "b.txt", "c.safetensors", "d.csv"]
    assert found["A.npy"] == files[1]
    assert not any(found[name] for name in ("b.txt", "c.safetensors", "d.csv"))


def test_parts_under_other_names_share_their_numbers(tmp_path):
    screen = on_disk(tmp_path, "k562.csv", SCREEN)
    embedding = on_disk(tmp_path, "model.csv", EMBEDDING)
    first, renamed = uploads.screen_of(screen), uploads.screen_of(screen, "Other", "z-score")
    assert (renamed.line, renamed.unit) == ("Other", "z-score")
    assert np.shares_memory(first.response, renamed.response)
    assert np.shares_memory(
        uploads.embedding_of(embedding).vectors, uploads.embedding_of(embedding, "x").vectors
    )
    with pytest.raises(ValueError, match="read-only"):
        renamed.response[0, 0] = 1


def test_what_was_read_is_held_up_to_a_limit_in_bytes(tmp_path, monkeypatch):
    size = small.screen().response.nbytes
    monkeypatch.setattr(cache, "BYTES", 2 * size)
    files = [on_disk(tmp_path, name, content) for name, content in screens_of_three_lines()]
    held = [weakref.ref(uploads.screen_of(file).response) for file in files]
    gc.collect()
    assert [response() is not None for response in held] == [False, True, True]
    # A part that is larger by itself is held as long as it is the latest.
    monkeypatch.setattr(cache, "BYTES", size - 1)
    last = uploads.screen_of(files[0])
    assert uploads.screen_of(files[0]).response is last.response


def test_a_file_that_cannot_be_used_is_told_and_the_rest_waits(app):
    upload(app, "own-embedding", ("our model.csv", EMBEDDING))
    upload(app, "own-screen", ("hepg2.csv", b"gene,A,B\nKD1,high,1\n"))
    assert not app.exception
    assert errors(app) == [
        "hepg2.csv: expected a number for every gene, found 1 column(s) with something else, such"
        " as 'high' for A."
    ]
    assert "Use these data" not in [b.label for b in app.button]


def test_embeddings_that_are_here_can_be_chosen(app):
    upload(app, "own-screen", ("hepg2.csv", SCREEN))
    app.multiselect(key="own-embedding-here").select("text of mine").run()
    assert "**40** knockdowns have a vector in every embedding" in shown(app)


def test_the_operator_saves_for_everybody_but_replaces_nothing(app):
    brought(app)
    app.text_input(key="own-name").input("mine").run()
    button(app, "Save for all visitors").click().run()
    assert "The data set mine already exists" in errors(app)[0]
    assert list(DatasetStore().load("mine").screens) == ["LineA"]
    app.text_input(key="own-name").input("ours").run()
    button(app, "Save for all visitors").click().run()
    assert not app.error
    assert DatasetStore().names() == ["mine", "ours", *BUILT_IN_DATA]
    assert app.selectbox(key="data").value == "ours"


def test_a_file_on_this_computer_is_used_where_it_is(app, tmp_path):
    path = tmp_path / "rpe1_x.csv"
    path.write_bytes(SCREEN)
    app.text_input(key="own-screen-path").input(str(path)).run()
    assert field(app, "Cell line").value == "RPE1"
    assert path.read_bytes() == SCREEN
    app.text_input(key="own-screen-path").input(str(tmp_path / "none.csv")).run()
    assert "no such file" in errors(app)[0]


def test_on_a_shared_server_nothing_that_others_see_can_be_changed(app, monkeypatch):
    monkeypatch.setenv("LLMPERT_SHARED", "1")
    app = brought(open_page())
    labels = [one.label for one in app.button]
    assert "Use these data" in labels
    assert not any(label.startswith(("Save", "Remove", "Download", "Check")) for label in labels)
    assert "path" not in " ".join(t.label for t in app.text_input)
    assert [m.label for m in app.multiselect] == ["Or reuse embeddings of other data sets"]
    assert shown(app).count("disabled on shared servers") == 3


def test_what_is_here_is_opened_and_removed(app):
    small.place("other", [small.screen("LineB", seed=3)], [small.embedding("text")])
    app.run()
    app.button(key="open-other").click().run()
    assert app.selectbox(key="data").value == "other"
    app.button(key="remove-other").click().run()
    assert not app.exception
    assert DatasetStore().names() == ["mine", *BUILT_IN_DATA]
    assert app.selectbox(key="data").value == "mine"


def test_an_upload_that_is_gone_is_told_and_another_data_set_shown(app):
    for page in ("data", "gene", "table"):
        lost = AppTest.from_file(APP, default_timeout=120)
        lost.query_params["data"] = "HEPG2.AAAAAAAAAAAAAAAAAAAAAA"
        lost.switch_page(f"pages/{page}.py").run()
        assert not lost.exception
        assert GONE in [w.value for w in lost.warning]
        assert lost.selectbox(key="data").value == "mine"


def test_a_damaged_data_set_is_told_where_it_is_listed():
    for name in ("mine", "other"):
        small.place(name, [small.screen("LineA")], [small.embedding("text")])
    (path,) = DatasetStore().folder("other").rglob("LineA.h5ad")
    path.write_bytes(b"damaged")
    app = open_page()
    assert not app.exception
    (sentence,) = errors(app)
    assert "LineA.h5ad: expected a screen written by llmpert" in sentence


@pytest.fixture
def public(monkeypatch, tmp_path):
    """A list of two public files, one of them here, on a server that gives what is asked for."""
    screen = tmp_path / "screen.h5ad"
    small.screen("LineA").save(screen)
    with Faulty(screen.read_bytes()) as server:
        registry = tmp_path / "sources.toml"
        registry.write_text(
            '[publications.paper]\nlicence = "CC BY 4.0"\ncitation = "Somebody 2024"\n'
            '[sources.k562]\nwhat = "K562, a screen"\npublication = "paper"\n'
            f'kind = "raw bulk screen"\nline = "K562"\nurl = "{server.url}"\n'
            f'file = "k562.h5ad"\nsize = {len(server.content)}\nmd5 = "{md5(server.content)}"\n'
        )
        monkeypatch.setenv("LLMPERT_SOURCES", str(registry))
        monkeypatch.setenv("no_proxy", "*")
        yield server
    jobs().latest = None


def finished() -> str:
    for _ in range(500):
        if not jobs().busy:
            return jobs().latest.state
        time.sleep(0.02)
    raise AssertionError("it took too long")


def test_a_file_is_downloaded_after_it_was_said_what_it_takes(public):
    app = open_page()
    app.multiselect(key="files").select("k562").run()
    text = shown(app)
    assert f"from `{public.url}`" in text
    assert "CC BY 4.0" in text
    assert "Somebody 2024" in text
    assert str(home() / "downloads") in text
    assert not public.requests
    next(one for one in app.button if one.label.startswith("Download")).click().run()
    assert finished() == "finished"
    app.run()
    assert "Done." in shown(app)
    # It can be used at once.
    app.multiselect(key="own-screen-downloaded").select("k562: K562, a screen").run()
    assert "**40** knockdowns × **30** measured genes" in shown(app)


def test_a_recipe_is_downloaded_and_prepared(public, monkeypatch):
    recipe = presets.Preset("paper", "The setting", "Somebody 2024", {"bulk": ("k562",)})
    made = []

    def prepare(recipe, way, name, folder, progress, say):
        assert (folder / "k562.h5ad").read_bytes() == public.content
        made.append((recipe.name, way))
        return small.place(name, [small.screen("K562")], [small.embedding()])

    monkeypatch.setattr(presets, "presets", lambda: {"paper": recipe})
    monkeypatch.setattr(presets, "prepare", prepare)
    app = open_page()
    app.button_group(key="way-paper").set_value("bulk").run()
    app.text_input(key="name-paper").input("ours").run()
    app.button(key="start-Prepare paper").click().run()
    assert finished() == "finished"
    assert made == [("paper", "bulk")]
    app.run()
    button(app, "Open ours").click().run()
    assert app.selectbox(key="data").value == "ours"


@pytest.fixture
def two_screens(monkeypatch, tmp_path):
    """The files of the recipe of real screens, on a server."""
    monkeypatch.setenv("no_proxy", "*")
    with Faulty() as server:
        known = paper_files.registry(server)
        monkeypatch.setattr(downloads, "read_registry", lambda: known)
        yield server
    jobs().latest = None


def test_one_click_leads_to_the_genes_of_real_screens(two_screens):
    app = AppTest.from_file(APP, default_timeout=120).run()
    text = shown(app)
    assert "CC BY 4.0" in text
    two_screens.pause = 0.02
    app.button(key="real-screens").click().run()
    assert "Stop" in [one.label for one in app.button]
    assert "real-screens" not in [one.key for one in app.button]
    assert finished() == "finished"
    app.run()
    assert "gene?data=replogle-2022" in " ".join(one.value for one in app.get("html"))
    app.run()  # whoever comes back to the page stays there
    assert "gene?data=" not in " ".join(one.value for one in app.get("html"))
    gene = AppTest.from_file(APP, default_timeout=120)
    gene.query_params["data"] = "replogle-2022"
    gene.switch_page("pages/gene.py").run()
    assert not gene.exception
    assert gene.selectbox(key="embedding").options == ["GO", "description", "GO+description"]


def test_real_screens_that_break_off_go_on_where_they_were(two_screens, monkeypatch):
    monkeypatch.setattr(transfer, "TRIES", 1)
    two_screens.faults += [serve, cut(after=1000)]
    app = open_page()
    app.button(key="real-screens").click().run()
    assert finished() == "failed"
    app.run()
    assert "are kept" in errors(app)[0]
    button(app, "Continue").click().run()
    assert finished() == "finished"
    assert two_screens.requests[-1][1]["Range"] == "bytes=1000-"
    app.run()
    assert "gene?data=replogle-2022" in " ".join(one.value for one in app.get("html"))


def test_on_a_shared_server_real_screens_are_the_operators_to_prepare(monkeypatch):
    monkeypatch.setenv("LLMPERT_SHARED", "1")
    for app in (open_page(), AppTest.from_file(APP, default_timeout=120).run()):
        assert "administrator of this server can prepare them" in shown(app)
        assert "python -m llmpert prepare replogle-2022" in [one.value for one in app.code]
        assert "real-screens" not in [one.key for one in app.button]


def test_genome_wide_screens_are_declined_where_the_memory_is_missing(monkeypatch):
    for free, offered in ((4 * 10**9, False), (10**12, True)):
        monkeypatch.setattr(presets, "free_memory", lambda free=free: free)
        app = open_page()
        app.button_group(key="way-replogle-genome-wide").set_value("bulk").run()
        assert "A Gaussian process trained on all of it takes" in shown(app)
        assert ("start-Prepare replogle-genome-wide" in [b.key for b in app.button]) is offered


def test_a_download_that_fails_is_told_and_can_go_on(public):
    public.faults.append(answers(404))
    app = open_page()
    app.multiselect(key="files").select("k562").run()
    next(one for one in app.button if one.label.startswith("Download")).click().run()
    assert finished() == "failed"
    app.run()
    assert "refuses it (404" in errors(app)[0]
    button(app, "Continue").click().run()
    assert finished() == "finished"
