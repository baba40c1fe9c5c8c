"""One example in every style from the store's first videos, and a picture of each: piano roll over
spectrogram.

Run with VMT_STORE at a store that has a champion, such as the demo's: python -m
tests.bench.music_examples docs/img
"""

import io
import sys
from pathlib import Path

import cv2
import librosa
import numpy as np
import pretty_midi
import soundfile

from vmt.arrange.config import GenerateConfig
from vmt.arrange.styles import style_names
from vmt.jobs.soundtrack.generate import generate
from vmt.jobs.soundtrack.inputs import videos_under
from vmt.settings import load_settings
from vmt.store import open_store

WIDTH, ROLL, SPECTRUM, MARGIN = 720, 200, 120, 18
COLOURS = (
    (200, 120, 40),
    (60, 140, 230),
    (80, 170, 60),
    (180, 70, 160),
    (60, 60, 200),
    (150, 150, 40),
)


def piano_roll(midi: pretty_midi.PrettyMIDI, duration_s: float) -> np.ndarray:
    """Pitches 24 to 96 upwards, a colour for each instrument; drums as grey ticks at the bottom."""
    image = np.full((ROLL, WIDTH, 3), 250, dtype=np.uint8)
    across, up = WIDTH / duration_s, (ROLL - 20) / 72
    for number, instrument in enumerate(midi.instruments):
        for note in instrument.notes:
            left, right = (
                round(note.start * across),
                max(round(note.start * across), round(note.end * across) - 1),
            )
            if instrument.is_drum:
                cv2.rectangle(image, (left, ROLL - 10), (left, ROLL - 4), (120, 120, 120), -1)
            else:
                top = round((96 - note.pitch) * up)
                cv2.rectangle(
                    image, (left, top), (right, top + 1), COLOURS[number % len(COLOURS)], -1
                )
    return image


def spectrogram(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mel bands in decibels, low ones at the bottom, 70 dB deep."""
    bands = librosa.feature.melspectrogram(
        y=sound, sr=sample_rate, n_mels=SPECTRUM, hop_length=2048
    )
    level = np.clip((librosa.power_to_db(bands, ref=np.max) + 70) / 70 * 255, 0, 255).astype(
        np.uint8
    )
    return cv2.applyColorMap(cv2.resize(level[::-1], (WIDTH, SPECTRUM)), cv2.COLORMAP_VIRIDIS)


def picture(title: str, midi: pretty_midi.PrettyMIDI, flac: bytes) -> np.ndarray:
    sound, rate = soundfile.read(io.BytesIO(flac), dtype="float32")
    head = np.full((MARGIN, WIDTH, 3), 255, dtype=np.uint8)
    cv2.putText(head, title, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)
    return np.vstack(
        [head, piano_roll(midi, len(sound) / rate), spectrogram(sound.mean(axis=1), rate)]
    )


def main(folder: Path) -> None:
    settings = load_settings()
    store = open_store(settings.store, settings)
    for style, key in zip(style_names(), videos_under(store, "videos/"), strict=False):
        report = generate(store, settings, [key], config=GenerateConfig(style=style))
        made = (*report.made, *report.known)[0]
        midi = pretty_midi.PrettyMIDI(io.BytesIO(store.get(made.files["mid"])))
        names = ", ".join(each.name for each in midi.instruments)
        title = f"{style}: {made.id}, {midi.get_tempo_changes()[1][0]:.0f} bpm; {names}"
        cv2.imwrite(
            str(folder / f"music-{style}.png"), picture(title, midi, store.get(made.files["flac"]))
        )
        print(style, made.id, made.files["mp4"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
