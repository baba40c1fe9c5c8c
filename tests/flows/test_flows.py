"""The flows as they are, on a real Prefect API and a real store, with small videos and a small
model.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowFilter,
    FlowFilterName,
)

from flows.compare import compare
from flows.engine.artifacts import TooManyFailed
from flows.evaluate import evaluate
from flows.generate import generate
from flows.housekeep import housekeep
from flows.inbox import inbox
from flows.ingest import ingest
from flows.nightly import nightly
from flows.train import train
from tests.flows.conftest import EXTRACTOR, TINY, Bucket
from vmt.catalog import datasets
from vmt.catalog.runs import Run, read_champion
from vmt.errors import GenerationError, TrainingError
from vmt.jobs.dataset.freeze import freeze

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_api")]


def artifact(key: str) -> Any:
    """The newest artifact of that key, as Prefect's page shows it."""
    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )  # type: ignore[attr-defined]
    assert len(found) == 1, key
    return found[0].data


def night(**changed: Any) -> Any:
    least = {"min_validation": 2, "min_test": 2}
    return nightly(**{"preset": "demo", "overrides": TINY, "split_by": "id", **least} | changed)


def sides(bucket: Bucket, version: str) -> dict[str, list[str]]:
    """Ids of the videos that do not train."""
    manifest = datasets.read(bucket.store, datasets.resolve(bucket.store, version)).manifest
    return {
        side: list(manifest.loc[manifest["split"] == side, "id"]) for side in ("validation", "test")
    }


def test_nights_train_once_and_again_when_the_bucket_grew_by_three(bucket: Bucket) -> None:
    bucket.add(8)
    first = night()
    assert (first["state"], first["error"]) == ("done", None)
    assert first["ingest"]["new"] == 8
    assert first["dataset"]["version"] == "main@v0001"
    held_back = {"validation": ["0004", "0008"], "test": ["0005", "0007"]}
    assert sides(bucket, "main@v0001") == held_back, "ids decide"
    assert "never trained on" in first["decision"]["reason"]
    assert first["showcase"]["passed"], first["showcase"]
    assert len(first["showcase"]["soundtracks"]) == len(first["soundtracks"]["known"]) == 2, (
        "made once, and shown"
    )
    champion = read_champion(bucket.store)
    assert champion is not None
    assert (champion.run, champion.epoch) == (first["run"], first["gate"]["epoch"])
    for soundtrack in first["soundtracks"]["known"]:
        for key in soundtrack["files"].values():
            assert bucket.store.head(key) is not None
    assert first["evaluation"]["rows"]["model"]["chord"] > 0
    report = json.loads(bucket.store.get(first["report"]))
    assert report == {
        name: value for name, value in json.loads(json.dumps(first)).items() if name != "report"
    }

    losses = json.loads(artifact(f"losses-{first['run']}"))
    assert [row["Epoch"] for row in losses] == [0, 1]
    assert artifact(f"progress-training-{first['run']}") == 100
    assert artifact("progress-soundtracks") == 100
    assert artifact("soundtracks").count("_cgen_rd.mp4](file://") == 2
    assert f"**Training**: {first['run']}; the dataset has 8 videos" in artifact("nightly")

    second = night()
    assert (second["ingest"]["new"], second["run"], second["dataset"]["version"]) == (
        0,
        None,
        "main@v0001",
    )
    assert "trains again" in second["decision"]["reason"]
    assert (len(second["soundtracks"]["made"]), len(second["soundtracks"]["known"])) == (0, 2)

    bucket.add(3)
    third = night(go_on=True, more_epochs=1)
    assert third["dataset"]["version"] == "main@v0002"
    assert sides(bucket, "main@v0002") == held_back
    assert third["dataset"]["added"] == ["0009", "0010", "0011"]
    assert third["run"] not in (None, first["run"])
    assert (
        third["decision"]["start"]
        == f"from the champion, {first['run']} epoch {first['gate']['epoch']}"
    )
    assert third["gate"]["margin"] == 0.01
    now = read_champion(bucket.store)
    assert now is not None
    assert (now.run == third["run"]) is third["promoted"]
    assert ("serves" if third["promoted"] else "stays") in third["verdict"]
    text = bucket.store.get(third["report"].removesuffix("json") + "md").decode()
    assert f"**Champion**: {third['champion']['run']}" in text
    dataset = "main@v0002, 11 videos (8 in main@v0001, the version of the last training)"
    assert f"**Dataset**: {dataset}" in text


