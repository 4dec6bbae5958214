"""The part of a file that has arrived, and which file on the server it is part of."""

import json
from pathlib import Path

from llmpert.io.atomic import atomic_path
from llmpert.io.remarks import parse_json

Origin = dict[str, str | int | None]
"""What tells one version of a file on a server from another: `url` as asked for, `etag` and
`modified` as the server says ("" where it does not), `size` of the whole in bytes (or None)."""


class Partial:
    """`NAME.part` beside the file to be, and `NAME.part.json` with its origin.

    Both survive a killed process. Bytes are never added to a part of unknown or other origin.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._label = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self, url: str) -> Origin:
        """Where they came from; {} unless from `url`, and so that another file is recognised."""
        try:
            origin = parse_json(self._label.read_text("utf-8"))
            known = self.size and origin["url"] == url and (origin["etag"] or origin["modified"])
        except (OSError, ValueError, TypeError, KeyError):
            return {}
        return origin if known else {}

    def begin(self, origin: Origin) -> None:
        """Forget what has arrived; what comes next has this origin."""
        # In this order: at no moment do old bytes lie beside the new origin.
        self.path.unlink(missing_ok=True)
        with atomic_path(self._label) as temporary:
            temporary.write_text(json.dumps(origin), "utf-8")

    def drop(self) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=True)
        self._label.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Take the place of the file, in one step."""
        self.path.replace(target)
        self._label.unlink(missing_ok=True)
