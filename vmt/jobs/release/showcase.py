"""The showcase: what a challenger makes of the held-out videos must be sound before it serves."""

import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pretty_midi

from vmt import media
from vmt.audio.synthesis import SAMPLE_RATE, read_sound
from vmt.errors import VmtError
from vmt.jobs.soundtrack.score import score_output
from vmt.metrics.soundtrack import Hear
from vmt.runtime.events import OnEvent, ignore
from vmt.store import ObjectStore

LENGTH_S = 0.1
"""How far sound and film may be off the video's length: a frame of ten a second, or four AAC
frames.
"""
LUFS = 1.0
"""How far the loudness may be off the one asked for, in LU."""
PEAK_DBTP = -0.5
"""The limiter aims at -1; encoders and the meter differ by less than the half."""
CHORDS_HEARD = 0.5
"""The least share of seconds, over the whole showcase, in which the chord that was written is
heard.
"""
MIN_LOUDNESS_S = 3.0
"""Integrated loudness of less is a matter of single notes (BS.1770 averages blocks of 0.4 s)."""


@dataclass(frozen=True)
class Checked:
    """One soundtrack of the showcase, and what is wrong with it."""

    video: str
    record: str
    scores: dict[str, float | None]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Showcase:
    """Whether a showcase is sound, what is wrong with it, and each soundtrack's numbers."""

    passed: bool
    problems: tuple[str, ...]
    soundtracks: tuple[Checked, ...]


def check_showcase(
    store: ObjectStore,
    records: Sequence[str],
    hear: Hear,
    *,
    failed: Sequence[str] = (),
    on_event: OnEvent = ignore,
) -> Showcase:
    """Check lengths, loudness, peaks and heard chords of soundtracks.

    Args:
        records: keys of the soundtracks' records.
        hear: see `vmt.jobs.soundtrack.score.listener`.
        failed: reasons why other videos of the showcase got none; any fails it.
    """
    checked = []
    for key in records:
        checked.append(_check(store, key, hear))
        on_event(
            "vmt.showcase.checked",
            {"video": checked[-1].video, "problems": list(checked[-1].problems)},
        )
    problems = [f"no soundtrack: {reason}" for reason in failed]
    problems += [f"{each.video}: {problem}" for each in checked for problem in each.problems]
    shares = [share for each in checked if (share := each.scores["chords_heard"]) is not None]
    if shares and sum(shares) / len(shares) < CHORDS_HEARD:
        problems.append(
            f"chords are heard in {sum(shares) / len(shares):.0%} of the seconds, under "
            f"{CHORDS_HEARD:.0%}"
        )
    return Showcase(not problems, tuple(problems), tuple(checked))


def _check(store: ObjectStore, key: str, hear: Hear) -> Checked:
    record = json.loads(store.get(key))
    video, wanted_s = record["video"]["id"], record["video"]["duration_s"]
    try:
        midi = pretty_midi.PrettyMIDI(io.BytesIO(store.get(record["files"]["mid"])))
        scores = score_output(store, record, midi, hear)["scores"]
        lengths = _lengths(store, record)
    except VmtError as error:
        return Checked(video, key, {"chords_heard": None}, (f"cannot be checked: {error}",))
    problems = [
        f"its {name} lasts {found:.2f} s, the video {wanted_s:.2f} s"
        for name, found in lengths.items()
        if abs(found - wanted_s) > LENGTH_S
    ]
    lufs, peak, asked = scores["lufs"], scores["true_peak_dbtp"], record["settings"]["lufs"]
    if lufs is None:
        problems.append("its music is silent")
    elif wanted_s >= MIN_LOUDNESS_S and abs(lufs - asked) > LUFS:
        problems.append(f"its loudness is {lufs:.1f} LUFS, asked were {asked:g}")
    if peak is not None and peak > PEAK_DBTP:
        problems.append(f"its peak is {peak:.1f} dBTP, over {PEAK_DBTP:g}")
    return Checked(
        video,
        key,
        {**scores, **{f"{name}_s": found for name, found in lengths.items()}},
        tuple(problems),
    )


def _lengths(store: ObjectStore, record: Mapping[str, Any]) -> dict[str, float]:
    """How long the music and the film last, in seconds."""
    with tempfile.TemporaryDirectory(prefix="vmt-") as name:
        folder = Path(name)
        store.get_file(record["files"]["flac"], folder / "out.flac")
        store.get_file(record["files"]["mp4"], folder / "out.mp4")
        return {
            "sound": read_sound(folder / "out.flac").shape[1] / SAMPLE_RATE,
            "film": media.probe(folder / "out.mp4").duration_s,
        }
