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
from llmpert.io.remarks import JsonObject, check_remarks, parse_object

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

    Raises:
        InputError: The file is missing, damaged, not written by llmpert or of another version.
    """
    path = require_file(path)
    expected = "an embedding written by llmpert"
    with as_input_error(path, expected):
        head = _head(pq.read_schema(path))
        if head.get("format") != FORMAT:
            raise InputError.of_file(path, expected, "no mark of it")
        check_version(path, "embedding", head.get("version"), FORMAT_VERSION)
        refuse_oversized(path, _is_vector)
        table = pq.read_table(path, columns=["gene", "vector"])
        columns = vector_length(table.schema)
        numbers = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        matrix = numbers.reshape(len(table), columns)
        genes = table["gene"].to_numpy()
        return Embedding(str(head["name"]), genes, matrix, check_remarks(path, head["provenance"]))


def vector_length(schema: pa.Schema) -> int:
    """Return the numbers of each gene's vector in a file of this schema.

    Raises:
        ValueError: It has no vectors of one length.
    """
    kind = schema.field("vector").type
    if not _is_vector(kind):
        raise ValueError(f"vectors of type {str(kind)[:40]}")
    return kind.list_size


def _is_vector(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)


def _head(schema: pa.Schema) -> JsonObject:
    """What llmpert wrote about the file; empty where it did not write it."""
    try:
        return parse_object((schema.metadata or {}).get(b"llmpert", b"{}"))
    except ValueError:
        return JsonObject()
