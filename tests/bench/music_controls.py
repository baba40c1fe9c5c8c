"""What each control changes: a table of measured effects over its range.

Run: python -m tests.bench.music_controls
"""

import numpy as np

from tests.arrange.bar import symbolic_dynamics
from tests.arrange.songs import Film, film
from vmt import chords
from vmt.arrange.arrangement import Score

FILMS = tuple(film(number, 44.0, rests=False) for number in (7, 8, 9, 10))
SCALES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def effect(style: str, change: object, score_of: object) -> float:
    """Mean of a measure over the films."""
    return float(np.mean([score_of(one, one.scored(style, **change(one))) for one in FILMS]))  # type: ignore[operator]


def notes_a_second(one: Film, score: Score) -> float:
    return sum(len(part.notes) for part in score.midi.instruments) / one.duration_s


def dynamics_db(one: Film, score: Score) -> float:
    return symbolic_dynamics(score.midi, one.duration_s)


def on_cuts(one: Film, score: Score) -> float:
    """Mean velocity that starts on a cut."""
    notes = [note for part in score.midi.instruments for note in part.notes]
    return float(
        np.mean([sum(n.velocity for n in notes if abs(n.start - cut) < 0.02) for cut in one.cuts_s])
    )


def tempo(_: Film, score: Score) -> float:
    return score.tempo_bpm


def swung(one: Film, scale: float) -> np.ndarray:
    level = np.log(one.loudness)
    return np.exp(level.mean() + scale * (level - level.mean())).astype(np.float32)


def only(one: Film, emotion: str) -> np.ndarray:
    found = np.zeros_like(one.emotion)
    found[:, chords.EMOTIONS.index(emotion)] = 1
    return found


def main() -> None:
    print("| style | control | measure | values |\n|---|---|---|---|")
    for style in ("band", "piano", "orchestra", "ambient"):
        rows = {
            ("density", "notes a second"): [
                (s, lambda f, s=s: {"note_density": f.note_density * np.float32(s)}, notes_a_second)
                for s in SCALES
            ],
            ("loudness", "dB of symbolic dynamics"): [
                (s, lambda f, s=s: {"loudness": swung(f, s)}, dynamics_db) for s in SCALES
            ],
            ("accents", "velocity on a cut"): [
                (s, lambda _, s=s: {"accents": s, "tempo_bpm": 104.0}, on_cuts)
                for s in (0.0, 0.25, 0.5, 0.75, 1.0)
            ],
            ("tempo", "quarter notes a minute"): [
                (s, lambda _, s=s: {"tempo_bpm": s}, tempo) for s in (50.0, 80.0, 120.0, 180.0)
            ],
            ("emotion", "tempo"): [
                (e, lambda f, e=e: {"emotion": only(f, e), "cuts_s": ()}, tempo)
                for e in chords.EMOTIONS
            ],
            ("emotion", "notes a second "): [
                (e, lambda f, e=e: {"emotion": only(f, e), "cuts_s": ()}, notes_a_second)
                for e in chords.EMOTIONS
            ],
        }
        for (control, measure), cases in rows.items():
            values = ", ".join(
                f"{name}: {effect(style, change, of):.1f}" for name, change, of in cases
            )
            print(f"| {style} | {control} | {measure.strip()} | {values} |")


if __name__ == "__main__":
    main()
