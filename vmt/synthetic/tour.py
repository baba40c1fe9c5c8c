"""What the demo has to show once it is through: losses by epoch, the best one, soundtracks of the
held-out videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vmt.catalog import datasets, keys
from vmt.catalog.records.runs import RunSummary
from vmt.catalog.runs import Run, read_champion
from vmt.dataset.splits import SplitBy
from vmt.errors import DatasetError
from vmt.store import ObjectStore
from vmt.training.results import EpochResult

DATASET = "demo"
PRESET = "demo"
MIN_VALIDATION = 3
MIN_TEST = 2
SPLIT_BY: SplitBy = "id"  # every machine encodes the videos to other bytes
ENVIRONMENT = {
    "VMT_CLIP_MODEL": "ViT-B-32",
    "VMT_CLIP_WEIGHTS": "openai",
    "VMT_CLIP_FALLBACK_UNTRAINED": "true",
    "VMT_WORKERS": "1",
}
"""A small CLIP, untrained where its weights cannot be fetched, loaded once; what the environment
says already wins.
"""


@dataclass(frozen=True)
class Tour:
    """A finished demo.

    Attributes:
        soundtracks: keys of the MP4s.
    """

    run: str
    rows: tuple[EpochResult, ...]
    summary: RunSummary
    soundtracks: tuple[str, ...]


def finished(store: ObjectStore, ids: Sequence[str]) -> Tour | None:
    """The demo's result, or None while a video is to ingest, an epoch to train or a soundtrack to
    write.
    """
    champion = read_champion(store)
    if champion is None:
        return None
    run = Run(store, champion.run)
    summary = run.summary()
    if summary is None or summary.state != "done" or summary.preset != PRESET:
        return None
    try:
        manifest = datasets.read(store, datasets.resolve(store, DATASET)).manifest
    except DatasetError:
        return None
    if not set(ids) <= set(manifest["id"]):
        return None
    soundtracks = []
    for video in sorted(manifest.loc[manifest["split"] == "test", "id"]):
        folder = keys.video_outputs(run.name, champion.epoch, video)
        records = [info.key for info in store.list(folder) if keys.is_output_record(info.key)]
        if not records:
            return None
        soundtracks += [key.removesuffix(".json") + ".mp4" for key in records]
    return Tour(run.name, tuple(run.results()), summary, tuple(soundtracks))


def parameters() -> dict[str, Any]:
    """Of the flow `nightly` that makes the demo."""
    return {
        "dataset": DATASET,
        "preset": PRESET,
        "min_validation": MIN_VALIDATION,
        "min_test": MIN_TEST,
        "split_by": SPLIT_BY,
    }
