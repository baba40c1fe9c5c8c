"""One GPU, one job: a global concurrency limit for each machine that has one.

The slot is held by a short lease that is renewed while the job lives, so that the slot of a machine that is gone comes
free within a minute. A job on the CPU takes no slot and waits for nobody.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

LEASE_S = 60


def limit_name() -> str:
    """Of this machine's limit."""
    return f"gpu-{socket.gethostname()}"


@contextmanager
def gpu_slot(device: torch.device) -> Iterator[None]:
    """Hold this machine's GPU while a job runs on it; at once where `device` is the CPU.

    The limit is made at the first use, with one slot; a limit that stands is left as the operator set it.
    """
    if device.type != "cuda":
        yield
        return
    name = limit_name()
    _make_limit(name)
    # A renewal that fails must not end hours of training: the server may only be restarting.
    with concurrency(name, occupy=1, lease_duration=LEASE_S, strict=True, raise_on_lease_renewal_failure=False):
        yield


def _make_limit(name: str) -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))
