"""What goes to standard error, in either form; nobody can forge a line of it."""

import json
import logging
import re
import sys

import pytest
import streamlit.logger
from hypothesis import given
from hypothesis import strategies as st

from llmpert.ui.serving import logs

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
hostile = st.text(st.characters() | st.sampled_from("\n\r\x1b\x00\x85\u2028\u202e"))


@pytest.fixture
def written(monkeypatch, capsys):
    """What is written to standard error since; how this process logs is put back afterwards."""
    loggers = [logging.getLogger(), logging.getLogger("llmpert")]
    loggers += [logging.getLogger(name) for name in (*logs.UVICORN, *streamlit.logger._loggers)]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    monkeypatch.setattr(streamlit.logger, "setup_formatter", streamlit.logger.setup_formatter)
    yield lambda: capsys.readouterr().err
    logging.captureWarnings(False)
    for one, handlers, level, propagate in before:
        one.handlers[:], one.level, one.propagate = handlers, level, propagate


def failed(message: str) -> tuple:
    try:
        raise ValueError(message)
    except ValueError:
        return sys.exc_info()


def record(message: str, exc_info=None, **fields) -> logging.LogRecord:
    made = logging.LogRecord("llmpert.some", logging.INFO, __file__, 1, message, (), exc_info)
    made.__dict__.update(fields)
    return made


def test_json_has_the_time_level_event_and_fields(written):
    logs.configure("json")
    logging.getLogger("llmpert.some").info("fit made", extra={"model": "gp", "seconds": 0.5})
    line = json.loads(written())
    assert re.fullmatch(TIME, line.pop("time"))
    assert line == {
        "level": "INFO", "logger": "llmpert.some", "event": "fit made", "model": "gp",
        "seconds": 0.5,
    }  # fmt: skip


def test_text_has_them_too(written):
    logs.configure("text")
    logging.getLogger("llmpert.some").info("fit made", extra={"model": "gp", "line": "RPE1 b"})
    expected = rf'{TIME} INFO    llmpert\.some: fit made model=gp line="RPE1 b"\n'
    assert re.fullmatch(expected, written())


@pytest.mark.parametrize("form", ["json", "text"])
def test_streamlit_uvicorn_and_warnings_go_the_same_way(written, form):
    earlier = streamlit.logger.get_logger("streamlit.earlier")
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addHandler(logging.StreamHandler(sys.stderr))
    logs.configure(form)
    logs.include_server()
    later = streamlit.logger.get_logger(f"streamlit.later.{form}")
    for logger in (earlier, later, uvicorn):
        logger.warning("something")
    logging.getLogger("py.warnings").warning("old")
    lines = written().splitlines()
    assert len(lines) == 4
    for line, name in zip(lines, ("earlier", f"later.{form}", "uvicorn", "py.warn"), strict=True):
        assert name in line
        assert json.loads(line) if form == "json" else re.match(TIME, line)


def test_what_uvicorn_tells_of_connections_is_left_out(written):
    logs.configure("json")
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").info('127.0.0.1:1 - "WebSocket /?gene=x" [accepted]')
    assert written() == ""


def test_library_code_alone_logs_nothing_to_anyone(capfd):
    logging.getLogger("llmpert.some").info("fit made")
    assert capfd.readouterr() == ("", "")


@given(hostile, hostile, hostile)
def test_json_is_one_line_whatever_comes(message, value, error):
    text = logs.JsonLines().format(record(message, failed(error), path=value))
    assert len(text.splitlines()) == 1
    assert text.isascii()
    read = json.loads(text)
    assert (read["event"], read["path"]) == (message, value)
    assert error in read["traceback"]


@given(hostile, hostile, hostile)
def test_in_text_only_the_record_itself_starts_a_line(message, value, error):
    text = logs.TextLines().format(record(message, failed(error), path=value))
    first, *others = text.splitlines()
    assert re.match(TIME, first)
    assert all(other.startswith("    ") for other in others)
    assert all(c.isprintable() or c == "\n" for c in text)
    assert others[0].strip() == "Traceback (most recent call last):"


def test_a_value_cannot_pass_for_another_field():
    text = logs.TextLines().format(record("request", path="/x status=200"))
    assert text.endswith('request path="/x status=200"')
