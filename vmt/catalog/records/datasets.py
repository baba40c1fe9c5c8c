"""What describes a dataset version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmt.catalog.records.codec import Record


@dataclass(frozen=True)
class DatasetChanges:
    """Ids of the videos that came and went since the version before, by their bytes."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetBrief(Record):
    """What a list of versions shows of one.

    Attributes:
        name: of the dataset.
        version: its number, from 1.
        chord_labels: 25 or 157.
        extractor: the name of the extractor that made the features.
        untrained: whether features come of untrained weights.
        d_semantic: width of the semantic features.
        created_at: ISO 8601, UTC.
        videos: how many.
        seconds: of all videos together.
    """

    name: str
    version: int
    chord_labels: int
    extractor: str
    untrained: bool = False
    d_semantic: int | None = None
    created_at: str = ""
    videos: int = 0
    seconds: int = 0

    @property
    def ref(self) -> str:
        """Such as `main@v0003`."""
        return f"{self.name}@v{self.version:04d}"


@dataclass(frozen=True)
class DatasetInfo(DatasetBrief):
    """The description that publishes a dataset version: what `DatasetBrief` has, and histograms.

    Attributes:
        splits: videos of each side.
        keys: songs in each key, commonest first.
        chords: seconds of each chord, commonest first.
        emotions: videos by their strongest emotion, commonest first.
        changes: what came and went since the version before.
    """

    splits: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    chords: Mapping[str, int] = field(default_factory=dict)
    emotions: Mapping[str, int] = field(default_factory=dict)
    changes: DatasetChanges = field(default_factory=DatasetChanges)

    @property
    def brief(self) -> DatasetBrief:
        """What a list shows."""
        return DatasetBrief(
            self.name,
            self.version,
            self.chord_labels,
            self.extractor,
            self.untrained,
            self.d_semantic,
            self.created_at,
            self.videos,
            self.seconds,
        )


@dataclass(frozen=True)
class ImportReport(Record):
    """What an import of features made of a folder, and what it said of its songs.

    Attributes:
        dataset: the version, such as `muvi-sync@v0001`.
        songs: how many are in it.
        problems: why a song was left out, a line each.
        warnings: what makes training with a song meaningless, a line each.
        folder: the bare name of the folder that was imported.
    """

    dataset: str
    songs: int
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    folder: str = ""
