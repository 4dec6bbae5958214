"""`llmpert design`."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from llmpert.datasets import DatasetStore, Parts
from llmpert.downloads.folder import downloads
from llmpert.evaluation.experiment import Experiment
from llmpert.evaluation.problem import Problem
from llmpert.genes.essential import FILE
from llmpert.insight.depth import NUMBERS, by_cells
from tests.support import small


@pytest.fixture
def kept(files):
    parts = Parts(screens=[small.screen()], embeddings=[small.embedding("text", 60)])
    DatasetStore().add("mine", parts)
    return files


def test_a_plan_is_printed_and_written_as_a_library(kept, run):
    out = kept / "library.csv"
    code, said, err = run("design", "--data", "mine", "--budget", 5, "--by-effect", "--out", out)
    assert code == 0, err
    table = pd.read_csv(out)
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    # Only these have a vector and were not knocked down.
    assert set(table["gene"]) <= {f"KD{n:03d}" for n in range(40, 60)}
    assert "LineA: 5 of 20 candidates would remove" in said
    assert all(gene in said for gene in table["gene"])


def test_cells_are_told_where_they_are_known(kept, run):
    cells = np.random.default_rng(0).integers(5, 200, 40)
    screen, embedding = replace(small.screen(), cells=cells), small.embedding("text", 60)
    DatasetStore().add("counted", Parts(screens=[screen], embeddings=[embedding]))
    code, said, _ = run("design", "--data", "counted", "--budget", 1, "--cells")
    assert code == 0
    lines = [line.split() for line in said.splitlines()]
    rows = [line for line in lines if len(line) == 4 and line[0].isdigit() and "." in line[1]]
    assert [row[0] for row in rows] == [str(number) for number in NUMBERS]
    problem = Problem.align(screen, [embedding])
    table = by_cells(Experiment(problem).fit_all("gp"), cells)
    assert [row[1] for row in rows] == [f"{r:.3f}" for r in table["r"]]
    code, _, wrong = run("design", "--data", "mine", "--budget", 1, "--cells")
    assert code == 1
    assert "number of cells of each knockdown" in wrong


def test_candidates_and_targets_are_typed_or_of_a_file(kept, run):
    (kept / "mine.txt").write_text("KD041\nKD042, KD001 NOSUCH\n")
    arguments = ["design", "--data", "mine", "--candidates", f"@{kept / 'mine.txt'}"]
    code, said, remarks = run(*arguments, "--budget", 1, "--targets", "KD042 3, KD050")
    assert code == 0
    assert "1 of 2 candidates" in said
    assert "1 knocked down already, not used: KD001" in remarks
    assert "1 unknown, not used: NOSUCH" in remarks


def test_essential_genes_are_left_out_once_it_is_known_which_are(kept, run):
    code, _, wrong = run("design", "--data", "mine", "--no-essential")
    assert code == 1
    assert "download depmap_common_essentials" in wrong
    downloads().mkdir(parents=True, exist_ok=True)
    lines = ["Essentials", *(f"KD{n:03d} ({n})" for n in range(41, 60)), "NOSUCH (1)"]
    (downloads() / FILE).write_text("\n".join(lines))
    out = kept / "library.csv"
    code, said, _ = run("design", "--data", "mine", "--no-essential", "--budget", 1, "--out", out)
    assert code == 0
    assert "1 of 1 candidates" in said
    assert pd.read_csv(out)["gene"].tolist() == ["KD040"]
    (downloads() / FILE).write_text("gene\nTP53\n")
    code, _, wrong = run("design", "--data", "mine", "--no-essential")
    assert code == 1
    assert "expected DepMap's list of common essential genes" in wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "21"], "Expected 1 to 20 knockdowns"),
        (["--candidates", "NOSUCH"], "one candidate or more, found none"),
        (["--targets", "NOSUCH"], "a weight above 0, found NOSUCH"),
        (["--trained", "absent"], "found both"),
    ],
)
def test_wrong_commands(kept, run, arguments, message):
    code, _, wrong = run("design", "--data", "mine", *arguments)
    assert code in (1, 2)
    assert message in wrong
