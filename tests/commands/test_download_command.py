"""`download`: lists, plans, asks, fetches, and says how to use what came."""

import io
import shlex
import time
from dataclasses import replace
from pathlib import Path

import pytest

from llmpert import downloads
from llmpert.datasets import presets
from llmpert.datasets.presets import Preset
from tests.support.faulty_server import Faulty, answers, md5

DOWNLOADS = Path("llmpert-home/downloads")


@pytest.fixture
def server(files, monkeypatch):
    """Serves the files of the fixture `files` as a registry of two sources and a recipe."""
    monkeypatch.setenv("no_proxy", "*")
    with Faulty() as server:
        base = server.url.removesuffix("/file.bin")
        entries = []
        for key, rest in {
            "screen": ("screen.h5ad", 'kind = "raw bulk screen"\nline = "LineA"'),
            "text": ("text.parquet", 'kind = "text embedding"\nembedding = "text"'),
        }.items():
            content = (files / rest[0]).read_bytes()
            server.files[f"/{rest[0]}"] = content
            entries.append(
                f'[sources.{key}]\nwhat = "The {key}."\npublication = "paper"\n{rest[1]}\n'
                f'url = "{base}/{rest[0]}"\nfile = "{rest[0]}"\nsize = {len(content)}\n'
                f'md5 = "{md5(content)}"\n'
            )
        registry = files / "sources.toml"
        registry.write_text(
            '[publications.paper]\nlicence = "CC BY 4.0"\ncitation = "Somebody 2024, doi:10.1/x"\n'
            + "".join(entries)
        )
        both = Preset("both", "Both.", "Somebody 2024", {"bulk": ("screen", "text")})
        monkeypatch.setattr(presets, "presets", lambda: {"both": both})
        monkeypatch.setenv("LLMPERT_SOURCES", str(registry))
        yield server


def answer(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_without_a_key_it_lists_and_asks_nobody(run, server):
    code, out, err = run("download")
    assert (code, err, server.requests) == (0, "", [])
    head, screen, text, *rest = out.splitlines()
    assert head.split() == ["KEY", "SIZE", "LICENCE", "HERE", "WHAT"]
    assert screen.split()[0] == "screen"
    assert "CC BY 4.0" in screen
    assert screen.endswith("no    The screen.")
    assert text.split()[0] == "text"
    assert "both: Both." in rest
    assert not DOWNLOADS.exists()


def test_the_real_list_names_every_source_and_fits_its_columns(run):
    code, out, _ = run("download")
    assert code == 0
    known = downloads.read_registry()
    lines = out.splitlines()
    starts = {lines[0].index("WHAT")}
    for line in lines[1 : len(known.sources) + 1]:
        source = known.sources[line.split()[0]]
        starts.add(line.index(source.what))
    assert len(starts) == 1
    assert "paper-2024: The setting of the paper" in out
    assert "~47.0 MB" in out


def test_what_came_is_imported_by_the_printed_command(run, server):
    code, out, err = run("download", "screen", "text", "--yes")
    assert code == 0
    assert "licence  CC BY 4.0" in out
    assert "cite     Somebody 2024, doi:10.1/x" in out
    assert server.url.replace("file.bin", "screen.h5ad") in out
    assert "100%" in err  # the bar
    assert "/s]" in err  # with speed
    (command,) = [line for line in out.splitlines() if line.startswith("Use it: ")]
    words = shlex.split(command.removeprefix("Use it: python -m llmpert "))
    assert words[:3] == ["import", "--name", "downloaded"]
    code, out, _ = run(*words)
    assert code == 0
    assert "LineA: 40 perturbations" in out
    assert "40 of 40 perturbations have a vector in text" in out
    assert f"  Downloaded on 20{time.strftime('%y-%m')}" in out
    assert f"{server.url.replace('file.bin', 'screen.h5ad')} (MD5 " in out
    assert (DOWNLOADS / "screen.h5ad.provenance.json").is_file()
    _, out, _ = run("download")
    assert [line.split()[-3] for line in out.splitlines()[1:3]] == ["yes", "yes"]


@pytest.mark.parametrize("text", ["n\n", "", "\n"])
def test_nothing_is_downloaded_unless_somebody_agrees(run, server, monkeypatch, text):
    answer(monkeypatch, text)
    code, out, err = run("download", "screen")
    assert code == 1
    assert err.endswith("Error: Nothing was downloaded. Answer y, or give --yes.\n")
    assert "To download: at most" in out
    assert (server.requests, DOWNLOADS.exists()) == ([], False)


def test_somebody_agrees(run, server, monkeypatch):
    answer(monkeypatch, "y\n")
    assert run("download", "text")[0] == 0
    assert len(server.requests) == 1
    # What is there is verified without a question.
    answer(monkeypatch, "")
    assert run("download", "text")[0] == 0
    assert len(server.requests) == 1


def test_an_embedding_alone_is_imported_alone(run, server):
    _, out, _ = run("download", "text", "--yes")
    assert "import --name downloaded --embedding text=" in out
    assert "--screen" not in out


def test_an_unknown_key_is_one_line(run, server):
    code, out, err = run("download", "esm2")
    assert (code, out) == (1, "")
    assert err == "Error: Expected one of screen, text, both, both-bulk, found 'esm2'.\n"


def test_a_file_that_cannot_be_had_is_one_line_after_the_plan(run, server):
    server.faults.append(answers(202))
    code, _, err = run("download", "screen", "--yes")
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "202" in last
    assert "Traceback" not in err


def test_two_screens_of_a_line_become_two_data_sets(run, server, monkeypatch):
    known = downloads.read_registry()
    other = replace(known.sources["screen"], key="other", url=server.url + "?2", file="other.h5ad")
    both = replace(known, sources={**known.sources, "other": other})
    monkeypatch.setattr(downloads, "read_registry", lambda: both)
    server.content = server.files["/screen.h5ad"]
    _, out, _ = run("download", "screen", "other", "text", "--yes")
    assert run("download", "both-bulk", "--yes")[1].endswith(
        "Use it: python -m llmpert prepare both --way bulk\n"
    )
    first, second = [line for line in out.splitlines() if line.startswith("Use it: ")]
    assert "--name downloaded --screen" in first
    assert "screen.h5ad" in first
    assert "--name downloaded-2 --screen" in second
    assert "other.h5ad" in second
    assert "text.parquet" in first
    assert "text.parquet" in second
