"""One at a time and in order, among threads and processes, whoever leaves or dies."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread

import pytest

from llmpert.io import queue as queue_module
from llmpert.io.queue import FRESH, Queue
from tests.support.server_process import eventually

PROCESS = """
import sys, time
from pathlib import Path
from llmpert.io.queue import Queue
with Queue(Path(sys.argv[1])).turn("gp", 1, lambda ahead, seconds: print("waits", flush=True)):
    print("has it", flush=True)
    sys.stdin.readline()
"""


class Left(Exception):
    """A visitor clicked on."""


@pytest.fixture
def queue(tmp_path, monkeypatch):
    monkeypatch.setattr(queue_module, "PAUSE", 0.002)
    return Queue(tmp_path / "queue")


def tickets(queue: Queue) -> list[Path]:
    return sorted(queue.folder.glob("*.ticket"))


class Visitors:
    """Threads that want the turn, one after the other."""

    def __init__(self, queue: Queue) -> None:
        self.queue, self.threads = queue, []
        self.order: list[int] = []
        self.told: dict[int, list[tuple[int, float | None]]] = {}
        self.leave: set[int] = set()

    def add(self, number: int, go: Event | None = None) -> None:
        """Another one, whose work takes until `go` is set; returns once it has a ticket."""

        def waiting(ahead: int, seconds: float | None) -> None:
            self.told.setdefault(number, []).append((ahead, seconds))
            if number in self.leave:
                raise Left

        def work() -> None:
            try:
                with self.queue.turn("gp", 1, waiting):
                    self.order.append(number)
                    if go is not None:
                        go.wait(10)
            except Left:
                pass

        before = len(tickets(self.queue))
        self.threads.append(Thread(target=work))
        self.threads[-1].start()
        eventually(lambda: len(tickets(self.queue)) > before)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def test_who_came_first_is_first_and_hears_of_its_place(queue):
    visitors, go = Visitors(queue), Event()
    visitors.add(0, go)
    for number in (1, 2, 3):
        visitors.add(number)
        eventually(lambda: len(visitors.told) == len(visitors.threads) - 1)
    assert [visitors.told[number][0][0] for number in (1, 2, 3)] == [1, 2, 3]
    visitors.leave.add(2)
    eventually(lambda: visitors.told[3][-1][0] == 2)
    go.set()
    visitors.join()
    assert visitors.order == [0, 1, 3]
    assert tickets(queue) == []


def test_only_one_has_the_turn(queue):
    inside = Lock()

    def work(_) -> bool:
        with queue.turn("gp", 1):
            free = inside.acquire(blocking=False)
            time.sleep(0.002)
            inside.release()
            return free

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))


def test_time_is_foretold_by_the_last_of_its_kind_and_its_size(queue):
    with queue.turn("gp", 10):
        time.sleep(0.05)
    visitors, go = Visitors(queue), Event()
    first = Thread(target=lambda: _hold(queue, "gp", 1000, go))
    first.start()
    eventually(lambda: len(tickets(queue)) == 1)
    visitors.add(1)
    eventually(lambda: visitors.told.get(1))
    ahead, seconds = visitors.told[1][-1]
    # a hundred times as large as one of 0.05 s; a loaded machine may have slept longer
    assert ahead == 1
    assert 4 < seconds < 60
    go.set()
    first.join(10)
    visitors.join()


def test_a_kind_that_was_never_done_has_no_time(queue):
    visitors, go = Visitors(queue), Event()
    visitors.add(0, go)
    visitors.add(1)
    eventually(lambda: visitors.told.get(1))
    assert visitors.told[1][-1] == (1, None)
    go.set()
    visitors.join()


def _hold(queue: Queue, kind: str, size: float, go: Event) -> None:
    with queue.turn(kind, size):
        go.wait(10)


def test_work_that_fails_gives_the_turn_back_and_foretells_nothing(queue):
    with pytest.raises(ZeroDivisionError), queue.turn("gp", 1):
        _ = 1 / 0
    assert tickets(queue) == []
    assert not (queue.folder / "gp.json").exists()
    with queue.turn("gp", 1):
        assert len(tickets(queue)) == 1


@pytest.mark.processes
def test_processes_wait_for_each_other_and_the_dead_lose_their_place(queue):
    first, second, third = (
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(queue.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in _one_after_another(queue)
    )  # fmt: skip
    assert first.stdout.readline() == "has it\n"
    for process in (second, third):
        assert process.stdout.readline() == "waits\n"
    time.sleep(FRESH)
    second.kill()
    first.kill()
    assert "has it\n" in iter(third.stdout.readline, "")
    third.communicate("done\n")
    assert third.returncode == 0
    assert tickets(queue) == []


def _one_after_another(queue: Queue):
    for number in range(3):
        yield number
        eventually(lambda count=number: len(tickets(queue)) > count)
