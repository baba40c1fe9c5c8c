"""Control over a soundtrack: every setting is recorded and acts, takes can be played again, and
batches say what they did."""

import dataclasses
import io
import json
import math
from pathlib import Path

import av
import numpy as np
import pretty_midi
import pytest
import soundfile

from tests.clips import Clips
from tests.studio import Studio, film_clip
from vmt import chords
from vmt.arrange.config import GenerateConfig
from vmt.audio.loudness import integrated_lufs
from vmt.audio.soundfont import default_soundfont
from vmt.catalog.records import decode, loads
from vmt.catalog.records.soundtracks import SoundtrackRecord
from vmt.errors import GenerationError
from vmt.jobs.soundtrack.dry_run import plan
from vmt.jobs.soundtrack.generate import Soundtrack, generate, replay
from vmt.store import LocalStore

CLIP = "inbox/control.mp4"
PIANO = GenerateConfig(style="piano", key="C major", tempo_bpm=100.0)


@pytest.fixture(scope="module")
def base(studio: Studio) -> Soundtrack:
    studio.store.put_file(CLIP, film_clip("bikes.mp4"))
    return made(studio, PIANO)


def made(studio: Studio, config: GenerateConfig, key: str = CLIP) -> Soundtrack:
    report = generate(studio.store, studio.settings, [key], config=config, force=True)
    assert report.failed == ()
    return report.made[0]


def record_of(studio: Studio, soundtrack: Soundtrack) -> dict[str, object]:
    return dict(json.loads(studio.store.get(soundtrack.files["json"])))


def midi_of(studio: Studio, soundtrack: Soundtrack) -> pretty_midi.PrettyMIDI:
    return pretty_midi.PrettyMIDI(io.BytesIO(studio.store.get(soundtrack.files["mid"])))


def notes(studio: Studio, soundtrack: Soundtrack) -> int:
    return sum(len(each.notes) for each in midi_of(studio, soundtrack).instruments)


def flac(studio: Studio, key: str) -> np.ndarray:
    sound, _ = soundfile.read(io.BytesIO(studio.store.get(key)), dtype="float32")
    return np.ascontiguousarray(sound.T)


def test_every_setting_is_in_the_record(studio: Studio, base: Soundtrack) -> None:
    settings = record_of(studio, base)["settings"]
    assert isinstance(settings, dict)
    assert settings == json.loads(json.dumps(dataclasses.asdict(PIANO)))


def test_density_and_loudness_scales_act(studio: Studio, base: Soundtrack) -> None:
    sparse = made(studio, dataclasses.replace(PIANO, density_scale=0.2))
    dense = made(studio, dataclasses.replace(PIANO, density_scale=4.0))
    assert notes(studio, sparse) < notes(studio, base) < notes(studio, dense)

    def swing_db(scale: float) -> float:
        curves = record_of(studio, made(studio, dataclasses.replace(PIANO, loudness_scale=scale)))[
            "curves"
        ]
        assert isinstance(curves, dict)
        return float(np.std(20 * np.log10(curves["loudness"])))

    flat, wide = swing_db(0.0), swing_db(3.0)
    assert flat == pytest.approx(0, abs=1e-3)
    assert wide > swing_db(1.0) > 0


def test_emotion_acts_on_the_key_and_on_what_the_model_sees(studio: Studio) -> None:
    free = dataclasses.replace(PIANO, key="auto")
    for emotion, mode in (("sad", "minor"), ("relaxing", "major")):
        record = record_of(studio, made(studio, dataclasses.replace(free, emotion=emotion)))
        assert str(record["key"]).endswith(mode)
        curves = record["curves"]
        assert isinstance(curves, dict)
        assert {tuple(row) for row in curves["emotion"]} == {
            tuple(float(e == emotion) for e in chords.EMOTIONS)
        }
    rows = ((1.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.5, 0.5, 0.0, 0.0, 0.0))
    curves = record_of(studio, made(studio, dataclasses.replace(free, emotion_curve=rows)))[
        "curves"
    ]
    assert isinstance(curves, dict)
    assert curves["emotion"] == [list(rows[0])] + [list(rows[1])] * (len(curves["emotion"]) - 1)


def test_accents_act(studio: Studio) -> None:
    forces = []
    for accents in (0.0, 0.5, 1.0):
        config = dataclasses.replace(PIANO, accents=accents)
        soundtrack = made(studio, config, "videos/demo0-00-exciting.mp4")
        cuts = record_of(studio, soundtrack)["cuts_s"]
        assert isinstance(cuts, list)
        forces.append(
            sum(
                note.velocity
                for instrument in midi_of(studio, soundtrack).instruments
                for note in instrument.notes
                if min(abs(note.start - cut) for cut in cuts) < 0.02
            )
        )
    assert forces[0] < forces[1] < forces[2]


