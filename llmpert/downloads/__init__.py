"""Public data: a registry of sources, and their download."""

from llmpert.downloads.folder import (
    BytesProgress,
    Notify,
    download,
    download_fields,
    download_of,
    downloads,
    missing_bytes,
    presence,
)
from llmpert.downloads.registry import PublicFile, Registry, format_bytes, read_registry

__all__ = [
    "BytesProgress", "Notify", "PublicFile", "Registry", "download", "download_fields",
    "download_of", "downloads", "format_bytes", "missing_bytes", "presence", "read_registry",
]  # fmt: skip
