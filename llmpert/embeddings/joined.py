"""Several embeddings as one input that keeps its parts apart."""

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from llmpert.errors import InputError

if TYPE_CHECKING:
    from llmpert.embeddings.pca import PrincipalComponents

COPY = "copy"
"""The part that holds a source's own numbers (`JoinedInput.copying`)."""


class JoinedInput:
    """Principal components of each source side by side: `parts` is source -> slice of columns.

    Every source is reduced and scaled on its own, so none outweighs another by its units or its
    number of dimensions. Models that see one matrix read the whole of it; models with a part of
    their own for each source read `parts`. `n_components` are kept of each source at most.
    """

    _copied: tuple[str, np.ndarray] | None = None

    def __init__(self, n_components: int = 50) -> None:
        self.n_components = n_components

    def fit(self, sources: Mapping[str, np.ndarray]) -> "JoinedInput":
        """Fit each source's components to its vectors (genes x dimensions).

        Raises:
            InputError: No component was asked for, or all vectors of a source are equal.
        """
        # It brings scikit-learn, which pages that only show data need not wait for.
        from llmpert.embeddings.pca import PrincipalComponents

        found = {}
        for name, vectors in sources.items():
            try:
                found[name] = PrincipalComponents(self.n_components).fit(vectors)
            except InputError as error:
                raise InputError(f"Embedding {name}: {error}") from error
        return self.of(found)

    def of(self, components: "Mapping[str, PrincipalComponents]") -> "JoinedInput":
        """Take fitted components of each source."""
        self.components_ = dict(components)
        self.parts: dict[str, slice] = {}
        stop = 0
        for name, one in components.items():
            start, stop = stop, stop + one.n_components_
            self.parts[name] = slice(start, stop)
        return self

    def copying(self, name: str, columns: np.ndarray) -> "JoinedInput":
        """Return one that ends with numbers of a source as they are, in a part named `COPY`.

        Args:
            name: The source.
            columns: Which of its numbers, in this order; NaN stands for one of -1.
        """
        one, stop = copy(self), sum(pca.n_components_ for pca in self.components_.values())
        one._copied = name, columns
        one.parts = self.parts | {COPY: slice(stop, stop + len(columns))}
        return one

    def transform(self, sources: Mapping[str, np.ndarray]) -> np.ndarray:
        """Project vectors of the same sources: float64, genes x sum of components (and copies)."""
        found = [pca.transform(sources[name]) for name, pca in self.components_.items()]
        if self._copied is not None:
            name, columns = self._copied
            found.append(np.where(columns < 0, np.nan, sources[name][:, columns]))
        return np.hstack(found)
