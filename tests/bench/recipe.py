"""What a preset reaches on MuVi-Sync: chords beside the baselines, density and loudness beside
their constants.

    VMT_TEST_DATA=... python -m tests.bench.recipe 55            42 songs train, 6 validate; 25 chords
    VMT_TEST_DATA=... python -m tests.bench.recipe full          597 songs train, 75 validate; 157 chords

Each seed is a run of its own in STORE (a folder; a temporary one unless given), so that a call that
was stopped goes on. The packed set holds the published CLIP embeddings as 128 principal components.
"""  # noqa: E501

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch

from vmt.catalog.runs import Run
from vmt.dataset import muvi_sync
from vmt.dataset.songs import Song, song
from vmt.jobs.train.session import TrainingSession
from vmt.jobs.train.training_data import TrainingData
from vmt.metrics.bootstrap import Interval
from vmt.metrics.chords import (
    Predict,
    Reading,
    SongScore,
    baseline_logits,
    chord_gain,
    model_logits,
    score_song,
    shuffled,
    summary,
)
from vmt.metrics.rhythm import evaluate_rhythm
from vmt.model.baselines import SongNgram
from vmt.store import open_store
from vmt.training.config import run_config

CPU = torch.device("cpu")
COLUMNS = ("chord", "chord_without_end", "h1", "h3", "h5", "changes_h1", "emotion", "total")


def small(folder: Path, labels: int = 25) -> dict[str, list[Song]]:
    """The 55 songs with the published split, by side."""
    sides: dict[str, list[Song]] = {"train": [], "validation": [], "test": []}
    for name, side in muvi_sync.split_lists(folder).items():
        sides[side].append(song(name, muvi_sync.read_song(folder, name), labels))
    return sides


def full(path: Path) -> dict[str, list[Song]]:
    """The packed 672 songs, by side."""
    arrays = safetensors.numpy.load_file(path)
    ends = arrays["length"].astype(int).cumsum()
    sides: dict[str, list[Song]] = {"train": [], "validation": []}
    for number, last in enumerate(ends):
        part = slice(last - int(arrays["length"][number]), last)
        emotion = arrays["emotion"][part].astype(np.float32)
        cuts_motion = np.stack([arrays["scene_offset"][part] + 1, arrays["motion"][part]], axis=1)
        sides["validation" if arrays["is_val"][number] else "train"].append(
            Song(
                str(arrays["song"][number]),
                np.concatenate(
                    [arrays["semantic"][part], cuts_motion, emotion], axis=1, dtype=np.float32
                ),
                emotion.argmax(1),
                arrays["chord"][part].astype(np.int64),
                bool(arrays["minor"][number]),
                np.stack([arrays["note_density"][part], arrays["loudness"][part]], axis=1).astype(
                    np.float32
                ),
            )
        )
    return sides


def fit(
    store: str,
    name: str,
    sides: Mapping[str, list[Song]],
    preset: str,
    overrides: Mapping[str, Any],
) -> Run:
    """The run of that name, trained where it is not yet, every epoch said as it ends."""
    labels = (
        25
        if max(int(each.tokens.max()) for each in sides["train"]) <= 152 and name.startswith("55")
        else 157
    )
    data = TrainingData(None, labels, train=sides["train"], validation=sides["validation"])
    config = run_config(preset, data.d_semantic, overrides, data.seconds)
    run = Run(open_store(store), name)
    start = time.monotonic()

    def say(event: str, payload: Mapping[str, Any]) -> None:
        if event == "vmt.epoch.finished":
            chord, seconds = payload["validation"]["chord"], time.monotonic() - start
            print(
                f"  {name} epoch {payload['epoch']:2d}  chord {chord:.4f}  {seconds:5.0f} s",
                flush=True,
            )

    TrainingSession(run, config, data, CPU, say).finish()
    return run


def scored(predict: Predict, songs: list[Song], reading: Reading) -> list[SongScore]:
    """Scores of each song."""
    return [score_song(predict(each), each, reading) for each in songs]


def _row(name: str, values: Mapping[str, float | None]) -> None:
    print(f"{name:28s}" + "".join(f"{values[column] or 0:11.4f}" for column in COLUMNS), flush=True)


def _interval(found: Interval | Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    values = dataclasses.asdict(found) if isinstance(found, Interval) else found
    return f"{values['value']:+.4f} ({values['low']:+.4f} to {values['high']:+.4f})"


def report(run: Run, sides: Mapping[str, list[Song]], split: str) -> dict[str, float | None]:
    """Print what the best epoch reaches on a split, and give its row."""
    model = run.transformer(run.best_epoch())
    reading = Reading(model.config.max_seconds, not model.config.mask_padding)
    weight = run.parameters().train.change_weight
    predict = model_logits(model, CPU, weight)
    matched = scored(predict, sides[split], reading)
    found = summary(matched)
    if weight != 1:
        tilted = scored(model_logits(model, CPU), sides[split], reading)
        _row(f"{run.name} {split}, tilted {weight:g}", summary(tilted))
    _row(f"{run.name} epoch {run.best_epoch()} {split}", found)
    gain = chord_gain(matched, scored(predict, shuffled(sides[split]), reading))
    print(f"  own video beside another's: chord NLL lower by {_interval(gain)}")
    for name, row in evaluate_rhythm(run.regressor(), sides["train"], sides[split], CPU).items():
        print(
            f"  {name}: RMSE {row['rmse']:.4f}, constant {row['constant_rmse']:.4f}, under it "
            f"{_interval(row['gain'])}"
        )
        print(
            f"    own video beside another's {_interval(row['video_gain'])}, correlation "
            f"{row['correlation']:.3f}"
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=("55", "full"))
    parser.add_argument("--preset", default="vmt")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--store", default=None)
    parser.add_argument("--songs", type=int, default=None, help="train on the first so many songs")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER")
    arguments = parser.parse_args()
    root = Path(os.environ["VMT_TEST_DATA"])
    is_small = arguments.data == "55"
    packed = root / "muvi-sync-full" / "features-pca128.safetensors"
    sides = small(root / "muvi-sync-55" / "dataset") if is_small else full(packed)
    sides["train"] = sides["train"][: arguments.songs]
    settings = {
        name: float(value) if "." in value else int(value)
        for name, value in (s.split("=") for s in arguments.set)
    }
    print(f"{'':28s}" + "".join(f"{column[:10]:>11s}" for column in COLUMNS))
    for side in ("validation", "test"):
        if sides.get(side):
            reading = Reading(300, False)
            ngram = baseline_logits(
                SongNgram([each.tokens for each in sides["train"]], 300), reading
            )
            _row(f"song-adaptive n-gram {side}", summary(scored(ngram, sides[side], reading)))
    with tempfile.TemporaryDirectory() as temporary:
        store = arguments.store or temporary
        for side in [each for each in ("validation", "test") if sides.get(each)]:
            rows = []
            for seed in range(arguments.seeds):
                name = f"{arguments.data}-{arguments.preset}-{seed}"
                run = fit(store, name, sides, arguments.preset, {**settings, "seed": seed})
                rows.append(report(run, sides, side))
            _row(
                f"mean of seeds, {side}",
                {name: float(np.mean([row[name] for row in rows])) for name in COLUMNS},
            )


if __name__ == "__main__":
    main()
