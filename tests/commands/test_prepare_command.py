"""`prepare`: from nothing to a published setting, whatever breaks on the way."""

import io
import random
import re
import shutil
import subprocess
import time
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest

from llmpert import downloads
from llmpert.datasets import BUILT_IN_DATA, DatasetStore, presets
from llmpert.downloads import transfer
from llmpert.embeddings import BUILT_IN, built_in
from llmpert.evaluation.results import Results
from llmpert.screens import cells
from tests.support import paper_files, small
from tests.support.faulty_server import Faulty, cut, md5, serve

Usage = namedtuple("Usage", "total used free")
PREPARE = ("prepare", "paper-2024", "--way", "bulk", "--yes")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves the files of the recipe; the registry names it."""
    monkeypatch.setenv("no_proxy", "*")
    with Faulty() as server:
        known = paper_files.registry(server)
        monkeypatch.setattr(downloads, "read_registry", lambda: known)
        yield server


def test_without_a_name_it_lists_the_recipes(run):
    code, out, err = run("prepare")
    assert (code, err) == (0, "")
    assert out.startswith("replogle-2022: Responses of K562 and RPE1")
    assert "--way bulk: k562_essential_raw_bulk, rpe1_raw_bulk (to download: 175.1 MB)" in out
    assert "(to download: 374.6 MB)" in out
    assert "paper-2024: The setting of the paper" in out
    assert "--way cells: k562_essential_raw_singlecell, rpe1_raw_singlecell" in out
    assert "replogle-normalized: " in out


def test_one_command_leads_from_nothing_to_the_papers_setting(run, server, monkeypatch):
    server.faults.append(cut(after=20_000))
    code, out, err = run(*PREPARE)
    assert code == 0, err
    assert "trying again" in err
    for sentence in (
        "licence  CC BY 4.0",
        "Made by the recipe paper-2024 (bulk) on 20",
        "Cite: Märtens, Donovan-Maiye and Ferkinghoff-Borg 2024",
        "K562: 48 perturbations x 30 genes, unit Δ log-normalised expression",
        "RPE1: 47 perturbations x 30 genes, unit Δ log-normalised expression",
        f"  Downloaded on 20{time.strftime('%y-%m')}",
        f"/per-protein.h5 (MD5 {md5(server.files['/per-protein.h5'])}, CC BY 4.0). Cite: The Uni",
        "K562, RPE1 have 47 perturbations in common",
        "47 perturbations in common; as published: 1,774",
        "46 of 47 perturbations have a vector in text",
        "    GENE5 is not a known gene",
        "6 of 47 perturbations have a vector in sequence",
        "6 of 47 perturbations have a vector in text+sequence",
        "K562 of K562_essential_raw_bulk_01.h5ad:\n  Controls: the 9 of 12 non-targeting",
        "and took log(1 + x).",
        "Made with llmpert 0.1.0, python 3.",
        "features 2,000, top 20, components 50.",
        "Data set paper-2024-bulk is in ",
        "python -m llmpert serve",
    ):
        assert sentence in out, sentence
    data = DatasetStore().load("paper-2024-bulk")
    assert list(data.screens) == ["K562", "RPE1"]
    assert list(data.embeddings) == ["text", "sequence"]
    assert data.screens["RPE1"].provenance["download"]["key"] == "rpe1_raw_bulk"
    assert data.record["way"] == "bulk"
    assert data.record["settings"]["features"] == 2000
    parts = {part["name"]: part for part in data.record["parts"]}
    assert list(parts) == ["K562", "RPE1", "text", "sequence"]
    # The archive is not kept: this is the member's MD5, which the archive's was verified for.
    kept = (downloads.downloads() / paper_files.PICKLE).read_bytes()
    assert parts["text"]["download"]["md5"] == md5(kept)
    assert parts["text"]["fingerprint"] == data.embeddings["text"].fingerprint

    _, out, _ = run("datasets")
    assert re.search(r"^paper-2024-bulk +K562, RPE1 ", out, re.MULTILINE)
    assert out.splitlines()[1].endswith("  paper-2024")
    # The command that is printed last, on a model that is fitted at once.
    words = ("evaluate", "--data", "paper-2024-bulk", "--each", "--model", "mean", "--model", "knn")
    assert run(*words, "--out", "results.parquet")[0] == 0
    about = Results.read("results.parquet").about
    assert about["lines"]["K562"]["download_md5"] == md5(
        server.files["/K562_essential_raw_bulk_01.h5ad"]
    )
    assert about["embeddings"]["text"]["download_url"].endswith("/GenePT_emebdding_v2.zip")


def test_real_screens_need_two_files_and_what_comes_along(run, server):
    code, out, err = run("prepare", "replogle-2022", "--yes")
    assert code == 0, err
    asked = {path for path, _ in server.requests}
    assert asked == {"/K562_essential_raw_bulk_01.h5ad", "/rpe1_raw_bulk_01.h5ad"}
    assert "Made by the recipe replogle-2022 (bulk)" in out
    assert "evaluate --data replogle-2022 " in out
    data = DatasetStore().load("replogle-2022")
    assert list(data.screens) == ["K562", "RPE1"]
    assert {name: part.fingerprint for name, part in data.embeddings.items()} == {
        name: built_in(name).fingerprint for name in BUILT_IN
    }
    # Six of the eight symbols are genes that have a vector; targets named GENE7 are none.
    assert "6 of 47 perturbations have a vector in GO+description" in out
    sent = server.sent
    code, _, err = run("prepare", "replogle-2022")
    assert code == 0
    assert "The data set replogle-2022 already exists, from the same files." in err
    assert server.sent == sent


def test_one_that_breaks_off_in_the_second_file_goes_on_there(run, server, monkeypatch):
    monkeypatch.setattr(transfer, "TRIES", 1)
    second = server.files["/rpe1_raw_bulk_01.h5ad"]
    server.faults += [serve, cut(after=len(second) // 2)]
    code, _, err = run("prepare", "replogle-2022", "--yes")
    assert code == 1
    assert "are kept, and the next start continues from them" in err
    assert DatasetStore().names() == [*BUILT_IN_DATA]
    del server.requests[:]
    assert run("prepare", "replogle-2022", "--yes")[0] == 0
    ((path, headers),) = server.requests
    assert path == "/rpe1_raw_bulk_01.h5ad"
    assert headers["Range"] == f"bytes={len(second) // 2}-"
    assert "replogle-2022" in DatasetStore().names()


def test_one_that_finds_no_space_keeps_what_came(run, server, monkeypatch):
    assert run("download", "replogle-2022", "--yes")[0] == 0
    sent = server.sent
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 1000))
        code, _, err = run("prepare", "replogle-2022", "--yes")
    assert code == 1
    assert "MB of free space for the data set, found 0.0 MB." in err
    assert DatasetStore().names() == [*BUILT_IN_DATA]
    assert run("prepare", "replogle-2022", "--yes")[0] == 0
    assert server.sent == sent


def test_genome_wide_screens_are_declined_where_the_memory_is_missing(run, server, monkeypatch):
    monkeypatch.setattr(presets, "free_memory", lambda: 4 * 10**9)
    code, out, err = run("prepare", "replogle-genome-wide", "--yes")
    assert (code, out) == (1, "")
    assert "free memory for replogle-genome-wide, found 4.0 GB. A Gaussian process trained" in err
    assert server.requests == []
    monkeypatch.setattr(presets, "free_memory", lambda: 10**12)
    code, out, err = run("prepare", "replogle-genome-wide", "--yes")
    assert code == 0, err
    assert out.startswith("A Gaussian process trained on all of it takes ")
    assert list(DatasetStore().load("replogle-genome-wide").screens) == ["K562"]


def test_nothing_is_done_twice(run, server):
    assert run(*PREPARE)[0] == 0
    sent, before = server.sent, DatasetStore().fingerprint("paper-2024-bulk")
    code, out, err = run(*PREPARE[:-1])  # nothing is missing, so nothing is asked
    assert code == 0
    assert (server.sent, DatasetStore().fingerprint("paper-2024-bulk")) == (sent, before)
    assert "The data set paper-2024-bulk already exists, from the same files." in err
    assert "47 perturbations in common" in out


def test_nothing_happens_unless_somebody_agrees(run, server, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, out, err = run(*PREPARE[:-1])
    assert code == 1
    assert "To download: at most" in out
    assert err.endswith("Error: Nothing was prepared. Answer y, or give --yes.\n")
    assert (server.requests, DatasetStore().names()) == ([], [*BUILT_IN_DATA])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("paper-2042",),
            "Expected a recipe among replogle-2022, replogle-genome-wide, paper-2024",
        ),
        (("paper-2024", "--way", "guess"), "a way to make paper-2024 among bulk, cells, found 'gu"),
        (("paper-2024", "--name", "../x"), "Expected a data set name of letters"),
        (("paper-2024", "--name", "simulated"), "Expected a data set name of letters"),
    ],
)
def test_what_is_not_there_is_one_line(run, server, arguments, said):
    code, out, err = run("prepare", *arguments, "--yes")
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert said in err
    assert server.requests == []


def test_another_data_set_of_that_name_is_left_alone(run, server):
    small.place("mine", [small.screen()], [small.embedding()])
    before = DatasetStore().fingerprint("mine")
    code, _, err = run(*PREPARE, "--name", "mine")
    assert code == 1
    assert "python -m llmpert datasets --remove mine" in err
    assert DatasetStore().fingerprint("mine") == before


def test_a_file_that_cannot_be_used_adds_nothing(run, server, monkeypatch):
    known = downloads.read_registry()
    source = known.sources["rpe1_raw_bulk"]
    content = server.files["/rpe1_raw_bulk_01.h5ad"][:3000]
    server.files["/rpe1_raw_bulk_01.h5ad"] = content
    broken = replace(source, md5=md5(content), size=len(content))
    other = replace(known, sources={**known.sources, source.key: broken})
    monkeypatch.setattr(downloads, "read_registry", lambda: other)
    code, _, err = run(*PREPARE)
    assert code == 1
    assert "rpe1_raw_bulk_01.h5ad: expected an AnnData file" in err
    assert DatasetStore().names() == [*BUILT_IN_DATA]


def test_downloads_of_a_recipe_by_its_name(run, server):
    code, out, _ = run("download", "paper-2024-bulk", "--yes")
    assert code == 0
    assert out.endswith("Use it: python -m llmpert prepare paper-2024 --way bulk\n")
    assert {path.name for path in downloads.downloads().glob("*[!nk]")} == {
        "K562_essential_raw_bulk_01.h5ad", "rpe1_raw_bulk_01.h5ad", paper_files.PICKLE,
        "per-protein.h5",
    }  # fmt: skip
    sent = server.sent
    assert run("download", "paper-2024", "--yes")[0] == 0
    assert server.sent == sent


def test_single_cells_go_on_with_the_line_that_is_not_finished(run, server, own_home, monkeypatch):
    words = ("prepare", "paper-2024", "--way", "cells", "--processes", 1, "--yes")
    prepared, original = [], cells.pseudobulk

    def interrupted(plan, *rest):
        prepared.append(plan.layout.line)
        if prepared == ["K562", "RPE1"]:
            raise KeyboardInterrupt
        return original(plan, *rest)

    monkeypatch.setattr(cells, "pseudobulk", interrupted)
    assert run(*words)[0] == 130
    assert DatasetStore().names() == [*BUILT_IN_DATA]
    code, out, err = run(*words)
    assert code == 0, err
    assert prepared == ["K562", "RPE1", "RPE1"]
    assert "K562 of K562_essential_raw_singlecell_01.h5ad:\n  Scaled every cell to 10,000" in out
    assert "4 of 4 perturbations have a vector in text+sequence" in out
    data = DatasetStore().load("paper-2024-cells")
    assert data.record["way"] == "cells"
    assert list((own_home / "recipes").iterdir()) == []
    for line, key in {
        "K562": "k562_essential_raw_singlecell",
        "RPE1": "rpe1_raw_singlecell",
    }.items():
        screen = data.screens[line]
        assert screen.provenance["download"]["key"] == key
        path = downloads.downloads() / screen.provenance["file"]
        alone = original(cells.plan(path, line))
        assert screen.fingerprint == alone.fingerprint
        np.testing.assert_array_equal(screen.layers["q"], alone.layers["q"])


@pytest.mark.processes
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(server, tmp_path, monkeypatch):
    known, moments = downloads.read_registry(), random.Random(1)
    server.pause = 0.005
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    process = paper_files.reach(server, known, undisturbed, *PREPARE)
    asked = time.monotonic()
    assert ended(process) == ""
    takes, sent, kills = time.monotonic() - asked, server.sent, 0
    for _ in range(3):
        process = paper_files.reach(server, known, killed, *PREPARE)
        try:
            process.wait(moments.uniform(0, 0.8 * takes))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
    assert kills > 0
    assert ended(paper_files.process(known, killed, *PREPARE)) == ""
    contents = []
    for home in (undisturbed, killed):
        monkeypatch.setenv("LLMPERT_HOME", str(home))
        assert DatasetStore().names() == ["paper-2024-bulk", *BUILT_IN_DATA]
        contents.append(paper_files.content("paper-2024-bulk"))
    assert contents[0] == contents[1]
    # Sent again are at most the metalink and what was under way when a process was killed: what the
    # connection's buffers hold, some 100 kB, and more where the process is slow to take it.
    assert server.sent - 2 * sent < kills * 250_000


def ended(process):
    """What a process that failed said, once it has ended."""
    _, err = process.communicate()
    return err if process.returncode else ""
