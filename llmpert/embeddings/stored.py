"""llmpert's own file of an embedding: Parquet with one row a gene, provenance beside it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.embeddings.embedding import Embedding
from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.io.parquet import refuse_oversized
from llmpert.io.reading import as_input_error, check_version, require_file
from llmpert.io.remarks import check_remarks, parse_json

FORMAT = "llmpert-embedding"
FORMAT_VERSION = 1


def save_embedding(embedding: Embedding, path: str | Path) -> None:
    """Write columns `gene` and `vector` (float32); a file is replaced only by a complete one."""
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(embedding.vectors.ravel()), embedding.dimensions
    )
    head = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": embedding.name,
        "provenance": embedding.provenance,
    }
    table = pa.table(
        {"gene": pa.array(embedding.genes, pa.string()), "vector": vectors},
        metadata={"llmpert": json.dumps(head)},
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False)


def is_stored(path: Path) -> bool:
    """Whether `save_embedding` wrote this file, in any version of the format."""
    try:
        head = _head(pq.read_schema(path))
    except (pa.ArrowException, OSError, ValueError):
        return False
    return head.get("format") == FORMAT


def load_embedding(path: str | Path) -> Embedding:
    """Read what `save_embedding` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged, not written by llmpert or of another version.
    """
    path = require_file(path)
    with as_input_error(path, "an embedding written by llmpert"):
        head = _head(pq.read_schema(path))
        if head.get("format") != FORMAT:
            raise InputError.of_file(path, "an embedding written by llmpert", "no mark of it")
        check_version(path, "embedding", head.get("version"), FORMAT_VERSION)
        refuse_oversized(path, pa.types.is_fixed_size_list)
        table = pq.read_table(path, columns=["gene", "vector"])
        vectors = table["vector"].combine_chunks()
        numbers = vectors.flatten().to_numpy(zero_copy_only=False)
        return Embedding(
            name=str(head["name"]),
            genes=table["gene"].to_numpy(),
            vectors=numbers.reshape(len(table), vectors.type.list_size),
            provenance=check_remarks(path, head["provenance"]),
        )


def _head(schema: pa.Schema) -> dict:
    """What llmpert wrote about the file; empty where it did not write it."""
    try:
        head = parse_json((schema.metadata or {}).get(b"llmpert", b"{}"))
    except ValueError:
        return {}
    return head if isinstance(head, dict) else {}
