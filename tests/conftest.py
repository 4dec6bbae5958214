"""Fixtures shared by all tests."""

import gc
import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

# Tests factorise small matrices: threads gain nothing there and wait for each other where cores are
# shared. It counts only before torch and NumPy are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Numba, which UMAP runs on, sets the number of OpenMP's threads for the whole process once more.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
# UMAP is compiled as it is used: that takes longer than to run it as Python on a few points.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

# How long an example takes is the machine's matter: a busy one must fail no test.
settings.register_profile("llmpert", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("llmpert")

MAIN = sys.modules["__main__"]

REPOSITORY = Path(__file__).resolve().parent.parent

# Libraries and collected tests stay to the end: they are not searched for garbage again and again.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000)  # of what tests make, too, most is freed without a search


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with long tests first: begun last, one keeps a process busy and the others idle."""
    items.sort(key=lambda item: "ui" not in item.path.parts)
    for mark in ("real", "processes", "browser"):
        long = {item.path for item in items if item.get_closest_marker(mark)}
        items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Undo that Streamlit takes a page for the main module: new processes would run the page."""
    sys.modules["__main__"] = MAIN


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give tests to one process that share what takes long: a server, or the benchmark's files."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            for shared in ("tests/browser/", "tests/real/"):
                if nodeid.startswith(shared):
                    return shared
            return super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def results_of_all_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.support import small

    if "PYTEST_XDIST_WORKER" in os.environ:
        small.RESULTS = tmp_path_factory.getbasetemp().parent / "results"


@pytest.fixture(scope="session", autouse=True)
def home_of_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of a module compute is not found in the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMPERT_HOME", str(tmp_path_factory.mktemp("home-of-fixtures")))
        yield


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders that are not there yet: `tmp_path` makes one, and looks at all others."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / f"home-{number}" for number in count())


@pytest.fixture(autouse=True)
def own_home(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a data folder of its own, so none reads what another computed.

    Only those that say so share one (`tests.support.small.share`).
    """
    folder = next(homes)
    monkeypatch.setenv("LLMPERT_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def built_in_simulation():
    """What the simulated data set is made of: seconds to make, and not to be changed."""
    from llmpert.simulation.generate import simulate

    return simulate()


@pytest.fixture(scope="session")
def simulated(built_in_simulation):
    """The simulated data set, which is not to be changed."""
    from llmpert.datasets import simulated_dataset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmpert.datasets.builtin.simulate", lambda: built_in_simulation)
        return simulated_dataset()


@pytest.fixture
def simulated_once(simulated, monkeypatch):
    """Lets the store take the simulated data set as it is, instead of making it."""
    monkeypatch.setattr("llmpert.datasets.store.simulated_dataset", lambda: simulated)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The rank-score benchmark's folder."""
    folder = Path(os.environ.get("LLMPERT_REAL_DATA", REPOSITORY / "../shared/real"))
    if not (folder / "k562_rank_response.h5ad").is_file():
        pytest.skip(f"the rank-score benchmark is not in {folder} (set LLMPERT_REAL_DATA)")
    return folder
