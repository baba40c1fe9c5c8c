"""The night: when it trains, what it did with the run, and the report that it writes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vmt.catalog import datasets, documents, keys
from vmt.catalog.page_index_writers import note_night
from vmt.catalog.records.nights import DatasetGrowth, NightReport, TrainingDecision
from vmt.catalog.runs import Run, now, read_champion, runs
from vmt.i18n import REFERENCE
from vmt.reports.night import markdown
from vmt.store import ObjectStore

GROW_SHARE = 0.05
GROW_VIDEOS = 10


def decide(
    growth: DatasetGrowth,
    *,
    force: bool = False,
    grow_share: float = GROW_SHARE,
    grow_videos: int = GROW_VIDEOS,
) -> TrainingDecision:
    """Train the first time, when told, when enough new videos came, or when their features or
    chords are others.

    Args:
        growth: of the newest version.
        force: train whatever came.
        grow_share: new videos as a share of those last trained on that suffice.
        grow_videos: the number of new videos that suffices, however many there were. Videos that
            went do not count against those that came.
    """
    videos, before = growth.videos, growth.videos_before
    added = len(growth.added) + len(growth.replaced)
    if before is None:
        return TrainingDecision(True, f"the dataset has {videos} videos and was never trained on")
    grown = (
        f"the dataset has {videos} videos, {added} of them new since it had {before} and was "
        "last trained on"
    )
    if force:
        return TrainingDecision(True, f"told to train; {grown}")
    if growth.changed:
        return TrainingDecision(True, f"{growth.changed}; {grown}")
    if added >= grow_videos or (added > 0 and added >= grow_share * before):
        return TrainingDecision(True, grown)
    return TrainingDecision(
        False, f"{grown}; it trains again with {grow_share:.0%} or {grow_videos} new ones"
    )


def last_judged(store: ObjectStore, name: str, preset: str) -> str | None:
    """The newest version of dataset `name` that a run of `preset` was trained on and judged for;
    None before the first.

    A run that finished but was not judged does not count: its night was killed, and the next night
    resumes it.

    Args:
        store: the store.
        name: of the dataset.
        preset: of the runs.
    """
    champion = read_champion(store)
    served = {run for run, _ in champion.epochs} if champion else set()
    versions = []
    for run in runs(store):
        summary = run.summary()
        if summary is None or summary.state != "done" or summary.preset != preset:
            continue
        if run.name in served or run.verdict() is not None:
            versions.append(str(summary.dataset))
    return max((version for version in versions if version.startswith(f"{name}@")), default=None)


@dataclass(frozen=True)
class Origin:
    """Where a night's training starts and why: an epoch of the champion, or random weights if `run`
    is None.
    """

    run: str | None
    epoch: int | None
    reason: str


@dataclass(frozen=True)
class HalfTrained:
    """A run that a night began and did not come to judge, the version that it trains on, and where
    it started.
    """

    run: str
    dataset: str
    origin: Origin


def half_trained(
    store: ObjectStore,
    dataset: str,
    preset: str,
    *,
    grow_share: float = GROW_SHARE,
    grow_videos: int = GROW_VIDEOS,
) -> HalfTrained | None:
    """The newest run that was left half-way, to resume rather than to train on the version
    `dataset`.

    None where there is none, and where so much came since that the night would train again at once.

    Args:
        store: the store.
        dataset: the newest version.
        preset: of the runs.
        grow_share: as `decide` takes it.
        grow_videos: as `decide` takes it.
    """
    name = dataset.partition("@")[0]
    judged = last_judged(store, name, preset) or ""
    left: dict[str, str] = {}
    for run in runs(store):
        summary = run.summary()
        if summary is None or summary.preset != preset or summary.state == "failed":
            continue
        version = str(summary.dataset)
        if version.startswith(f"{name}@") and judged < version < dataset:
            left[version] = run.name
    if not left:
        return None
    version, newest = max(left.items())
    since = growth(store, dataset, version)
    if decide(since, grow_share=grow_share, grow_videos=grow_videos).train:
        return None

    source = Run(store, newest).parameters().source
    reason = f"with {newest}, which an earlier night left half-way"
    if source is None:
        return HalfTrained(newest, version, Origin(None, None, reason))
    reason = f"{reason}, from {source.run} epoch {source.epoch}"
    return HalfTrained(newest, version, Origin(source.run, source.epoch, reason))


def origin(store: ObjectStore, dataset: str, preset: str, *, go_on: bool) -> Origin:
    """Where training starts: at the champion, where that is wanted and it fits the dataset and the
    preset.

    Args:
        store: the store.
        dataset: the version to train on.
        preset: to train.
        go_on: whether to continue from the champion.
    """
    if not go_on:
        return Origin(None, None, "random weights")
    champion = read_champion(store)
    if champion is None:
        return Origin(None, None, "random weights, because there is no champion")
    parameters = Run(store, champion.run).parameters()
    version = datasets.read(store, datasets.resolve(store, dataset))
    if parameters.preset != preset:
        return Origin(
            None, None, f"random weights, because the champion is of preset {parameters.preset}"
        )
    if parameters.extractor != version.info.extractor:
        return Origin(
            None, None, "random weights, because the champion reads features of another extractor"
        )
    if parameters.chord_labels != version.chord_labels:
        return Origin(
            None,
            None,
            f"random weights, because the champion knows {parameters.chord_labels} chord labels",
        )
    return Origin(
        champion.run, champion.epoch, f"from the champion, {champion.run} epoch {champion.epoch}"
    )


def growth(store: ObjectStore, dataset: str, before: str | None) -> DatasetGrowth:
    """What a version holds, what came and went since `before`, and whether models of that one fit
    it no more.

    Args:
        store: the store.
        dataset: the version.
        before: the earlier version; None where there is none.
    """
    version = datasets.read(store, datasets.resolve(store, dataset))
    if before is None:
        return DatasetGrowth(str(version.ref), len(version.manifest))
    old = datasets.read(store, datasets.resolve(store, before))
    difference = datasets.difference(old, version)
    replaced = (video for video, columns in difference.changed.items() if "sha256" in columns)
    return DatasetGrowth(
        version=str(version.ref),
        videos=len(version.manifest),
        before=before,
        videos_before=len(old.manifest),
        added=difference.added,
        removed=difference.removed,
        replaced=tuple(replaced),
        changed=_misfit(old, version),
    )


def _misfit(old: datasets.DatasetVersion, new: datasets.DatasetVersion) -> str | None:
    """Why models of the old version do not fit the new one."""
    if old.info.extractor != new.info.extractor:
        return f"features are of {new.info.extractor} now, and were of {old.info.extractor}"
    if old.chord_labels != new.chord_labels:
        return f"it has {new.chord_labels} chord labels now, and had {old.chord_labels}"
    return None


def started(asked: Mapping[str, object]) -> NightReport:
    """The report of a night that has just begun."""
    return NightReport(now(), dict(asked))


def write_report(
    store: ObjectStore, night: NightReport, *, language: str = REFERENCE
) -> tuple[str, str]:
    """Write a night's report; the keys of its JSON and its Markdown, named by the moment
    it began.

    Args:
        store: the store.
        night: what pages render in their visitor's language.
        language: of the Markdown.
    """
    finished = replace(night, finished_at=night.finished_at or now())
    key, text_key = keys.night_report(night.started_at), keys.night_text(night.started_at)
    store.put(text_key, markdown(night, language).encode())
    documents.write(store, key, finished)
    note_night(store, text_key)
    return key, text_key
