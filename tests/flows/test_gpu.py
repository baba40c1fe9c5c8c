"""One GPU, one job: others wait, the CPU does not, and a job that dies gives its slot back within its lease."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.gpu import LEASE_S, gpu_slot, limit_name
from tests.prefect_server import ROOT, PrefectServer

pytestmark = pytest.mark.server
GPU = torch.device("cuda")
HOLD = """
import time, torch
from flows.gpu import gpu_slot

with gpu_slot(torch.device("cuda")):
    print("held", flush=True)
    time.sleep(600)
"""


def slots() -> int:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(limit_name()).active_slots


@pytest.mark.usefixtures("prefect_api")
def test_a_second_job_waits_for_the_gpu_and_the_cpu_does_not() -> None:
    order: list[str] = []

    def job() -> None:
        with gpu_slot(GPU):
            order.append("second")

    with gpu_slot(GPU):
        assert slots() == 1
        thread = threading.Thread(target=job)
        thread.start()
        with gpu_slot(torch.device("cpu")):
            order.append("cpu")
        time.sleep(2)
        order.append("first")
    thread.join(60)
    assert order == ["cpu", "first", "second"]
    assert slots() == 0


@pytest.mark.long
def test_a_killed_job_gives_its_slot_back_within_its_lease(tmp_path: Path) -> None:
    server = PrefectServer(tmp_path)
    child: subprocess.Popen[bytes] | None = None
    try:
        server.wait_until_ready()
        with temporary_settings({PREFECT_API_URL: server.url}):
            child = subprocess.Popen(
                [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, cwd=ROOT, env=server.environment
            )
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            time.sleep(LEASE_S + 10)
            assert slots() == 1, "it is renewed"
            child.kill()
            killed = time.monotonic()
            with gpu_slot(GPU):
                assert time.monotonic() - killed < 2 * LEASE_S
    finally:
        if child is not None and child.stdout is not None:
            child.kill()
            child.wait()
            child.stdout.close()
        server.stop()
