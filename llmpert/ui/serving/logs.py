"""The server's log: an event a line on standard error, as JSON or as text.

Library code asks `logging.getLogger` for a logger and says what happened: the event as the message,
its fields as `extra`. Only here is it decided where that goes. What Streamlit and uvicorn say goes
the same way.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

VARIABLE = "LLMPERT_LOG_FORMAT"
"""The environment variable with the format."""

FIELDS = {
    "asctime": "time",
    "levelname": "level",
    "name": "logger",
    "message": "event",
    "exc_info": "traceback",
}
"""What every record has, by Python's names -> ours."""

UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


class JsonLines(JsonFormatter):
    """A JSON object a record. All that is not printable ASCII is escaped, ends of lines too."""

    def __init__(self) -> None:
        super().__init__(
            list(FIELDS)[:4],
            rename_fields=FIELDS,
            # uvicorn's message once more, with colours
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time in UTC, to the millisecond."""
        time = datetime.fromtimestamp(record.created, UTC)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextLines(JsonLines):
    """The same fields for people: time, level, event, then name=value.

    A traceback follows on lines that are indented: nothing that came from outside starts a line.
    """

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Write one record."""
        fields = dict(log_data)
        time, level, logger, event = (fields.pop(name) for name in list(FIELDS.values())[:4])
        traceback = fields.pop("traceback", None)
        values = "".join(f" {name}={_word(value)}" for name, value in fields.items())
        lines = [f"{time} {level:7} {logger}: {_printable(event)}{values}"]
        lines += [f"    {_printable(line)}" for line in (traceback or "").split("\n") if line]
        return "\n".join(lines)


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if re.fullmatch(r"[\w./:+-]+", text, re.ASCII) else json.dumps(value, default=str)


def _printable(text: str) -> str:
    """Escape ends of lines, control characters and what turns the writing direction."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


FORMATS: dict[str, type[logging.Formatter]] = {"text": TextLines, "json": JsonLines}


def configure(form: str) -> None:
    """Send everything that is logged in this process to standard error, in one form.

    Raises:
        KeyError: There is no such format.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    handler.addFilter(_is_logged)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("llmpert").setLevel(logging.INFO)
    logging.captureWarnings(True)


def include_server() -> None:
    """Send what Streamlit and uvicorn log the same way."""
    from llmpert.ui.streamlit_internals import format_logs_by

    format_logs_by(_hand_over)
    for name in UVICORN:
        _hand_over(logging.getLogger(name))


def _hand_over(logger: logging.Logger) -> None:
    logger.handlers.clear()
    logger.propagate = True


def _is_logged(record: logging.LogRecord) -> bool:
    """Drop uvicorn's records of ordinary connections, which name visitors' addresses."""
    return record.levelno >= logging.WARNING or not record.name.startswith("uvicorn")