def test_a_night_goes_on_with_a_run_that_was_not_judged_and_keeps_the_champion_if_its_showcase_is_not_sound(  # noqa: E501
    bucket: Bucket,
) -> None:
    """The run of a night that was killed before its verdict is not trained again, but judged,
    though a video came.
    """
    bucket.add(6)
    ingest()
    version = freeze(bucket.store, EXTRACTOR.name, min_validation=2, min_test=2, split_by="id")
    run = train(dataset=version, preset="demo", overrides=TINY)
    weights = bucket.store.head(Run(bucket.store, run).weights_key(1))
    held_out = datasets.read(bucket.store, datasets.resolve(bucket.store, version)).manifest.query(
        "split == 'test'"
    )
    made = generate(videos=list(held_out["key"]), run=run)["made"]
    sound = io.BytesIO()
    soundfile.write(sound, np.full((48000, 2), 0.1, dtype=np.float32), 48000, format="FLAC")
    bucket.store.put(made[0]["files"]["flac"], sound.getvalue())
    bucket.add(1)
    found = night(grow_share=0.5)
    assert found["dataset"]["version"] == "main@v0002"
    assert found["decision"]["start"] == f"with {run}, which an earlier night left half-way"
    assert found["run"] == run
    assert bucket.store.head(Run(bucket.store, run).weights_key(1)) == weights, "trained once"
    assert found["gate"]["better"]
    assert not found["promoted"]
    assert read_champion(bucket.store) is None
    assert "no champion yet" in found["verdict"]
    assert f"- showcase: {made[0]['id']}: its sound lasts 1.00 s, the video 4.00 s" in artifact(
        "nightly"
    )
    assert night(grow_share=0.5)["run"] is None, "it was judged"


def test_a_night_that_fails_reports_it(bucket: Bucket) -> None:
    bucket.add(3)
    with pytest.raises(TrainingError, match="preset 'none' is unknown"):
        night(preset="none")
    (report,) = [
        each.key for each in bucket.store.list("reports/nightly/") if each.key.endswith(".json")
    ]
    saved = json.loads(bucket.store.get(report))
    assert saved["state"] == "failed"
    assert "preset 'none' is unknown" in saved["error"]
    assert "**It failed**: preset 'none'" in artifact("nightly")


def test_one_bad_video_stops_nothing_and_many_fail_the_flow_once(bucket: Bucket) -> None:
    bucket.add(3)
    bucket.store.put("videos/bad.mp4", b"this is no video")
    report = ingest()
    assert report["new"] == 3
    assert [(each["key"], each["code"]) for each in report["refused"]] == [
        ("videos/bad.mp4", "not-media")
    ]
    bucket.store.put("videos/alone.mp4", b"neither is this")
    assert [each["key"] for each in ingest()["refused_now"]] == ["videos/alone.mp4"]
    for number in range(3):
        bucket.store.put(f"videos/worse-{number}.mp4", b"nor is this")
    with pytest.raises(
        TooManyFailed,
        match=r"3 of 3 new videos are not usable, more than 50%; the first is videos/worse-0\.mp4",
    ):
        ingest()
    again = ingest()
    assert (again["found"], again["refused_now"], len(again["refused"])) == (8, [], 5), (
        "it is told once"
    )
    assert night()["state"] == "done"


def test_an_empty_bucket_fails_nothing(bucket: Bucket) -> None:
    """The schedules may come before the first video does."""
    assert ingest()["found"] == 0
    assert inbox() == {"found": 0, "done": 0, "made": [], "failed": [], "waiting": 0, "put_off": 0}
    found = night()
    assert (found["state"], found["decision"]["reason"]) == (
        "done",
        "there is no video under videos/",
    )


