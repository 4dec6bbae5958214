"""What the presets that come along say, and what they need."""

from pathlib import Path

import pytest

from llmpert import downloads
from llmpert.datasets import presets
from llmpert.embeddings import BUILT_IN
from llmpert.errors import InputError
from tests.support import paper_files
from tests.support.faulty_server import Faulty

REPOSITORY = Path(__file__).resolve().parents[2]
WAYS = [(preset, way) for preset in presets.presets().values() for way in preset.ways]


@pytest.mark.parametrize(("preset", "way"), WAYS, ids=[f"{r.name}-{w}" for r, w in WAYS])
def test_every_way_is_one_data_set_of_known_sources(preset, way):
    needed = preset.files(way)
    assert [source.key for source in needed] == list(preset.ways[way])
    lines = ["K562"] if preset.name == "replogle-genome-wide" else ["K562", "RPE1"]
    assert [source.line for source in needed if source.line] == lines
    embeddings = [source.embedding for source in needed if source.embedding]
    assert (embeddings, list(preset.built_in)) in [
        (["text", "sequence"], []), ([], list(BUILT_IN)),
    ]  # fmt: skip
    kinds = {source.kind for source in needed if source.line}
    assert (
        kinds
        == {
            ("paper-2024", "bulk"): {"raw bulk screen"},
            ("paper-2024", "cells"): {"single cells"},
            ("replogle-normalized", "bulk"): {"normalised bulk screen"},
            ("replogle-2022", "bulk"): {"raw bulk screen"},
            ("replogle-genome-wide", "bulk"): {"raw bulk screen"},
        }[preset.name, way]
    )
    assert preset.citation
    assert len(preset.what) > 30


def test_the_paper_is_one_of_them():
    preset, way = presets.choose("paper-2024")
    assert way == "bulk"
    assert presets.choose("paper-2024", "cells") == (preset, "cells")
    assert preset.perturbations == 1774
    named = presets.bundles()
    assert named["paper-2024"] == named["paper-2024-bulk"] == (preset, "bulk")
    assert named["paper-2024-cells"] == (preset, "cells")
    assert not set(named) & set(downloads.read_registry().sources)


def test_the_documentation_says_how_much_it_is():
    text = (REPOSITORY / "docs" / "data.md").read_text("utf-8")
    needed = presets.presets()["paper-2024"].files("bulk")
    assert f"{sum(source.size for source in needed) / 1e6:,.0f} MB" in text
    archive = downloads.read_registry().sources["genept_ada"]
    assert f"{archive.size / 1e6:,.0f} MB" in text


def test_files_that_are_not_there_are_named_with_what_brings_them(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Faulty() as server:
        known = paper_files.registry(server)
        monkeypatch.setattr(downloads, "read_registry", lambda: known)
        folder = tmp_path / "downloads"
        paths = downloads.download(known.sources.values(), folder, lambda *_: None, lambda _: None)
    paths["prott5"].unlink()
    paths["rpe1_raw_bulk"].write_bytes(b"another")
    preset, way = presets.choose("paper-2024")
    progress = []
    with pytest.raises(
        InputError,
        match=r"expected rpe1_raw_bulk_01.h5ad, per-protein.h5 as downloaded.*"
        r"llmpert download paper-2024-bulk",
    ):
        presets.prepare(preset, way, "x", folder, lambda *so: progress.append(so), lambda _: None)
    assert progress == []
