"""One job at a time on a GPU: a global concurrency limit for each machine that has one.

A job holds the slot by a short lease and renews it, so that the slot of a machine that is gone
comes free within a minute. A job on the CPU takes no slot. A job that waits occupies one of its
worker's places for runs, so scheduled jobs, which start again in minutes, wait `SOON_S` at most.
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
"""Seconds: longer than a generation for a few videos, far shorter than a training."""


class GpuHeld(VmtError):
    """Another job held the GPU for the whole waiting time."""


def limit_name() -> str:
    """The name of this machine's limit."""
    return f"gpu-{socket.gethostname()}"


@contextmanager
def gpu_slot(device: torch.device, wait_s: float | None = None) -> Iterator[None]:
    """Hold this machine's GPU while a job runs on it; a job on the CPU does not wait.

    The first use creates the limit with one slot; an existing limit keeps the operator's value.

    Args:
        device: the device of the job.
        wait_s: longest wait for the GPU, in seconds; no limit if None.

    Raises:
        GpuHeld: if the GPU is held for longer.
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
                    # A failed renewal must not end hours of training: the server may only be
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
    """A `map` that holds this machine's GPU while it works, and not if there are no items.

    Args:
        map: that does the work.
        device: the device of the work.
        wait_s: longest wait for the GPU, in seconds; no limit if None.
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
