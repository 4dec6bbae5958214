"""The one exception that reaches people: what was wrong, in which file, what would be right."""

from pathlib import Path


class InputError(ValueError):
    """Something a user gave cannot be used.

    The message is a whole sentence meant for the reader: command line and pages show it as it is.
    """

    @classmethod
    def of_file(cls, path: str | Path, expected: str, found: str) -> "InputError":
        """Build the sentence "FILE: expected …, found …"."""
        return cls(f"{path}: expected {expected}, found {found}.")
