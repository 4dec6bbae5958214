"""Sizes and hashes that a publisher keeps beside files which change: Metalink (RFC 5854)."""

import re
from xml.etree import ElementTree

from llmpert.downloads.transfer import Expected
from llmpert.errors import InputError


def parse_metalink(text: str, file: str) -> Expected:
    """Size and MD5 of a file of that name.

    Raises:
        InputError: This is no metalink, or does not give both of this file.
    """
    # Metalinks need no declarations; what can be declared is how to blow up a parser.
    if "<!" in re.sub("<!--.*?-->", "", text, flags=re.DOTALL):
        raise InputError("Expected a plain metalink, found one with declarations.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as problem:
        raise InputError(f"Expected a metalink, found what is not XML ({problem}).") from problem
    for entry in root.iterfind(".//{*}file"):
        if entry.get("name", "").rpartition("/")[2] != file:
            continue
        size = (entry.findtext("{*}size") or "").strip()
        hashes = [
            found.text or "" for found in entry.iterfind(".//{*}hash") if found.get("type") == "md5"
        ]
        md5 = "".join(hashes).strip().lower()
        if re.fullmatch("[0-9]{1,15}", size) and re.fullmatch("[0-9a-f]{32}", md5):
            return Expected(int(size), md5)
    raise InputError(f"Expected size and MD5 of {file} in the metalink, found neither.")
