"""The tutorials run as they stand, each in a folder of its own."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import anndata
import pandas as pd
import pytest

from tests.support import small
from tests.support.server_process import REPOSITORY

pytestmark = pytest.mark.processes

TUTORIALS = REPOSITORY / "docs" / "tutorials"
NEEDS = {"anndata": ("scanpy", "cell_eval")}
"""Libraries that a notebook imports and llmpert does not need."""


def run(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)])}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def cells(notebook: str) -> str:
    found = json.loads((TUTORIALS / f"{notebook}.ipynb").read_text("utf-8"))
    return "\n".join(
        "".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"
    )


NOTEBOOKS = sorted(path.stem for path in TUTORIALS.glob("*.ipynb"))
IN_TURN = """
import os, runpy, sys
from contextlib import redirect_stdout
for path in sys.argv[1:]:
    os.chdir(os.path.dirname(path))
    with open("said", "w", encoding="utf-8") as said, redirect_stdout(said):
        runpy.run_path(path, run_name="__main__")
"""


def missing(notebook: str) -> list[str]:
    return [name for name in NEEDS.get(notebook, ()) if find_spec(name) is None]


@pytest.fixture(scope="module")
def ran(blocks, tmp_path_factory) -> dict[str, Path]:
    """The folders in which tutorials ran, one after another: one process imports for all."""
    codes = {name: cells(name) for name in NOTEBOOKS if not missing(name)}
    codes["own-model"] = blocks["python"][0]
    folders = {name: tmp_path_factory.mktemp(name) for name in codes}
    for name, folder in folders.items():
        (folder / "code.py").write_text(codes[name], "utf-8")
    scripts = [str(folder / "code.py") for folder in folders.values()]
    run(tmp_path_factory.mktemp("elsewhere"), "-c", IN_TURN, *scripts)
    return folders


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_notebook_runs(notebook, ran):
    if missing(notebook):
        names = " and ".join(missing(notebook))
        pytest.skip(f"{names} not installed (requirements-ecosystem.txt)")
    assert (ran[notebook] / "said").is_file()
    if notebook == "screen-to-decision":
        kept = anndata.read_h5ad(ran[notebook] / "predictions.h5ad")
        assert not kept.obs["measured"].any()
        assert kept.uns["llmpert"]["trained_on"] == 300


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[str]]:
    """The code of the tutorial on models, by language."""
    text = (TUTORIALS / "own-model.md").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found.setdefault(language, []).append(code)
    return found


def test_a_model_of_ones_own_is_tried(ran):
    assert "FICT0001" in (ran["own-model"] / "said").read_text("utf-8")


def test_an_installed_model_is_evaluated_and_listed(blocks, tmp_path):
    (tmp_path / "my_forest.py").write_text(blocks["python"][1], "utf-8")
    project = tomllib.loads(blocks["toml"][0])["project"]
    points = project["entry-points"]["llmpert.models"]
    # What `pip install .` leaves where Python looks, without asking an index for setuptools.
    about = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (about / "METADATA").write_text(head, "utf-8")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (about / "entry_points.txt").write_text("\n".join(["[llmpert.models]", *lines]), "utf-8")
    small.screen("K562").save(tmp_path / "k562.h5ad")
    vectors = small.embedding()
    pd.DataFrame(vectors.vectors, vectors.genes).to_csv(tmp_path / "text.csv", index_label="gene")
    command = "-m llmpert evaluate --screen k562.h5ad --embedding text=text.csv --train-size 20"
    models = "--model mean --model forest --out results.parquet"
    run(tmp_path, *command.split(), *models.split())
    results = pd.read_parquet(tmp_path / "results.parquet")
    assert set(results["model"]) == {"mean", "forest"}
    assert len(blocks["python"][1].splitlines() + blocks["toml"][0].splitlines()) <= 30
