"""Threads are told how to wait before the libraries that start them are loaded."""

import os
import subprocess
import sys

import pytest

from llmpert.runtime import WAITING, wait_briefly

LOADED = "import sys; print([m for m in ('numpy', 'torch') if m in sys.modules])"


def test_the_environment_has_the_last_word(monkeypatch):
    first, *others = WAITING
    monkeypatch.setenv(first, "1")
    for name in others:
        monkeypatch.delenv(name, raising=False)
    wait_briefly()
    assert os.environ[first] == "1"
    assert all(os.environ[name] == WAITING[name] for name in others)


@pytest.mark.processes
@pytest.mark.parametrize("before", ["import llmpert.__main__", "import streamlit.web.cli"])
def test_nothing_numerical_is_loaded_before_the_programs_can_say_it(before):
    done = subprocess.run(
        [sys.executable, "-c", f"{before}; {LOADED}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
