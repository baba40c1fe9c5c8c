"""A person's word over which epoch serves, on a real Prefect API and a real store; and refused
videos tried again.
"""

import json

import pytest

from flows.ingest import ingest
from flows.promote import promote
from flows.train import train
from tests.flows.conftest import EXTRACTOR, TINY, Bucket
from vmt.catalog.runs import read_champion
from vmt.errors import TrainingError
from vmt.jobs.dataset.freeze import freeze

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect_api")]


def serving(bucket: Bucket) -> tuple[str, int]:
    champion = read_champion(bucket.store)
    assert champion is not None
    return champion.run, champion.epoch


def test_an_epoch_is_promoted_and_rolled_back_and_refused_videos_are_tried_again(
    bucket: Bucket,
) -> None:
    bucket.add(3)
    bucket.store.put("videos/torn.mp4", b"no video at all")
    assert ingest()["known"] == 0
    assert ingest()["known"] == 4
    assert ingest(retry_refused=True)["known"] == 3
    (refused,) = json.loads(bucket.store.get("index/refused.json"))["refused"]
    assert refused["id"] == "torn"
    freeze(bucket.store, EXTRACTOR.name)
    run = train(preset="demo", overrides=TINY, promote=True)
    first = serving(bucket)
    other = 1 - first[1]
    assert promote(run, other) == {"run": run, "epoch": other}
    assert serving(bucket) == (run, other)
    assert promote(rollback=True) == {"run": run, "epoch": first[1]}
    assert serving(bucket) == first
    with pytest.raises(TrainingError, match="exactly one of them"):
        promote(run, rollback=True)
