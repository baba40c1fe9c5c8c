"""Loopback ports: fixed defaults for those that people type, free ones for the rest."""

import contextlib
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vmt.errors import StackError

HOST = "127.0.0.1"
# Below the range that systems use for outgoing connections.
INNER_FROM, INNER_TO = 18_400, 28_000


@dataclass(frozen=True)
class Ports:
    """The ports of the stack for people and programs."""

    s3: int = 8333
    prefect: int = 4200
    dashboard: int = 8501


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        # As servers do: a connection that was just closed does not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def settle(wanted: Ports) -> Ports:
    """The wanted ports, with a free port in place of each 0.

    Raises:
        StackError: if a port is taken, or two services share one.
    """
    named = {name: port for name, port in vars(wanted).items() if port}
    for name, port in named.items():
        remedy = f"give another one with --{name}-port N, or 0 for any that is free"
        others = [other for other, same in named.items() if same == port and other != name]
        if others:
            raise StackError(f"port {port}: asked for by {name} and by {others[0]}; {remedy}")
        if not 1 <= port <= 65_535:
            raise StackError(f"port {port} of {name}: a port is from 1 to 65535; {remedy}")
        if not is_free(port):
            raise StackError(
                f"port {port} of {name}: taken by another program on {HOST}; stop that one, or "
                f"{remedy}"
            )
    with contextlib.ExitStack() as held:
        settled = {name: port or _any_port(held) for name, port in vars(wanted).items()}
    return Ports(**settled)


def _any_port(held: contextlib.ExitStack) -> int:
    probe = held.enter_context(socket.socket())
    probe.bind((HOST, 0))
    return int(probe.getsockname()[1])


def settle_inner(
    names: Iterable[str], known: Mapping[str, int], avoid: Iterable[int]
) -> dict[str, int]:
    """A free port for each name; the known port of a name if it is free.

    Args:
        names: of the ports.
        known: ports of the last time, by name.
        avoid: ports that are taken.

    Raises:
        StackError: if there are not enough free ports.
    """
    taken, settled = set(avoid), dict[str, int]()
    for name in names:
        candidates = [known[name]] if name in known else []
        port = next(
            (
                p
                for p in (*candidates, *range(INNER_FROM, INNER_TO))
                if p not in taken and is_free(p)
            ),
            None,
        )
        if port is None:
            raise StackError(
                f"no free port from {INNER_FROM} to {INNER_TO} for {name}; stop what holds them"
            )
        taken.add(port)
        settled[name] = port
    return settled
