"""One thing at a time, in the order in which it was asked for, among threads and processes."""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from llmpert.io.atomic import atomic_path

Waiting = Callable[[int, float | None], None]
"""Called with how many are ahead, and the seconds that they are expected to take, if foretold."""

PAUSE = 0.05
"""Seconds between two looks at the queue, for each that is ahead."""

FRESH = 1.0
"""Seconds in which a ticket may not be locked yet by who drew it."""


@dataclass(frozen=True)
class Queue:
    """A folder with a ticket for each that has or wants the turn.

    A ticket is a locked file: the system unlocks those of killed processes, and a waiting process
    behind one removes it. Names of tickets begin with the time, by which they are ordered, and hold
    the milliseconds that their work is expected to take.
    """

    folder: Path

    @contextmanager
    def turn(
        self, kind: str, size: float, waiting: Waiting = lambda ahead, seconds: None
    ) -> Iterator[None]:
        """Hold the turn.

        Args:
            kind: Of work: how long some takes is foretold by what was done of its kind last.
            size: Of the work, to which its time is proportional.
            waiting: Called again and again until it is this one's turn. What it raises, ends the
                wait, and the place is free.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        turn = FileLock(self.folder / "turn.lock")
        with self._ticket(self._expected(kind, size)) as ticket:
            # The order says who may try, the lock who has it: a ticket may be late.
            while (ahead := self._ahead(ticket)) or not _is_taken(turn):
                waiting(max(1, len(ahead)), _seconds(ahead))
                time.sleep(PAUSE * max(1, len(ahead)))
            try:
                with suppress(OSError):
                    os.utime(ticket)
                start = time.perf_counter()
                yield
                self._note(kind, size, time.perf_counter() - start)
            finally:
                turn.release()

    @contextmanager
    def _ticket(self, expected: float | None) -> Iterator[Path]:
        said = "" if expected is None else str(round(1000 * expected))
        ticket = self.folder / f"{time.time_ns():020}-{secrets.token_hex(4)}-{said}.ticket"
        held = FileLock(ticket)
        held.acquire()
        try:
            yield ticket
        finally:
            # First removed, so that nobody finds it unlocked.
            with suppress(OSError):  # Windows: it is open
                ticket.unlink()
            held.release()

    def _ahead(self, ticket: Path) -> Sequence[Path]:
        ahead = sorted(other for other in self.folder.glob("*.ticket") if other < ticket)
        if ahead and _is_left_behind(ahead[0]):
            ahead[0].unlink(missing_ok=True)
            return ahead[1:]
        return ahead

    def _expected(self, kind: str, size: float) -> float | None:
        with suppress(OSError, ValueError, TypeError, KeyError, ZeroDivisionError):
            last = json.loads((self.folder / f"{kind}.json").read_text("utf-8"))
            return float(last["seconds"]) * size / float(last["size"])
        return None

    def _note(self, kind: str, size: float, seconds: float) -> None:
        with atomic_path(self.folder / f"{kind}.json") as temporary:
            temporary.write_text(json.dumps({"size": size, "seconds": seconds}), "utf-8")


def _seconds(tickets: Sequence[Path]) -> float | None:
    said = [ticket.stem.rpartition("-")[2] for ticket in tickets]
    if not said or not all(said):
        return None
    first, *others = (float(milliseconds) / 1000 for milliseconds in said)
    with suppress(OSError):  # it is done
        # It has been at work since its ticket was touched.
        first -= time.time() - tickets[0].stat().st_mtime
    return first + sum(others) if first > 0 else None  # who takes longer, nobody knows how long


def _is_taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _is_left_behind(ticket: Path) -> bool:
    if time.time() - int(ticket.name[:20]) / 1e9 < FRESH:
        return False
    lock = FileLock(ticket)
    if not _is_taken(lock):
        return False
    lock.release()
    return True
