"""The screen itself: what it holds, refuses, cuts, saves and is named by."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from llmpert.errors import InputError
from llmpert.io.names import is_plain
from llmpert.screens import Screen, read_screen


def make(**changes: Any) -> Screen:
    random = np.random.default_rng(1)
    parts: dict[str, Any] = {
        "line": "K562",
        "response": random.normal(size=(4, 3)),
        "perturbations": ["AARS", "HLA-A", "NKX2-1", "TP53"],
        "genes": ["A", "B", "C"],
        "unit": "Δ z-score",
        "control_mean": [1.0, 2.0, 3.0],
        "control_sd": [0.1, 0.2, 0.3],
        "cells": [10, 20, 30, 40],
        "provenance": {"source": "a test", "notes": ["one"], "simulated": False},
    }
    return Screen(**(parts | changes))


def test_holds_float32_and_names() -> None:
    screen = make()
    assert screen.response.dtype == np.float32
    assert list(screen.perturbations) == ["AARS", "HLA-A", "NKX2-1", "TP53"]
    assert not screen.simulated
    assert make(provenance={"simulated": True}).simulated


def test_is_read_only_and_its_own() -> None:
    response = np.ones((4, 3), dtype=np.float32)
    screen = make(response=response)
    for name in ("response", "perturbations", "genes", "control_mean", "control_sd", "cells"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(screen, name)[0] = 0
    response[0, 0] = 7
    assert screen.response[0, 0] == 1


def test_a_changed_screen_shares_what_has_not_changed() -> None:
    screen = make(layers={"t": np.ones((4, 3))})
    other = replace(screen, line="RPE1", unit="Δ log")
    for one, same in ((screen.response, other.response), (screen.layers["t"], other.layers["t"])):
        assert np.shares_memory(one, same)
        assert not same.flags.writeable


def test_files_of_earlier_versions_open(tmp_path: Path) -> None:
    screen = make()
    screen.save(tmp_path / "k562.h5ad")
    stored = anndata.read_h5ad(tmp_path / "k562.h5ad")
    assert list(stored.var["spread"]) == pytest.approx([0.1, 0.2, 0.3])
    assert list(stored.var) == ["control_mean", "spread"]


@pytest.mark.parametrize("optional", [True, False])
def test_round_trip(tmp_path: Path, optional: bool) -> None:
    screen = make() if optional else make(control_mean=None, control_sd=None, cells=None)
    path = tmp_path / "k562.h5ad"
    screen.save(path)
    again = read_screen(path)
    np.testing.assert_array_equal(again.response, screen.response)
    for name in ("perturbations", "genes", "control_mean", "control_sd", "cells"):
        np.testing.assert_array_equal(getattr(again, name), getattr(screen, name))
    assert (again.line, again.unit) == (screen.line, screen.unit)
    assert again.provenance == screen.provenance
    assert again.fingerprint == screen.fingerprint
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [path.name]


@given(
    response=arrays.arrays(np.float32, (3, 2), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    names=st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(is_plain),
        min_size=3,
        max_size=3,
        unique=True,
    ),
)
def test_any_names_and_numbers_survive(
    tmp_path_factory: pytest.TempPathFactory, response: np.ndarray, names: list[str]
) -> None:
    screen = Screen("line", response, np.array(names), np.array(["x", "y"]), "unit")
    path = tmp_path_factory.mktemp("screen") / "screen.h5ad"
    screen.save(path)
    assert read_screen(path).fingerprint == screen.fingerprint


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "screen.h5ad"
    make().save(path)
    before = path.read_bytes()
    broken = make(provenance={"notes": object()})
    with pytest.raises(TypeError):
        broken.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [path.name]


def test_line_and_unit_can_be_given_on_reading(tmp_path: Path) -> None:
    make().save(tmp_path / "screen.h5ad")
    screen = read_screen(tmp_path / "screen.h5ad", line="RPE1", unit="score")
    assert (screen.line, screen.unit) == ("RPE1", "score")
    np.testing.assert_array_equal(screen.response, make().response)


def test_select_keeps_the_order_asked_for() -> None:
    screen = make()
    cut = screen.select(perturbations=["TP53", "AARS"], genes=["C", "A"])
    np.testing.assert_array_equal(cut.response, screen.response[[3, 0]][:, [2, 0]])
    assert cut.cells is not None
    assert cut.control_mean is not None
    assert cut.control_sd is not None
    assert list(cut.cells) == [40, 10]
    assert list(cut.control_mean) == [3, 1]
    np.testing.assert_allclose(cut.control_sd, [0.3, 0.1], rtol=1e-6)
    everything = screen.select()
    assert everything.fingerprint == screen.fingerprint


@pytest.mark.parametrize("kind", ["perturbation", "gene"])
def test_select_names_what_is_missing(kind: str) -> None:
    with pytest.raises(InputError, match=f"Screen K562 has no {kind} NOPE"):
        make().select(**{f"{kind}s": ["NOPE"]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": np.ones((3, 4))}, "4 x 3 values of response"),
        (
            {"response": np.ones((0, 3)), "perturbations": [], "cells": None},
            "0 perturbation.s. and 3 gene.s.",
        ),
        ({"perturbations": ["A", "B", "A", "C"]}, "every perturbation once.*1 repeated: A"),
        ({"genes": ["A", "B", "B"]}, "every gene once.*1 repeated: B"),
        ({"control_mean": [1.0]}, "3 values of control_mean"),
        ({"control_sd": [1.0] * 4}, "3 values of control_sd"),
        ({"cells": [1.0] * 3}, "4 values of cells"),
        ({"response": np.full((4, 3), np.nan)}, "4 row"),
        ({"response": np.array([[0, 0, np.inf]] + [[0.0] * 3] * 3)}, "1 row"),
    ],
)
def test_refuses_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"line": "RPE1"},
        {"unit": "score"},
        {"response": np.zeros((4, 3))},
        {"perturbations": ["AARS", "HLA-A", "NKX2-1", "TP54"]},
        {"genes": ["A", "B", "D"]},
        {"control_mean": None},
        {"control_sd": [0.1, 0.2, 0.4]},
        {"cells": [10, 20, 30, 41]},
    ],
)
def test_fingerprint_follows_the_content(changes: dict[str, Any]) -> None:
    assert make().fingerprint == make().fingerprint
    assert make(**changes).fingerprint != make().fingerprint


def test_fingerprint_ignores_the_story_but_follows_an_identity() -> None:
    assert make(provenance={"source": "told otherwise"}).fingerprint == make().fingerprint
    recipe = make(provenance={"identity": ["recipe", 1]})
    other_bits = make(provenance={"identity": ["recipe", 1]}, response=make().response + 1e-6)
    assert recipe.fingerprint == other_bits.fingerprint
    assert recipe.fingerprint != make(provenance={"identity": ["recipe", 2]}).fingerprint
    assert recipe.select(genes=["A"]).fingerprint != recipe.select(genes=["B"]).fingerprint


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.h5ad"
    make().save(path)
    data = anndata.read_h5ad(path)
    data.uns["llmpert"]["version"] = 99
    data.write_h5ad(path)
    with pytest.raises(InputError, match=r"old\.h5ad: expected screen format 1, found format 99"):
        read_screen(path)


def test_a_mark_without_its_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.h5ad"
    make().save(path)
    data = anndata.read_h5ad(path)
    del data.uns["llmpert"]["provenance"]
    data.write_h5ad(path)
    with pytest.raises(InputError, match=r"cut\.h5ad: expected a screen written by llmpert"):
        read_screen(path)


def test_unmarked_data_is_refused() -> None:
    with pytest.raises(InputError, match="without its mark"):
        Screen.from_anndata(anndata.AnnData(np.zeros((1, 1), dtype=np.float32)), "some.h5ad")


def test_replace_checks_again() -> None:
    with pytest.raises(InputError):
        replace(make(), genes=["A", "A", "B"])
