"""The same work here, in processes, and by the workers of a scheduler."""

import subprocess
import sys

import pytest

from llmpert.errors import InputError
from llmpert.parallel import here, workers


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
        assert run is here
    assert list(here(product, {"factor": 3}, [4, 5])) == [(0, 12), (1, 15)]


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


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://"])
def test_no_scheduler_there_is_a_sentence(address, monkeypatch):
    monkeypatch.setattr("llmpert.parallel.CONNECTING", 2)
    with pytest.raises(InputError, match="No Dask scheduler answers"), workers(scheduler=address):
        pass


def test_a_scheduler_without_workers_is_a_sentence_and_with_them_does_the_work():
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        said = "has no workers: start some with `dask worker tcp"
        with pytest.raises(InputError, match=said), workers(scheduler=address):
            pass
        worker = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            from distributed import Client

            with Client(address) as client:
                client.wait_for_workers(1, timeout=60)
            with workers(scheduler=address) as run:
                # This module is no part of llmpert, so a worker cannot know it.
                assert sorted(run(divmod, 17, [3, 5])) == [(0, (5, 2)), (1, (3, 2))]
        finally:
            worker.terminate()
            worker.wait(timeout=30)


def test_workers_with_another_version_are_refused(monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        monkeypatch.setattr("llmpert.parallel.__version__", "9.9")
        said, address = r"Expected llmpert 9\.9 on all Dask workers", cluster.scheduler_address
        with pytest.raises(InputError, match=said), workers(scheduler=address):
            pass
