"""Music from chords of your own, without a video and without a model.

    python examples/own_chords.py "C G A:min F" FOLDER

Each chord sounds for two seconds, and the progression is played four times. The folder receives
`music.mid` and `music.flac`.
"""

import sys
from pathlib import Path

import numpy as np

import vmt
from vmt import chords

REPEATS, SECONDS_PER_CHORD = 4, 2


def quiet_video(seconds: int) -> vmt.Features:
    """Features of a video in which nothing happens: no cuts, no motion, a neutral mood."""
    emotion = np.zeros((seconds, len(chords.EMOTIONS)), dtype=np.float32)
    emotion[:, chords.EMOTIONS.index("neutral")] = 1
    return vmt.Features(
        semantic=np.zeros((seconds, 1), dtype=np.float32),
        emotion=emotion,
        scene_offset=np.arange(seconds, dtype=np.int32),
        motion=np.zeros(seconds, dtype=np.float32),
        loudness=None,
        note_density=None,
        chord=None,
        key=None,
        duration_s=float(seconds),
        source_sha256="0" * 64,
        extractors={},
    )


def main(progression: str, folder: Path) -> None:
    """Write the music of a progression such as `C G A:min F`."""
    names = progression.split() * REPEATS
    labels = tuple(name for name in names for _ in range(SECONDS_PER_CHORD))

    # The curves rise to the middle and fall again: 6 to 14 notes a second, and their loudness.
    rise = np.sin(np.linspace(0, np.pi, len(labels))).astype(np.float32)
    music = vmt.Chords(
        labels,
        key=chords.parse_key("C major"),
        note_density=6 + 8 * rise,
        loudness=0.1 + 0.2 * rise,
    )

    score = vmt.arrange_chords(music, quiet_video(len(labels)), "piano", tempo_bpm=90.0)
    (folder / "music.mid").write_bytes(score.midi_bytes())
    vmt.render(score).write(folder / "music.flac")

    for instrument in score.midi.instruments:
        print(f"{instrument.name}: {len(instrument.notes)} notes")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
