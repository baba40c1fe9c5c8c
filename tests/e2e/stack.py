"""The real stack for end-to-end tests: dashboards, and a Prefect server with the product's own
deployments.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from flows.engine.table import DEPLOYMENTS
from tests.clips import ffmpeg
from tests.flows.conftest import TINY, Bucket
from tests.prefect_server import ROOT, PrefectServer
from tests.servers import free_ports
from tests.studio import film_clip
from vmt.features.extractor import Extractor, ExtractorConfig
from vmt.jobs.dataset.freeze import freeze
from vmt.jobs.ingest.ingest import ingest
from vmt.jobs.release.promote import promote
from vmt.jobs.train.train import train
from vmt.store import ObjectStore

READY_WITHIN_S = 120
STOP_WITHIN_S = 15
CLIP = ExtractorConfig("ViT-S-32-alt", "untrained:0")  # the least that open_clip knows by name
CLIP_WIDTH = 256
SPOILT = 5


@contextmanager
def process(
    command: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A child with a process group of its own, which ends with it."""
    with log.open("wb") as out:
        started = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield started
        finally:
            for stop in (signal.SIGINT, signal.SIGKILL):
                if started.poll() is None:
                    os.killpg(started.pid, stop)
                    try:
                        started.wait(STOP_WITHIN_S)
                    except subprocess.TimeoutExpired:
                        continue
            started.wait()


@dataclass(frozen=True)
class Dashboard:
    """One that runs."""

    url: str
    pid: int


@contextmanager
def dashboard(environment: Mapping[str, str], log: Path, *options: str) -> Iterator[Dashboard]:
    """A dashboard on a free port, once it is healthy."""
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "dashboard", "--port", str(port), *options]
    with process(command, environment, log) as started:
        base = options[options.index("--base-path") + 1] if "--base-path" in options else ""
        url, deadline = f"http://127.0.0.1:{port}{base}", time.monotonic() + READY_WITHIN_S
        while True:
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                assert started.poll() is None, log.read_text()
                assert time.monotonic() < deadline, (
                    f"the dashboard did not come up: {log.read_text()}"
                )
                time.sleep(0.25)
        yield Dashboard(url, started.pid)


def small_studio(folder: Path) -> ObjectStore:
    """A store with a model that serves, a real film of five seconds to score, and more spoilt
    videos than good ones.

    Features of the three training videos are random numbers; those of the film the generation takes
    for itself.
    """
    bucket = Bucket(folder, CLIP, CLIP_WIDTH)
    bucket.add(3)
    extractor = Extractor(CLIP, cache_dir=folder / "cache")
    ingest(bucket.store, extractor)
    dataset = freeze(bucket.store, extractor.name, split_by="id")
    promote(bucket.store, train(bucket.store, dataset, preset="demo", overrides=TINY))
    small = folder / "small.mp4"
    ffmpeg(
        "-i",
        film_clip("bigbuckbunny.mp4"),
        "-vf",
        "scale=320:-2",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        small,
    )
    bucket.store.put_file("inbox/holiday.mp4", small)
    for number in range(SPOILT):
        bucket.store.put(f"videos/spoilt-{number}.mp4", b"this is no film")
    return bucket.store


@contextmanager
def served_stack(folder: Path) -> Iterator[dict[str, str]]:
    """Variables of a Prefect server that runs the product's deployments on a small store; all
    schedules are paused.
    """
    (folder / "prefect").mkdir()
    server = PrefectServer(folder / "prefect")
    variables = {
        **server.environment,
        "VMT_CACHE": str(folder / "cache"),
        "VMT_CLIP_MODEL": CLIP.clip_model,
        "VMT_CLIP_WEIGHTS": CLIP.clip_weights,
        "VMT_DEVICE": "cpu",
        "VMT_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "vmt",
    }
    try:
        variables["VMT_STORE"] = small_studio(folder).url
        server.wait_until_ready()
        log = folder / "served.log"
        with process([sys.executable, "-m", "flows.commands.serve"], variables, log):
            _pause_schedules(server.url, log)
            yield variables
    finally:
        server.stop()


def _pause_schedules(api: str, log: Path) -> None:
    """Wait until every deployment is there, and see to it that none starts by itself."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        answer = httpx.post(f"{api}/deployments/filter", json={})
        found = answer.json() if answer.is_success else []
        active = [
            (each["id"], one["id"]) for each in found for one in each["schedules"] if one["active"]
        ]
        if len(found) == len(DEPLOYMENTS) and not active:
            return
        assert time.monotonic() < deadline, (
            f"the deployments are not there:\n{log.read_text()[-2000:]}"
        )
        for (
            deployment,
            schedule,
        ) in active:  # SQLite refuses while `serve` is still writing: it is asked again
            httpx.patch(
                f"{api}/deployments/{deployment}/schedules/{schedule}", json={"active": False}
            )
        time.sleep(0.5)
