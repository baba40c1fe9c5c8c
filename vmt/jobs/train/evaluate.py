"""Evaluate a run on the songs of a dataset version: the model beside the baselines, and what the
video does for it.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from vmt.catalog import datasets
from vmt.catalog.runs import Run, now
from vmt.dataset.songs import Song
from vmt.errors import TrainingError
from vmt.hardware import choose_device
from vmt.metrics.chords import (
    Interval,
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
) -> Evaluation:
    """Score a run's epoch and the baselines on the same songs, and keep the table under
    `evaluations/<run>/`.

    The baselines know the songs that the run was trained on, and the affective table is set on that
    version's validation songs.

    Args:
        epoch: the one that the run selected where None.
        dataset: any version whose labels and features fit the model; the run's own where None.
        split: `validation` or `test`.

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
    content = {
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
        **_chords(model, place, known, songs),
        "rhythm": evaluate_rhythm(chosen.regressor(), known["train"], songs, place),
    }
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


def _seen(version: datasets.DatasetVersion, own: datasets.DatasetVersion, split: str) -> list[str]:
    """Songs of the split that the run was trained on: their scores say nothing."""
    trained = set(own.manifest.loc[own.manifest["split"] == "train", "sha256"])
    chosen = version.manifest[version.manifest["split"] == split]
    return sorted(chosen.loc[chosen["sha256"].isin(trained), "id"])


def _chords(
    model: ChordModel, device: torch.device, known: dict[str, list[Song]], songs: Sequence[Song]
) -> dict[str, Any]:
    reading = Reading(model.config.max_seconds, not model.config.mask_padding)
    tokens = [song.tokens for song in known["train"]]
    counted: dict[str, Baseline] = {
        "repeat last": RepeatLast(tokens, reading.max_seconds),
        "unigram": Unigram(tokens, reading.max_seconds),
        "bigram": Bigram(tokens, reading.max_seconds),
        "song-adaptive n-gram": SongNgram(tokens, reading.max_seconds),
    }
    predict = model_logits(model, device)
    contenders = {
        "model": predict,
        **{name: baseline_logits(each, reading) for name, each in counted.items()},
    }
    tuning = known["validation"] or known["train"]
    contenders["n-gram with the affective table"], table = with_table(
        contenders["song-adaptive n-gram"], reading, tuning
    )
    scores = {name: _scores(each, songs, reading) for name, each in contenders.items()}
    others = shuffled(songs)
    gain = chord_gain(scores["model"], _scores(predict, others, reading)) if others else None
    ahead = chord_gain(scores["model"], scores["song-adaptive n-gram"])
    return {
        "rows": {name: summary(each) for name, each in scores.items()},
        "affective_table": dataclasses.asdict(table),
        "video_gain": _plain(gain),
        "gain_over_song_adaptive": _plain(ahead),
        "confusion": confusion(scores["model"]),
    }


def _scores(predict: Predict, songs: Sequence[Song], reading: Reading) -> list[SongScore]:
    return [score_song(predict(song), song, reading) for song in songs]


def _plain(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else dataclasses.asdict(interval)
