"""Who may change what everybody sees."""

import os

ON_THE_COMMAND_LINE = (
    "Not offered here, as others use this server too: whoever runs it does it on the command line."
)


def is_operator() -> bool:
    """Whether the visitor runs this server, and may download, save, remove and name its files.

    So it is on one's own computer. On a server for others (`serve --shared`, which sets
    `LLMPERT_SHARED`) nobody may.
    """
    return os.environ.get("LLMPERT_SHARED", "") in ("", "0")
