"""An embedding of a table of features: principal components of numbers and categories."""

from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from llmpert.embeddings.embedding import Embedding, assemble, made_of
from llmpert.embeddings.tables import Features, read_features
from llmpert.errors import InputError
from llmpert.io.names import plain, preview


def embed_features(features: Features, dimensions: int) -> tuple[np.ndarray, list[str]]:
    """Return principal components of features, and notes on what of them was not used.

    Every column of numbers, and every kind of a category, is scaled to mean 0 and variance 1, so
    that no unit counts more than another. An unknown number is taken as the column's mean. Genes of
    which nothing is known get NaN.

    Returns:
        Genes x at most `dimensions`.
    """
    numbers, notes = features.numbers.to_numpy(np.float64, copy=True), []
    numbers[~np.isfinite(numbers)] = np.nan
    names, values = [*map(str, features.numbers)], [numbers]
    if features.categories.shape[1]:
        encoder = OneHotEncoder(sparse_output=False, dtype=np.float64)
        kinds = encoder.fit_transform(features.categories)
        given = [str(kind) != "" for found in encoder.categories_ for kind in found]
        names += [*encoder.get_feature_names_out()[given]]
        values.append(kinds[:, given])
    every = np.hstack(values)
    varies = np.fmax.reduce(every) > np.fmin.reduce(every)
    if not varies.all():
        constant = [plain(name) for name, one in zip(names, varies, strict=True) if not one]
        said = f"{len(constant):,} column(s) that are the same for all genes were left out"
        notes.append(f"{said}: {preview(constant)}.")
    # Of a gene whose category is unknown, all kinds are 0.
    told = ~np.isnan(every) & (np.arange(every.shape[1]) < numbers.shape[1]) | (every == 1)
    known = told[:, varies].any(axis=1)
    rows = every[known][:, varies]
    if not rows.size:
        return np.empty((len(every), 0)), notes
    if gaps := int(np.isnan(rows).sum()):
        share = f"{gaps / rows.size:.1%}"
        notes.append(f"{gaps:,} unknown numbers ({share}) count as the mean of their column.")
    components = PCA(min(dimensions, *rows.shape), random_state=0)
    found = np.full((len(every), components.n_components), np.nan)
    found[known] = make_pipeline(SimpleImputer(), StandardScaler(), components).fit_transform(rows)
    return found, notes


def features_embedding(path: str | Path, name: str, dimensions: int = 128) -> Embedding:
    """Return the embedding of a table of features of genes.

    Raises:
        InputError: As `read_features`, or all columns are constant.
    """
    path = Path(path)
    features = read_features(path)
    vectors, notes = embed_features(features, dimensions)
    if not vectors.shape[1]:
        found = "none: each is the same for all genes"
        raise InputError.of_file(path, "columns that differ between genes", found)
    count = features.numbers.shape[1], features.categories.shape[1]
    steps = [
        *features.steps,
        f"{vectors.shape[1]} principal components of {count[0]:,} column(s) of numbers and"
        f" {count[1]:,} of categories, each scaled to variance 1.",
    ]
    known = made_of(path, "table", "principal components", steps, [*features.notes, *notes])
    return assemble(path, name, features.genes, vectors, known, header=features.header)
