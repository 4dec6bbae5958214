"""What the registry says of public files."""

import re

import pytest

from llmpert.downloads import format_bytes, read_registry
from llmpert.errors import InputError

REGISTRY = read_registry()
SOURCES = list(REGISTRY.sources.values())
HTTPS = r"https://[a-z0-9.-]+/[^\s#]+"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.key)
def test_every_source_says_all_that_is_needed(source):
    assert re.fullmatch(HTTPS, source.url)
    assert "plus.figshare.com" not in source.url  # answers 202 with nothing
    assert source.size > 0
    # Without a hash of its own, it must say where the hash of the newest release is.
    if "stringdb" not in source.url and source.key != "gene2pubmed":  # which have none
        assert re.fullmatch("[0-9a-f]{32}", source.md5) or re.fullmatch(HTTPS, source.metalink)
    assert not (source.md5 and source.metalink)
    assert source.licence
    assert "doi:10." in source.citation
    assert len(source.what) > 30
    assert re.fullmatch(r"[A-Za-z0-9_.-]+\.(h5ad|h5|zip|csv|gz)", source.file)
    assert source.file.endswith(".zip") == bool(source.member) == (source.unpacked > 0)
    assert bool(source.line) == ("screen" in source.kind or source.kind == "single cells")
    assert bool(source.embedding) == source.kind.endswith("embedding")
    if source.line:
        assert source.line.lower() in source.file.lower()  # from which `import` tells the line


def test_kinds_are_the_known_ones():
    assert {source.kind for source in SOURCES} == {
        "raw bulk screen", "normalised bulk screen", "single cells", "text embedding",
        "sequence embedding", "network", "names of a network", "table of features",
        "annotations", "list of genes",
    }  # fmt: skip


def test_nothing_is_there_twice():
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    hashes = {(source.url, source.md5 or source.url) for source in SOURCES}
    assert len(hashes) == len({url for url, _ in hashes}) == len({md5 for _, md5 in hashes})
    assert len({(source.url, source.file) for source in SOURCES}) == len(
        {source.file for source in SOURCES}
    )


def test_choosing_keeps_the_order_and_takes_each_once():
    keys = ["prott5", "genept_ada", "prott5", "k562_gwps_raw_bulk", "genept_ada"]
    assert [source.key for source in REGISTRY.choose(keys)] == [
        "prott5", "genept_ada", "k562_gwps_raw_bulk",
    ]  # fmt: skip


def test_an_unknown_key_is_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"k562_essential_raw_bulk.*prott5.*, found 'esm2'"):
        REGISTRY.choose(["prott5", "esm2"])


def test_sizes_are_readable():
    assert format_bytes(0) == "0.0 MB"
    assert format_bytes(79_766_954) == "79.8 MB"
    assert format_bytes(999_999_999) == "1,000.0 MB"
    assert format_bytes(65_830_941_948) == "65.8 GB"
