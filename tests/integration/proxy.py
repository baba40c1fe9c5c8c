"""A TCP proxy between a client and an S3 server: it refuses, slows, fills up, holds requests, and
counts writes.
"""

import contextlib
import re
import socket
import threading
import time
from collections import Counter

FULL = b"""<?xml version="1.0"?><Error><Code>InsufficientStorage</Code><Message>no space left</Message></Error>"""  # noqa: E501
_REQUEST = re.compile(rb"^(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")


class Hold:
    """One request whose line matches a pattern, held before the server sees it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern)
        self.seen = threading.Event()
        self.released = threading.Event()

    def wait(self, timeout_s: float = 300) -> None:
        assert self.seen.wait(timeout_s), f"no request matched {self.pattern.pattern}"


class Proxy:
    """Listens on a port of its own until `close`; `mode` is `pass`, `refuse`, `slow` or `full`
    (writes alone fail).
    """

    def __init__(self, target_port: int) -> None:
        self.target = ("127.0.0.1", target_port)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.mode = "pass"
        self.holds: list[Hold] = []
        self.writes: Counter[str] = Counter()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, pattern: str) -> Hold:
        """Hold the next request whose line matches; those after it pass."""
        self.holds.append(Hold(pattern))
        return self.holds[-1]

    def forget(self) -> None:
        """Hold nothing any more, and count writes anew."""
        for each in self.holds:
            each.released.set()
        self.holds = []
        self.writes.clear()

    def set_mode(self, mode: str) -> None:
        """Also for connections that are open: a refusing server has none."""
        self.mode = mode
        if mode in ("refuse", "full"):
            with self._guard:
                for each in list(self._open):
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.forget()
        self.set_mode("refuse")
        self.listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._guard:
            self._open |= {client, server}
        back = threading.Thread(target=self._copy_back, args=(server, client), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while chunk := client.recv(1 << 16):
                if not self._look(chunk, client):
                    break
                if self.mode == "slow":
                    time.sleep(0.2)
                server.sendall(chunk)
        self._end(client, server)

    def _look(self, chunk: bytes, client: socket.socket) -> bool:
        """Count, hold or answer a request at its first bytes; whether it goes on to the server."""
        found = _REQUEST.match(chunk)
        if found is None:
            return True
        method, key = found[1].decode(), found[2].decode().partition("?")[0]
        for hold in self.holds:
            if not hold.seen.is_set() and hold.pattern.search(f"{method} {key}"):
                hold.seen.set()
                hold.released.wait(300)
                break
        if self.mode == "full" and method in ("PUT", "POST"):
            head = (
                "HTTP/1.1 507 Insufficient Storage\r\nContent-Length: "
                f"{len(FULL)}\r\nConnection: close\r\n\r\n"
            )
            client.sendall(head.encode() + FULL)
            return False
        if method == "PUT":
            self.writes[key] += 1
        return True

    def _copy_back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := server.recv(1 << 16):
                client.sendall(chunk)
        self._end(client, server)

    def _end(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with self._guard:
                self._open.discard(each)
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
