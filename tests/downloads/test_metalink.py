"""Metalinks as UniProt publishes them, and others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmpert.downloads.registry import Expected, parse_metalink
from llmpert.errors import InputError

UNIPROT = """<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="static" generator="x">
 <!-- Of a release -->
 <publisher><name>UniProt</name><url>https://www.uniprot.org</url></publisher>
 <version>2026_01</version>
 <files>
  <file name="README"><size>12</size>
   <verification><hash type="md5">ffffffffffffffffffffffffffffffff</hash></verification></file>
  <file name="per-protein.h5">
   <size>47000001</size>
   <verification>
    <hash type="sha1">0000000000000000000000000000000000000000</hash>
    <hash type="md5">0123456789ABCDEF0123456789abcdef</hash>
   </verification>
   <resources><url location="uk" type="ftp" preference="99">ftp://x/per-protein.h5</url></resources>
  </file>
 </files>
</metalink>
"""


def test_size_and_md5_of_the_named_file():
    found = parse_metalink(UNIPROT, "per-protein.h5")
    assert found == Expected(47000001, "0123456789abcdef0123456789abcdef")
    assert parse_metalink(UNIPROT, "README") == Expected(12, "f" * 32)


def test_the_name_may_have_folders():
    text = UNIPROT.replace('name="per', 'name="embeddings/human/per')
    assert parse_metalink(text, "per-protein.h5").size == 47000001


BAD = {
    "another file": UNIPROT.replace("per-protein.h5", "other.h5"),
    "no size": UNIPROT.replace("<size>47000001</size>", ""),
    "a size in words": UNIPROT.replace("47000001", "large"),
    "a negative size": UNIPROT.replace("47000001", "-47000001"),
    "a size of more digits than a number may have": UNIPROT.replace("47000001", "9" * 5000),
    "digits of another script": UNIPROT.replace("47000001", "٤٧"),
    "deep in itself": "<a>" * 100_000 + "</a>" * 100_000,
    "no MD5": UNIPROT.replace('type="md5"', 'type="sha512"'),
    "half an MD5": UNIPROT.replace("0123456789ABCDEF", ""),
    "a page": "<html><body>Log in<br></html>",
    "nothing": "",
    "text": "0123456789abcdef0123456789abcdef  per-protein.h5",
    "a billion laughs": '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><m>&b;</m>',
    "an outside file": '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]><m>&a;</m>',
}


@pytest.mark.parametrize("name", BAD)
def test_what_says_neither_is_refused(name):
    with pytest.raises(InputError):
        parse_metalink(BAD[name], "per-protein.h5")


@given(st.text(alphabet='<>!?/="&;amfile 0123[]-', max_size=60))
def test_any_text_is_read_or_refused(text):
    with pytest.raises(InputError):
        parse_metalink(text, "per-protein.h5")
