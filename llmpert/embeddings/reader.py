"""Read an embedding file, by the reader that its format asks for."""

from dataclasses import replace
from pathlib import Path

from llmpert.downloads import download_of
from llmpert.embeddings import arrays, tables
from llmpert.embeddings.embedding import Embedding
from llmpert.embeddings.genept import read_genept
from llmpert.embeddings.h5ad import read_embedding_anndata
from llmpert.embeddings.prott5 import read_prott5
from llmpert.embeddings.stored import is_stored, load_embedding
from llmpert.errors import InputError
from llmpert.genes import GeneTable
from llmpert.io.names import without_identity
from llmpert.io.reading import naming, require_file

PICKLES = (".pickle", ".pkl", ".pickle.gz", ".pkl.gz")
HDF5 = (".h5", ".hdf5")
ANNDATA = ".h5ad"
FORMATS = (*PICKLES, *HDF5, ANNDATA, *arrays.FORMATS, *tables.FORMATS)
TORCH = (
    "PyTorch can run code while it loads a file, so it is not read here: if you trust it, in Python"
    " `tensor = torch.load(file)`, then `numpy.savez(…, genes=names, vectors=tensor.numpy())`"
)
DECLINED = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), TORCH),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV UTF-8"),
    **dict.fromkeys((".rds", ".rdata", ".rda"), "in R: `write.csv(x, …)`"),
    **dict.fromkeys((".zip", ".tar.gz", ".tgz"), "unpack it and give the file in it"),
    ".json": "in Python: `pandas.DataFrame(json.load(open(file))).T.to_parquet(…)`",
    ".feather": "in Python: `pandas.read_feather(file).to_parquet(…)`",
}
"""Endings of other files of vectors -> the way out."""


def read_embedding(path: str | Path, name: str, genes: GeneTable | None = None) -> Embedding:
    """Read an embedding by what the file is.

    - `.pickle`, `.pkl` (also `.gz`): GenePT's dict of symbol -> numbers (`read_genept`)
    - `.h5`, `.hdf5`: UniProt's per-protein vectors (`read_prott5`)
    - `.parquet` written by llmpert (`load_embedding`)
    - `.parquet`, `.csv`, `.tsv` (also `.gz`), `.npz`: tables (`read_embedding_table`)

    `provenance["download"]` is what `llmpert.downloads.download_of` knows of the file, if anything.

    Args:
        name: What the source is to be called; a file written by llmpert is renamed to it.
        genes: Turns UniProt accessions into symbols; the shipped table where None.

    Raises:
        InputError: The file is missing, damaged, of another format, or not what its format
            promises.
    """
    path = require_file(path)
    # Members of GenePT's archive can end in a stray dot.
    file = path.name.lower().rstrip(".")
    with naming(path):
        if file.endswith(PICKLES):
            embedding = read_genept(path, name)
        elif file.endswith(HDF5):
            embedding = read_prott5(path, name, genes)
        elif file.endswith(".parquet") and is_stored(path):
            stored = load_embedding(path)
            known = without_identity(stored.provenance)
            embedding = replace(stored, name=name, provenance=known)
        elif file.endswith(tables.FORMATS):
            embedding = tables.read_embedding_table(path, name)
        elif file.endswith(arrays.FORMATS):
            embedding = arrays.read_embedding_arrays(path, name)
        elif file.endswith(ANNDATA):
            embedding = read_embedding_anndata(path, name)
        else:
            expected = f"a file of embeddings ({', '.join(FORMATS)})"
            do = next((f"; {way}" for end, way in DECLINED.items() if file.endswith(end)), "")
            raise InputError.of_file(path, expected, f"another kind{do}")
    if download := download_of(path):
        embedding.provenance["download"] = download
    return embedding
