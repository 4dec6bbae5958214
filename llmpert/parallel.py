"""The same work here, on several processes of this machine, or on a cluster of machines: Dask's."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, TypeVar

from llmpert import __version__
from llmpert.errors import InputError

T = TypeVar("T")
Item = TypeVar("Item")
Shared = TypeVar("Shared")

CONNECTING = 20
"""Seconds until a scheduler has to answer."""
ADDRESS = re.compile(r"(\w+://)?[^\s/:]+:\d+|\w+://\[[^\s/]+\]:\d+")


class Run(Protocol):
    """Calls `work(shared, item)` for every item, somewhere.

    Yields an item's position and what came of it, in the order in which items are finished. Few
    results are under way at a time, however many items there are.
    """

    def __call__(
        self, work: Callable[[Shared, Item], T], shared: Shared, items: Sequence[Item]
    ) -> Iterator[tuple[int, T]]:
        """Do the work."""
        ...


def run_serially(
    work: Callable[[Shared, Item], T], shared: Shared, items: Sequence[Item]
) -> Iterator[tuple[int, T]]:
    """In this process, one item after another."""
    for position, item in enumerate(items):
        yield position, work(shared, item)


@contextmanager
def workers(count: int = 1, scheduler: str | None = None) -> Iterator[Run]:
    """Somewhere to run work while the context is open.

    Parameters
    ----------
    count:
        Processes on this machine, each with one thread; with one, work is done `run_serially`.
    scheduler:
        Address of a Dask scheduler, such as "tcp://10.0.0.1:8786"; its workers do the work then.
        They need this version of llmpert, and to find files under the same paths.

    Raises
    ------
    InputError
        Here: no scheduler answers there, it has no workers, or they have another version. While
        work is done: its own errors, or workers died of it again and again.
    """
    if scheduler is None and count <= 1:
        yield run_serially
        return
    from distributed import Client, LocalCluster

    if scheduler is None:
        with (
            # Work is told what memory to keep to; Dask would stop workers at limits of its own.
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield _on(client)
        return
    nobody = InputError(
        f"No Dask scheduler answers at {scheduler}: expected an address such as"
        " tcp://10.0.0.1:8786, as `dask scheduler` prints it."
    )
    # Dask waits for minutes for an address without host.
    if not ADDRESS.fullmatch(scheduler):
        raise nobody
    try:
        client = Client(scheduler, timeout=CONNECTING)
    except (OSError, ValueError) as problem:
        raise nobody from problem
    with client:
        _check(client, scheduler)
        yield _on(client)


def _check(client: Any, scheduler: str) -> None:
    """The workers are there and do what this process would do."""
    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise InputError(f"The Dask scheduler at {scheduler} has no workers. {_start(scheduler)}")
    try:
        found = client.run(_version)
    except Exception as problem:  # whatever Python raises there when a module is missing
        raise InputError(
            f"The Dask workers of {scheduler} cannot load llmpert. {_start(scheduler)}"
        ) from problem
    others = {address: version for address, version in found.items() if version != __version__}
    if others:
        address, version = next(iter(others.items()))
        raise InputError(
            f"Expected llmpert {__version__} on all Dask workers, found {version} on"
            f" {len(others)} of them, such as {address}."
        )


def _start(scheduler: str) -> str:
    return (
        "Start workers in the folder of llmpert, with its Python:"
        f" python -m distributed.cli.dask_worker {scheduler} --nthreads 1"
    )


def _version() -> str:
    return __version__


def _on(client: Any) -> Run:
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    def run(
        work: Callable[[Shared, Item], T], shared: Shared, items: Sequence[Item]
    ) -> Iterator[tuple[int, T]]:
        # In a list: of a dict, its values would be scattered one by one, under its own keys.
        (everywhere,) = client.scatter([shared], broadcast=True, hash=False)
        waiting = iter(enumerate(items))
        position = {}

        def submitted(most: int) -> list[Any]:
            futures = []
            for number, item in islice(waiting, most):
                # Pure work would be looked up by a hash of its arguments, and forgotten by none.
                future = client.submit(work, everywhere, item, pure=False)
                position[future.key] = number
                futures.append(future)
            return futures

        # One more than there are threads, so that none waits for the next item.
        done = as_completed(submitted(sum(client.nthreads().values()) + 1))
        try:
            for future in done:
                result = future.result()
                number = position.pop(future.key)
                future.release()
                for following in submitted(1):
                    done.add(following)
                yield number, result
        except KilledWorker as problem:
            raise InputError(
                "Dask's workers died of this work again and again, perhaps for lack of memory: use"
                " fewer of them on a machine."
            ) from problem
        finally:
            done.clear()

    return run
