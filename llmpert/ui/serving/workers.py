"""Several processes behind one port, of which a browser always gets the same.

Each worker is a whole server with the sessions of its visitors in memory. The front accepts a
connection, looks at the head of its request without reading it, and hands the connection itself to
a worker, which goes on as if it had accepted it: nothing is copied, and addresses, limits and
guards are the worker's own. Which worker has a browser stands in a cookie, a number. A connection
carries one request (`requests.StayHere`): a proxy may send those of several visitors through one.

Nothing here imports Streamlit or what computes. What all workers need is imported once, by a
process from which they are forked, so that they share its memory.
"""

import asyncio
import logging
import multiprocessing
import os
import re
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from itertools import count as counting
from typing import TYPE_CHECKING

from llmpert.runtime import wait_briefly
from llmpert.ui.serving import logs

if TYPE_CHECKING:  # Windows has none
    from multiprocessing.context import ForkServerContext, ForkServerProcess

VARIABLE = "LLMPERT_WORKER"
"""The environment variable with a worker's number, from 0."""

SHARED = "llmpert.ui.serving.shared"
"""The module that is imported once for all workers."""

LONGEST = 2**16
"""Bytes of a request's head, as uvicorn's own limit."""

PATIENCE = 60
"""Seconds to wait for the head of a request."""

LEAVING = 10
"""Seconds that workers have to end."""

HANDED, READY, CLOSED = b".", b"+", b"-"
"""The front's sign with a connection, and a worker's signs that it accepts and has closed one."""

log = logging.getLogger(__name__)


def own_number() -> int | None:
    """Return the number of the worker that this process is, None where it is the only one."""
    number = os.environ.get(VARIABLE)
    return None if number is None else int(number)


def cookie(port: int) -> str:
    """Return the cookie's name, which has the port: browsers share cookies between ports."""
    return f"llmpert-worker-{port}"


def run(
    count: int,
    address: str,
    port: int,
    arguments: Sequence[str],
    shared: Sequence[str] = (SHARED,),
) -> None:
    """Serve with some workers until interrupted.

    Args:
        count: Number of workers.
        arguments: Of Streamlit's command line, which each worker gets.
        shared: Modules that are imported once for all.

    Raises:
        SystemExit: The port is not available, or a worker ended before it could serve.
    """
    logs.configure(os.environ.get(logs.VARIABLE, "text"))
    wait_briefly()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listening = socket.create_server(
            (address, port), family=family, backlog=2048, dualstack_ipv6=":" in address
        )
    except OSError as error:
        log.error("Port %s is not available", port)
        raise SystemExit(1) from error
    listening.setblocking(False)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*shared])
    front = Front([Worker(number, context, arguments) for number in range(count)], cookie(port))
    try:
        served = asyncio.run(front.serve(listening))
    finally:
        for worker in front.workers:
            worker.process.terminate()
        for worker in front.workers:
            worker.process.join(LEAVING)
            worker.process.kill()
    raise SystemExit(0 if served else 1)


class Worker:
    """A worker as the front sees it.

    Attributes:
        ready: Whether it accepts connections. Those that it is handed before wait, also while it is
            started again.
        open: How many connections it has.
        turn: When it was handed one last, in counts.
    """

    def __init__(self, number: int, context: "ForkServerContext", arguments: Sequence[str]) -> None:
        self.number = number
        self._context, self._arguments = context, arguments
        # Both ends are kept: what lies between them survives the worker.
        self.channel, self._theirs = socket.socketpair()
        self.channel.setblocking(False)
        self.turn = 0
        self.start(welcome=number == 0)

    def start(self, welcome: bool = False) -> None:
        """Start its process, which prints the address to open if `welcome` is set."""
        self.ready, self.open = False, 0
        arguments = [*self._arguments]
        if not welcome:
            arguments.append("--logger.hideWelcomeMessage=true")
        self.process: ForkServerProcess = self._context.Process(
            target=_work, args=(self.number, self._theirs, arguments)
        )
        self.process.start()

    def take(self, connection: socket.socket, turn: int) -> None:
        """Hand it a connection.

        Raises:
            BlockingIOError: Too many wait for it.
        """
        socket.send_fds(self.channel, [HANDED], [connection.fileno()])
        self.open, self.turn = self.open + 1, turn

    def hear(self) -> None:
        """Record its message."""
        with suppress(BlockingIOError):
            said = self.channel.recv(LONGEST)
            self.ready |= READY in said
            self.open = max(0, self.open - said.count(CLOSED))


