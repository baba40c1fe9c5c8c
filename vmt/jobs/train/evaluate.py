"""Evaluate a run on the songs of a dataset version: the model beside the baselines, and what the
video does for it.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vmt.catalog import datasets
from vmt.catalog.runs import Run, now
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.metrics.chord_overlap import longest_overlap, overlap_summary
from vmt.metrics.chords import (
    Interval,
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
_RIVAL = "song-adaptive n-gram"


@dataclass(frozen=True)
class Evaluation:
    """What `vmt evaluate` found; `content` stands under `key`, and the confusion matrix as a
    picture beside it.

    `content["rows"]` has a row of scores for the model and each baseline, by name; `rhythm` the
    biGRU's; `video_gain` by how much the chord NLL is lower with the song's own video than with
    another's, with its interval.
    """

    key: str
    content: dict[str, Any]


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
        epoch: the one that the run selected where None.
        dataset: any version whose labels and features fit the model; the run's own where None.
        split: `validation` or `test`.
        device: to compute on.
        against: another run and epoch (the selected one where None) that is scored on the same
            songs; `content["against"]` then has the differences, this run less the other, with
            their paired bootstrap intervals.

    Raises:
        TrainingError: if the run or the epoch is not in the store, the dataset does not fit, or the
            split is empty.
        DatasetError: if the dataset is not there or its features are gone.
    """
    if split not in SPLITS:
        raise TrainingError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    chosen = Run(store, run)
    parameters = chosen.parameters()
    number = chosen.best_epoch() if epoch is None else epoch
    model, place = chosen.transformer(number), choose_device(device)
    name = dataset or parameters["dataset"]
    if name is None:
        raise TrainingError(f"run {run} was imported without a dataset; name one to evaluate it on")
    version = datasets.read(store, datasets.resolve(store, name))
    own = (
        datasets.read(store, datasets.resolve(store, parameters["dataset"]))
        if parameters["dataset"]
        else version
    )
    songs = datasets.load_songs(store, version, thread_map, (split,))[split]
    known = datasets.load_songs(store, own, thread_map, ("train", "validation"))
    _check(run, model, parameters, version, songs, split)
    weight = float((parameters["train"] or {}).get("change_weight", 1.0))
    content: dict[str, Any] = {
        "run": run,
        "epoch": number,
        "dataset": str(version.ref),
        "split": split,
        "trained_on": parameters["dataset"],
        "songs": len(songs),
        "seconds_read": min(max(song.seconds for song in songs), model.config.max_seconds),
        "seen_in_training": _seen(version, own, split),
        "emotion_counts_padding": not model.config.mask_padding,
        "made_at": now(),
        **_chords(model, place, known, songs, weight),
        "mode": _mode(chosen.mode(), songs),
        "copying": _copying(model, place, known["train"], songs, weight),
        "rhythm": evaluate_rhythm(chosen.regressor(), known["train"], songs, place),
    }
    if against is not None:
        content["against"] = _against(store, content, against, split, device)
    key = f"evaluations/{run}/epoch_{number:04d}-{str(version.ref).replace('@', '-')}-{split}"
    table = content["confusion"]
    picture = confusion_picture(table["chords"], [*table["chords"], "other"], table["seconds"])
    store.put(f"{key}.svg", picture.encode())
    store.put(f"{key}.json", json.dumps(content, indent=1).encode())
    return Evaluation(f"{key}.json", content)


def _check(
    run: str,
    model: ChordModel,
    parameters: dict[str, Any],
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
            f"has {width}; "
            "name a dataset of the same CLIP model"
        )
    if parameters["dataset"] and version.chord_labels != parameters["chord_labels"]:
        raise TrainingError(
            f"run {run} knows {parameters['chord_labels']} chord labels and dataset "
            f"{version.ref} has "
            f"{version.chord_labels}; freeze or import it with --chords "
            f"{parameters['chord_labels']}"
        )


