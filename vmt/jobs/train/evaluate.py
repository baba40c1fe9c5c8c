"""Evaluate a run on the songs of a dataset version: the model beside the baselines, and what the
video does for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from vmt import chords
from vmt.catalog import datasets, documents, keys
from vmt.catalog.records import decode
from vmt.catalog.records.runs import RunParameters
from vmt.catalog.records.soundtracks import (
    AffectiveSettings,
    Confusion,
    CopyingScore,
    EvaluationRecord,
    ModeScore,
    PairedScores,
    RhythmScore,
    ScoreInterval,
    ScoreRow,
    SharedChords,
)
from vmt.catalog.runs import Run, now
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.metrics.bootstrap import Interval
from vmt.metrics.chord_overlap import longest_overlap, overlap_summary
from vmt.metrics.chords import (
    Predict,
    Reading,
    SongScore,
    baseline_logits,
    by_song,
    chord_gain,
    confusion,
    model_logits,
    paired,
    score_song,
    shuffled,
    summary,
    with_table,
)
from vmt.metrics.mode import evaluate_mode
from vmt.metrics.rhythm import evaluate_rhythm
from vmt.model.baselines import Baseline, Bigram, RepeatLast, SongNgram, Unigram
from vmt.model.chord_model import ChordModel
from vmt.model.mode import ModeModel
from vmt.model.sampling import Request, sample_chords
from vmt.reports.charts import confusion_picture
from vmt.runtime.events import thread_map
from vmt.store import ObjectStore

SPLITS = ("validation", "test")
TILTED = "model, tilted to changes"
"""The row of what the model says before the weight of changes in its training is taken out; the
row `model` is what is sampled.
"""
RIVAL = "song-adaptive n-gram"
"""The baseline that a model has to beat."""


@dataclass(frozen=True)
class Evaluation:
    """The outcome of `vmt evaluate`: the record, and the key under which it is stored, with the
    confusion matrix as a picture beside it.
    """

    key: str
    record: EvaluationRecord


def evaluate(
    store: ObjectStore,
    run: str,
    epoch: int | None = None,
    *,
    dataset: str | None = None,
    split: str = "validation",
    device: str = "auto",
    against: tuple[str, int | None] | None = None,
) -> Evaluation:
    """Score a run's epoch and the baselines on the same songs, and keep the table under
    `evaluations/<run>/`.

    The baselines know the songs that the run was trained on, and the affective table is set on that
    version's validation songs.

    Args:
        store: the store.
        run: its name.
        epoch: the one that the run selected where None.
        dataset: any version whose labels and features fit the model; the run's own where None.
        split: `validation` or `test`.
        device: `auto`, `cpu` or `cuda`.
        against: another run and epoch (the selected one where None), scored on the same songs; the
            record then has the differences, this run less the other, with paired bootstrap
            intervals.

    Raises:
        TrainingError: if the run or the epoch is not in the store, the dataset does not fit, or the
            split is empty.
        DatasetError: if the dataset is not there or its features are gone.
    """
    if split not in SPLITS:
        raise TrainingError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    named = Run(store, run)
    parameters = named.parameters()
    number = named.best_epoch() if epoch is None else epoch
    model, place = named.transformer(number), choose_device(device)
    name = dataset or parameters.dataset
    if name is None:
        raise TrainingError(f"run {run} was imported without a dataset; name one to evaluate it on")

    version = datasets.read(store, datasets.resolve(store, name))
    own = (
        datasets.read(store, datasets.resolve(store, parameters.dataset))
        if parameters.dataset
        else version
    )
    songs = datasets.load_songs(store, version, thread_map, (split,))[split]
    known = datasets.load_songs(store, own, thread_map, ("train", "validation"))
    _check(run, model, parameters, version, songs, split)

    weight = 1.0 if parameters.train is None else parameters.train.change_weight
    scores = _score_chords(model, place, known, songs, weight)
    rhythm = evaluate_rhythm(named.regressor(), known["train"], songs, place)
    record = EvaluationRecord(
        run=run,
        epoch=number,
        dataset=str(version.ref),
        split=split,
        trained_on=parameters.dataset,
        songs=len(songs),
        seconds_read=min(max(song.seconds for song in songs), model.config.max_seconds),
        seen_in_training=tuple(_seen(version, own, split)),
        emotion_counts_padding=not model.config.mask_padding,
        made_at=now(),
        rows=scores.rows,
        affective_table=scores.affective_table,
        video_gain=scores.video_gain,
        gain_over_song_adaptive=scores.gain_over_song_adaptive,
        confusion=scores.confusion,
        rhythm={
            name: None if score is None else decode(RhythmScore, score, "rhythm")
            for name, score in rhythm.items()
        },
        by_song=scores.by_song,
        mode=_score_mode(named.mode(), songs),
        copying=_score_copying(model, place, known["train"], songs, weight),
    )
    if against is not None:
        record = replace(record, against=_compare(store, record, against, device))
    return Evaluation(_write(store, record, version.ref), record)


def _compare(
    store: ObjectStore, own: EvaluationRecord, other: tuple[str, int | None], device: str
) -> PairedScores:
    """The paired comparison with another run's epoch on the same songs.

    Args:
        store: where both runs are.
        own: this run's scores.
        other: run and epoch to compare with.
        device: `auto`, `cpu` or `cuda`.
    """
    rival = evaluate(store, *other, dataset=own.dataset, split=own.split, device=device).record
    differences = paired(own.by_song["model"], rival.by_song["model"])
    return PairedScores(
        rival.run,
        rival.epoch,
        rival.seen_in_training,
        {name: _stored(difference) for name, difference in differences.items()},
    )


def _score_mode(model: ModeModel, songs: Sequence[Song]) -> ModeScore:
    """How well the run tells minor from major; where it knows the share of minor alone, its answers
    are those of a draw in the middle.
    """
    minor = np.array([song.minor for song in songs])
    probabilities = np.array([model.probability(song.video) for song in songs])
    answers = np.array([model.is_minor(song.video, 0.5) for song in songs])
    share = np.full(len(songs), model.share)
    scores = evaluate_mode(probabilities, minor, share, answers)
    return decode(ModeScore, {"learnt": model.learnt, **scores}, "mode")


def _score_copying(
    model: ChordModel,
    device: torch.device,
    train: Sequence[Song],
    songs: Sequence[Song],
    change_weight: float,
) -> CopyingScore:
    """The longest stretch of chords shared with a training song: of one sampled sequence for each
    video, and of the real song.

    Args:
        model: the run's.
        device: to sample on.
        train: the songs that it was trained on.
        songs: the songs that are scored.
        change_weight: of its training.
    """
    requests = [
        Request(
            song.video_for(model.config.inputs),
            song.minor,
            tuple(song.tokens[:1].tolist()),
            (0, number),
            change_weight=change_weight,
        )
        for number, song in enumerate(songs)
    ]
    known = [(song.id, song.tokens) for song in train]
    sampled = [longest_overlap(tokens, known) for tokens in sample_chords(model, requests, device)]
    real = [longest_overlap(song.tokens, known) for song in songs]
    return CopyingScore(
        overlap_summary(sampled),
        overlap_summary(real),
        {
            song.id: SharedChords(**vars(overlap))
            for song, overlap in zip(songs, sampled, strict=True)
        },
    )


def _write(store: ObjectStore, record: EvaluationRecord, ref: datasets.DatasetRef) -> str:
    """The picture, then the record; its key."""
    picture_key, key = (
        keys.evaluation(record.run, record.epoch, (ref.name, ref.version), record.split, ending)
        for ending in ("svg", "json")
    )
    labels = [chords.spell(label) for label in record.confusion.chords]
    seconds = [list(row) for row in record.confusion.seconds]
    picture = confusion_picture(labels, [*labels, "other"], seconds)
    store.put(picture_key, picture.encode())
    documents.write(store, key, record)
    return key


def _check(
    run: str,
    model: ChordModel,
    parameters: RunParameters,
    version: datasets.DatasetVersion,
    songs: Sequence[Song],
    split: str,
) -> None:
    if not songs:
        raise TrainingError(
            f"dataset {version.ref} has no {split} songs; take another split or version"
        )
    width = songs[0].video.shape[1]
    if width != model.config.d_common:
        raise TrainingError(
            f"run {run} reads {model.config.d_common} inputs a second and dataset {version.ref} "
            f"has {width}; name a dataset of the same CLIP model"
        )
    if parameters.dataset and version.chord_labels != parameters.chord_labels:
        raise TrainingError(
            f"run {run} knows {parameters.chord_labels} chord labels and dataset {version.ref} has "
            f"{version.chord_labels}; freeze or import it with --chords {parameters.chord_labels}"
        )


def _seen(version: datasets.DatasetVersion, own: datasets.DatasetVersion, split: str) -> list[str]:
    """Songs of the split that the run was trained on: their scores say nothing."""
    trained = set(own.manifest.loc[own.manifest["split"] == "train", "sha256"])
    rows = version.manifest[version.manifest["split"] == split]
    return sorted(rows.loc[rows["sha256"].isin(trained), "id"])


@dataclass(frozen=True)
class _ChordScores:
    """What the chord model and the baselines score."""

    rows: dict[str, ScoreRow]
    affective_table: AffectiveSettings
    video_gain: ScoreInterval | None
    gain_over_song_adaptive: ScoreInterval | None
    confusion: Confusion
    by_song: dict[str, dict[str, ScoreRow]]


def _score_chords(
    model: ChordModel,
    device: torch.device,
    known: dict[str, list[Song]],
    songs: Sequence[Song],
    change_weight: float,
) -> _ChordScores:
    reading = Reading(model.config.max_seconds, not model.config.mask_padding)
    predict = model_logits(model, device, change_weight)
    tilted = {} if change_weight == 1 else {TILTED: model_logits(model, device)}
    contenders = {"model": predict, **tilted, **_baselines(known["train"], reading)}
    tuning = known["validation"] or known["train"]
    contenders["n-gram with the affective table"], table = with_table(
        contenders[RIVAL], reading, tuning
    )
    scores = {name: _scores(contender, songs, reading) for name, contender in contenders.items()}

    others = shuffled(songs)
    gain = chord_gain(scores["model"], _scores(predict, others, reading)) if others else None
    ahead = chord_gain(scores["model"], scores[RIVAL])
    return _ChordScores(
        rows={name: summary(own) for name, own in scores.items()},
        affective_table=AffectiveSettings(table.lift, table.shift),
        video_gain=_stored(gain),
        gain_over_song_adaptive=_stored(ahead),
        confusion=decode(Confusion, confusion(scores["model"]), "confusion"),
        by_song={name: dict(by_song(songs, scores[name])) for name in ("model", RIVAL)},
    )


def _baselines(training: Sequence[Song], reading: Reading) -> dict[str, Predict]:
    """Models that only count, by name."""
    tokens = [song.tokens for song in training]
    counted: dict[str, Baseline] = {
        "repeat last": RepeatLast(tokens, reading.max_seconds),
        "unigram": Unigram(tokens, reading.max_seconds),
        "bigram": Bigram(tokens, reading.max_seconds),
        RIVAL: SongNgram(tokens, reading.max_seconds),
    }
    return {name: baseline_logits(baseline, reading) for name, baseline in counted.items()}


def _scores(predict: Predict, songs: Sequence[Song], reading: Reading) -> list[SongScore]:
    return [score_song(predict(song), song, reading) for song in songs]


def _stored(interval: Interval | None) -> ScoreInterval | None:
    return None if interval is None else ScoreInterval(**vars(interval))
