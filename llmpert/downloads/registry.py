"""What can be downloaded: public files with their licence and how to know that they are whole."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from llmpert.errors import InputError
from llmpert.io.paths import shipped


@dataclass(frozen=True)
class PublicFile:
    """A public file.

    Attributes:
        key: What it is asked for by.
        what, kind: What it is, for biologists, and such as "raw bulk screen", "single cells".
        url, file: Where it is, and what it is called there.
        size: In bytes; about right where there is no `md5`.
        licence, citation: Of the publication.
        md5: As published, hex; "" where it changes with releases or is not published.
        metalink: Where size and MD5 of the newest release are; "" where nowhere.
        member, unpacked: The one file kept of an archive, and its bytes; else "" and 0.
        line, embedding: Cell line of a screen, or what `import` calls an embedding.
    """

    key: str
    what: str
    kind: str
    url: str
    file: str
    size: int
    licence: str
    citation: str
    md5: str = ""
    metalink: str = ""
    member: str = ""
    unpacked: int = 0
    line: str = ""
    embedding: str = ""

    @property
    def name(self) -> str:
        """Name of the file that stays."""
        return self.member or self.file


@dataclass(frozen=True)
class Expected:
    """Published size in bytes and MD5 in hex of a file; None where not published."""

    size: int | None
    md5: str | None


@dataclass(frozen=True)
class Registry:
    """All public files by key."""

    sources: Mapping[str, PublicFile]

    def choose(self, keys: Iterable[str]) -> list[PublicFile]:
        """Return the files of these keys, each once, in their order; an InputError of others."""
        chosen = list(dict.fromkeys(keys))
        unknown = [key for key in chosen if key not in self.sources]
        if unknown:
            raise InputError(f"Expected one of {', '.join(self.sources)}, found {unknown[0]!r}.")
        return [self.sources[key] for key in chosen]


def read_registry() -> Registry:
    """Read the list that `LLMPERT_SOURCES` names, such as a lab's mirror, or the shipped one."""
    path = Path(os.environ.get("LLMPERT_SOURCES") or shipped() / "sources.toml")
    return _parsed(path.read_text("utf-8"))


@lru_cache(maxsize=1)
def _parsed(text: str) -> Registry:
    """Pages ask for the list in every run."""
    content, files = tomllib.loads(text), {}
    for key, entry in content["sources"].items():
        publication = content["publications"][entry.pop("publication")]
        files[key] = PublicFile(key=key, **entry, **publication)
    return Registry(files)


def format_bytes(size: int) -> str:
    """Write bytes for people, in units of 1,000: 79766954 -> "79.8 MB"."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def parse_metalink(text: str, file: str) -> Expected:
    """Read size and MD5 of a file from a metalink (RFC 5854); an InputError if it lacks them."""
    # Metalinks need no declarations; what can be declared is how to blow up a parser.
    if "<!" in re.sub("<!--.*?-->", "", text, flags=re.DOTALL):
        raise InputError("Expected a plain metalink, found one with declarations.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as problem:
        raise InputError(f"Expected a metalink, found what is not XML ({problem}).") from problem
    for entry in root.iterfind(".//{*}file"):
        if entry.get("name", "").rpartition("/")[2] == file:
            size = (entry.findtext("{*}size") or "").strip()
            hashes = [found.text or "" for found in entry.iterfind(".//{*}hash[@type='md5']")]
            md5 = "".join(hashes).strip().lower()
            if re.fullmatch("[0-9]{1,15}", size) and re.fullmatch("[0-9a-f]{32}", md5):
                return Expected(int(size), md5)
    raise InputError(f"Expected size and MD5 of {file} in the metalink, found neither.")
