"""Make v0.1.0/, a small store of VMT 0.1.0, with that version's own code.

It has five small videos with their features (chords by hand, so that no recogniser runs), a dataset
version, a finished run that is the champion, and a run that was stopped in its third epoch. Make it
again, from the root of a checkout of 0.1.0 (commit dd3fcad):

    PYTHONPATH=. python /path/to/make_v0_1_0.py /path/to/v0.1.0
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from vmt.features.extract import ExtractorConfig
from vmt.jobs.freeze import freeze  # type: ignore[import-not-found] # 0.1.0's place
from vmt.jobs.promote import promote  # type: ignore[import-not-found]

from vmt import chords
from vmt.features.record import Features
from vmt.jobs.train import train
from vmt.store import LocalStore

SECONDS = 6
EXTRACTOR = ExtractorConfig("ViT-B-32", "untrained:0")
SMALL = {"n_layers": 1, "n_heads": 2, "d_model": 16, "d_feedforward": 16}
PROGRESSIONS = (("C", "F", "G", "C"), ("A:min", "F", "C", "G"), ("D:min", "G", "C", "A:min"))


class Stopped(Exception):
    """In place of the signal that stops a training."""


def stop_at(epoch: int) -> Any:
    def on_event(name: str, payload: Any) -> None:
        if name == "vmt.epoch.finished" and payload["epoch"] == epoch:
            raise Stopped

    return on_event


def add_video(store: LocalStore, number: int) -> None:
    path = store.root / f"{number:04d}.mp4"
    source = f"testsrc2=size=64x64:rate=2:duration={SECONDS}"
    store.root.mkdir(parents=True, exist_ok=True)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi", "-i", source]
    command += ["-f", "lavfi", "-i", f"sine=frequency={110 * number}:duration={SECONDS}"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-b:a", "16k", str(path)], check=True)
    data = path.read_bytes()
    store.put_file(f"videos/{path.name}", path)
    path.unlink()

    rng = np.random.default_rng(number)
    emotion = rng.random((SECONDS, 6), dtype=np.float32)
    labels = PROGRESSIONS[number % 3]
    features = Features(
        semantic=rng.standard_normal((SECONDS, 8), dtype=np.float32),
        emotion=emotion / emotion.sum(1, keepdims=True),
        scene_offset=np.arange(SECONDS, dtype=np.int32),
        motion=rng.random(SECONDS, dtype=np.float32),
        loudness=rng.random(SECONDS, dtype=np.float32),
        note_density=rng.random(SECONDS, dtype=np.float32) * 4,
        chord=tuple(labels[second % 4] for second in range(SECONDS)),
        key=chords.parse_key("C major"),
        duration_s=float(SECONDS),
        source_sha256=hashlib.sha256(data).hexdigest(),
        extractors=EXTRACTOR.field_names(),
    )
    key = f"features/{EXTRACTOR.name}/{features.source_sha256}.safetensors"
    store.put(key, features.to_bytes())


def main(folder: Path) -> None:
    from vmt.features.extract import Extractor

    from vmt.jobs.ingest import ingest

    store = LocalStore(folder)
    for number in range(1, 6):
        add_video(store, number)
    extractor = Extractor(EXTRACTOR)
    ingest(store, extractor)
    dataset = freeze(store, extractor.name, chord_labels=25)
    promote(
        store, train(store, dataset, preset="demo", run="served", overrides={"epochs": 2, **SMALL})
    )
    try:
        train(
            store,
            dataset,
            preset="demo",
            run="stopped",
            overrides={"epochs": 4, **SMALL},
            on_event=stop_at(3),
        )
    except Stopped:
        print("stopped in epoch 3")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
