"""Minutes of soundtrack a minute of machine, features given.

python -m tests.bench.render_speed [SECONDS] [STYLE]     one video on one core: what share each stage has (180 s, band)
python -m tests.bench.render_speed --bulk [VIDEOS] [SECONDS] [STYLE]
    `generate` as it is, over VMT_WORKERS processes (all cores if not said), with the champion of
    VMT_STORE, such as the demo's: store in, MP4s out. The videos are made and their features put
    into a copy of that store first.

Times of stages are CPU seconds of this process and of the ffmpeg it starts, which other work on the
machine hardly changes; the bulk figure is wall time and wants a quiet machine.
"""  # noqa: E501

import dataclasses
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from vmt import chords, media
from vmt.arrange.arrangement import arrange, midi_bytes
from vmt.arrange.config import GenerateConfig
from vmt.audio.mastering import master
from vmt.audio.synthesis import SAMPLE_RATE, synthesize, write_flac
from vmt.catalog.videos import sha256_of
from vmt.features.record import Features
from vmt.jobs.soundtrack.generate import generate, resolve_run
from vmt.model.architectures import build
from vmt.model.presets import load_preset
from vmt.model.sampling import Request, sample_chords
from vmt.runtime.worker_pool import default_workers, worker_map
from vmt.settings import load_settings
from vmt.store import LocalStore

spent: dict[str, float] = {}


def cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@contextmanager
def stage(name: str) -> Iterator[None]:
    start = cpu_s()
    yield
    spent[name] = cpu_s() - start


def made_video(path: Path, seconds: int, shade: int = 0) -> Path:
    frames = (
        np.full((180, 320, 3), (k + shade) % 256, dtype=np.uint8) for k in range(seconds * 10)
    )
    media.encode_video(frames, 10, (320, 180), path, None)
    return path


def stages(seconds: int, style: str) -> None:
    torch.set_num_threads(1)
    model = build(load_preset("amt").shape(768)).eval()
    video = np.random.default_rng(0).normal(size=(seconds, model.config.d_video)).astype(np.float32)
    request = Request(video, False, (chords.token("C"),), (0,))
    labels = [("C", "G", "A:min", "F")[second // 2 % 4] for second in range(seconds)]
    wave = np.sin(np.arange(seconds) / 9).astype(np.float32)
    curve, length_s = 0.2 + 0.1 * wave, float(seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = made_video(folder / "in.mp4", seconds)
        key = chords.Key(0, minor=False)
        for length in (2, seconds):  # the first time loads what is loaded once for a batch
            with stage("chords"):
                sample_chords(
                    model, [dataclasses.replace(request, video=video[:length])], torch.device("cpu")
                )
        with stage("arrangement"):
            score = arrange(
                labels,
                key,
                note_density=12 + 5 * wave,
                loudness=curve,
                duration_s=length_s,
                style=style,
            )
            midi_bytes(score.midi)
        with stage("synthesis"):
            sound = synthesize(score.midi, duration_s=length_s)
        with stage("loudness"):
            sound = master(sound, SAMPLE_RATE)
        with stage("encoding"):
            write_flac(sound, SAMPLE_RATE, folder / "out.flac")
        with stage("mux"):
            media.mux(source, folder / "out.flac", folder / "out.mp4", duration_s=length_s)
    total = sum(spent.values())
    for name, each in spent.items():
        print(f"{name:12} {each:6.2f} CPU s  {each / total:4.0%}")
    print(
        f"{total / seconds * 60:.2f} CPU s a minute of soundtrack: {seconds / total:.1f} "
        "minutes a minute of one core"
    )


def bulk(videos: int, seconds: int, style: str) -> None:
    settings = load_settings()
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(settings.store, name, dirs_exist_ok=True)
        store = LocalStore(Path(name))
        run, _ = resolve_run(store, None, None)
        extractor = run.parameters()["extractor"]
        keys = []
        for number in range(videos):
            path = made_video(Path(name) / f"{number}.mp4", seconds, number)
            keys.append(f"inbox/bench{number:02d}.mp4")
            features = picture(
                store, extractor, seconds, number, media.probe(path).duration_s, sha256_of(path)
            )
            store.put_file(keys[-1], path)
            store.put(
                f"features/{extractor}/{features.source_sha256}.safetensors", features.to_bytes()
            )
        workers = settings.workers or default_workers()
        start, before = time.perf_counter(), cpu_s()
        report = generate(
            store,
            settings,
            keys,
            config=GenerateConfig(style=style),
            map=worker_map(settings.workers),
        )
        wall, cpu = time.perf_counter() - start, cpu_s() - before
    assert not report.failed, report.failed
    minutes = videos * seconds / 60
    print(
        f"{videos} videos of {seconds} s, {style}, {workers} workers: {wall:.1f} s, "
        f"{cpu / minutes:.2f} CPU s a minute "
        f"of soundtrack; {minutes / (wall / 60):.1f} minutes of soundtrack a minute"
    )


def picture(
    store: LocalStore, extractor: str, seconds: int, seed: int, duration_s: float, sha256: str
) -> Features:
    """Features of a video without sound: those of a video of the store, looped and out of phase."""
    known = next(
        each.key
        for each in store.list(f"features/{extractor}/")
        if each.key.endswith(".safetensors")
    )
    given = Features.from_bytes(store.get(known))
    at = (np.arange(seconds) + 7 * seed) % given.seconds
    return dataclasses.replace(
        given,
        semantic=given.semantic[at],
        emotion=given.emotion[at],
        scene_offset=given.scene_offset[at],
        motion=given.motion[at],
        loudness=None,
        note_density=None,
        chord=None,
        key=None,
        duration_s=duration_s,
        source_sha256=sha256,
        cuts_s=tuple(float(cut) for cut in range(9, seconds - 3, 11)),
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bulk"]:
        given = [*sys.argv[2:], *("8", "180", "band")[len(sys.argv) - 2 :]]
        bulk(int(given[0]), int(given[1]), given[2])
    else:
        given = [*sys.argv[1:], *("180", "band")[len(sys.argv) - 1 :]]
        stages(int(given[0]), given[1])