def test_loudness_bits_and_stems_act(studio: Studio, base: Soundtrack) -> None:
    config = dataclasses.replace(PIANO, style="band", lufs=-22.0, bits=24, stems=True)
    band = made(studio, config)
    assert integrated_lufs(flac(studio, band.files["flac"]), 48000) == pytest.approx(-22, abs=0.5)
    assert integrated_lufs(flac(studio, base.files["flac"]), 48000) == pytest.approx(-14, abs=0.5)
    assert soundfile.info(io.BytesIO(studio.store.get(band.files["flac"]))).subtype == "PCM_24"
    assert soundfile.info(io.BytesIO(studio.store.get(base.files["flac"]))).subtype == "PCM_16"
    kinds = [kind for kind in band.files if kind.startswith("stem-")]
    assert len(kinds) == len(midi_of(studio, band).instruments) > 1
    assert not [kind for kind in base.files if kind.startswith("stem-")]
    total = np.sum([flac(studio, band.files[kind]) for kind in kinds], axis=0)
    whole = flac(studio, band.files["flac"])
    assert total.shape == whole.shape
    assert np.square(total - whole).mean() <= 1e-5 * np.square(whole).mean()
    known = generate(studio.store, studio.settings, [CLIP], config=config).known
    assert known[0].files == band.files


def test_the_original_sound_stays_where_asked(studio: Studio, base: Soundtrack) -> None:
    key = "videos/demo0-00-exciting.mp4"
    outcomes = {}
    for how in ("replace", "mix", "duck"):
        soundtrack = made(studio, dataclasses.replace(PIANO, original_sound=how), key)
        outcomes[how] = record_of(studio, soundtrack)["original_sound"]
        with av.open(io.BytesIO(studio.store.get(soundtrack.files["mp4"]))) as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        outcomes[how + " sound"] = np.concatenate(frames, axis=1)
    assert [outcomes[how] for how in ("replace", "mix", "duck")] == ["replaced", "mixed", "ducked"]
    sounds = [np.asarray(outcomes[how + " sound"]) for how in ("replace", "mix", "duck")]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.corrcoef(sounds[one].ravel(), sounds[other].ravel())[0, 1] < 0.999
    for sound in sounds:
        assert integrated_lufs(np.ascontiguousarray(sound), 48000) == pytest.approx(-14, abs=0.6)
    silent = made(studio, dataclasses.replace(PIANO, original_sound="duck"))
    assert record_of(studio, silent)["original_sound"] == "none in the video"


def test_the_film_says_that_a_machine_wrote_its_music(studio: Studio, base: Soundtrack) -> None:
    with av.open(io.BytesIO(studio.store.get(base.files["mp4"]))) as container:
        tags = dict(container.metadata)
    assert tags["title"] == "control, soundtrack by VMT"
    assert f"run {base.run}, epoch {base.epoch}, take {base.take}, seed 0" in tags["comment"]
    assert tags["comment"].startswith("AI-generated")
    assert tags["genre"] == "AI-generated music"
    assert "Apache-2.0" in tags["copyright"]
    assert "TimGM6mb" in tags["copyright"]


def test_takes_have_the_seeds_that_follow(studio: Studio, base: Soundtrack) -> None:
    report = generate(studio.store, studio.settings, [CLIP], config=PIANO, takes=3)
    both = (*report.known, *report.made)
    assert [record_of(studio, each)["seed"] for each in both] == [0, 1, 2]
    assert len({studio.store.get(each.files["mid"]) for each in both}) == 3
    with pytest.raises(GenerationError, match="takes 0 must be 1 to 100"):
        generate(studio.store, studio.settings, [CLIP], takes=0)


def test_a_replay_gives_the_same_bytes(studio: Studio, tmp_path: Path) -> None:
    store = studio.copy(tmp_path / "copy")
    rows = ((0.0, 0.0, 1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.5, 0.5, 0.0, 0.0))
    config = GenerateConfig(
        style="lofi", seed=5, emotion_curve=rows, density_scale=1.5, primer=("Am", "Bbmaj7")
    )
    store.put_file(CLIP, film_clip("bikes.mp4"))
    first = generate(store, studio.settings, [CLIP], config=config).made[0]
    record = loads(SoundtrackRecord, store.get(first.files["json"]), "record")
    kinds = ("lab", "mid", "flac")
    before = {kind: store.get(first.files[kind]) for kind in kinds}
    for key in first.files.values():
        store.delete(key)
    again = replay(store, studio.settings, record).made[0]
    assert again == first
    assert {kind: store.get(again.files[kind]) for kind in kinds} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chords": ["C"] * 11}, "changed by hand"),
        (
            {"weights_sha256": "0", "take": "0123456789"},
            "changed by hand, or made by other weights",
        ),
        ({"settings": {"style": "piano"}}, "its settings are another version's"),
        ({"key": "H"}, "its key or curves are damaged"),
    ],
)
def test_a_replay_refuses_what_it_cannot_repeat(
    studio: Studio, base: Soundtrack, change: dict[str, object], message: str
) -> None:
    record = decode(SoundtrackRecord, record_of(studio, base) | change, "record")
    with pytest.raises(GenerationError, match=message):
        replay(studio.store, studio.settings, record)


