"""What holds for every test of pages."""

import logging

import pytest


@pytest.fixture(autouse=True)
def page_failures() -> list[logging.LogRecord]:
    """Errors of pages that nobody foresaw: there are none, unless a test takes them from here."""
    failures: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = failures.append
    logger = logging.getLogger("llmpert.ui.common.components")
    logger.addHandler(handler)
    yield failures
    logger.removeHandler(handler)
    assert not [record.exc_text or str(record.exc_info) for record in failures]
