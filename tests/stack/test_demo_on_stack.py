"""`vmt demo --on-stack`: the demo through the stack's S3, its Prefect server and its served
deployments.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.test_stack import Stack
from vmt.settings import Settings
from vmt.stack.client import Client
from vmt.synthetic import tour

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.timeout(1800)]
VIDEOS = "--videos=8"  # three to validate on, two or more held out, and some to learn from


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path)
    done = made.up()
    assert done.returncode == 0, done.stderr
    yield made
    assert made.vmt("down").returncode == 0


def test_the_demo_goes_through_the_stack(stack: Stack) -> None:
    done = stack.vmt("demo", "--on-stack", VIDEOS, timeout_s=1500.0)
    assert done.returncode == 0, done.stderr
    assert "vmt.epoch.finished" in done.stderr
    store = Client(stack.folder, Settings()).store
    champion = json.loads(store.get("models/champion.json"))
    assert f"best epoch: {champion['epoch']}, by validation chord loss" in done.stdout
    soundtracks = [
        line.strip() for line in done.stdout.splitlines() if line.strip().endswith("_cgen_rd.mp4")
    ]
    assert len(soundtracks) >= tour.MIN_TEST
    for url in soundtracks:
        assert store.head(url.removeprefix(f"{store.url}/")) is not None, url
    completed = {
        "flows": {"name": {"any_": ["nightly"]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    (run,) = stack.ask("flow_runs/filter", completed)
    assert run["parameters"]["preset"] == tour.PRESET
    assert run["parameters"]["split_by"] == "id", "the same sides on every machine"
    assert run["deployment_id"] in {
        each["id"] for each in stack.deployments() if each["name"] == "nightly"
    }
    assert stack.state().settings["VMT_CLIP_MODEL"] == tour.ENVIRONMENT["VMT_CLIP_MODEL"]

    again = stack.vmt("demo", "--on-stack", VIDEOS)
    assert "everything is done already" in again.stderr
    assert again.stdout == done.stdout
