"""Text embeddings from GenePT's files: what language models make of each gene's description.

Chen and Zou (2024), "Simple and effective embedding model for single-cell biology built from
ChatGPT", Nature Biomedical Engineering; preprint doi:10.1101/2023.10.16.562533.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from llmpert.embeddings.embedding import Embedding, assemble, stand_in
from llmpert.embeddings.plain_pickle import read_named_vectors
from llmpert.errors import InputError
from llmpert.io.names import is_plain, preview
from llmpert.io.reading import require_file

MODELS = {1536: "text-embedding-ada-002", 3072: "text-embedding-3-large"}
"""Numbers a gene -> the model behind GenePT's files of that length."""


def read_genept(path: str | Path, name: str = "text") -> Embedding:
    """Read a pickled dict of gene symbol -> list of numbers or NumPy vector, also gzipped.

    Nothing in the file can run (see `plain_pickle`). Vectors of another length than GenePT's 1,536
    or 3,072 are marked as a stand-in for them. See `assemble` for the genes that are left out.

    Raises:
        InputError: The file is missing, damaged, asks for anything to be run, or holds vectors of
            unequal length.
    """
    path = require_file(path)
    vectors, none = read_named_vectors(path)
    usual = Counter(map(len, vectors.values())).most_common(1)[0][0]
    others = [f"{gene} with {len(v):,}" for gene, v in vectors.items() if len(v) != usual]
    if others:
        expected = f"{usual:,} numbers for every gene, as most have"
        raise InputError.of_file(path, expected, preview(others))
    genes, matrix = list(vectors), np.stack(list(vectors.values()))
    none = [gene for gene in none if is_plain(gene)]
    notes = (
        [f"{len(none):,} gene(s) without numbers were left out: {preview(none)}."] if none else []
    )
    del vectors  # a large file's numbers are not kept twice while the embedding is built
    if usual in MODELS:
        source = "GenePT (Chen and Zou 2024, doi:10.1101/2023.10.16.562533)"
        known = {"source": source, "model": MODELS[usual], "notes": notes}
        return assemble(path, name, genes, matrix, known)
    own = " or ".join(f"{model} ({length:,})" for length, model in MODELS.items())
    provenance = stand_in("GenePT", f"{usual:,} numbers a gene: not GenePT's own {own} vectors.")
    provenance["notes"] += notes
    return assemble(path, name, genes, matrix, provenance)