def test_a_replay_wants_the_same_soundfont(
    studio: Studio, base: Soundtrack, tmp_path: Path
) -> None:
    record = decode(SoundtrackRecord, record_of(studio, base), "record")
    other = tmp_path / "other.sf2"
    other.write_bytes(default_soundfont().read_bytes() + bytes(2))
    settings = studio.settings.model_copy(update={"soundfont": other})
    before = studio.store.get(base.files["flac"])
    with pytest.raises(GenerationError, match=r"played with the SoundFont TimGM6mb\.sf2 .*other"):
        replay(studio.store, settings, record)
    assert studio.store.get(base.files["flac"]) == before


def test_a_replay_wants_the_same_video(
    studio: Studio, base: Soundtrack, clips: Clips, tmp_path: Path
) -> None:
    store = studio.copy(tmp_path / "copy")
    record = decode(SoundtrackRecord, record_of(studio, base), "record")
    store.put_file(CLIP, clips.get("silent"))
    with pytest.raises(GenerationError, match="not the video of the record; put that one back"):
        replay(store, studio.settings, record)
    store.delete(CLIP)
    assert [each.key for each in replay(store, studio.settings, record).failed] == [CLIP]


def test_a_dry_run_writes_nothing(
    studio: Studio, base: Soundtrack, clips: Clips, tmp_path: Path
) -> None:
    store = studio.copy(tmp_path / "copy")
    before = {each.key for each in store.list("")}
    videos: list[str | Path] = [CLIP, clips.get("silent"), "inbox/gone.mp4"]
    planned = plan(store, studio.settings, videos, config=PIANO, takes=2)
    assert {each.key for each in store.list("")} == before
    assert [each.state for each in planned] == ["known", "known", "new", "new", "failed"]
    assert (planned[0].take, planned[0].mp4) == (base.take, base.files["mp4"])
    assert planned[2].seconds > planned[3].seconds > 0 == planned[0].seconds
    assert planned[3].size_bytes > 100_000
    assert "inbox/gone.mp4" in planned[4].reason
    whole = plan(
        store,
        studio.settings,
        [CLIP],
        config=dataclasses.replace(PIANO, stems=True, bits=24),
        force=True,
    )[0]
    plain = plan(store, studio.settings, [CLIP], config=PIANO, force=True)[0]
    assert whole.state == plain.state == "new"
    assert whole.seconds > plain.seconds
    assert whole.size_bytes > 1.5 * plain.size_bytes


def test_the_estimate_of_space_is_near(studio: Studio, base: Soundtrack) -> None:
    planned = plan(studio.store, studio.settings, [CLIP], config=PIANO, force=True)[0]
    size = sum(len(studio.store.get(key)) for key in base.files.values())
    assert abs(math.log2(planned.size_bytes / size)) < 1


def test_a_batch_leaves_a_summary(studio: Studio, base: Soundtrack, tmp_path: Path) -> None:
    store: LocalStore = studio.copy(tmp_path / "copy")
    store.put("inbox/notes.mp4", b"these are no pictures")
    report = generate(store, studio.settings, [CLIP, "inbox/notes.mp4"], config=PIANO)
    summary = json.loads(store.get(report.summary))
    assert report.summary.startswith(f"outputs/{base.run}/epoch_{base.epoch:04d}/batch-")
    assert [(each["id"], each["state"]) for each in summary["soundtracks"]] == [
        ("control", "known")
    ]
    assert summary["soundtracks"][0]["files"]["mp4"] == base.files["mp4"]
    assert [each["key"] for each in summary["failed"]] == ["inbox/notes.mp4"]
    assert "notes.mp4" in summary["failed"][0]["reason"]
    assert summary["asked"]["settings"]["style"] == "piano"
    assert (
        generate(store, studio.settings, [CLIP, "inbox/notes.mp4"], config=PIANO).summary
        == report.summary
    )
