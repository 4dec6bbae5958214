"""Maps: perturbations in two dimensions, near each other where their vectors point alike."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from llmpert.evaluation.store import DAMAGE
from llmpert.io.atomic import atomic_path
from llmpert.io.hashing import fingerprint

log = logging.getLogger(__name__)

VERSION = 1
"""Raised whenever the same vectors give another map, so that stored ones are not used."""

COMPONENTS = 50
"""Principal components that UMAP starts from: as many as the models see."""

NEIGHBOURS = 15
"""How many nearest neighbours UMAP keeps near: its own default."""


@dataclass(frozen=True, eq=False)
class Map:
    """Places of N perturbations, N x 2, and what the two axes are."""

    points: np.ndarray
    axes: tuple[str, str]

    def table(self, names: Sequence[str] | np.ndarray | pd.Series) -> pd.DataFrame:
        """Return where each of N names is: columns gene, x, y."""
        return pd.DataFrame({"gene": names, "x": self.points[:, 0], "y": self.points[:, 1]})

    def save(self, path: Path) -> None:
        """Write as `.npz`, atomically."""
        with atomic_path(path) as temporary:
            np.savez(temporary, points=self.points, axes=np.array(self.axes, dtype=str))

    @classmethod
    def load(cls, path: Path) -> "Map":
        """Read back what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            points, (first, second) = arrays["points"], arrays["axes"].tolist()
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise ValueError(f"{path} holds no map")
        return cls(points, (first, second))


def pca(vectors: np.ndarray) -> Map:
    """Place N vectors by the first two principal components of their directions.

    Vectors are scaled to length 1 first, as for the models, and an `InputError` is raised where all
    point alike. Of responses a map then shows which genes respond, not how strongly.
    """
    points, shares = _components(vectors, 2)
    # Vectors that differ in one direction only have no second component.
    missing = 2 - points.shape[1]
    first, second = np.pad(shares, (0, missing))
    return Map(
        np.pad(points, ((0, 0), (0, missing))),
        (f"PC 1 ({first:.1%} of variance)", f"PC 2 ({second:.1%} of variance)"),
    )


def umap(vectors: np.ndarray) -> Map:
    """Place vectors by UMAP (McInnes, Healy & Melville 2018) of their first 50 components of `pca`.

    Its axes have no unit, and distances between far groups no meaning. The same vectors give the
    same map on one machine.
    """
    # It compiles itself on import, which takes seconds.
    from umap import UMAP

    inputs, _ = _components(vectors, COMPONENTS)
    neighbours = min(NEIGHBOURS, len(inputs) - 1)
    # The spectral start needs more points than the graph's neighbourhoods; so do trees.
    start = "spectral" if len(inputs) > NEIGHBOURS else "random"
    reducer = UMAP(n_neighbors=neighbours, init=start, random_state=0, n_jobs=1)
    return Map(np.asarray(reducer.fit_transform(inputs), dtype=np.float64), ("UMAP 1", "UMAP 2"))


METHODS: dict[str, Callable[[np.ndarray], Map]] = {"PCA": pca, "UMAP": umap}
"""Ways to make a map, by the name people know them by."""

_LIBRARIES = {"PCA": "scikit-learn", "UMAP": "umap-learn"}


def read_or_make(method: str, vectors: np.ndarray, folder: Path) -> Map:
    """Return a map by one of `METHODS`: from its file in `folder`, or computed and stored there.

    Another version of the method's library makes another file. A damaged file is replaced.
    """
    key = fingerprint(VERSION, method, version(_LIBRARIES[method]), np.asarray(vectors))
    path = folder / f"{key}.npz"
    if path.exists():
        try:
            return Map.load(path)
        except DAMAGE as error:
            log.warning("damaged map replaced", extra={"file": str(path), "reason": str(error)})
    found = METHODS[method](vectors)
    found.save(path)
    return found


def _components(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading principal components of the directions, and their shares of variance."""
    # It brings scikit-learn, which a stored map does not need.
    from llmpert.embeddings.pca import PrincipalComponents

    found = PrincipalComponents(count).fit(vectors)
    return found.transform(vectors), found.explained_variance_ratio_
