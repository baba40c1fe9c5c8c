"""One GPU, one job: others wait, the CPU does not, and a job that dies gives its slot back within
its lease.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.engine.gpu import LEASE_S, GpuHeld, gpu_slot, limit_name, on_gpu
from flows.inbox import inbox
from flows.ingest import ingest
from tests.flows.conftest import Bucket
from tests.prefect_server import ROOT, PrefectServer
from vmt.catalog import documents, keys
from vmt.catalog.runs import Champion
from vmt.runtime.events import thread_map

pytestmark = pytest.mark.server
GPU = torch.device("cuda")
HOLD = """
import time, torch
from flows.engine.gpu import gpu_slot

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


@pytest.mark.usefixtures("prefect_api")
def test_a_job_may_wait_for_a_while_only_and_one_without_items_takes_no_gpu() -> None:
    with gpu_slot(GPU):
        started = time.monotonic()
        with (
            pytest.raises(GpuHeld, match=f"prefect gcl inspect {limit_name()}"),
            gpu_slot(GPU, wait_s=1.0),
        ):
            raise AssertionError
        assert time.monotonic() - started < 10
        assert list(on_gpu(thread_map, GPU, wait_s=1.0)(abs, [])) == []
        with pytest.raises(GpuHeld):
            list(on_gpu(thread_map, GPU, wait_s=1.0)(abs, [-1]))
    assert list(on_gpu(thread_map, GPU, wait_s=1.0)(abs, [-1])) == [1]
    with pytest.raises(TimeoutError, match="the job's own"), gpu_slot(GPU, wait_s=1.0):
        raise TimeoutError("the job's own")
    assert slots() == 0


@pytest.mark.usefixtures("prefect_api")
def test_while_the_gpu_is_held_what_is_new_is_left_and_the_run_says_so(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flows are told of a GPU that is not there, which they do not come to use."""
    for module in ("flows.tasks.pipeline", "flows.inbox"):
        monkeypatch.setattr(f"{module}.device", lambda: GPU)
    for module in ("flows.ingest", "flows.inbox"):
        monkeypatch.setattr(f"{module}.SOON_S", 1.0)
    documents.write(bucket.store, keys.champion(), Champion("one", 1, ""))
    bucket.add(1)
    with gpu_slot(GPU):
        assert inbox()["found"] == 0, "an empty inbox needs no GPU"
        bucket.store.put("inbox/a.mp4", b"a video")
        for flow in (inbox, ingest):
            state = flow(return_state=True)
            assert state.is_completed()
            assert state.message == "The GPU is held; 1 new videos are put off to the next run"
            assert state.result()["put_off"] == 1
    indexed = [entry.key for entry in bucket.store.list("index/")]
    assert indexed == [keys.video_ids()], "ids are given at first sight, features are not made"
    assert ingest()["new"] == 1
    with gpu_slot(GPU):
        report = ingest()
    assert (report["known"], report["put_off"]) == (1, 0), "what is known needs no GPU"


@pytest.mark.long
def test_a_killed_job_gives_its_slot_back_within_its_lease(tmp_path: Path) -> None:
    server = PrefectServer(tmp_path)
    child: subprocess.Popen[bytes] | None = None
    try:
        server.wait_until_ready()
        with temporary_settings({PREFECT_API_URL: server.url}):
            child = subprocess.Popen(
                [sys.executable, "-c", HOLD],
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=server.environment,
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
