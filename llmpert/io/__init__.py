"""Reading files from outside, which may be damaged or hostile."""

from llmpert.io.reading import as_input_error, check_version, naming, preview, require_file

__all__ = ["as_input_error", "check_version", "naming", "preview", "require_file"]
