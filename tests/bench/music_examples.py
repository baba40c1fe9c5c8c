"""One example in every style for the same made film, and a picture of each: piano roll over
spectrogram, with sections and cuts.

Run: python -m tests.bench.music_examples docs/img [STYLE ...]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import librosa
import numpy as np
import pretty_midi

from tests.arrange.songs import film
from vmt.arrange.arrangement import Score, style_names
from vmt.arrange.styles import load_style
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE, synthesize

FILM, LENGTH_S = 9, 44.0
FONT = cv2.FONT_HERSHEY_SIMPLEX
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


def picture(title: str, score: Score, sound: np.ndarray, cuts_s: Sequence[float]) -> np.ndarray:
    """Title with sections, cuts in red, piano roll and spectrogram of one piece."""
    length_s = len(sound) / SAMPLE_RATE
    head = np.full((2 * MARGIN, WIDTH, 3), 255, dtype=np.uint8)
    cv2.putText(head, title[:110], (4, 13), FONT, 0.4, (30, 30, 30), 1, cv2.LINE_AA)
    roll = piano_roll(score.midi, length_s)
    for section in score.sections:
        left = round(score.plan.grid.straight(section.start) * WIDTH / length_s)
        cv2.putText(head, section.name, (left + 2, 30), FONT, 0.34, (90, 30, 30), 1, cv2.LINE_AA)
        cv2.line(roll, (left, 0), (left, ROLL), (150, 150, 150), 1)
    for cut_s in cuts_s:
        left = round(cut_s * WIDTH / length_s)
        cv2.line(roll, (left, 0), (left, 6), (0, 0, 220), 1)
    return np.vstack([head, roll, spectrogram(sound, SAMPLE_RATE)])


def main(folder: Path, styles: Sequence[str]) -> None:
    for style in styles:
        wanted = film(FILM, LENGTH_S)
        score = wanted.scored(style)
        sound = synthesize(score.midi, duration_s=LENGTH_S)
        sound = master(sound, SAMPLE_RATE)
        names = ", ".join(part.name for part in score.midi.instruments)
        title = f"{style}: {score.tempo_bpm:.0f} bpm, {load_style(style).metre}; {names}"
        image = picture(title, score, sound.mean(axis=0), wanted.cuts_s)
        cv2.imwrite(str(folder / f"music-{style}.png"), image)
        print(style, score.form, [section.name for section in score.sections])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or style_names())
