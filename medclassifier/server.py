"""The web server: gunicorn's processes, in each of which waitress serves.

gunicorn starts, watches and replaces processes. waitress hands a request to a thread only when it
has come whole, so a client that sends slowly, or not at all, holds a connection and no thread. What
is added here: how long a request may take to come, and that a body which its view would refuse is
not read.
"""

import contextlib
import os
import resource
import socket
import time
from typing import Any, Final

from gunicorn.workers.base import Worker as GunicornWorker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher

# Seconds for the lines of a request, from the first byte of it or the connection's start.
HEAD_SECONDS: Final = 10
# A body has so many seconds, and one more for as many bytes as a slow mobile line brings in one.
BODY_SECONDS: Final = 20
SLOWEST_BYTES_PER_SECOND: Final = 1_000
# Between two requests of a connection, and until a client takes more of an answer.
KEEP_ALIVE_SECONDS: Final = 30
STALLED_SECONDS: Final = 60
# What still comes of a refused body is dropped: closed at once, the client would see a broken
# connection in place of the answer.
LINGER_SECONDS: Final = 5
CONNECTIONS: Final = 2_000
# A connection, its body and its answer, and what the application opens meanwhile.
FILES_EACH: Final = 4
# Read from anybody, to any address: Django's own limit for what is no file.
SMALL_BODY: Final = 2_621_440


class Parser(HTTPRequestParser):
    """A request as it comes. Of a body that is too large nothing is read; the view refuses it."""

    is_refused = False
    admitted_bytes = SMALL_BODY

    def __init__(self, adjustments: Adjustments) -> None:
        super().__init__(adjustments)
        self.began_at = time.time()

    def received(self, data: bytes) -> int:
        consumed = int(super().received(data))
        # In chunks a body says nothing of its length, so it is looked at as it grows.
        length = max(self.content_length, self.body_bytes_received)
        if length > self.admitted_bytes:
            self.admit(length)
        # What follows a refusal is the rest of the body and no next request.
        return len(data) if self.is_refused else consumed

    def admit(self, length: int) -> None:
        # Not before Django is set up.
        from django.db import close_old_connections

        from classifier.web.bodies import most_bytes

        self.admitted_bytes = most_bytes(self.path, self.headers)
        # No request has begun yet that would see to the connection when it ends.
        close_old_connections()
        if length > self.admitted_bytes:
            self.headers["CONTENT_LENGTH"] = str(length)
            self.refuse()

    def refuse(self) -> None:
        self.close()
        self.is_refused = self.completed = True
        self.body_rcv, self.content_length, self.expect_continue = None, 0, False
        self.headers["CONNECTION"] = "close"

    def is_late(self, now: float) -> bool:
        if not self.headers_finished:
            return bool(now > self.began_at + HEAD_SECONDS)
        seconds = BODY_SECONDS + self.body_bytes_received / SLOWEST_BYTES_PER_SECOND
        return bool(now > self.began_at + HEAD_SECONDS + seconds)


class Refusal(ErrorTask):
    """The answer to what is no request that could be handed on, in the words of the API."""

    def execute(self) -> None:
        from classifier.api.errors import PROBLEM_TYPE, problem_response

        error = self.request.error
        answer = problem_response(error.code, "This request could not be read.")
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", PROBLEM_TYPE))
        self.set_close_on_finish()
        self.content_length = len(answer.content)
        self.write(answer.content)


class Channel(HTTPChannel):
    """One connection."""

    parser_class = Parser
    error_task_class = Refusal
    is_cut = False  # more may come of a request that is answered already
    lingers_until = 0.0

    def is_late(self, now: float) -> bool:
        if self.lingers_until:
            return now > self.lingers_until
        if self.total_outbufs_len:
            return bool(now > self.last_activity + STALLED_SECONDS)
        if self.requests:
            return False
        if self.request:
            return bool(self.request.is_late(now))
        is_first = self.last_activity == self.creation_time
        return bool(now > self.last_activity + (HEAD_SECONDS if is_first else KEEP_ALIVE_SECONDS))

    def service(self) -> None:
        request = self.requests[0]
        self.is_cut = bool(request.error) or request.is_refused
        super().service()

    def handle_close(self) -> None:
        if self.is_cut and self.connected and not self.lingers_until:
            self.lingers_until = time.time() + LINGER_SECONDS
            self.will_close = self.close_when_flushed = False
            with contextlib.suppress(OSError):  # the client was faster
                self.socket.shutdown(socket.SHUT_WR)
        else:
            super().handle_close()

    def readable(self) -> bool:
        return bool(self.lingers_until or super().readable())

    def handle_read(self) -> None:
        if self.lingers_until:
            with contextlib.suppress(OSError):
                self.recv(self.adj.recv_bytes)
        else:
            super().handle_read()


class Server(TcpWSGIServer):
    channel_class = Channel

    def maintenance(self, now: float) -> None:
        for channel in self.active_channels.values():
            if channel.is_late(now):
                channel.is_cut = False
                channel.will_close = True


class UnixServer(UnixWSGIServer):
    """For a proxy on the same machine that comes by a Unix socket."""

    channel_class = Channel
    maintenance = Server.maintenance

    def fix_addr(self, address: object) -> tuple[str, int]:
        # Such a socket has no addresses, and signing in asks for one.
        return "127.0.0.1", 0


class Worker(GunicornWorker):
    """A process of gunicorn's; of its settings `threads` and `graceful_timeout` count here."""

    def init_process(self) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = min(most, FILES_EACH * CONNECTIONS) if most > 0 else FILES_EACH * CONNECTIONS
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
        self.connections = files // FILES_EACH
        super().init_process()

    def run(self) -> None:
        connections: dict[int, Any] = {}
        threads = ThreadedTaskDispatcher()
        threads.set_thread_count(self.cfg.threads)
        servers = [self.server(listener.sock, connections, threads) for listener in self.sockets]
        while self.alive and self.ppid == os.getppid():
            self.notify()
            wasyncore.loop(timeout=1, use_poll=True, map=connections, count=1)
        for server in servers:
            wasyncore.dispatcher.close(server)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while any(is_busy(server) for server in servers) and time.monotonic() < deadline:
            wasyncore.loop(timeout=0.1, use_poll=True, map=connections, count=1)
        threads.shutdown(timeout=0)

    def server(
        self, listener: socket.socket, connections: dict[int, Any], threads: ThreadedTaskDispatcher
    ) -> Server | UnixServer:
        adjustments = Adjustments(
            sockets=[listener],
            connection_limit=self.connections,
            cleanup_interval=1,
            recv_bytes=2**16,
            inbuf_overflow=2**17,
            # Beyond this a thread would wait for a client that takes its answer slowly.
            outbuf_high_watermark=2**30,
            max_request_header_size=2**16,
            max_request_body_size=2**62,  # Parser sees to it, by address
            # Django reads X-Forwarded-For, as far as TRUSTED_PROXIES goes.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            ident=None,
        )
        sockinfo = (listener.family, listener.type, listener.proto, listener.getsockname())
        kind = UnixServer if listener.family == socket.AF_UNIX else Server
        return kind(
            self.wsgi,
            map=connections,
            _sock=listener,
            dispatcher=threads,
            adj=adjustments,
            sockinfo=sockinfo,
            bind_socket=False,
        )


def is_busy(server: Server | UnixServer) -> bool:
    return any(each.requests or each.total_outbufs_len for each in server.active_channels.values())
