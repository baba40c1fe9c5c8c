"""Seeing a video against a plain re-computation of the published steps, in one run with the same
threads.

    python -m tests.bench.clip_speed --seconds 10 --threads 1

The published steps: a JPEG for each second of the video, written and read again; CLIP's image tower
once a frame for the semantic embedding and once more, with the six words through the text tower,
for the emotions, batch 1, float32; motion and cuts in passes of their own over the file. VMT's: one
pass for all of it. Both have the same ViT-L/14@336px with untrained weights, which cost the same as
trained ones. Prints seconds a minute of video for both, their ratio, the floor that the image tower
alone sets, and where the rest of VMT's time goes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import open_clip
import scenedetect
import torch
from PIL import Image

from vmt import chords, media
from vmt.features import frames as visual
from vmt.features.clip import Clip
from vmt.features.extractor import Extractor, ExtractorConfig
from vmt.features.logging_filter import quiet_root_logger
from vmt.hardware import Precision
from vmt.synthetic import probe_films

SIZE = (1280, 720)


def timed(work: Callable[[], object]) -> float:
    """Seconds of this process's CPU with one thread, which other work hardly changes; of the wall
    with several.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    work()
    return clock() - start


def make_film(seconds: int, path: Path) -> None:
    """A film of 1280 x 720 at 25 frames a second with hard cuts."""
    film = probe_films.plan_film(1, float(seconds))
    pictures = (cv2.resize(each, SIZE, interpolation=cv2.INTER_CUBIC) for each in film.pictures())
    media.encode_video(pictures, probe_films.FPS, SIZE, path, None, threads=1)


def published(model: str, film: Path, folder: Path) -> dict[str, float]:
    """Seconds of each of the published steps."""
    spent = {}

    def jpegs() -> None:
        # The frame after each second, as they take it.
        second = 0
        for frame in media.frames(film):
            if frame.time_s >= second:
                Image.fromarray(frame.rgb).save(folder / f"{second:04d}.jpg")
                second += 1

    spent["a JPEG for each second"] = timed(jpegs)
    torch.manual_seed(0)
    with quiet_root_logger("open_clip"):
        clip = open_clip.create_model(model, precision="fp32").eval()
    size = clip.visual.image_size
    side = size[0] if isinstance(size, tuple) else size
    transform = open_clip.image_transform(
        side, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD
    )
    words = open_clip.get_tokenizer(model)(list(chords.EMOTIONS))
    names = sorted(folder.glob("*.jpg"))

    def semantic() -> None:
        for name in names:
            clip.encode_image(transform(Image.open(name))[None])

    def emotion() -> None:
        for name in names:
            image, text, scale = clip(transform(Image.open(name))[None], words)
            (scale * image @ text.T).softmax(-1)

    def motion() -> None:
        before, second = None, 0
        for frame in media.frames(film):
            if frame.time_s >= second and before is not None:
                np.abs(frame.rgb.astype(np.float32) - before).mean()
                second += 1
            before = frame.rgb

    with torch.no_grad():
        spent["semantic, once a frame"] = timed(semantic)
        spent["emotion, once a frame"] = timed(emotion)
    spent["motion in its own pass"] = timed(motion)
    spent["cuts in their own pass"] = timed(
        lambda: scenedetect.detect(str(film), scenedetect.AdaptiveDetector())
    )
    return spent


def ours(model: str, precision: Precision, film: Path, seconds: int) -> dict[str, float]:
    """Seconds of seeing the film, and of the parts of it that can be taken alone."""
    clip = Clip(model, "untrained:0", chords.EMOTIONS, precision=precision)

    class Seeing(Extractor):
        @property
        def clip(self) -> Clip:
            return clip

    extractor = Seeing(ExtractorConfig(model, "untrained:0"), "cpu")
    spent = {
        "in all": timed(
            lambda: extractor.extract(
                media.frames(film),
                None,
                duration_s=float(seconds),
                source_sha256="0" * 64,
                name="bench",
            )
        )
    }
    cuts = visual.CutFinder()
    frames = [pick.rgb for pick in visual.picks(media.frames(film), seconds, cuts, "bench")]
    prepared: list[torch.Tensor] = []
    spent["preparing frames"] = timed(lambda: prepared.extend(clip.prepare(rgb) for rgb in frames))
    size = Extractor.CLIP_BATCH
    spent["CLIP's image tower"] = timed(
        lambda: [
            clip.embed(prepared[start : start + size]) for start in range(0, len(prepared), size)
        ]
    )
    spent["decoding alone"] = timed(lambda: sum(1 for _ in media.frames(film)))
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=10, help="of video")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--model", default="ViT-L-14-336", help="of open_clip; a smaller one tries the bench out"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    minute = 60 / given.seconds
    print(
        f"{given.model}, {given.threads} threads, {given.seconds} s of 1280 x 720; seconds a "
        "minute of video"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "film.mp4"
        make_film(given.seconds, film)
        theirs = published(given.model, film, folder)
        for step, spent in theirs.items():
            print(f"  published, {step:<42}{spent * minute:>9.1f}", flush=True)
        plain = sum(theirs.values())
        print(f"published steps{'':<39}{plain * minute:>9.1f}")
        amx = (
            "amx_bf16" in Path("/proc/cpuinfo").read_text()
            if Path("/proc/cpuinfo").exists()
            else False
        )
        for precision in ("float32", "bfloat16"):
            if precision == "bfloat16" and not amx:
                print("bfloat16: not run, this machine has no AMX")
                continue
            found = ours(given.model, precision, film, given.seconds)
            whole, tower = found.pop("in all"), found["CLIP's image tower"]
            print(f"VMT, {precision:<49}{whole * minute:>9.1f}, {plain / whole:.2f} times faster")
            for part, spent in found.items():
                print(f"  of it {part:<46}{spent * minute:>9.1f}")
            rest = whole - sum(found.values())
            print(f"  motion, cuts and the rest{'':<27}{rest * minute:>9.1f}")
            print(
                f"  the floor set by CLIP alone{'':<25}{tower * minute:>9.1f}, "
                f"{plain / tower:.2f} times faster"
            )


if __name__ == "__main__":
    main()
