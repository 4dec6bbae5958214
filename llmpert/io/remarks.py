"""What files tell about themselves as JSON: provenance, versions, notes."""

import json
from pathlib import Path
from typing import Any

from llmpert.errors import InputError
from llmpert.io.names import MARKUP, shown

DEEPEST = 40
"""Levels of JSON within JSON: far from where parsers and writers run out of stack."""
LONGEST = 20_000
"""Characters of a text."""


class JsonObject(dict[str, Any]):
    """A JSON object from outside, in which a missing key is damage: a ValueError."""

    def __missing__(self, key: str) -> Any:
        raise ValueError(f"no {key!r} among its remarks")


def parse_object(text: str | bytes) -> JsonObject:
    """Read a JSON object from outside.

    Raises:
        ValueError: It is no JSON, another value than an object, or nested too deeply to be written
            again.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
    if level:
        raise ValueError(f"JSON that is nested more than {DEEPEST} levels deep")
    if not isinstance(value, dict):
        raise ValueError(f"no JSON object: {shown(value)}")
    return JsonObject(value)


def check_remarks(source: str | Path, remarks: object) -> dict[str, Any]:
    """Return JSON that a file tells about itself, if all of it can be shown.

    Raises:
        InputError: It is no JSON object, `notes` or `steps` are no lists of text, or a text is not
            printable, has markup (see `llmpert.io.names`) or is longer than `LONGEST`. The message
            starts with `source`.
    """
    if not isinstance(remarks, dict):
        raise InputError.of_file(source, "remarks as a JSON object", shown(remarks))
    for key in ("notes", "steps"):
        notes = remarks.get(key, [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise InputError.of_file(source, f"a list of texts as {key}", shown(notes))
    rule = f"remarks of at most {LONGEST:,} printable characters without <, ` and Markdown links"
    level: list[Any] = [remarks]
    while level:
        for text in (item for item in level if isinstance(item, str)):
            printable = "".join(text.split()).isprintable()
            if len(text) > LONGEST or MARKUP.search(text) or not printable:
                raise InputError.of_file(source, rule, shown(text))
        keys = [key for item in level if isinstance(item, dict) for key in item]
        level = keys + [inner for item in level for inner in _inside(item)]
    return dict(remarks)


def without_identity(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return provenance without the identity that a file claims: its content names it instead."""
    return {key: value for key, value in provenance.items() if key != "identity"}


def _inside(item: object) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