def test_the_inbox_is_scored_once_and_by_the_champion(bucket: Bucket, tmp_path: Path) -> None:
    bucket.add(6)
    ingest()
    bucket.store.put_file("inbox/holiday.mp4", tmp_path / "0001.mp4")
    assert inbox()["waiting"] == 1, "there is no champion yet"
    freeze(bucket.store, EXTRACTOR.name)
    run = train(dataset="main", preset="demo", overrides=TINY, promote=True)
    first = inbox()
    assert [(each["id"], each["run"]) for each in first["made"]] == [("holiday", run)]
    other = train(dataset="main", preset="demo", overrides=TINY | {"seed": 3}, promote=True)
    assert (inbox()["made"], inbox()["done"]) == ([], 1), "another champion makes it no second one"
    bucket.store.put_file("inbox/second.mp4", tmp_path / "0002.mp4")
    assert [(each["id"], each["run"]) for each in inbox()["made"]] == [("second", other)]


@flow(name="theirs")
def theirs() -> None:
    """A flow of somebody else's on the same server."""


def test_scores_comparisons_and_housekeeping(bucket: Bucket) -> None:
    bucket.add(6)
    first = night()
    train(dataset="main", preset="demo", overrides=TINY | {"seed": 3}, promote=True)
    scores = evaluate(split="test")
    assert bucket.store.head(scores["key"]) is not None
    assert "model" in json.loads(artifact("scores"))[0]
    heard = evaluate(generated=f"outputs/{first['run']}/")
    assert heard["outputs"] == 2
    compared = compare(settings={"style": "piano"})
    assert len(compared["contenders"]) == 2
    assert {each["run"] for each in compared["contenders"]} >= {first["run"]}
    weights = sorted(each.key for each in bucket.store.list("runs/") if "/weights/" in each.key)
    theirs()
    would = housekeep(keep_every=0, keep_days=0, runs_days=0, dry_run=True)
    assert would["dry_run"]
    assert would["prefect_runs"] > 0
    assert (
        sorted(each.key for each in bucket.store.list("runs/") if "/weights/" in each.key)
        == weights
    )
    done = housekeep(keep_every=0, keep_days=0, runs_days=0)
    assert done["weights"] == would["weights"]
    assert "**Prefect's old runs**" in artifact("housekeep")
    assert housekeep(keep_every=0, keep_days=0, runs_days=0, dry_run=True)["prefect_runs"] <= 1
    with get_client(sync_client=True) as client:
        left = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[theirs.name]))
        )
    assert len(left) == 1, "others' runs are theirs to keep"


def test_train_and_generate_by_hand(bucket: Bucket, tmp_path: Path) -> None:
    """A run of its own, promoted, and soundtracks for the inbox, one of whose videos is bad."""
    bucket.add(6)
    ingest()
    freeze(bucket.store, EXTRACTOR.name)
    first = train(preset="demo", overrides=TINY, promote=True)
    run = train(
        dataset="main", preset="demo", run="by-hand", overrides={**TINY, "seed": 3}, promote=True
    )
    assert run == "by-hand"
    champion = read_champion(bucket.store)
    assert champion is not None
    assert (champion.run, champion.history[-1].run) == ("by-hand", first)
    for name in ("0001", "0002"):
        bucket.store.put_file(f"inbox/{name}.mp4", tmp_path / f"{name}.mp4")
    bucket.store.put("inbox/bad.mp4", b"this is no video")
    report = generate(settings={"seed": 5})
    assert [each["run"] for each in report["made"]] == ["by-hand"] * 2
    assert [each["key"] for each in report["failed"]] == ["inbox/bad.mp4"]
    assert "inbox/bad.mp4 failed" in artifact("soundtracks")
    again = generate(videos=["inbox/0001.mp4"], settings={"seed": 5})
    assert (len(again["made"]), len(again["known"])) == (0, 1)
    with pytest.raises(
        GenerationError,
        match=r"no video under vidoes/; put \.mp4 files there, or name another prefix",
    ):
        generate(prefix="vidoes/")
