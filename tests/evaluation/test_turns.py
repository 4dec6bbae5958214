"""Fits that take turns."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from llmpert.evaluation.experiment import Experiment, Settings
from llmpert.evaluation.problem import Problem
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
    experiment = Experiment(problem, Settings(features=10, components=3), turn=turn)
    folds = range(experiment.settings.folds)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda fold: experiment.scores("linear", 20, fold), folds))
    assert (turn.most, turn.taken) == (1, 5)
    with turn:
        experiment.scores("linear", 20, 0)
    assert turn.taken == 6
