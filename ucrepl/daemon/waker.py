"""Waiting that ends at once when another thread, a signal handler or the source has something to say."""

import math
import select
import socket
from contextlib import suppress

from psycopg import Connection, Notify
from psycopg.rows import TupleRow


class Waker:
    """Lets one thread wait and any other one, or a signal handler, end the wait. A wake-up that comes early is kept."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)  # noqa: FBT003 - the standard library's
        self._far.setblocking(False)  # noqa: FBT003

    def wake(self) -> None:
        """End the wait, or the next one."""
        with suppress(OSError):  # full: it is woken anyway; closed: nobody waits any more
            self._far.send(b"!")

    def wait(self, seconds: float, *others: int) -> bool:
        """Wait at the most so long, or until one of the `others` (file descriptors) can be read. True if woken."""
        poll = select.poll()
        for descriptor in (self._near.fileno(), *others):
            poll.register(descriptor, select.POLLIN)
        ready = poll.poll(math.ceil(max(0.0, seconds) * 1000))
        woken = any(descriptor == self._near.fileno() for descriptor, _ in ready)
        with suppress(BlockingIOError):
            while woken and self._near.recv(64):
                pass
        return woken

    def close(self) -> None:
        """Give the sockets back."""
        self._near.close()
        self._far.close()


class Ears:
    """Hears the notifications of a connection that LISTENs, and loses none between looking and waiting.

    Call `forget` before you look for changes: what is heard from then on ends the next `wait` at once. However many
    there are, they take no room.
    """

    def __init__(self, connection: Connection[TupleRow], waker: Waker) -> None:
        self._connection = connection
        self._waker = waker
        self._heard = False
        connection.add_notify_handler(self._hear)  # those that come in while a query runs

    def forget(self) -> None:
        """Take what has come in and start afresh."""
        self._collect()
        self._heard = False

    def wait(self, seconds: float) -> bool:
        """Wait for a notification, or for the waker, at the most so long. Returns whether one of them came.

        Raises OperationalError on a lost connection.
        """
        if not self._heard:
            self._collect()  # libpq may have read them from the socket already
        if self._heard:
            return True
        woken = self._waker.wait(seconds, self._connection.pgconn.socket)
        self._collect()
        return woken or self._heard

    def _collect(self) -> None:
        with self._connection.lock:
            pgconn = self._connection.pgconn
            pgconn.consume_input()
            while pgconn.notifies():
                self._heard = True

    def _hear(self, _: Notify) -> None:
        self._heard = True
