"""The tutorials run as they stand, each in a folder and a process of its own."""

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


@pytest.mark.parametrize("notebook", sorted(path.stem for path in TUTORIALS.glob("*.ipynb")))
def test_the_notebook_runs(notebook, tmp_path):
    missing = [name for name in NEEDS.get(notebook, ()) if find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (requirements-ecosystem.txt)")
    code = tmp_path / "notebook.py"
    code.write_text(cells(notebook), "utf-8")
    run(tmp_path, str(code))
    if notebook == "screen-to-decision":
        kept = anndata.read_h5ad(tmp_path / "predictions.h5ad")
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


def test_a_model_of_ones_own_is_tried(blocks, tmp_path):
    assert "FICT0001" in run(tmp_path, "-c", blocks["python"][0])


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
