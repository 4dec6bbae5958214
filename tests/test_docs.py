"""The documentation: links lead somewhere, tables are what code writes, and the site builds."""

import importlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from benchmarks import page, shipped
from llmpert.__main__ import program
from llmpert.datasets import DatasetStore
from llmpert.embeddings import save_embedding
from llmpert.methods.predictions import ExternalPredictions
from tests.support import small
from tests.support.server_process import REPOSITORY

PAGES = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]


@cache
def tokens(path: Path) -> list:
    """A page's inline tokens, each with the block token before it."""
    found = MarkdownIt().enable("table").parse(path.read_text("utf-8"))
    return [(found[i - 1], token) for i, token in enumerate(found) if token.type == "inline"]


def anchors(path: Path) -> list[str]:
    """What a link may follow `#` with: each heading as GitHub and MyST name it."""
    headings = [token.children for before, token in tokens(path) if before.type == "heading_open"]
    texts = ["".join(part.content for part in parts) for parts in headings]
    return [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts]


def targets(path: Path) -> list[str]:
    """Where a page's links and pictures lead."""
    parts = [part for _, token in tokens(path) for part in token.children]
    found = [part.attrs.get("href") or part.attrs.get("src") for part in parts]
    return [target for target in found if target and not re.match(r"https?://|mailto:", target)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_to_files_and_headings_that_are_there(path):
    dead = []
    for target in targets(path):
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_section_is_there_twice(path):
    found = anchors(path)
    # A changelog has the same sections in each version.
    assert path.name == "CHANGELOG.md" or len(found) == len(set(found))


def test_pages_that_the_program_names_are_there():
    sources = [REPOSITORY / "Containerfile", *(REPOSITORY / "data").glob("*.toml")]
    sources += [*(REPOSITORY / "llmpert").rglob("*.py"), *(REPOSITORY / "pages").glob("*.py")]
    named = {name for p in sources for name in re.findall(r"docs/[\w-]+\.md", p.read_text("utf-8"))}
    assert named
    assert {name for name in named if not (REPOSITORY / name).is_file()} == set()


def test_every_page_is_in_the_contents():
    docs = REPOSITORY / "docs"
    listed = re.findall(r"^[a-z/-]+$", (docs / "index.md").read_text("utf-8"), re.M)
    pages = [*docs.glob("*.md"), *docs.glob("tutorials/*")]
    there = {path.relative_to(docs).with_suffix("").as_posix() for path in pages} - {"index"}
    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize(
    "tables", [shipped.real, pytest.param(shipped.simulated, marks=pytest.mark.processes)]
)
def test_tables_have_the_scores_that_come_with_the_program(tables):
    for (name, marker), lines in tables().items():
        text = (REPOSITORY / name).read_text("utf-8")
        assert page.put(text, marker, lines) == text


@pytest.mark.parametrize("name", ["benchmarks", "recipes"])
def test_every_table_of_measurements_is_written_by_its_benchmark(name):
    text = (REPOSITORY / f"docs/{name}.md").read_text("utf-8")
    block = re.compile(r"^<!-- (benchmarks\.\w+).*? -->\n.*?^<!-- /.*? -->\n", re.M | re.S)
    modules = {match[1] for match in block.finditer(text)}
    assert modules
    for module in modules:
        options = {option.name for option in importlib.import_module(module).main.params}
        assert "write" in options
    _, *sections = block.sub("", text).split("\n## ")
    # The first part of a page may list what there is.
    assert [part for part in sections if re.search(r"^\|", part, re.M)] == []


def test_only_what_is_between_the_markers_is_written():
    text = "a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n"
    new = page.put(text, "one", ["new \\1"])
    assert new == text.replace("old\n", "\nnew \\1\n\n")
    assert page.put(new, "one", ["new \\1"]) == new
    with pytest.raises(ValueError, match="three"):
        page.put(text, "three", [])


def blocks(page, language):
    text = (REPOSITORY / f"docs/{page}.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.processes
def test_the_example_brings_predictions_of_a_method_in(tmp_path):
    lines, commands = blocks("other-methods", "python")[0], blocks("other-methods", "bash")[0]
    line, unit = re.search(r'LINE, UNIT = "(.+?)", "(.+?)"', lines).groups()
    folder = tmp_path / "simulated"
    folder.mkdir()
    screen = replace(small.screen(line), unit=unit)
    screen.save(folder / f"{line}.h5ad")
    save_embedding(small.embedding("text"), folder / "text.parquet")
    subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, check=True)
    made = ExternalPredictions.read(tmp_path / "mine.h5ad", line)
    assert made.perturbations.tolist() == screen.perturbations.tolist()
    assert made.genes.tolist() == screen.genes.tolist()
    # Every model trained on all that it does not predict.
    for fold, names in made.trained_on.items():
        assert set(names) == set(made.perturbations[made.fold != fold])
    command = re.search(r"^llmpert (import .*?[^\\])$", commands, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(
        [sys.executable, "-m", "llmpert", *command.replace("\\\n", " ").split()],
        cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    kept = DatasetStore().load("compared")
    assert kept.external[line][0].method == "My method"


def test_the_example_takes_control_off_predicted_cells():
    found: dict = {}
    exec(blocks("other-methods", "python")[1], found)  # noqa: S102 - a block of ours
    names = pd.DataFrame({"gene": ["B", "A", "B"]}, ["1", "2", "3"])
    cells = ad.AnnData(np.array([[1.0, 5], [2, 0], [3, 1]]), names, pd.DataFrame(index=["x", "y"]))
    # Control has a gene more, and its genes in another order.
    control = ad.AnnData(np.array([[9.0, 1, 1], [9, 3, 0]]))
    control.var_names = ["z", "y", "x"]
    expected = pd.DataFrame({"x": [1.5, 1.5], "y": [-2.0, 1.0]}, ["A", "B"])
    pd.testing.assert_frame_equal(found["differences"](cells, control), expected)


@pytest.mark.processes
def test_the_site_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "docs", tmp_path],
        cwd=REPOSITORY, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # Nothing is fetched from elsewhere when a page is read.
    for name in ("index", "methods", "command-line", "python"):
        text = (tmp_path / f"{name}.html").read_text("utf-8")
        assert re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', text) == []
    commands = (tmp_path / "command-line.html").read_text("utf-8")
    for command in program.commands.values():
        for option in command.params:
            assert not option.opts or f'id="cmdoption-llmpert-{command.name}' in commands
    assert "read_screen" in (tmp_path / "python.html").read_text("utf-8")
    notebook = (tmp_path / "tutorials" / "screen-to-decision.html").read_text("utf-8")
    assert "<h2>The decision" in notebook
    assert 'class="highlight-python' in notebook
