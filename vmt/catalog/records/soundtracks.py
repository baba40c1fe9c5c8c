"""What is kept of soundtracks: records, batches, scores, comparisons, evaluations, ratings.

The module is long because it declares fields with their meaning, and computes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmt.catalog.records.codec import Record

ScoreRow = Mapping[str, float | None]
"""Scores by name; None where a score is not defined."""


@dataclass(frozen=True)
class ScoredVideo:
    """The video that a soundtrack is of; `title` is its name as it was given."""

    id: str
    key: str
    sha256: str
    duration_s: float
    title: str = ""


@dataclass(frozen=True)
class SoundFont:
    """The SoundFont that a soundtrack was played with."""

    name: str
    sha256: str


@dataclass(frozen=True)
class SoundtrackCurves:
    """What the arrangement follows, one value a second.

    Attributes:
        emotion: shares of the six emotions.
        loudness: 0 to 1.
        note_density: in notes a second.
        motion: of the picture.
    """

    emotion: tuple[tuple[float, ...], ...] = ()
    loudness: tuple[float, ...] = ()
    note_density: tuple[float, ...] = ()
    motion: tuple[float, ...] = ()


@dataclass(frozen=True)
class SoundtrackSection:
    """A section of the piece.

    Attributes:
        theme: a letter; sections with the same one share their tune.
        kind: of the section.
        start_s: where it starts.
        on_a_point: whether it starts on a point of the film.
    """

    theme: str
    kind: str
    start_s: float
    on_a_point: bool


@dataclass(frozen=True)
class Hit:
    """A moment of the film that the music is to mark.

    Attributes:
        time_s: when.
        kind: `hit`, `section`, `stop` or `cut`.
        met: whether the music marks it.
        off_s: how far the nearest onset is from it; None where there is none.
    """

    time_s: float
    kind: str
    met: bool
    off_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class SoundtrackRecord(Record):
    """What made a soundtrack: enough to make it again.

    Attributes:
        video: that it is of.
        run: whose model composed.
        epoch: of that run.
        weights_sha256: of that epoch.
        seed: of everything that chance decided.
        settings: of `GenerateConfig`, as the version that made it had them.
        take: a hash of everything that decides the bytes.
        files: keys of its files by kind: `lab`, `mid`, `flac`, `mp4`, `json`, and stems.
        made_at: ISO 8601, UTC.
        key: the key that the music sounds in, such as `C major`; empty where it is not known.
        tempo_bpm: beats a minute; 0 where it is not known.
        picture: `copied`, or how it was encoded again.
        original_sound: `replaced`, or how the video's own sound is used.
        chords: one a second.
        score_sha256: of chords, key and curves.
        curves: that the arrangement follows.
        cuts_s: of the film.
        precision: of the model.
        soundfont: that played it.
        extractor: of the video's features.
        untrained: whether these come of untrained weights.
        vmt_version: that made it.
        form: of the piece, such as `AABA`; empty in records of 0.1.0.
        sections: of the piece, in order.
        hits: moments of the film that the music marks.
        picture_reason: why the picture was encoded again; empty where it was copied.
    """

    video: ScoredVideo
    run: str
    epoch: int
    weights_sha256: str
    seed: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    take: str
    files: Mapping[str, str]
    made_at: str
    key: str = ""
    tempo_bpm: float = 0.0
    picture: str = "copied"
    original_sound: str = "replaced"
    chords: tuple[str, ...]
    score_sha256: str = ""
    curves: SoundtrackCurves = field(default_factory=SoundtrackCurves)
    cuts_s: tuple[float, ...] = ()
    precision: str = "float32"
    soundfont: SoundFont | None = None
    extractor: str = ""
    untrained: bool = False
    vmt_version: str = ""
    form: str = ""
    sections: tuple[SoundtrackSection, ...] = ()
    hits: tuple[Hit, ...] = ()
    picture_reason: str = ""


@dataclass(frozen=True)
class VideoBytes:
    """The bytes that a soundtrack is of."""

    sha256: str


@dataclass(frozen=True)
class SoundtrackVideo(Record):
    """The part of a `SoundtrackRecord` that a takedown reads, which must not fail where the rest of
    a record is damaged.
    """

    SCHEMA = SoundtrackRecord.SCHEMA

    video: VideoBytes


@dataclass(frozen=True)
class Failure:
    """A video that got no soundtrack, and why.

    Attributes:
        key: of the video, or its file.
        reason: a sentence.
        transient: whether the reason is transient.
    """

    key: str
    reason: str
    transient: bool = False


@dataclass(frozen=True)
class BatchRequest:
    """What a batch was asked for.

    Attributes:
        videos: their keys.
        settings: of the first take.
        takes: how many each video gets.
    """

    videos: tuple[str, ...]
    settings: Mapping[str, object]
    takes: int


@dataclass(frozen=True)
class BatchSoundtrack:
    """A soundtrack of a batch: `state` is `made`, or `known` where it was there before."""

    id: str
    take: str
    state: str
    files: Mapping[str, str]
    title: str = ""


@dataclass(frozen=True)
class BatchSummary(Record):
    """What a batch of soundtracks came to.

    Attributes:
        run: whose model composed.
        epoch: of that run.
        asked: what the batch was asked for.
        soundtracks: made and known.
        failed: videos without, and why.
    """

    run: str
    epoch: int
    asked: BatchRequest
    soundtracks: tuple[BatchSoundtrack, ...]
    failed: tuple[Failure, ...]


@dataclass(frozen=True)
class SoundtrackScores:
    """The scores of one soundtrack.

    Attributes:
        video: its id.
        run: whose model composed.
        epoch: of that run.
        take: its name.
        style: of the arrangement.
        scores: of the soundtrack.
        real: the same scores of the video's own song, as far as it is known.
    """

    video: str
    run: str
    epoch: int
    take: str
    style: str
    scores: ScoreRow
    real: ScoreRow


@dataclass(frozen=True)
class GeneratedScores(Record):
    """Scores of a batch of soundtracks.

    Attributes:
        key: of this object.
        rows: one a soundtrack.
        mean: of each score over the soundtracks that have it.
        real: likewise, of the videos' own songs.
        accents: how accents on cuts are heard, over all soundtracks that have them.
    """

    key: str
    rows: tuple[SoundtrackScores, ...]
    mean: ScoreRow
    real: ScoreRow
    accents: ScoreRow


@dataclass(frozen=True)
class Contender:
    """A run and epoch in a comparison.

    Attributes:
        run: its name.
        epoch: its epoch.
        outputs: the key of each video's record, by the video's id.
        failed: reasons by the video's key.
        scores: of what it made.
    """

    run: str
    epoch: int
    outputs: Mapping[str, str]
    failed: Mapping[str, str]
    scores: GeneratedScores


@dataclass(frozen=True)
class Comparison(Record):
    """Contenders side by side, in the order asked."""

    contenders: tuple[Contender, ...]


@dataclass(frozen=True)
class ScoreInterval:
    """A difference with its 95 % bootstrap confidence interval over songs."""

    value: float
    low: float
    high: float
    songs: int


@dataclass(frozen=True)
class AffectiveSettings:
    """What the affective table adds to a baseline's logits."""

    lift: float
    shift: float


