"""Words from elsewhere on a page."""

import re

LONGEST = 1000
"""Characters that are shown of words from elsewhere."""


def verbatim(text: str) -> str:
    """Return text of unknown origin as Markdown that shows it verbatim, on one line.

    Addresses and files hold what others chose: as Markdown it could load pictures from other sites
    or pass for words of the program. Control characters, and those that turn the writing
    direction, are shown as �; what is too long is cut.
    """
    words = " ".join(text.split())
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}…"
    seen = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
    # A backslash takes its meaning from any ASCII punctuation (CommonMark 0.31, 2.4).
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", seen)
