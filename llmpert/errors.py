"""The one exception that reaches people: what was wrong, in which file, what would be right."""

from pathlib import Path


class InputError(ValueError):
    """Something a user gave cannot be used.

    The message is a whole sentence meant for the reader: command line and pages show it as it is.
    What it quotes may be hostile: control characters are written out, no link in Markdown is left,
    and what is longer than `LONGEST` characters is cut.
    """

    LONGEST = 1500

    def __init__(self, message: str) -> None:
        cut = message if len(message) <= self.LONGEST else f"{message[: self.LONGEST]}…"
        printable = (c if c.isprintable() else ascii(c)[1:-1] for c in cut)
        super().__init__("".join(printable).replace("](", "] ("))

    @classmethod
    def of_file(cls, path: str | Path, expected: str, found: str) -> "InputError":
        """Build the sentence "FILE: expected …, found …"."""
        return cls(f"{path}: expected {expected}, found {found}.")
