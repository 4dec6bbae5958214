"""Names that come from files: text that can be shown, saved and logged anywhere as it is.

They reach titles of figures, which read tags, Markdown, HTML, spreadsheets and logs. One rule for
all of these is simpler to trust than one escape at each.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from llmpert.errors import InputError

LONGEST = 300
"""Characters of a name: the longest term of the Gene Ontology has about 200."""

# The start of a tag, code, the middle of a link or picture in Markdown.
MARKUP = re.compile(r"[<`]|\]\(")
# What a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@")
RULE = (
    "in printable characters, without <, ` and Markdown links, and not starting with"
    f" {', '.join(FORMULA)} (at most {LONGEST} characters)"
)


def is_plain(name: str) -> bool:
    """Whether a name is printable, short and neither markup nor a formula.

    Of all gene names, aliases and identifiers of NCBI Gene, and all terms of the Gene Ontology,
    each is. Not printable are line ends and other control characters, what turns the direction of
    writing, what has no width, and what is no character.
    """
    return (
        bool(name.strip())
        and len(name) <= LONGEST
        and name.isprintable()
        and not name.startswith(FORMULA)
        and not MARKUP.search(name)
    )


def check_names(source: str | Path, what: str, names: Iterable[object]) -> None:
    """Raise unless all names are plain.

    Parameters
    ----------
    source:
        The file, or what else the message starts with.
    what:
        They name, in the singular: "gene".

    Raises
    ------
    InputError
        One is empty or not plain.
    """
    for name in names:
        if not is_plain(str(name)):
            raise InputError.of_file(source, f"the name of every {what} {RULE}", shown(name))


def shown(value: object) -> str:
    """A value from a file within a message: short and printable."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
