"""The songs that a run is trained and validated on."""

from dataclasses import dataclass, field

from vmt.catalog import datasets
from vmt.dataset import muvi_sync
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.model.config import EXTRA_INPUTS
from vmt.runtime.events import thread_map
from vmt.store import ObjectStore


@dataclass(frozen=True)
class TrainingData:
    """The songs of a dataset version that a run is trained and validated on; none for published
    weights.

    Without a dataset the features are those of MuVi-Sync, which published weights were trained on.
    """

    dataset: str | None = None
    chord_labels: int = 157
    extractor: str = muvi_sync.EXTRACTOR
    untrained: bool = False
    train: list[Song] = field(default_factory=list)
    validation: list[Song] = field(default_factory=list)

    @property
    def seconds(self) -> int:
        """Seconds of song to train on."""
        return sum(song.seconds for song in self.train)

    @property
    def d_semantic(self) -> int:
        """Width of the semantic features."""
        return int(self.train[0].video.shape[1]) - EXTRA_INPUTS


def load_training_data(store: ObjectStore, dataset: str) -> TrainingData:
    """The songs of `main` (its newest version) or `main@v0003`.

    Raises:
        DatasetError: if the dataset is not there or its features are gone.
        TrainingError: if it has no training song.
    """
    version = datasets.read(store, datasets.resolve(store, dataset))
    songs = datasets.load_songs(store, version, thread_map, ("train", "validation"))
    if not songs["train"]:
        raise TrainingError(
            f"dataset {version.ref}: it has no training video; add videos and freeze again"
        )
    info = version.info
    return TrainingData(
        str(version.ref), version.chord_labels, info.extractor, info.untrained, **songs
    )
