"""Public data: what there is, and how it gets here."""

from llmpert.sources.folder import download, downloads, missing_bytes, presence
from llmpert.sources.provenance import download_of, told, verified
from llmpert.sources.registry import Registry, Source, read_registry, readable

__all__ = [
    "Registry", "Source", "download", "download_of", "downloads", "missing_bytes", "presence",
    "read_registry", "readable", "told", "verified",
]  # fmt: skip
