"""Reading files from outside, which may be damaged or hostile."""

from llmpert.files.reading import check_version, existing, parsing, some

__all__ = ["check_version", "existing", "parsing", "some"]
