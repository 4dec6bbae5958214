"""Fits that take turns, and are made once."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock

import numpy as np
import pytest

from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.grid import grid, run
from llmpert.evaluation.problem import Problem
from llmpert.evaluation.store import ResultsStore
from tests.support import small


class Watched:
    """A lock that knows how many hold it at once, and how often it was taken."""

    def __init__(self) -> None:
        self.lock, self.inside, self.most, self.taken = Lock(), 0, 0, 0

    def __enter__(self):
        self.lock.acquire()
        self.inside += 1
        self.most, self.taken = max(self.most, self.inside), self.taken + 1

    def __exit__(self, *error):
        self.inside -= 1
        self.lock.release()


def test_one_fit_runs_at_a_time_and_what_is_kept_waits_for_nobody():
    problem = Problem.align(small.screen(), [small.embedding()], small.gene_table({"X": ""}))
    turn = Watched()
    experiment = Experiment(problem, Settings(n_hvgs=10, components=3), turn=lambda *about: turn)
    folds = range(experiment.settings.folds)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda fold: experiment.scores("linear", 20, fold), folds))
    assert (turn.most, turn.taken) == (1, 5)
    with turn:
        experiment.scores("linear", 20, 0)
    assert turn.taken == 6


def asked(folder: Path) -> Experiment:
    problem = Problem.align(small.screen(), [small.embedding()], small.gene_table({"X": ""}))
    return Experiment(problem, Settings(n_hvgs=10, components=3), ResultsStore(folder))


def ten_scores(experiment: Experiment) -> list[float]:
    return [
        experiment.scores("linear", size, fold)["mae_all"].sum()
        for size in (10, 20)
        for fold in range(5)
    ]


def ten_predictions(experiment: Experiment) -> list[float]:
    return [
        float(experiment.fold_prediction("linear", size, fold).mean.sum())
        for size in (10, 20)
        for fold in range(5)
    ]


def ten_of_a_grid(experiment: Experiment) -> list[float]:
    return list(run(grid([experiment], ["linear"], [10, 20])).table["value"])


ASKED = {ask.__name__: ask for ask in (ten_scores, ten_predictions, ten_of_a_grid)}


@pytest.fixture
def slow_fits(monkeypatch):
    """The fits made; each takes long enough for another thread to ask for it meanwhile."""
    return watch_fits(monkeypatch.setattr)


def watch_fits(patch=setattr) -> list[tuple[str, int, int]]:
    made = []
    fit_and_predict = Experiment._fit_and_predict

    def slow(self, model, part, *fitted):
        made.append((model, len(part.train), part.fold))
        time.sleep(0.02)
        return fit_and_predict(self, model, part, *fitted)

    patch(Experiment, "_fit_and_predict", slow)
    return made


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_threads_that_ask_for_the_same_fits_make_each_once(ask, tmp_path, slow_fits):
    start = Barrier(2)

    def visitor(_) -> list[float]:
        experiment = asked(tmp_path)
        start.wait()
        return ask(experiment)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(visitor, range(2))
    assert len(slow_fits) == len(set(slow_fits)) == 10
    np.testing.assert_array_equal(one, two)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 10
    assert not [path for path in kept if path.suffix not in (".parquet", ".npz")]


PROCESS = """
import sys
from pathlib import Path
from tests.evaluation import test_turns

made = test_turns.watch_fits()
experiment = test_turns.asked(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
test_turns.ten_predictions(experiment)
print(len(made))
"""


@pytest.mark.processes
def test_processes_that_ask_for_the_same_fits_make_each_once(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate()[0]) for process in processes) == 10
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 10


def test_a_fit_that_fails_can_be_made_by_the_next_one(tmp_path, monkeypatch):
    experiment = asked(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Experiment, "fit_fold", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            experiment.scores("linear", 20, 0)
    assert not experiment.is_done("linear", 20, 0)
    experiment.scores("linear", 20, 0)
    assert experiment.is_done("linear", 20, 0)
