"""Public data: what there is, and how it gets here."""

from llmpert.downloads.folder import download, downloads, missing_bytes, presence
from llmpert.downloads.provenance import download_fields, download_of, verified
from llmpert.downloads.registry import Registry, Source, read_registry, readable

__all__ = [
    "Registry",
    "Source",
    "download",
    "download_fields",
    "download_of",
    "downloads",
    "missing_bytes",
    "presence",
    "read_registry",
    "readable",
    "verified",
]  # fmt: skip
