"""Names that are more than text are refused wherever they come in."""

import json
import shutil

import anndata
import numpy as np
import pytest

from llmpert.embeddings import read_embedding, save_embedding
from llmpert.errors import InputError
from llmpert.genes import COLUMNS, GeneTable
from llmpert.genes.sets import GeneSets
from llmpert.io.names import check_remarks, is_plain, parse_object
from llmpert.methods.predictions import ExternalPredictions
from llmpert.methods.published import Published
from llmpert.screens import Screen, read_screen
from tests.support import small

BAD = [
    "<script>alert(1)</script>", "<b>", "`code`", "![x](http://127.0.0.1/x.png)", "=1+1", "+1",
    "-1", "@SUM(A1)", "a\x1b[2J", "a\u202eb", "a\u200bb", "a\rb", "x" * 301,
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["RP11-34P13.7", "HLA-A", "NKX2-1", "CTRL", "GENE+ctrl", "LOC_1", "5_8S_rRNA", "T(1;2)",
     "oxidoreductase activity, acting on the CH-OH group > [NAD(P)+] 'x'", "Δ z-score", "A B"],
)  # fmt: skip
def test_names_of_the_field_are_plain(name):
    assert is_plain(name)


@pytest.mark.parametrize("name", [*BAD, "", "  "])
def test_others_are_not(name):
    assert not is_plain(name)


def test_every_name_of_every_human_gene_is_plain():
    columns = [column for column in COLUMNS if column != "name"]
    table = GeneTable.shipped()._columns
    cells = {part for column in columns for cell in table[column] for part in cell.split("|")}
    assert [name for name in cells - {""} if not is_plain(name)] == []


@pytest.mark.parametrize("name", BAD)
def test_screens(tmp_path, name):
    good = small.screen(perturbations=3, genes=2)
    for changed in (
        {"perturbations": ["A", "B", name]}, {"genes": ["A", name]}, {"unit": name}, {"line": name},
    ):  # fmt: skip
        with pytest.raises(InputError, match="in printable characters"):
            Screen(**{**vars_of(good), **changed})
    data = anndata.AnnData(good.response, uns={"source": name})
    data.obs_names, data.var_names = good.perturbations, good.genes
    data.write_h5ad(tmp_path / "LineA.h5ad")
    if name[0] not in "=+-@x" and "\r" not in name:  # in a remark they do no harm
        with pytest.raises(InputError, match=r"LineA\.h5ad: expected remarks"):
            read_screen(tmp_path / "LineA.h5ad")


def vars_of(screen: Screen) -> dict[str, object]:
    names = ("line", "response", "perturbations", "genes", "unit")
    return {name: getattr(screen, name) for name in names}


@pytest.mark.parametrize("name", [name for name in BAD if "\r" not in name])
def test_gene_sets_are_written_so_that_they_can_be_shown(tmp_path, name):
    (tmp_path / "sets.gmt").write_text(f"{name}\t\tTP53\tA{name}\nother\t\tTP53\n")
    sets = GeneSets.read(tmp_path / "sets.gmt")
    assert len(sets.members) == 2
    assert all(is_plain(text) for text in [*sets.members, *set().union(*sets.members.values())])
    assert any("cannot be shown as they are" in note for note in sets.notes)
    check_remarks("x", {"notes": list(sets.notes)})


@pytest.mark.parametrize("name", [name for name in BAD if "\r" not in name])
def test_results_and_predictions(tmp_path, name):
    (tmp_path / "r.csv").write_text(f"perturbation,method,metric,value\nA,{name},mae_all,1\n")
    with pytest.raises(InputError, match=r"r\.csv: expected the name of every method"):
        Published.read(tmp_path / "r.csv", "K562")
    given = {
        "method": "M", "line": "K562", "unit": "Δ", "perturbations": ["A"], "genes": ["G"],
        "delta": np.ones((1, 1)), "fold": ["0"], "trained_on": {"0": ["B"]},
    }  # fmt: skip
    for changed in (
        {"method": name}, {"unit": name}, {"perturbations": [name]}, {"genes": [name]},
        {"trained_on": {"0": [name]}}, {"trained_on": {"0": ["B"], name: ["B"]}},
    ):  # fmt: skip
        with pytest.raises(InputError, match="expected the name of every"):
            ExternalPredictions(**{**given, **changed})


@pytest.mark.parametrize("name", BAD)
def test_genes_of_embeddings_are_left_out_and_told(tmp_path, name):
    np.savez(tmp_path / "x.npz", genes=np.array(["TP53", name]), vectors=np.ones((2, 2)))
    embedding = read_embedding(tmp_path / "x.npz", "text")
    assert embedding.genes.tolist() == ["TP53"]
    assert "1 row(s) without a readable name were left out." in embedding.provenance["notes"]


@pytest.mark.parametrize("name", ["<b>x.csv", "a\x1b[2Jx.csv", "a\u202ex.csv", "=x.csv"])
def test_names_of_files(tmp_path, name):
    (tmp_path / name).write_text(",A\nTP53,1\n")
    with pytest.raises(InputError, match="a file whose name is in printable characters") as caught:
        read_screen(tmp_path / name)
    assert str(caught.value).isprintable()


def test_messages_are_text_whatever_they_quote():
    error = InputError("\x1b[2J\n![x](http://127.0.0.1) " + "y" * 10_000)
    assert str(error).startswith("\\x1b[2J\\n![x] (http")
    assert len(str(error)) < 2000


def test_json_is_flat_enough_to_be_written_again():
    assert parse_object('{"a": [1, {"b": "c"}]}') == {"a": [1, {"b": "c"}]}
    for text in ("[" * 100_000, "[" * 50 + "]" * 50, '{"a":' * 60 + "1" + "}" * 60):
        with pytest.raises(ValueError, match="nested"):
            parse_object(text)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "a JSON object"), ({"notes": "x"}, "list of texts as notes"),
        ({"steps": [5]}, "list of texts as steps"), ({"a": {"b": ["<i>"]}}, "without <"),
        ({"<i>": 1}, "without <"), ({"a": "x" * 20_001}, "at most 20,000"),
    ],
)  # fmt: skip
def test_remarks_that_cannot_be_shown(told, words):
    with pytest.raises(InputError, match=words):
        check_remarks("f.h5ad", told)


def test_no_file_passes_for_the_built_in_data(tmp_path):
    # Kept results are filed under fingerprints: those of others would be shown, or replaced.
    claimed = {"identity": ["recipe", 1], "source": "s"}
    screen = small.screen(provenance=claimed)
    screen.save(tmp_path / "s.h5ad")
    assert Screen.load(tmp_path / "s.h5ad").fingerprint == screen.fingerprint
    assert read_screen(tmp_path / "s.h5ad").fingerprint == small.screen().fingerprint
    embedding = small.embedding()
    object.__setattr__(embedding, "provenance", claimed)
    save_embedding(embedding, tmp_path / "e.parquet")
    found = read_embedding(tmp_path / "e.parquet", "text")
    assert found.fingerprint == small.embedding().fingerprint


def test_remarks_of_a_saved_screen(tmp_path):
    path = tmp_path / "s.h5ad"
    for told, words in (({"notes": 5}, "list of texts"), ({"source": "<img>"}, "without <")):
        screen = small.screen(perturbations=3, genes=2, provenance=json.loads(json.dumps(told)))
        screen.save(path)
        for read in (read_screen, Screen.load):
            with pytest.raises(InputError, match=words):
                read(path)
    shutil.rmtree(tmp_path)
