"""Sequence embeddings from UniProt's files: ProtT5's mean over each protein's residues.

Elnaggar et al. (2022), "ProtTrans: Toward understanding the language of life through
self-supervised learning", IEEE TPAMI, doi:10.1109/TPAMI.2021.3095381; vectors computed and
distributed by UniProt (uniprot.org/help/embeddings).
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from llmpert.embeddings.embedding import Embedding, assemble, stand_in
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.io.hdf5 import contents, open_hdf5, values_of
from llmpert.io.limits import MOST_VALUES, refuse_more
from llmpert.io.names import preview
from llmpert.io.reading import as_input_error, require_file

DIMENSIONS = 1024
UNIPROT: dict[str, Any] = {
    "source": "UniProt protein embeddings (uniprot.org/help/embeddings)",
    "model": "ProtT5-XL-UniRef50",
    "licence": "CC BY 4.0",
}


def read_prott5(
    path: str | Path, name: str = "sequence", genes: GeneTable | None = None
) -> Embedding:
    """Read UniProt's `per-protein.h5`: one dataset an accession, all of one length.

    Accessions become gene symbols through `genes` (the shipped table where None). A protein that
    several genes encode, such as histone H4, is the protein of each. Of several proteins of one
    gene one speaks for it: accessions of six characters before the longer ones, those that start
    with O, P or Q before the rest (the older ones, mostly reviewed), then in alphabetical order.
    Proteins whose accession belongs to no gene are left out and noted. Vectors of another length
    than ProtT5's 1,024 are marked as a stand-in for them.

    Raises:
        InputError: The file is missing, damaged, holds vectors of unequal length or anything else,
            or no accession names a gene.
    """
    path = require_file(path)
    accessions, vectors = _read(path)
    table = genes or GeneTable.shipped()
    speaker: dict[str, int] = {}
    unknown: list[str] = []
    others: list[str] = []

    def rank(row: int) -> tuple[bool, bool, str]:
        accession = accessions[row]
        return len(accession) != 6, not accession.startswith(("O", "P", "Q")), accession

    for row in sorted(range(len(accessions)), key=rank):
        found = table.resolve(accessions[row])
        symbols = found.candidates if found.gene is None else (found.gene.symbol,)
        # The same letters as a symbol or alias say nothing of a protein.
        if found.how != "uniprot" or not symbols:
            unknown.append(accessions[row])
        elif all(symbol in speaker for symbol in symbols):
            others.append(f"{accessions[row]} ({', '.join(symbols)})")
        else:
            speaker |= {symbol: row for symbol in symbols if symbol not in speaker}
    notes = []
    if unknown:
        notes.append(
            f"{len(unknown):,} of {len(accessions):,} protein(s) belong to no gene of the gene"
            f" table and were left out: {preview(unknown)}."
        )
    if others:
        notes.append(
            f"{len(others):,} further protein(s) of genes with several were left out:"
            f" {preview(others)}."
        )
    if not speaker:
        raise InputError.of_file(path, "UniProt accessions of human genes", " ".join(notes)[:-1])
    numbers = vectors.shape[1]
    warning = f"{numbers:,} numbers a protein: not UniProt's ProtT5 ({DIMENSIONS:,}) vectors."
    provenance = stand_in("UniProt", warning) if numbers != DIMENSIONS else dict(UNIPROT)
    provenance["notes"] = [*provenance.get("notes", ()), *notes]
    return assemble(path, name, list(speaker), vectors[list(speaker.values())], provenance)


def _read(path: Path) -> tuple[list[str], np.ndarray]:
    """Accessions and their vectors, in the file's order."""
    expected = "an HDF5 file of one vector of numbers a UniProt accession"
    with as_input_error(path, expected), open_hdf5(path) as file:
        accessions = list(file)
        if not accessions:
            raise InputError.of_file(path, expected, "nothing in it")
        for row, (accession, item) in enumerate(contents(file, path)):
            if not isinstance(item, h5py.Dataset):
                raise InputError.of_file(path, expected, f"a group under {accession}")
            if item.ndim != 1 or not item.size or item.dtype.kind not in "fiu":
                found = f"{item.dtype} of shape {item.shape} under {accession}"
                raise InputError.of_file(path, expected, found)
            whole = values_of(item) * len(accessions)
            refuse_more(path, MOST_VALUES, "numbers", whole, counted=False)
            if not row:
                vectors = np.empty((len(accessions), item.size), dtype=np.float32)
            elif item.size != vectors.shape[1]:
                first = f"{accessions[0]} has {vectors.shape[1]:,} numbers"
                found = f"{accession} with {item.size:,}"
                raise InputError.of_file(path, f"vectors of one length ({first})", found)
            item.read_direct(vectors, dest_sel=np.s_[row])
    return accessions, vectors
