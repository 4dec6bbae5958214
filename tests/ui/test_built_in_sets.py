"""Pages of human genes: gene sets are there without being imported."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llmpert.embeddings import Embedding
from llmpert.genes import built_in_sets
from llmpert.genes.sets import GeneSets
from tests.support import small

APP = str(Path(__file__).resolve().parents[2] / "app.py")
LARGE, SMALL = "cytosolic large ribosomal subunit", "cytosolic small ribosomal subunit"
KNOCKED_DOWN = [
    gene
    for label in (LARGE, SMALL)
    for gene in sorted(built_in_sets("GO complexes").members[label])[:20]
]
MEASURED = sorted(built_in_sets("GO processes").members["cholesterol biosynthetic process"])[:30]
OWN = GeneSets("own", "own.gmt", {"mine": frozenset(KNOCKED_DOWN[:10] + MEASURED[:10])})


def start(page: str, *own: GeneSets, tab: str = "") -> AppTest:
    made = small.embedding("text", genes=40)
    small.share(
        "human",
        [replace(small.screen(), perturbations=KNOCKED_DOWN, genes=MEASURED)],
        [Embedding("text", KNOCKED_DOWN, made.vectors, made.provenance)],
        own,
    )
    app = AppTest.from_file(APP, default_timeout=120)
    if tab:
        app.query_params["tab"] = tab
    app.switch_page(page).run()
    assert not app.exception
    assert not app.error
    return app


def shown(app: AppTest) -> str:
    blocks = [*app.markdown, *app.caption, *app.info]
    return "\n".join(block.value for block in blocks)


def first_figure(app: AppTest) -> str:
    return json.dumps(json.loads(app.get("plotly_chart")[0].proto.spec))


def test_the_gene_page_tests_processes_and_any_other_collection():
    app = start("pages/gene.py", tab="Pathways")
    assert "gene sets of GO processes stand out" in shown(app)
    assert "Gene Ontology of 2022" in shown(app)
    tested = app.dataframe[-1].value
    assert len(tested) == 20
    app.selectbox(key="collection").select("GO functions").run()
    assert not app.exception
    assert "gene sets of GO functions stand out" in shown(app)
    assert set(tested["set"]) != set(app.dataframe[-1].value["set"])


def test_the_explorer_colours_by_complexes_first():
    app = start("pages/explorer.py")
    assert app.selectbox(key="colour").value == "gene set"
    assert app.selectbox(key="collection").value == "GO complexes"
    assert f"{LARGE} (20)" in first_figure(app)
    assert f"{SMALL} (20)" in first_figure(app)


def test_another_collection_gives_the_explorer_other_colours():
    app = start("pages/explorer.py", OWN)
    assert app.multiselect(key="sets").value == ["mine"]
    app.selectbox(key="collection").select("GO complexes").run()
    assert not app.exception
    assert app.multiselect(key="sets").value == [LARGE, SMALL]
    app.multiselect(key="sets").set_value([]).run()
    app.run()
    assert app.multiselect(key="sets").value == []


def test_head_to_head_says_who_wins_which_complex():
    app = start("pages/head_to_head.py")
    assert "Gene sets: GO complexes (Gene Ontology of 2022" in shown(app)
    assert {LARGE, SMALL} & set(app.dataframe[1].value["gene set"])


def test_what_changes_a_gene_says_what_the_strongest_knockdowns_share():
    app = start("pages/effects.py")
    assert "20 knockdowns than a random draw from all 40 has" in shown(app)
    assert "Gene sets: GO complexes (Gene Ontology of 2022" in shown(app)
    shared = app.dataframe[1].value.set_index("set")
    strongest = app.dataframe[0].value["perturbation"]
    members = built_in_sets("GO complexes").members[LARGE]
    assert shared.loc[LARGE, "overlap"] == len(members & set(strongest))
    assert shared.loc[LARGE, "size"] == len(members & set(KNOCKED_DOWN))


@pytest.mark.parametrize("page", ["gene", "explorer", "head_to_head", "effects"])
def test_sets_of_ones_own_come_first_and_the_others_remain(page):
    app = start(f"pages/{page}.py", OWN, tab="Pathways")
    choice = app.selectbox(key="collection")
    assert choice.value == "own"
    assert choice.options == [
        "own",
        "GO complexes",
        "GO processes",
        "GO components",
        "GO functions",
    ]
    choice.select("GO components").run()
    assert not app.exception


def test_the_data_page_names_them():
    assert "come with llmpert: GO complexes, GO processes" in shown(start("pages/data.py"))
    text = shown(start("pages/data.py", OWN))
    assert "**1** gene sets: own (own.gmt)." in text
    assert "come with llmpert: GO complexes" in text
