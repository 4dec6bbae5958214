"""Run the same work serially, in processes of this machine, or on a cluster, with Dask."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

from llmpert import __version__
from llmpert.errors import InputError

Result = TypeVar("Result")

CONNECTING = 20
"""Seconds until a scheduler has to answer."""

Run = Callable[[Callable[[Any, Any], Any], Any, Sequence[Any]], Iterator[tuple[int, Any]]]
"""Given work, what is shared and items: calls `work(shared, item)` for every item.

Yields each item's position and result, in the order in which items are finished. Few results are
under way at a time, however many items there are.
"""


def run_serially(
    work: Callable[[Any, Any], Result], shared: Any, items: Sequence[Any]
) -> Iterator[tuple[int, Result]]:
    """Do the work in this process, one item after another (a `Run`)."""
    for position, item in enumerate(items):
        yield position, work(shared, item)


@contextmanager
def workers(count: int = 1, scheduler: str | None = None) -> Iterator[Run]:
    """Yield what runs work while the context is open.

    Args:
        count: Processes on this machine, each with one thread; with one, work is done
            `run_serially`.
        scheduler: Address of a Dask scheduler, such as "tcp://10.0.0.1:8786"; its workers do the
            work then. They need this version of llmpert, and to find files under the same paths.

    Raises:
        InputError: No scheduler answers, it has no workers, or they have another version. While
            work is done: its own errors, or workers were killed repeatedly.
    """
    if scheduler is None and count <= 1:
        yield run_serially
    elif scheduler is None:
        from distributed import Client

        # Work is given a limit of memory; Dask would stop workers at limits of its own.
        with Client(
            n_workers=count, threads_per_worker=1, memory_limit=0, dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as client:  # fmt: skip
            yield _on(client)
    else:
        with _connect(scheduler) as client:
            _check(client, scheduler)
            yield _on(client)


def _connect(scheduler: str) -> Any:
    from distributed import Client

    with suppress(OSError, ValueError):
        # Dask waits for minutes for an address without a host.
        if re.fullmatch(r"(\w+://)?[^\s/:]+:\d+|\w+://\[[^\s/]+\]:\d+", scheduler):
            return Client(scheduler, timeout=CONNECTING)
    raise InputError(
        f"No Dask scheduler answers at {scheduler}: expected an address such as"
        " tcp://10.0.0.1:8786, as `dask scheduler` prints it."
    )


def _check(client: Any, scheduler: str) -> None:
    """Raise unless there are workers and all have this version."""
    start = (
        "Start workers in the folder of llmpert, with its Python:"
        f" python -m distributed.cli.dask_worker {scheduler} --nthreads 1"
    )
    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise InputError(f"The Dask scheduler at {scheduler} has no workers. {start}")
    try:
        found = client.run(_version)
    except Exception as problem:  # whatever Python raises there when a module is missing
        raise InputError(
            f"The Dask workers of {scheduler} cannot load llmpert. {start}"
        ) from problem
    others = {address: version for address, version in found.items() if version != __version__}
    if others:
        address, version = next(iter(others.items()))
        raise InputError(
            f"Expected llmpert {__version__} on all Dask workers, found {version} on"
            f" {len(others)} of them, such as {address}."
        )


def _version() -> str:
    return __version__


def _on(client: Any) -> Run:
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    def run(
        work: Callable[[Any, Any], Result], shared: Any, items: Sequence[Any]
    ) -> Iterator[tuple[int, Result]]:
        # In a list: of a dict, its values would be scattered one by one, under its own keys.
        (everywhere,) = client.scatter([shared], broadcast=True, hash=False)
        waiting = iter(enumerate(items))
        positions = {}
        done = as_completed()

        def submit(count: int) -> None:
            for position, item in islice(waiting, count):
                # Pure work would be looked up by a hash of its arguments, and forgotten by none.
                future = client.submit(work, everywhere, item, pure=False)
                positions[future.key] = position
                done.add(future)

        # One more than there are threads, so that none waits for the next item.
        submit(sum(client.nthreads().values()) + 1)
        try:
            for future in done:
                result = future.result()
                future.release()
                submit(1)
                yield positions.pop(future.key), result
        except KilledWorker as problem:
            raise InputError(
                "Dask workers were killed repeatedly, probably out of memory. Use fewer of them"
                " per machine."
            ) from problem
        finally:
            done.clear()

    return run
