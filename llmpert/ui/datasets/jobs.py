"""Work that goes on while its visitor leaves the page: one job at a time, which all see."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from threading import Lock, Thread
from typing import Literal

import streamlit as st

from llmpert.downloads import BytesProgress, Notify
from llmpert.downloads.progress import FileBar
from llmpert.errors import InputError
from llmpert.ui.common.components import log_unforeseen

Work = Callable[[BytesProgress, Notify], str]
"""Does the work, telling how far it is; gives the data set that it made, or ""."""


class _Stopped(Exception):
    """The job was stopped by a visitor."""


@dataclass
class Job:
    """A piece of work and how far it is; read by any thread, written by its own.

    `sentences` are the latest said, the newest last; `result` is the data set that it made, or "".
    """

    name: str
    work: Work
    state: Literal["running", "finished", "stopped", "failed"] = "running"
    sentences: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    result: str = ""
    stopping: bool = False
    _bar: FileBar = field(default_factory=lambda: FileBar(StringIO()))

    def stop(self) -> None:
        """End the job at its next step; partial downloads are kept."""
        self.stopping = True

    def show(self, file: str, done: int, total: int | None) -> None:
        """Note how far a file is."""
        self._go_on()
        self._bar.show(file, done, total)

    def say(self, sentence: str) -> None:
        """Note a sentence."""
        self._go_on()
        self.sentences.append(sentence)

    def progress(self) -> tuple[float, str] | None:
        """Return the downloaded share of the current file, with bytes, speed and time left."""
        return self._bar.progress()

    def _go_on(self) -> None:
        if self.stopping:
            raise _Stopped

    def run(self) -> None:
        """Do it; whatever goes wrong is a sentence."""
        try:
            self.result = self.work(self.show, self.say)
            self.state = "finished"
        except _Stopped:
            self.state = "stopped"
        except Exception as problem:
            known = isinstance(problem, InputError)
            self.sentences.append(str(problem) if known else log_unforeseen("job failed"))
            self.state = "failed"


class Jobs:
    """The job that runs, or ran last."""

    def __init__(self) -> None:
        self.latest: Job | None = None
        self._lock = Lock()

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self.latest is not None and self.latest.state == "running"

    def start(self, name: str, work: Work) -> None:
        """Start a job, unless one is running."""
        with self._lock:
            if self.busy:
                return
            self.latest = Job(name, work)
            Thread(target=self.latest.run, name="job", daemon=True).start()

    def again(self) -> None:
        """Start the latest job again; it resumes partial downloads."""
        if self.latest is not None:
            self.start(self.latest.name, self.latest.work)


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """Return the jobs of this server."""
    return Jobs()
