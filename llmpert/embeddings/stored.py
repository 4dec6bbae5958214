"""llmpert's own file of an embedding: Parquet with one row a gene, provenance beside it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from llmpert.embeddings.embedding import Embedding
from llmpert.errors import InputError
from llmpert.io.atomic import atomic_path
from llmpert.io.names import Remarks, check_remarks, parse_object
from llmpert.io.reading import as_input_error, check_version, require_file
from llmpert.io.tables import refuse_oversized

FORMAT = "llmpert-embedding"
FORMAT_VERSION = 1
EXPECTED = "an embedding written by llmpert"


def save_embedding(embedding: Embedding, path: str | Path) -> None:
    """Write columns `gene` and `vector` (float32); a file is replaced only by a complete one."""
    numbers = pa.array(embedding.vectors.ravel())
    vectors = pa.FixedSizeListArray.from_arrays(numbers, embedding.dimensions)
    mark = {"format": FORMAT, "version": FORMAT_VERSION}
    head = {**mark, "name": embedding.name, "provenance": embedding.provenance}
    columns = {"gene": pa.array(embedding.genes, pa.string()), "vector": vectors}
    table = pa.table(columns, metadata={"llmpert": json.dumps(head)})
    with atomic_path(path) as temporary:
        # The leading bytes of numbers are alike: together they take less space.
        streams = {"use_dictionary": False, "use_byte_stream_split": ["vector.list.element"]}
        pq.write_table(table, temporary, compression="zstd", **streams)


def is_stored(path: Path) -> bool:
    """Whether `save_embedding` wrote this file, in any version of the format."""
    try:
        return _mark(pq.read_schema(path)).get("format") == FORMAT
    except (pa.ArrowException, OSError):
        return False


def load_embedding(path: str | Path) -> Embedding:
    """Read what `save_embedding` wrote in this version; an InputError refuses any other file."""
    path = require_file(path)
    with as_input_error(path, EXPECTED):
        name, dimensions, provenance = read_head(path, pq.read_schema(path))
        refuse_oversized(path, _is_vector)
        table = pq.read_table(path, columns=["gene", "vector"])
        numbers = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        genes = table["gene"].to_numpy()
        return Embedding(name, genes, numbers.reshape(len(table), dimensions), provenance)


def read_head(path: Path, schema: pa.Schema) -> tuple[str, int, dict[str, Any]]:
    """Return the name, the numbers of each gene's vector, and the provenance in a file's schema.

    Raises:
        ValueError: Another program or version wrote it, or a part of it cannot be used.
    """
    head = _mark(schema)
    if head.get("format") != FORMAT:
        raise InputError.of_file(path, EXPECTED, "no mark of it")
    check_version(path, "embedding", head.get("version"), FORMAT_VERSION)
    kind = schema.field("vector").type
    if not _is_vector(kind):
        raise ValueError(f"vectors of type {str(kind)[:40]}")
    return str(head["name"]), kind.list_size, check_remarks(path, head["provenance"])


def _is_vector(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)


def _mark(schema: pa.Schema) -> Remarks:
    """What llmpert wrote about the file; empty where it did not write it."""
    try:
        return parse_object((schema.metadata or {}).get(b"llmpert", b"{}"))
    except ValueError:
        return Remarks()
