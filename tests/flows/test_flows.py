"""The flows as they are, on a real Prefect API and a real store, with small videos and a small model."""

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.artifacts import TooManyFailed
from flows.generate import generate
from flows.ingest import ingest
from flows.nightly import nightly
from flows.train import train
from tests.flows.conftest import TINY, Bucket
from vmt.errors import DatasetError
from vmt.training.registry import read_champion

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_api")]


def artifact(key: str) -> Any:
    """The newest artifact of that key, as Prefect's page shows it."""
    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))  # type: ignore[attr-defined]
    assert len(found) == 1, key
    return found[0].data


def night() -> Any:
    return nightly(preset="demo", overrides=TINY, min_validation=2, min_test=2)


def test_nights_train_once_and_again_when_the_bucket_grew(bucket: Bucket) -> None:
    bucket.add(8)
    first = night()
    assert first["ingest"]["new"] == 8
    assert first["dataset"] == "main@v0001"
    assert "never trained on" in first["decision"]
    assert len(first["generate"]["made"]) == 2
    assert not first["generate"]["failed"]
    champion = read_champion(bucket.store)
    assert champion is not None
    assert champion.run == first["run"]
    for soundtrack in first["generate"]["made"]:
        for key in soundtrack["files"].values():
            assert bucket.store.head(key) is not None
    json.dumps(first)

    losses = json.loads(artifact(f"losses-{first['run']}"))
    assert [row["Epoch"] for row in losses] == [0, 1]
    assert artifact("soundtracks").count("_cgen_rd.mp4](file://") == 2
    assert f"**Training**: {first['run']}; the dataset has 8 videos" in artifact("nightly")

    second = night()
    assert (second["ingest"]["new"], second["run"], second["dataset"]) == (0, None, "main@v0001")
    assert "trains again" in second["decision"]
    assert (len(second["generate"]["made"]), len(second["generate"]["known"])) == (0, 2)

    bucket.add(1)
    third = night()
    assert third["dataset"] == "main@v0002"
    assert third["run"] not in (None, first["run"])
    assert "serves" in third["verdict"] or "stays" in third["verdict"]
    assert f"**Champion**: {third['verdict']}" in artifact("nightly")


def test_one_bad_video_stops_nothing_and_many_fail_the_flow(bucket: Bucket) -> None:
    bucket.add(2)
    bucket.store.put("videos/bad.mp4", b"this is no video")
    report = ingest()
    assert report["new"] == 2
    assert [(each["key"], each["code"]) for each in report["refused"]] == [("videos/bad.mp4", "not-media")]
    bucket.store.put("videos/worse.mp4", b"nor is this")
    bucket.store.put("videos/worst.mp4", b"nor this")
    with pytest.raises(
        TooManyFailed, match=r"3 of 5 videos are not usable, more than 50%; the first is videos/bad\.mp4"
    ):
        ingest()


def test_an_empty_bucket_says_what_to_do(bucket: Bucket) -> None:
    with pytest.raises(DatasetError, match="no video under videos/"):
        ingest()


def test_train_and_generate_by_hand(bucket: Bucket, tmp_path: Path) -> None:
    """A run of its own, promoted, and soundtracks for the inbox, one of whose videos is bad."""
    bucket.add(6)
    ingest()
    night = nightly(preset="demo", overrides=TINY)
    run = train(dataset="main", preset="demo", run="by-hand", overrides={**TINY, "seed": 3}, promote=True)
    assert run == "by-hand"
    champion = read_champion(bucket.store)
    assert champion is not None
    assert (champion.run, champion.history[-1]["run"]) == ("by-hand", night["run"])
    for name in ("0001", "0002"):
        bucket.store.put_file(f"inbox/{name}.mp4", tmp_path / f"{name}.mp4")
    bucket.store.put("inbox/bad.mp4", b"this is no video")
    report = generate(settings={"seed": 5})
    assert [each["run"] for each in report["made"]] == ["by-hand"] * 2
    assert [each["key"] for each in report["failed"]] == ["inbox/bad.mp4"]
    assert "inbox/bad.mp4 failed" in artifact("soundtracks")
    again = generate(videos=["inbox/0001.mp4"], settings={"seed": 5})
    assert (len(again["made"]), len(again["known"])) == (0, 1)
