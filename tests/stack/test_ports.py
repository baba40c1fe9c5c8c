"""Ports: stated defaults, a clear word where one is taken."""

import socket
from collections.abc import Iterator

import pytest

from tests.servers import free_ports
from vmt.errors import StackError
from vmt.stack.ports import HOST, INNER_FROM, Ports, is_free, settle, settle_inner


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_its_remedy(taken: int) -> None:
    s3, prefect = free_ports(2)
    with pytest.raises(
        StackError,
        match=rf"^port {taken} of dashboard: taken by another program .*--dashboard-port N",
    ):
        settle(Ports(s3, prefect, taken))


def test_zero_is_any_free_port(taken: int) -> None:
    found = vars(settle(Ports(0, 0, 0)))
    assert len(set(found.values())) == 3
    assert taken not in found.values()
    assert all(is_free(port) for port in found.values())


def test_what_was_asked_for_is_kept() -> None:
    s3, prefect = free_ports(2)
    assert vars(settle(Ports(s3, prefect, 0))).items() >= {"s3": s3, "prefect": prefect}.items()


def test_one_port_for_two_is_refused() -> None:
    (port,) = free_ports(1)
    with pytest.raises(
        StackError, match=rf"port {port}: asked for by s3 and by prefect; give another one"
    ):
        settle(Ports(port, port, 0))


def test_a_port_has_bounds() -> None:
    with pytest.raises(StackError, match=r"port 70000 of s3: a port is from 1 to 65535"):
        settle(Ports(70000, 0, 0))


def test_inner_ports_stay_what_they_were(taken: int) -> None:
    (known,) = free_ports(1)
    found = settle_inner(("a", "b", "c"), {"a": known, "b": taken}, avoid=())
    assert found["a"] == known
    assert found["b"] not in (known, taken)
    assert found["c"] >= INNER_FROM
    assert len(set(found.values())) == 3
    assert settle_inner(("a",), {"a": known}, avoid=[known])["a"] != known
