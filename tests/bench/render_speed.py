"""Minutes of soundtrack a minute of one core, features given, and what share each stage has.

python -m tests.bench.render_speed [SECONDS] [STYLE]      (180 s of band by default)
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from vmt import chords, media
from vmt.model.config import model_preset
from vmt.model.transformer import VideoMusicTransformer
from vmt.music.arrangement import arrange, midi_bytes
from vmt.music.mastering import master
from vmt.music.render import SAMPLE_RATE, synthesize, write_flac
from vmt.music.sampling import Request, sample_chords

spent: dict[str, float] = {}


@contextmanager
def stage(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    spent[name] = time.perf_counter() - start


def main(seconds: int, style: str) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    model = VideoMusicTransformer(model_preset("amt", 768)).eval()
    video = rng.normal(size=(seconds, model.config.d_video)).astype(np.float32)
    request = Request(video, False, (chords.token("C"),), (0,))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = (np.full((360, 640, 3), k % 256, dtype=np.uint8) for k in range(seconds * 25))
        media.encode_video(frames, 25, (640, 360), folder / "in.mp4", None)
        with stage("chords"):
            sample_chords(model, [request], torch.device("cpu"))
        labels = [("C", "G", "A:min", "F")[second // 2 % 4] for second in range(seconds)]
        wave = np.sin(np.arange(seconds) / 9).astype(np.float32)
        with stage("arrangement"):
            midi = arrange(
                labels,
                chords.Key(0, False),
                note_density=12 + 5 * wave,
                loudness=0.2 + 0.1 * wave,
                duration_s=float(seconds),
                style=style,
            )
            midi_bytes(midi)
        with stage("synthesis"):
            sound = synthesize(midi, duration_s=float(seconds))
        with stage("loudness"):
            sound = master(sound, SAMPLE_RATE)
        with stage("encoding"):
            write_flac(sound, SAMPLE_RATE, folder / "out.flac")
        with stage("mux"):
            media.mux(folder / "in.mp4", folder / "out.flac", folder / "out.mp4", duration_s=float(seconds))
    total = sum(spent.values())
    for name, each in spent.items():
        print(f"{name:12} {each:6.2f} s  {each / total:4.0%}")
    print(f"{seconds / total:.1f} minutes of soundtrack a minute ({style}, {seconds} s of video)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 180, sys.argv[2] if len(sys.argv) > 2 else "band")