class Front:
    """What accepts connections and hands them to workers."""

    def __init__(self, workers: Sequence[Worker], cookie: str) -> None:
        self.workers = workers
        self._known = re.compile(rb"(?im)^cookie:.*\b%s=(\d{1,3})\b" % cookie.encode())
        self._turns = counting(1)

    async def serve(self, listening: socket.socket) -> bool:
        """Serve until a signal; return False if a worker ended before it could serve."""
        loop = asyncio.get_running_loop()
        stopped = loop.create_future()

        def stop(properly: bool) -> None:
            if not stopped.done():
                stopped.set_result(properly)

        def watch(worker: Worker) -> None:
            loop.add_reader(worker.process.sentinel, ended, worker)

        def ended(worker: Worker) -> None:
            loop.remove_reader(worker.process.sentinel)
            worker.process.join()
            worker.hear()
            about = {"worker": worker.number, "code": worker.process.exitcode}
            log.error("worker ended", extra=about)
            if not worker.ready:  # it would again
                stop(False)
                return
            worker.start()
            watch(worker)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, True)
        for worker in self.workers:
            loop.add_reader(worker.channel, worker.hear)
            watch(worker)
        accepting = loop.create_task(self._accept(listening))
        try:
            return await stopped
        finally:
            accepting.cancel()
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as under_way:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listening)
                except OSError as problem:  # too many are open
                    log.warning("connection not accepted", extra={"reason": str(problem)})
                    await asyncio.sleep(0.5)
                else:
                    under_way.create_task(self._hand_over(connection))

    async def _hand_over(self, connection: socket.socket) -> None:
        # The browser may go away, be too slow, or come when its worker has too many.
        with connection, suppress(OSError):
            async with asyncio.timeout(PATIENCE):
                head = await _head(connection)
            if head is not None:
                self.choose(head).take(connection, next(self._turns))

    def choose(self, head: bytes) -> Worker:
        """Return the worker that a request's cookie names, else the one with least to do."""
        found = self._known.search(head)
        if found and int(found[1]) < len(self.workers):
            return self.workers[int(found[1])]
        ready = [worker for worker in self.workers if worker.ready]
        return min(ready or self.workers, key=lambda worker: (worker.open, worker.turn))


async def _head(connection: socket.socket) -> bytes | None:
    """Return the head of a request, which stays unread; None if the browser goes away."""
    loop = asyncio.get_running_loop()
    something = asyncio.Event()
    loop.add_reader(connection, something.set)
    try:
        await something.wait()
    finally:
        loop.remove_reader(connection)
    while seen := connection.recv(LONGEST, socket.MSG_PEEK):
        head, end, _ = seen.partition(b"\r\n\r\n")
        # Of what is no request, an end need not come: a worker says so.
        if end or len(seen) == LONGEST or not re.match(rb"[A-Z]+( |$)", seen):
            return head
        await asyncio.sleep(0.02)
    return None


def _work(number: int, channel: socket.socket, arguments: Sequence[str]) -> None:
    from llmpert.ui.streamlit_internals import run_on

    os.environ[VARIABLE] = str(number)
    with suppress(KeyboardInterrupt):
        run_on(Handed(fileno=channel.detach()), arguments)


class Handed(socket.socket):
    """What a worker listens on: accepts the connections that the front hands it."""

    def listen(self, backlog: int = 0) -> None:
        """Notify the front that connections are accepted from now on."""
        self.send(READY)

    def accept(self) -> tuple[socket.socket, object]:
        """Return the next connection and the address at its other end."""
        sign, files, _, _ = socket.recv_fds(self, 1, 1)
        if not sign:  # nobody is left to hand any
            asyncio.get_running_loop().remove_reader(self)
            signal.raise_signal(signal.SIGTERM)
            raise BlockingIOError
        connection = _Connection(self, files[0])
        try:
            return connection, connection.getpeername()
        except OSError as gone:
            connection.close()
            raise ConnectionAbortedError from gone


class _Connection(socket.socket):
    """A connection that notifies the front when it is closed."""

    def __init__(self, handed: Handed, file: int) -> None:
        super().__init__(fileno=file)
        self._handed = handed

    def close(self) -> None:
        if self.fileno() >= 0:
            with suppress(OSError):
                self._handed.send(CLOSED)
        super().close()