@dataclass(frozen=True)
class Confusion:
    """Seconds by true chord (rows) and likeliest chord (columns, the last for all others)."""

    chords: tuple[str, ...]
    seconds: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class RhythmScore:
    """How good the biGRU is at one curve.

    Attributes:
        rmse: over all seconds.
        constant_rmse: of the training songs' mean.
        gain: by which share `rmse` is under it.
        video_gain: by which share it is under itself with another song's video.
        correlation: over time, in the mean over songs.
    """

    rmse: float
    constant_rmse: float
    gain: ScoreInterval
    video_gain: ScoreInterval | None = None
    correlation: float | None = None


@dataclass(frozen=True)
class ModeScore:
    """How well a run tells minor from major.

    Attributes:
        learnt: whether it looks at the picture; else it knows the share of minor alone.
        songs: how many.
        minor: share of songs in minor; `answered_minor` of the answers.
        log_loss: in nats; `constant_log_loss` of the share of minor among the training songs.
        log_loss_gain: by how much `log_loss` is under the constant's.
        auc: area under the curve; None where all songs are of one mode.
        accuracy: of the answers; `accuracy_at_half` of the likelier mode; `majority` of the mode
            that is more frequent.
    """

    learnt: bool
    songs: int
    minor: float
    answered_minor: float
    log_loss: float
    constant_log_loss: float
    log_loss_gain: ScoreInterval
    auc: ScoreInterval | None
    accuracy: float
    accuracy_at_half: float
    majority: float


