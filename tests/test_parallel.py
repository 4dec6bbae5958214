"""The same work here, in processes, and by the workers of a scheduler."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmpert import __version__
from llmpert.errors import InputError
from llmpert.parallel import _check, run_serially, workers

pytestmark = pytest.mark.processes

REPOSITORY = Path(__file__).resolve().parents[1]


def product(shared, item):
    if item == shared.get("bad"):
        raise InputError(f"expected anything but {item}.")
    return shared["factor"] * item


@pytest.fixture(scope="module")
def run():
    with workers(2) as found:
        yield found


def test_one_process_is_this_one():
    with workers() as run:
        assert run is run_serially
    assert list(run_serially(product, {"factor": 3}, [4, 5])) == [(0, 12), (1, 15)]


def test_processes_do_all_items_once_whatever_their_order(run):
    for factor in (3, 4):  # what is shared is not mistaken for what was shared before
        found = list(run(product, {"factor": factor}, range(50)))
        assert sorted(found) == [(n, factor * n) for n in range(50)]


def test_few_results_are_under_way_at_a_time(run):
    made = []

    def items():
        for number in range(40):
            made.append(number)
            yield number

    taken = run(product, {"factor": 1}, items())
    next(taken)
    assert len(made) <= 5
    assert len(list(taken)) == 39


def test_what_goes_wrong_in_a_process_is_the_same_sentence(run):
    with pytest.raises(InputError, match="anything but 7"):
        list(run(product, {"factor": 1, "bad": 7}, range(20)))
    assert len(list(run(product, {"factor": 1}, range(20)))) == 20


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://", "tcp://:1"])
def test_no_scheduler_there_is_a_sentence(address, monkeypatch):
    monkeypatch.setattr("llmpert.parallel.CONNECTING", 2)
    with pytest.raises(InputError, match="No Dask scheduler answers"), workers(scheduler=address):
        pass


@pytest.fixture
def dask(tmp_path):
    """Starts a scheduler or a worker as users start them, and stops them all in the end."""
    started = []

    def start(what: str, *arguments: str, cwd: Path = REPOSITORY) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        started.append(subprocess.Popen(command, cwd=cwd, stderr=subprocess.DEVNULL))

    yield start
    for process in reversed(started):
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def address(dask, tmp_path):
    """Of a running scheduler."""
    file = tmp_path / "scheduler.json"
    dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--scheduler-file", str(file))  # fmt: skip
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return json.loads(file.read_text())["address"]


def test_workers_of_a_scheduler_do_the_work(dask, address):
    said = "has no workers. Start workers in the folder of llmpert, with its Python: python -m"
    with pytest.raises(InputError, match=said), workers(scheduler=address):
        pass
    dask("worker", address, "--no-dashboard", "--nthreads", "1")
    deadline = time.monotonic() + 60
    while True:
        try:
            with workers(scheduler=address) as run:
                # A worker of another machine knows llmpert, but no test.
                assert sorted(run(divmod, 17, [3, 5])) == [(0, (5, 2)), (1, (3, 2))]
                return
        except InputError as problem:  # the worker is still starting
            if time.monotonic() > deadline or "no workers" not in str(problem):
                raise
            time.sleep(0.2)


def test_workers_that_do_not_know_llmpert_are_a_sentence(dask, address, tmp_path):
    dask("worker", address, "--no-dashboard", "--no-nanny", cwd=tmp_path)
    said = "cannot load llmpert. Start workers in the folder of llmpert"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with workers(scheduler=address):
                pytest.fail("workers elsewhere were taken")
        except InputError as problem:
            if "no workers" not in str(problem):
                break
            time.sleep(0.2)
    with pytest.raises(InputError, match=said), workers(scheduler=address):
        pass


def test_workers_without_this_version_are_refused():
    class Client:
        def scheduler_info(self, n_workers):
            return {"workers": {"tcp://1": {}, "tcp://2": {}}}

        def run(self, function):
            return {"tcp://1": __version__, "tcp://2": "9.9"}

    with pytest.raises(InputError, match=r"found 9\.9 on 1 of them, such as tcp://2"):
        _check(Client(), "tcp://0")
