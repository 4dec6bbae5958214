"""Jobs: one at a time, stopped with what has come kept, errors as sentences."""

import time
from threading import Event

import pytest

from llmpert.errors import InputError
from llmpert.ui.datasets.jobs import Jobs


def wait_for(condition) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it took too long")


@pytest.fixture
def jobs():
    return Jobs()


def test_a_job_says_how_far_it_is_and_what_it_made(jobs):
    go_on = Event()

    def work(progress, say):
        progress("a.h5ad", 500_000, 2_000_000)
        progress("a.h5ad", 1_000_000, 2_000_000)
        say("Half of it.")
        go_on.wait(5)
        return "mine"

    jobs.start("Fetch a", work)
    wait_for(lambda: jobs.latest.sentences)
    assert jobs.busy
    share, words = jobs.latest.progress()
    assert share == 0.5
    # What was there at first came in no time, and counts for no speed.
    assert words.startswith("a.h5ad: 1.00MB of 2.00MB, ")
    assert words.endswith(" left")
    go_on.set()
    wait_for(lambda: not jobs.busy)
    assert (jobs.latest.state, jobs.latest.result) == ("finished", "mine")


def test_a_second_job_waits_for_nobody_and_is_not_started(jobs):
    go_on, ran = Event(), []
    jobs.start("first", lambda progress, say: str(go_on.wait(5)))
    jobs.start("second", lambda progress, say: ran.append("second") or "")
    assert jobs.latest.name == "first"
    go_on.set()
    wait_for(lambda: not jobs.busy)
    assert not ran


def test_a_stopped_job_goes_on_when_started_again(jobs):
    begun, come = Event(), []

    def work(progress, say):
        while len(come) < 1000:
            come.append(1)
            progress("a", len(come), 1000)
            begun.set()
            time.sleep(0 if len(begins) > 1 else 0.01)
        return ""

    begins = [1]
    jobs.start("Fetch", work)
    begun.wait(5)
    jobs.latest.stop()
    wait_for(lambda: not jobs.busy)
    assert jobs.latest.state == "stopped"
    kept = len(come)
    assert 0 < kept < 1000
    begins.append(2)
    jobs.again()
    wait_for(lambda: not jobs.busy)
    assert (jobs.latest.state, len(come)) == ("finished", 1000)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (InputError("No connection to example.org."), "No connection to example.org."),
        (ZeroDivisionError("secret"), "Unexpected error"),
    ],
)
def test_what_goes_wrong_is_a_sentence(jobs, page_failures, problem, said):
    def work(progress, say):
        raise problem

    jobs.start("Fetch", work)
    wait_for(lambda: not jobs.busy)
    assert jobs.latest.state == "failed"
    assert jobs.latest.sentences[-1].startswith(said)
    assert "secret" not in jobs.latest.sentences[-1]
    if not isinstance(problem, InputError):
        (record,) = page_failures
        assert jobs.latest.sentences[-1].endswith(f", entry {record.number}.")
    page_failures.clear()
