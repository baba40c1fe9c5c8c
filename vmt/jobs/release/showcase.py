"""The showcase: what a challenger makes of the held-out videos must be sound before it serves."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from vmt import media
from vmt.audio.synthesis import SAMPLE_RATE, read_sound
from vmt.catalog.records.nights import CheckedSoundtrack, Showcase
from vmt.catalog.records.soundtracks import ScoreRow, SoundtrackRecord
from vmt.errors import VmtError
from vmt.jobs.soundtrack.score import read_midi, read_record, score_output
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
        store: the store.
        records: keys of the soundtracks' records.
        hear: see `vmt.jobs.soundtrack.score.listener`.
        failed: reasons why other videos of the showcase got none; any fails it.
        on_event: is told of each soundtrack.
    """
    checked: list[CheckedSoundtrack] = []
    for key in records:
        soundtrack = _check(store, key, hear)
        checked.append(soundtrack)
        on_event(
            "vmt.showcase.checked",
            {"video": soundtrack.video, "problems": list(soundtrack.problems)},
        )

    problems = [f"no soundtrack: {reason}" for reason in failed]
    problems += [
        f"{soundtrack.video}: {problem}"
        for soundtrack in checked
        for problem in soundtrack.problems
    ]
    heard = [soundtrack.scores["chords_heard"] for soundtrack in checked]
    shares = [share for share in heard if share is not None]
    if shares and sum(shares) / len(shares) < CHORDS_HEARD:
        problems.append(
            f"chords are heard in {sum(shares) / len(shares):.0%} of the seconds, under "
            f"{CHORDS_HEARD:.0%}"
        )
    return Showcase(not problems, tuple(problems), tuple(checked))


def _check(store: ObjectStore, key: str, hear: Hear) -> CheckedSoundtrack:
    record = read_record(store, key)
    try:
        scores = score_output(store, record, read_midi(store, record), hear).scores
        lengths = _lengths(store, record)
    except VmtError as error:
        unknown: ScoreRow = {"chords_heard": None}
        return CheckedSoundtrack(record.video.id, key, unknown, (f"cannot be checked: {error}",))
    seconds = {f"{name}_s": length_s for name, length_s in lengths.items()}
    return CheckedSoundtrack(
        record.video.id, key, {**scores, **seconds}, tuple(_problems(record, scores, lengths))
    )


def _problems(record: SoundtrackRecord, scores: ScoreRow, lengths: dict[str, float]) -> list[str]:
    """What is wrong with one soundtrack."""
    wanted_s = record.video.duration_s
    problems = [
        f"its {name} lasts {length_s:.2f} s, the video {wanted_s:.2f} s"
        for name, length_s in lengths.items()
        if abs(length_s - wanted_s) > LENGTH_S
    ]
    lufs, peak, asked = scores["lufs"], scores["true_peak_dbtp"], record.settings.get("lufs")
    if lufs is None:
        problems.append("its music is silent")
    elif isinstance(asked, int | float) and wanted_s >= MIN_LOUDNESS_S and abs(lufs - asked) > LUFS:
        problems.append(f"its loudness is {lufs:.1f} LUFS, asked were {asked:g}")
    if peak is not None and peak > PEAK_DBTP:
        problems.append(f"its peak is {peak:.1f} dBTP, over {PEAK_DBTP:g}")
    return problems


def _lengths(store: ObjectStore, record: SoundtrackRecord) -> dict[str, float]:
    """How long the music and the film last, in seconds."""
    with tempfile.TemporaryDirectory(prefix="vmt-") as name:
        folder = Path(name)
        store.get_file(record.files["flac"], folder / "out.flac")
        store.get_file(record.files["mp4"], folder / "out.mp4")
        return {
            "sound": read_sound(folder / "out.flac").shape[1] / SAMPLE_RATE,
            "film": media.probe(folder / "out.mp4").duration_s,
        }
