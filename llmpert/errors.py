"""The one exception that reaches people: what was wrong, in which file, what would be right."""

from collections.abc import Mapping
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


class Question(InputError):
    """A file can be read in more than one way; the user chooses.

    Attributes:
        option: The argument of `llmpert.screens.read_screen` that answers, and of commands the
            option: "values" for `--values`.
        choices: Each answer, and what it means in words.
    """

    def __init__(
        self, message: str, option: str = "", choices: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.option, self.choices = option, dict(choices or {})

    @classmethod
    def ask(
        cls, path: str | Path, expected: str, found: str, option: str, choices: Mapping[str, str]
    ) -> "Question":
        """Build the sentence "FILE: expected …, found …; say which it is with --OPTION: …"."""
        answers = ", ".join(
            answer if answer == words else f"{answer} ({words})"
            for answer, words in choices.items()
        )
        do = f"say which it is with --{option}: {answers}"
        return cls(f"{path}: expected {expected}, found {found}; {do}.", option, choices)
