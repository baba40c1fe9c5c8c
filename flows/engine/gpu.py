"""One GPU, one job: a global concurrency limit for each machine that has one.

The slot is held by a short lease that is renewed while the job lives, so that the slot of a machine
that is gone comes free within a minute. A job on the CPU takes no slot and waits for nobody. A job
that waits fills one of its worker's places for runs, so what comes again by itself in minutes waits
`SOON_S` at most.
"""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from vmt.errors import VmtError
from vmt.runtime.events import Map

LEASE_S = 60
SOON_S = 60.0
"""Longer than it takes to score a few videos, far shorter than a training."""


class GpuHeld(VmtError):
    """Another job held the GPU for as long as this one would wait."""


def limit_name() -> str:
    """Of this machine's limit."""
    return f"gpu-{socket.gethostname()}"


@contextmanager
def gpu_slot(device: torch.device, wait_s: float | None = None) -> Iterator[None]:
    """Hold this machine's GPU while a job runs on it; at once where `device` is the CPU.

    The limit is made at the first use, with one slot; a limit that stands is left as the operator
    set it.

    Args:
        device: what the job computes on.
        wait_s: how long to wait for the GPU, in seconds; without end if None.

    Raises:
        GpuHeld: if the GPU is held for longer than that.
    """
    if device.type != "cuda":
        yield
        return
    name = limit_name()
    _make_limit(name)
    with ExitStack() as held:
        try:
            held.enter_context(
                concurrency(
                    name,
                    timeout_seconds=wait_s,
                    lease_duration=LEASE_S,
                    strict=True,
                    # One that fails must not end hours of training: the server may only be
                    # restarting.
                    raise_on_lease_renewal_failure=False,
                )
            )
        except TimeoutError as error:
            raise GpuHeld(
                f"the GPU of {socket.gethostname()} is held by another job; `prefect gcl "
                f"inspect {name}` shows it"
            ) from error
        yield


def on_gpu(map: Map, device: torch.device, wait_s: float | None = None) -> Map:
    """A `map` that holds this machine's GPU while it has items, and lets it be where it
    has none.
    """

    def mapped(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        given = list(items)
        if given:
            with gpu_slot(device, wait_s):
                yield from map(function, given)

    return mapped


def _make_limit(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(
                    GlobalConcurrencyLimitCreate(name=name, limit=1)
                )
