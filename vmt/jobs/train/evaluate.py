"""Evaluate a run on the songs of a dataset version: the model beside the baselines, and what the
video does for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vmt.catalog import datasets, documents, keys
from vmt.catalog.records import decode
from vmt.catalog.records.runs import RunParameters
from vmt.catalog.records.soundtracks import (
    AffectiveSettings,
    Confusion,
    EvaluationRecord,
    RhythmScore,
    ScoreInterval,
    ScoreRow,
)
from vmt.catalog.runs import Run, now
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.metrics.bootstrap import Interval
from vmt.metrics.chords import (
    Predict,
    Reading,
    SongScore,
    baseline_logits,
    chord_gain,
    confusion,
    model_logits,
    score_song,
    shuffled,
    summary,
    with_table,
)
from vmt.metrics.rhythm import evaluate_rhythm
from vmt.model.baselines import Baseline, Bigram, RepeatLast, SongNgram, Unigram
from vmt.model.chord_model import ChordModel
from vmt.reports.charts import confusion_picture
from vmt.runtime.events import thread_map
from vmt.store import ObjectStore

SPLITS = ("validation", "test")


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

    scores = _score_chords(model, place, known, songs)
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
    )
    return Evaluation(_write(store, record, version.ref), record)


def _write(store: ObjectStore, record: EvaluationRecord, ref: datasets.DatasetRef) -> str:
    """The picture, then the record; its key."""
    picture_key, key = (
        keys.evaluation(record.run, record.epoch, (ref.name, ref.version), record.split, ending)
        for ending in ("svg", "json")
    )
    labels = list(record.confusion.chords)
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
    chosen = version.manifest[version.manifest["split"] == split]
    return sorted(chosen.loc[chosen["sha256"].isin(trained), "id"])


@dataclass(frozen=True)
class _ChordScores:
    """What the chord model and the baselines score."""

    rows: dict[str, ScoreRow]
    affective_table: AffectiveSettings
    video_gain: ScoreInterval | None
    gain_over_song_adaptive: ScoreInterval | None
    confusion: Confusion


def _score_chords(
    model: ChordModel, device: torch.device, known: dict[str, list[Song]], songs: Sequence[Song]
) -> _ChordScores:
    reading = Reading(model.config.max_seconds, not model.config.mask_padding)
    predict = model_logits(model, device)
    contenders = {"model": predict, **_baselines(known["train"], reading)}
    tuning = known["validation"] or known["train"]
    contenders["n-gram with the affective table"], table = with_table(
        contenders["song-adaptive n-gram"], reading, tuning
    )
    scores = {name: _scores(contender, songs, reading) for name, contender in contenders.items()}

    others = shuffled(songs)
    gain = chord_gain(scores["model"], _scores(predict, others, reading)) if others else None
    ahead = chord_gain(scores["model"], scores["song-adaptive n-gram"])
    return _ChordScores(
        rows={name: summary(own) for name, own in scores.items()},
        affective_table=AffectiveSettings(table.lift, table.shift),
        video_gain=_stored(gain),
        gain_over_song_adaptive=_stored(ahead),
        confusion=decode(Confusion, confusion(scores["model"]), "confusion"),
    )


def _baselines(training: Sequence[Song], reading: Reading) -> dict[str, Predict]:
    """Models that only count, by name."""
    tokens = [song.tokens for song in training]
    counted: dict[str, Baseline] = {
        "repeat last": RepeatLast(tokens, reading.max_seconds),
        "unigram": Unigram(tokens, reading.max_seconds),
        "bigram": Bigram(tokens, reading.max_seconds),
        "song-adaptive n-gram": SongNgram(tokens, reading.max_seconds),
    }
    return {name: baseline_logits(baseline, reading) for name, baseline in counted.items()}


def _scores(predict: Predict, songs: Sequence[Song], reading: Reading) -> list[SongScore]:
    return [score_song(predict(song), song, reading) for song in songs]


def _stored(interval: Interval | None) -> ScoreInterval | None:
    return None if interval is None else ScoreInterval(**vars(interval))
