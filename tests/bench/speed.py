"""How many times faster than the published steps: `python -m tests.bench.speed [--threads N] [--precision float32]`.

Prints, for 300 chords of one 300 s video, for a batch of 64 of them, and for a training epoch of `amt` on 42 songs with
both evaluations, the seconds of the published steps (`published.py`) and of VMT, their ratio, and the floor: the bytes
or products that the work cannot do without at the rates measured on this machine just now.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch

from tests.bench import published
from vmt.dataset.songs import Song
from vmt.hardware import Precision, choose_precision
from vmt.model.config import ModelConfig
from vmt.model.loss import losses
from vmt.model.transformer import VideoMusicTransformer
from vmt.music.sampling import Request, sample_chords
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective
from vmt.training.trainer import Trainer

CPU = torch.device("cpu")
CONFIG = ModelConfig()
SECONDS = 300


def timed(work: Callable[[], object], repeats: int = 1) -> float:
    """The least wall time of `work`, in seconds."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def products_per_s(dtype: torch.dtype) -> float:
    """Multiply-adds a second of a 600 x 512 by 512 x 1024 product."""
    a, w = torch.randn(600, 512).to(dtype), torch.randn(1024, 512).to(dtype)
    work = lambda: [torch.nn.functional.linear(a, w) for _ in range(20)]  # noqa: E731
    return 20 * 600 * 512 * 1024 / timed(work, 5)


def bytes_per_s() -> float:
    """Bytes a second that a sum over 512 MiB reads."""
    block = torch.ones(1 << 27)
    return block.nbytes / timed(block.sum, 5)


def make_model() -> VideoMusicTransformer:
    torch.manual_seed(0)
    return VideoMusicTransformer(CONFIG).eval()


def make_songs(count: int) -> list[Song]:
    """Songs of 150 to 300 s, as in muvi-sync-55."""
    rng = np.random.default_rng(0)
    songs = []
    for number in range(count):
        seconds = int(rng.integers(150, 301))
        video = rng.standard_normal((seconds, CONFIG.d_video), dtype=np.float32)
        tokens, rhythm = rng.integers(0, 157, seconds), np.zeros((seconds, 2), np.float32)
        songs.append(Song(f"{number:03}", video, video[:, -6:].argmax(1), tokens, False, rhythm))
    return songs


def bench_generation(batch: int, precision: Precision, plain_s: float | None) -> tuple[float, float, float]:
    """Seconds a video: published, VMT, floor."""
    rng = np.random.default_rng(0)
    videos = [rng.standard_normal((SECONDS, CONFIG.d_video), dtype=np.float32) for _ in range(batch)]
    if plain_s is None:
        video = torch.from_numpy(videos[0])[None]
        plain_s = timed(lambda: published.generate(make_model(), video, torch.zeros(1), SECONDS))
    requests = [Request(video, False, (1,), (0, number)) for number, video in enumerate(videos)]
    model = make_model()
    ours = timed(lambda: sample_chords(model, requests, CPU, precision), 2) / batch
    d, wide, size = CONFIG.d_model, CONFIG.d_feedforward, 2 if precision == "bfloat16" else 4
    # Each chord reads the decoder's weights (q k v o, q o, two linear layers) and the cache: the video's keys and
    # values and, on average, those of half the chords. The encoder and the video's keys and values are computed once.
    decoder = CONFIG.n_layers * (6 * d * d + 2 * d * wide)
    cached = CONFIG.n_layers * 2 * d * (SECONDS + SECONDS / 2) * batch
    encoder = CONFIG.n_layers * SECONDS * (6 * d * d + 2 * d * wide) * batch
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    per_chord = max((decoder + cached) * size / bytes_per_s(), decoder * batch / products_per_s(dtype))
    floor = (SECONDS * per_chord + encoder / products_per_s(dtype)) / batch
    return plain_s, ours, floor


def bench_epoch(precision: Precision, songs: int) -> tuple[float, float, float]:
    """Seconds an epoch over `songs` training songs and a seventh as many for validation: published, VMT, floor."""
    train, validation = make_songs(songs), make_songs(max(1, songs // 7))
    plain = make_model()
    text = [published.TextSongs(train), published.TextSongs(validation)]
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-6, betas=(0.9, 0.98), eps=1e-8)

    def loss_of(part: published.TextSongs, index: int, p: float) -> torch.Tensor:
        batch = part[index]
        logits = published.forward(plain, batch.video, batch.inputs, batch.minor, p)
        return losses(logits, batch.targets, batch.emotions, count_padding=True).total.mean()

    def published_epoch() -> None:
        for index in range(len(text[0])):
            optimizer.zero_grad()
            loss_of(text[0], index, 0.1).backward()
            optimizer.step()
        with torch.no_grad():
            for part in text:
                for index in range(len(part)):
                    loss_of(part, index, 0.0)

    plain_s = timed(published_epoch)
    config = TrainConfig(precision=precision)
    objective = ChordObjective(make_model(), config)
    trainer = Trainer(objective, config, train, validation, d_model=CONFIG.d_model, device=CPU)
    trainer.epoch = 0
    ours = timed(trainer.run_epoch)
    d, wide = CONFIG.d_model, CONFIG.d_feedforward
    once = CONFIG.n_layers * SECONDS * (12 * d * d + 4 * d * wide)
    # A training step is a forward and twice that backward; Adam reads four numbers of each parameter and writes three.
    forwards = 3 * songs + songs + len(validation)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    moved = songs * 7 * 4 * sum(parameter.numel() for parameter in trainer.model.parameters())
    return plain_s, ours, forwards * once / products_per_s(dtype) + moved / bytes_per_s()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="auto", help="float32, bfloat16 or auto")
    parser.add_argument("--songs", type=int, default=42, help="of the training epoch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    precision = choose_precision(given.precision, CPU)
    print(f"{given.threads} threads, {precision}; a core moves {bytes_per_s() / 1e9:.1f} GB/s")
    for dtype in (torch.float32, torch.bfloat16):
        print(f"  {2 * products_per_s(dtype) / 1e9:.0f} GFLOP/s in {dtype}")
    print(f"{'work':<44}{'published s':>12}{'VMT s':>10}{'ratio':>8}{'floor s':>10}")

    def line(work: str, figures: tuple[float, float, float]) -> None:
        plain, ours, floor = figures
        print(f"{work:<44}{plain:>12.2f}{ours:>10.3f}{plain / ours:>8.1f}{floor:>10.3f}", flush=True)

    alone = bench_generation(1, precision, None)
    line("300 chords for one 300 s video", alone)
    line("the same in a batch of 64, a video", bench_generation(64, precision, alone[0]))
    line(f"an epoch of amt on {given.songs} songs, both evaluated", bench_epoch(precision, given.songs))
    print(f"peak resident memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
