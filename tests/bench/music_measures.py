"""Measures of music on chords that a trained model writes, every style in one run.

A run of a store (its dataset's validation and test songs) writes chords and curves; each song is
arranged in every style, at nine lengths; `--sound` renders some of them too and listens.

Run with VMT_STORE at a store with a run trained on MuVi-Sync: python -m tests.bench.music_measures
RUN [--sound]
"""

import sys
from collections import defaultdict

import numpy as np
import torch

from vmt import chords
from vmt.arrange.arrangement import Score, arrange, midi_bytes, style_names
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE, synthesize
from vmt.catalog import datasets
from vmt.catalog.runs import Run
from vmt.metrics.musicality import (
    attack_times,
    groove_scores,
    metre_scores,
    motif_scores,
    read_marked,
    share_on,
    silence_and_dynamics,
)
from vmt.model.sampling import Request, sample_chords
from vmt.runtime.events import thread_map
from vmt.settings import load_settings
from vmt.store import open_store

LENGTHS_S = (12.3, 21.0, 30.4, 44.0, 61.0, 75.0, 93.0, 121.0, 180.7)
FPS = 25.0
SOUND_LENGTH_S = 60.0
COLUMNS = (
    "n_share", "changes_on_half_bars", "phrases_whole", "ends_on_downbeat", "strong_cuts",
    "chance", "motif_repeat", "motif_longest_without", "tune_share", "groove_ms",
    "groove_patterned", "longest_gap_s",
)  # fmt: skip


class Songs:
    """What a run writes for held-out songs."""

    def __init__(self, name: str) -> None:
        settings = load_settings()
        store = open_store(settings.store, settings)
        run = Run(store, name)
        version = datasets.read(store, datasets.resolve(store, str(run.parameters().dataset)))
        loaded = datasets.load_songs(store, version, thread_map, ("validation", "test"))
        self.videos = [song.video for split in loaded.values() for song in split]
        model, regressor = run.transformer(run.best_epoch()), run.regressor()
        self.labels, self.curves = [], []
        for number, video in enumerate(self.videos):
            minor = bool(number % 2)
            request = Request(
                video, minor, (chords.token("A:min" if minor else "C"),), (number,), 1.0, 0.96, 1.35
            )
            self.labels.append(sample_chords(model, [request], torch.device("cpu"))[0])
            with torch.inference_mode():
                self.curves.append(regressor(torch.from_numpy(video)[None])[0].numpy())

    def scored(self, number: int, duration_s: float, style: str) -> tuple[Score, float]:
        """A piece, and the share of N in its chords."""
        number %= len(self.videos)
        seconds = int(np.ceil(duration_s))
        video, curves = self.videos[number][:seconds], self.curves[number][:seconds]
        offsets, motion, emotion = video[:, -8], video[:, -7], video[:, -6:]
        rng = np.random.default_rng(number)
        cuts = [
            round((second - 1 + rng.random()) * FPS) / FPS
            for second in range(2, len(video))
            if offsets[second] < offsets[second - 1]
        ]
        key = chords.Key(7 * number % 12, minor=bool(number % 2))
        tokens = chords.transpose(self.labels[number][:seconds], -key.semitones_to_normal)
        labels = [chords.label(int(token)) for token in tokens]
        duration_s = min(duration_s, float(len(labels)))
        score = arrange(
            labels,
            key,
            note_density=np.clip(curves[:, 0], 0, None),
            loudness=np.clip(curves[:, 1], 0, 1),
            duration_s=duration_s,
            cuts_s=cuts,
            emotion=emotion,
            motion=motion,
            style=style,
            seed=number,
        )
        return score, float(np.mean([label == "N" for label in labels]))


def note_row(score: Score, n_share: float) -> dict[str, float]:
    """Measures of the notes."""
    song = read_marked(midi_bytes(score.midi))
    duration_s = float(len(score.labels))
    onsets = np.sort([note.start for one in song.midi.instruments for note in one.notes])
    cuts = [point.time_s for point in score.points]
    met, chance = share_on(onsets, cuts, duration_s, within_s=0.5 / FPS)
    gaps = np.diff(onsets)
    return {
        "n_share": n_share,
        **metre_scores(song),
        "strong_cuts": met,
        "chance": chance,
        **motif_scores(song),
        **groove_scores(song),
        "longest_gap_s": float(gaps.max()) if len(gaps) else np.nan,
    }


def sound_row(score: Score) -> dict[str, float]:
    """Measures of the sound."""
    duration_s = float(len(score.labels))
    sound = synthesize(score.midi, duration_s=duration_s)
    sound = master(sound, SAMPLE_RATE, level=score.level)
    attacks = attack_times(sound, SAMPLE_RATE)
    cuts = [point.time_s for point in score.points]
    met, chance = share_on(attacks, cuts, duration_s, within_s=1 / FPS)
    heard = {"strong_cuts_heard": met, "heard_chance": chance}
    return {**silence_and_dynamics(sound, SAMPLE_RATE), **heard}


def main(name: str, *, sound: bool) -> None:
    songs = Songs(name)
    rows: dict[str, dict[str, list[float]]] = {}
    for style in style_names():
        values: dict[str, list[float]] = defaultdict(list)
        for number, length_s in enumerate(LENGTHS_S):
            for measure, value in note_row(*songs.scored(5 * number, length_s, style)).items():
                values[measure].append(value)
        if sound:
            for number in range(3):
                score, _ = songs.scored(4 * number + 1, SOUND_LENGTH_S, style)
                for measure, value in sound_row(score).items():
                    values[measure].append(value)
        rows[style] = values
    columns = [
        *COLUMNS,
        *(["silence", "dynamics_db", "strong_cuts_heard", "heard_chance"] if sound else ()),
    ]
    print("| style | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for style, values in rows.items():
        print(f"| {style} | " + " | ".join(_mean(values[column]) for column in columns) + " |")


def _mean(values: list[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    return f"{np.mean(known):.2f}" if known else "-"


if __name__ == "__main__":
    main(sys.argv[1], sound="--sound" in sys.argv)
