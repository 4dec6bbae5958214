"""Text embeddings from GenePT's files: what language models make of each gene's description.

Chen and Zou (2024), "Simple and effective embedding model for single-cell biology built from
ChatGPT", Nature Biomedical Engineering; preprint doi:10.1101/2023.10.16.562533.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from llmpert.embeddings.assemble import assemble
from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.plain_pickle import read_named_vectors
from llmpert.errors import InputError
from llmpert.io.names import preview
from llmpert.io.reading import require_file

MODELS = {1536: "text-embedding-ada-002", 3072: "text-embedding-3-large"}
"""Numbers a gene -> the model behind GenePT's files of that length."""


def read_genept(path: str | Path, name: str = "text") -> Embedding:
    """Read a pickled dict of gene symbol -> list of numbers or NumPy vector.

    The file is read as data; nothing in it can run (see `plain_pickle`). Genes without text (zeros
    only in GenePT's files) or with missing numbers are left out and noted. Vectors of another
    length than GenePT's 1,536 or 3,072 are marked as a stand-in for them.

    Raises:
        InputError: The file is missing, damaged, asks for anything to be run, or holds vectors of
            unequal length.
    """
    path = require_file(path)
    vectors = read_named_vectors(path)
    lengths = Counter(len(vector) for vector in vectors.values())
    usual = lengths.most_common(1)[0][0]
    if len(lengths) > 1:
        others = [f"{gene} with {len(v):,}" for gene, v in vectors.items() if len(v) != usual]
        raise InputError.of_file(
            path, f"{usual:,} numbers for every gene, as most have", preview(others)
        )
    genes, matrix = list(vectors), np.stack(list(vectors.values()))
    del vectors  # a large file's numbers are not kept twice while the embedding is built
    return assemble(path, name, genes, matrix, _provenance(usual))


def _provenance(dimensions: int) -> dict[str, object]:
    if dimensions in MODELS:
        return {
            "source": "GenePT (Chen and Zou 2024, doi:10.1101/2023.10.16.562533)",
            "model": MODELS[dimensions],
        }
    return {
        "source": "a file in GenePT's format",
        "stand_in": True,
        "notes": [
            f"{dimensions:,} numbers a gene: not GenePT's own"
            + " or".join(f" {model} ({length:,})" for length, model in MODELS.items())
            + " vectors."
        ],
    }
