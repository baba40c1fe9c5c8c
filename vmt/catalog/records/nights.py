"""What a nightly run reports: ingest, growth, decision, training, gate, showcase, soundtracks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmt.catalog.records.codec import Record
from vmt.catalog.records.runs import RunSummary
from vmt.catalog.records.soundtracks import Failure, RhythmScore, ScoreInterval, ScoreRow


@dataclass(frozen=True)
class Refusal:
    """Why a video was not used: a code to count, a sentence to read, and whether it is
    transient.
    """

    key: str
    code: str
    reason: str
    transient: bool = False


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        extractor: the name of the extractor.
        found: how many videos are there.
        new: how many got features now.
        known: how many had been seen before.
        refused: all that is in quarantine, for as long as it is there.
        failed: now, because the store failed; tried again next time.
        copies: keys that hold the same bytes, in groups.
        refused_now: what went into quarantine this time.
        put_off: how many new videos were left for the next time, untouched.
    """

    extractor: str
    found: int
    new: int
    known: int
    refused: tuple[Refusal, ...]
    failed: tuple[Refusal, ...]
    copies: tuple[tuple[str, ...], ...]
    refused_now: tuple[Refusal, ...] = ()
    put_off: int = 0


@dataclass(frozen=True)
class DatasetGrowth:
    """What a dataset version holds beside an earlier one.

    Attributes:
        version: such as `main@v0003`.
        videos: how many it has.
        before: the earlier version; None before the first.
        videos_before: how many that one has.
        added: ids of new videos.
        removed: ids of videos that went.
        replaced: ids of videos whose bytes are others.
        changed: why models of the earlier version do not fit, in a sentence; None where they do.
    """

    version: str
    videos: int
    before: str | None = None
    videos_before: int | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    changed: str | None = None


@dataclass(frozen=True)
class TrainingDecision:
    """Whether to train, and why or why not; `start` says where training starts."""

    train: bool
    reason: str
    start: str | None = None


@dataclass(frozen=True)
class NightEvaluation:
    """The scores of the night's run, or why there are none.

    Attributes:
        key: of the `EvaluationRecord`, whose fields follow.
        error: why there are no scores.
    """

    key: str | None = None
    error: str | None = None
    run: str | None = None
    epoch: int | None = None
    dataset: str | None = None
    split: str | None = None
    songs: int | None = None
    seen_in_training: tuple[str, ...] = ()
    rows: Mapping[str, ScoreRow] = field(default_factory=dict)
    video_gain: ScoreInterval | None = None
    rhythm: Mapping[str, RhythmScore | None] = field(default_factory=dict)


@dataclass(frozen=True)
class GateVerdict:
    """What the gate says of a challenger.

    Attributes:
        better: whether it should serve.
        reason: the sentence that says why.
        run: the challenger.
        epoch: its best epoch, the one that would serve.
        new: its mean chord NLL on the test songs, in nats; None where no songs decided.
        old: the champion's.
        songs: how many decided.
        margin: by how much `new` must be lower than `old`; None where it did not matter.
    """

    better: bool
    reason: str
    run: str
    epoch: int
    new: float | None = None
    old: float | None = None
    songs: int = 0
    margin: float | None = None


@dataclass(frozen=True)
class CheckedSoundtrack:
    """One soundtrack of the showcase, its scores, and what is wrong with it."""

    video: str
    record: str
    scores: ScoreRow
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Showcase:
    """Whether a showcase is sound, what is wrong with it, and each soundtrack's scores."""

    passed: bool
    problems: tuple[str, ...]
    soundtracks: tuple[CheckedSoundtrack, ...]


@dataclass(frozen=True)
class ChampionNow:
    """The run and epoch that serve, and since when."""

    run: str
    epoch: int
    since: str


@dataclass(frozen=True)
class Soundtrack:
    """One finished take: the keys of its files by kind (lab, mid, flac, mp4, json, and stems).

    Attributes:
        title: the name of the video as it was given; empty in records of 0.1.0.
    """

    id: str
    run: str
    epoch: int
    take: str
    files: Mapping[str, str]
    title: str = ""


@dataclass(frozen=True)
class GenerateReport:
    """What a batch made, what was there before, what failed, and the key of its summary."""

    made: tuple[Soundtrack, ...]
    known: tuple[Soundtrack, ...]
    failed: tuple[Failure, ...]
    summary: str = ""


@dataclass(frozen=True)
class NightReport(Record):
    """What one night did and why. A step that the night did not reach is None.

    Attributes:
        started_at: ISO 8601, UTC.
        asked: the flow's parameters.
        finished_at: ISO 8601, UTC.
        state: `done` or `failed`.
        error: why it failed.
        ingest: what ingest did.
        dataset: the newest version beside the one last trained on.
        decision: whether it trained.
        run: the run that it trained.
        training: that run's summary.
        evaluation: that run's scores.
        gate: whether the run is better than the champion.
        showcase: whether what the run makes is sound.
        promoted: whether the run serves now.
        verdict: who serves and why, in a sentence.
        champion: who serves after the night.
        soundtracks: of the held-out videos, by who serves.
    """

    started_at: str
    asked: Mapping[str, object]
    finished_at: str | None = None
    state: str = "failed"
    error: str | None = None
    ingest: IngestReport | None = None
    dataset: DatasetGrowth | None = None
    decision: TrainingDecision | None = None
    run: str | None = None
    training: RunSummary | None = None
    evaluation: NightEvaluation | None = None
    gate: GateVerdict | None = None
    showcase: Showcase | None = None
    promoted: bool = False
    verdict: str = "no challenger"
    champion: ChampionNow | None = None
    soundtracks: GenerateReport | None = None