def _against(
    store: ObjectStore,
    content: dict[str, Any],
    other: tuple[str, int | None],
    split: str,
    device: str,
) -> dict[str, Any]:
    """The paired comparison with another run's epoch on the same songs.

    Args:
        store: where both runs are.
        content: this run's evaluation.
        other: run and epoch to compare with.
        split: of the data set.
        device: to compute on.
    """
    rival = evaluate(store, *other, dataset=content["dataset"], split=split, device=device).content
    own, others = (each["songs_scored"]["model"] for each in (content, rival))
    return {
        "run": rival["run"],
        "epoch": rival["epoch"],
        "seen_in_training": rival["seen_in_training"],
        "differences": paired(own, others),
    }


def _copying(
    model: ChordModel,
    device: torch.device,
    train: Sequence[Song],
    songs: Sequence[Song],
    change_weight: float,
) -> dict[str, Any]:
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
    sampled = sample_chords(model, requests, device)
    known = [(song.id, song.tokens) for song in train]
    written = {
        song.id: longest_overlap(tokens, known) for song, tokens in zip(songs, sampled, strict=True)
    }
    real = [longest_overlap(song.tokens, known) for song in songs]
    return {
        "sampled": overlap_summary(list(written.values())),
        "real": overlap_summary(real),
        "by_video": {name: dataclasses.asdict(overlap) for name, overlap in written.items()},
    }


def _mode(model: ModeModel, songs: Sequence[Song]) -> dict[str, Any]:
    """How well the run tells minor from major; where it knows the share of minor alone, what it
    answers is chance.
    """
    minor = np.array([song.minor for song in songs])
    probabilities = np.array([model.probability(song.video) for song in songs])
    answers = np.array([model.is_minor(song.video, 0.5) for song in songs])
    share = np.full(len(songs), model.share)
    return {"learnt": model.learnt, **evaluate_mode(probabilities, minor, share, answers)}


def _seen(version: datasets.DatasetVersion, own: datasets.DatasetVersion, split: str) -> list[str]:
    """Songs of the split that the run was trained on: their scores say nothing."""
    trained = set(own.manifest.loc[own.manifest["split"] == "train", "sha256"])
    chosen = version.manifest[version.manifest["split"] == split]
    return sorted(chosen.loc[chosen["sha256"].isin(trained), "id"])


def _chords(
    model: ChordModel,
    device: torch.device,
    known: dict[str, list[Song]],
    songs: Sequence[Song],
    change_weight: float,
) -> dict[str, Any]:
    reading = Reading(model.config.max_seconds, not model.config.mask_padding)
    tokens = [song.tokens for song in known["train"]]
    counted: dict[str, Baseline] = {
        "repeat last": RepeatLast(tokens, reading.max_seconds),
        "unigram": Unigram(tokens, reading.max_seconds),
        "bigram": Bigram(tokens, reading.max_seconds),
        _RIVAL: SongNgram(tokens, reading.max_seconds),
    }
    predict = model_logits(model, device, change_weight)
    contenders = {
        "model": predict,
        **({} if change_weight == 1 else {TILTED: model_logits(model, device)}),
        **{name: baseline_logits(each, reading) for name, each in counted.items()},
    }
    tuning = known["validation"] or known["train"]
    contenders["n-gram with the affective table"], table = with_table(
        contenders[_RIVAL], reading, tuning
    )
    scores = {name: _scores(each, songs, reading) for name, each in contenders.items()}
    others = shuffled(songs)
    gain = chord_gain(scores["model"], _scores(predict, others, reading)) if others else None
    ahead = chord_gain(scores["model"], scores[_RIVAL])
    return {
        "rows": {name: summary(each) for name, each in scores.items()},
        "songs_scored": {name: by_song(songs, scores[name]) for name in ("model", _RIVAL)},
        "affective_table": dataclasses.asdict(table),
        "video_gain": _plain(gain),
        "gain_over_song_adaptive": _plain(ahead),
        "confusion": confusion(scores["model"]),
    }


def _scores(predict: Predict, songs: Sequence[Song], reading: Reading) -> list[SongScore]:
    return [score_song(predict(song), song, reading) for song in songs]


def _plain(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else dataclasses.asdict(interval)