@dataclass(frozen=True)
class SharedChords:
    """The longest stretch of chords that a sampled sequence shares with a training song.

    Attributes:
        chords: in a row, each counted once however long it lasts.
        different: how many of them are different.
        song: the training song; empty where nothing is shared.
    """

    chords: int
    different: int
    song: str


@dataclass(frozen=True)
class CopyingScore:
    """Chords in a row that are shared with a training song, median, p90 and max over songs.

    Attributes:
        sampled: of one sampled sequence for each video.
        real: of the videos' own songs.
        by_video: the longest stretch of each sampled sequence, by the video's id.
    """

    sampled: ScoreRow
    real: ScoreRow
    by_video: Mapping[str, SharedChords]


@dataclass(frozen=True)
class PairedScores:
    """A run less another one on the same songs, with paired bootstrap intervals.

    Attributes:
        run: the other run.
        epoch: its epoch.
        seen_in_training: songs that the other run was trained on.
        differences: by the score's name; None where no song has it.
    """

    run: str
    epoch: int
    seen_in_training: tuple[str, ...]
    differences: Mapping[str, ScoreInterval | None]


@dataclass(frozen=True)
class EvaluationRecord(Record):
    """Scores of a run's epoch and of the baselines on the same songs.

    Attributes:
        run: its name.
        epoch: its epoch.
        dataset: the version that was scored on.
        split: `validation` or `test`.
        trained_on: the version that the run was trained on.
        songs: how many.
        seconds_read: of the longest song.
        seen_in_training: songs that the run was trained on.
        emotion_counts_padding: whether padding counts in the emotion term, as it does for `amt`.
        made_at: ISO 8601, UTC.
        rows: scores of the model and of each baseline, by name.
        affective_table: of the baseline that has one.
        video_gain: by how much the chord NLL is lower with the song's own video than with another.
        gain_over_song_adaptive: by how much it is lower than that of the n-gram of the song.
        confusion: of the model's likeliest chords.
        rhythm: scores of both curves, by name; None where nothing is known.
        by_song: scores of each song, by the contender's name and the song's id.
        mode: how well it tells minor from major.
        copying: what sampled chords share with training songs.
        against: the comparison with another run, where one was asked for.
    """

    run: str
    epoch: int
    dataset: str
    split: str
    trained_on: str | None
    songs: int
    seconds_read: int
    seen_in_training: tuple[str, ...]
    emotion_counts_padding: bool
    made_at: str
    rows: Mapping[str, ScoreRow]
    affective_table: AffectiveSettings
    video_gain: ScoreInterval | None
    gain_over_song_adaptive: ScoreInterval | None
    confusion: Confusion
    rhythm: Mapping[str, RhythmScore | None] = field(default_factory=dict)
    by_song: Mapping[str, Mapping[str, ScoreRow]] = field(default_factory=dict)
    mode: ModeScore | None = None
    copying: CopyingScore | None = None
    against: PairedScores | None = None


@dataclass(frozen=True)
class Rating(Record):
    """One blind rating of two soundtracks of a video.

    Attributes:
        id: of the pair that was shown.
        at: when.
        rater: an anonymous id.
        video: its id.
        outputs: the folders of both soundtracks, in the order in which they were heard.
        scores: answers by question, 1 (bad) to 5 (good); None where not answered.
        comment: in the rater's words.
    """

    id: str
    at: str
    rater: str
    video: str
    outputs: tuple[str, ...]
    scores: tuple[Mapping[str, int | None], ...]
    comment: str = ""
