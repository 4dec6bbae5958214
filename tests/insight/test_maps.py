import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from llmpert.errors import InputError
from llmpert.insight import maps


@pytest.fixture
def vectors():
    """Three tight groups of 30, far apart, at different lengths."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(3, 12)), 30, axis=0)
    rows = centres + 0.05 * rng.normal(size=centres.shape)
    return (rows * rng.uniform(0.5, 2, size=(90, 1))).astype(np.float32)


def test_pca_is_that_of_the_directions(vectors):
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    reference = PCA(2).fit(directions)
    found = maps.pca(vectors)
    ratio = found.points / reference.transform(directions)
    # The same up to one unit for both axes and each axis' direction.
    np.testing.assert_allclose(np.abs(ratio), np.abs(ratio[0, 0]), rtol=1e-4)
    shares = reference.explained_variance_ratio_
    assert found.axes == tuple(f"PC {i + 1} ({shares[i]:.1%} of variance)" for i in range(2))


def test_vectors_on_a_line_have_no_second_component():
    vectors = np.array([[1.0, 1.0], [1.0, -1.0]] * 4)
    found = maps.pca(vectors)
    assert found.points.shape == (8, 2)
    assert not found.points[:, 1].any()
    assert found.axes[1] == "PC 2 (0.0% of variance)"


def test_equal_vectors_are_a_sentence():
    with pytest.raises(InputError, match="different directions"):
        maps.pca(np.ones((5, 3)))


def test_umap_keeps_groups_together_and_repeats(vectors):
    pytest.importorskip("umap")
    few = vectors[::8]
    one, two = maps.umap(few), maps.umap(few)
    np.testing.assert_array_equal(one.points, two.points)
    groups = one.points.reshape(3, 4, 2)
    within = np.linalg.norm(groups - groups.mean(axis=1, keepdims=True), axis=2).max()
    assert pdist(groups.mean(axis=1)).min() > 2 * within
    fewer = maps.umap(vectors[::18])
    assert fewer.points.shape == (5, 2)
    assert np.isfinite(fewer.points).all()


def test_pca_distances_follow_those_of_the_directions(vectors):
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert spearmanr(pdist(maps.pca(vectors).points), pdist(directions)).statistic > 0.9


def test_a_stored_map_is_not_made_again(vectors, tmp_path, monkeypatch):
    first = maps.read_or_make("PCA", vectors, tmp_path)

    def refuse(given):
        raise AssertionError("made again")

    monkeypatch.setitem(maps.METHODS, "PCA", refuse)
    again = maps.read_or_make("PCA", vectors, tmp_path)
    np.testing.assert_array_equal(again.points, first.points)
    assert again.axes == first.axes
    with pytest.raises(AssertionError, match="made again"):
        maps.read_or_make("PCA", vectors + 1, tmp_path)


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_replaced(vectors, tmp_path, caplog, damage):
    first = maps.read_or_make("PCA", vectors, tmp_path)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:60] if damage is None else damage)
    again = maps.read_or_make("PCA", vectors, tmp_path)
    np.testing.assert_allclose(again.points, first.points)
    assert "damaged" in caplog.text
    np.testing.assert_allclose(maps.Map.load(path).points, first.points)


def test_a_fault_of_the_program_is_no_damaged_file(vectors, tmp_path, monkeypatch):
    maps.read_or_make("PCA", vectors, tmp_path)
    monkeypatch.delattr(maps.Map, "load")
    with pytest.raises(AttributeError):
        maps.read_or_make("PCA", vectors, tmp_path)
