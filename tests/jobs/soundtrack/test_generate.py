"""Generation: the files that come out, whose chords are heard, and that the same seed gives the
same music.
"""

import io
import json
from pathlib import Path

import av
import librosa
import numpy as np
import pretty_midi
import pytest
import soundfile

from tests.clips import Clips
from tests.studio import Studio, film_clip
from vmt import chords
from vmt.arrange.config import GenerateConfig
from vmt.errors import GenerationError, TrainingError
from vmt.jobs.soundtrack.generate import GenerateReport, Soundtrack, generate
from vmt.runtime.worker_pool import Processes
from vmt.store import LocalStore

PIANO = GenerateConfig(style="piano", seed=3)


@pytest.fixture(scope="module")
def report(studio: Studio) -> GenerateReport:
    studio.store.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    return generate(
        studio.store,
        studio.settings,
        ["inbox/bikes.mp4", "videos/demo0-00-exciting.mp4"],
        config=PIANO,
    )


def duration_s(data: bytes, kind: str) -> float:
    with av.open(io.BytesIO(data)) as container:
        stream = (container.streams.video if kind == "video" else container.streams.audio)[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        return float(stream.duration * stream.time_base)


def picture_bytes(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [
            bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size
        ]


@pytest.mark.long
def test_processes_make_what_threads_make(
    studio: Studio, report: GenerateReport, tmp_path: Path
) -> None:
    store = studio.copy(tmp_path / "store")
    videos = ["inbox/bikes.mp4", "videos/demo0-00-exciting.mp4", "inbox/gone.mp4"]
    again = generate(store, studio.settings, videos, config=PIANO, force=True, map=Processes(2))
    assert [each.key for each in again.failed] == ["inbox/gone.mp4"]
    for one, other in zip(report.made, again.made, strict=True):
        assert one.files == other.files
        for kind in ("lab", "mid", "flac"):
            assert store.get(other.files[kind]) == studio.store.get(one.files[kind])


def test_files_agree_with_the_video(studio: Studio, report: GenerateReport) -> None:
    assert len(report.made) == 2
    assert report.failed == ()
    for made in report.made:
        files = {kind: studio.store.get(key) for kind, key in made.files.items()}
        record = json.loads(files["json"])
        source = studio.store.get(record["video"]["key"])
        length = record["video"]["duration_s"]
        sound, rate = soundfile.read(io.BytesIO(files["flac"]))
        assert (rate, sound.shape[1]) == (48000, 2)
        assert 0.05 < np.abs(sound).max() < 1
        assert not np.array_equal(sound[:, 0], sound[:, 1])
        for found in (
            len(sound) / rate,
            duration_s(files["mp4"], "video"),
            duration_s(files["mp4"], "audio"),
        ):
            assert found == pytest.approx(length, abs=0.05)
        assert picture_bytes(files["mp4"]) == picture_bytes(source)
        midi = pretty_midi.PrettyMIDI(io.BytesIO(files["mid"]))
        assert sum(len(instrument.notes) for instrument in midi.instruments) > 10
        assert midi.get_end_time() <= length + 0.05


def test_the_record_says_what_made_it(studio: Studio, report: GenerateReport) -> None:
    made = report.made[0]
    record = json.loads(studio.store.get(made.files["json"]))
    assert (record["run"], record["epoch"], record["seed"], record["take"]) == (
        made.run,
        made.epoch,
        3,
        made.take,
    )
    assert record["settings"]["style"] == "piano"
    assert record["untrained"] is True
    assert len(record["weights_sha256"]) == 64
    lab = chords.parse_lab(studio.store.get(made.files["lab"]).decode(), "lab")
    assert len(lab.labels) == len(record["chords"])
    assert "N" not in lab.labels  # the music goes on where the model writes no chord
    assert str(lab.key) == record["key"]
    assert len(record["curves"]["loudness"]) == len(lab.labels)


def heard(studio: Studio, made: Soundtrack) -> float:
    """Share of seconds whose chord, heard in the FLAC at mid-second, is the .lab's, by 25
    labels.
    """
    sound, rate = soundfile.read(io.BytesIO(studio.store.get(made.files["flac"])), dtype="float32")
    mono = librosa.resample(sound.mean(1), orig_sr=rate, target_sr=studio.extractor.SAMPLE_RATE)
    labels = chords.parse_lab(studio.store.get(made.files["lab"]).decode(), "lab").labels
    recogniser = studio.extractor.chord_recogniser
    frames = recogniser.frames(mono)
    middles = [
        int((second + 0.5) * studio.extractor.SAMPLE_RATE / recogniser.HOP)
        for second in range(len(labels))
    ]
    found = chords.tokens([frames[min(middle, len(frames) - 1)] for middle in middles])
    return float((chords.REDUCE_25[found] == chords.REDUCE_25[chords.tokens(labels)]).mean())


def test_the_chords_are_heard(studio: Studio, report: GenerateReport) -> None:
    for made in report.made:
        assert heard(studio, made) >= 0.8


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    studio: Studio, report: GenerateReport
) -> None:
    made = next(each for each in report.made if each.id == "bikes")
    first = {kind: studio.store.get(made.files[kind]) for kind in ("lab", "mid", "flac")}
    again = generate(studio.store, studio.settings, ["inbox/bikes.mp4"], config=PIANO)
    assert (again.made, [each.take for each in again.known]) == ((), [made.take])
    forced = generate(studio.store, studio.settings, ["inbox/bikes.mp4"], config=PIANO, force=True)
    assert {kind: studio.store.get(forced.made[0].files[kind]) for kind in first} == first
    other = generate(
        studio.store,
        studio.settings,
        ["inbox/bikes.mp4"],
        config=GenerateConfig(style="piano", seed=4),
    )
    assert studio.store.get(other.made[0].files["mid"]) != first["mid"]


def test_settings_act(studio: Studio) -> None:
    config = GenerateConfig(
        key="Bb minor", primer=("Bbm", "Gb", "Db"), tempo_bpm=90.0, style="lofi"
    )
    made = generate(studio.store, studio.settings, ["inbox/bikes.mp4"], config=config).made[0]
    record = json.loads(studio.store.get(made.files["json"]))
    assert record["key"] == "A# minor"
    assert record["tempo_bpm"] == pytest.approx(90.0, rel=0.016)
    assert record["chords"][:3] == ["A#:min", "F#", "C#"]
    midi = pretty_midi.PrettyMIDI(io.BytesIO(studio.store.get(made.files["mid"])))
    assert midi.get_tempo_changes()[1].tolist() == pytest.approx([90], rel=0.01)


def test_one_bad_video_stops_nobody(studio: Studio, clips: Clips, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "copy")
    store.put("inbox/notes.mp4", b"these are no pictures")
    store.put_file("inbox/short.mp4", clips.get("silent"))
    report = generate(
        store,
        studio.settings,
        ["inbox/notes.mp4", "inbox/gone.mp4", "inbox/short.mp4"],
        config=PIANO,
    )
    assert [each.id for each in report.made] == ["short"]
    assert {each.key for each in report.failed} == {"inbox/notes.mp4", "inbox/gone.mp4"}
    assert not any("notes" in each.key for each in store.list("outputs/"))


def test_what_cannot_be_made_is_said(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="no champion yet; train a run and promote it"):
        generate(LocalStore(tmp_path), studio.settings, ["inbox/a.mp4"])
    with pytest.raises(TrainingError, match="run nobody: not in the store"):
        generate(studio.store, studio.settings, ["inbox/a.mp4"], run="nobody")
    with pytest.raises(TrainingError, match="has no weights of epoch 77"):
        generate(studio.store, studio.settings, ["inbox/a.mp4"], run=studio.run, epoch=77)
    with pytest.raises(GenerationError, match=r"'polka': there is none; choose one of .*band"):
        generate(studio.store, studio.settings, [], config=GenerateConfig(style="polka"))
    with pytest.raises(GenerationError, match=r"style '\.\./a' must be a name"):
        GenerateConfig(style="../a")
    with pytest.raises(GenerationError, match="key 'H' is not a key"):
        GenerateConfig(key="H")
    with pytest.raises(GenerationError, match="chord 'Xm' is not a chord"):
        GenerateConfig(primer=("C", "Xm"))
    with pytest.raises(GenerationError, match=r"tempo_bpm 500\.0 must be 40 to 240"):
        GenerateConfig(tempo_bpm=500.0)
