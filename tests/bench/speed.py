"""How many times faster than the published steps: `python -m tests.bench.speed [--threads N]
[--precision float32]`.

Prints, for 300 chords of one 300 s video, for a batch of 64 of them, and for a training epoch of
`amt` on 42 songs with both evaluations, the seconds of the published steps (`published.py`) and of
VMT, how many times faster that is, what it must be and is meant to be, the floor (the bytes or
products that the work cannot do without at the rates measured on this machine just now) and the
peak resident memory of VMT alone (`memory.py`). With one thread, seconds are the CPU's, so that
other work on the machine weighs little; both sides take turns, and the factor of the epoch is the
median of its turns.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from tests.bench import memory, published
from tests.bench.songs import CONFIG, CPU, SECONDS, make_model, make_songs
from vmt.hardware import Precision, choose_precision, cpu_has_amx
from vmt.model.sampling import Request, sample_chords
from vmt.training.config import TrainConfig
from vmt.training.objectives import ChordObjective
from vmt.training.trainer import Trainer

TURNS = 7


@dataclass(frozen=True)
class Line:
    """A work's figures; seconds, of each turn."""

    name: str
    work: str
    published_s: Sequence[float]
    ours_s: Sequence[float]
    floor_s: float
    must: str

    def __str__(self) -> str:
        factor = median(
            plain / ours for plain, ours in zip(self.published_s, self.ours_s, strict=True)
        )
        _, peak = memory.measure(self.work)
        return (
            f"{self.name:<44}{sum(self.published_s):>12.2f}{sum(self.ours_s):>10.3f}{factor:>8.2f}{self.must:>20}"
            f"{self.floor_s:>10.3f}{peak / 2**30:>10.2f}"
        )


def clock() -> float:
    """Seconds of this process's CPU with one thread, of the wall with several."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def timed(work: Callable[[], object], repeats: int = 1) -> float:
    """The least time of `work`, in seconds."""
    found = []
    for _ in range(repeats):
        start = clock()
        work()
        found.append(clock() - start)
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


def bench_generation(
    batch: int, precision: Precision, plain_s: float | None
) -> tuple[float, float, float]:
    """Seconds a video: published, VMT, floor."""
    rng = np.random.default_rng(0)
    videos = [
        rng.standard_normal((SECONDS, CONFIG.d_video), dtype=np.float32) for _ in range(batch)
    ]
    if plain_s is None:
        video = torch.from_numpy(videos[0])[None]
        plain_s = timed(lambda: published.generate(make_model(), video, torch.zeros(1), SECONDS))
    requests = [Request(video, False, (1,), (0, number)) for number, video in enumerate(videos)]
    model = make_model()
    ours = timed(lambda: sample_chords(model, requests, CPU, precision), 2) / batch
    d, wide, size = CONFIG.d_model, CONFIG.d_feedforward, 2 if precision == "bfloat16" else 4
    # Each chord reads the decoder's weights (q k v o, q o, two linear layers) and the cache: the
    # video's keys and values and, on average, those of half the chords. The encoder and the video's
    # keys and values are computed once.
    decoder = CONFIG.n_layers * (6 * d * d + 2 * d * wide)
    cached = CONFIG.n_layers * 2 * d * (SECONDS + SECONDS / 2) * batch
    encoder = CONFIG.n_layers * SECONDS * (6 * d * d + 2 * d * wide) * batch
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    per_chord = max(
        (decoder + cached) * size / bytes_per_s(), decoder * batch / products_per_s(dtype)
    )
    floor = (SECONDS * per_chord + encoder / products_per_s(dtype)) / batch
    return plain_s, ours, floor


def bench_epoch(precision: Precision, songs: int) -> tuple[list[float], list[float], float]:
    """Seconds of each turn, published and VMT, and the floor of all turns together.

    An epoch over `songs` training songs and a seventh as many for validation, in turns of a seventh
    each.
    """
    train, validation = make_songs(songs), make_songs(max(TURNS, songs // 7))
    plain = make_model()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-6, betas=(0.9, 0.98), eps=1e-8)
    config = TrainConfig(precision=precision)
    objective = ChordObjective(make_model(), config)
    trainer = Trainer(objective, config, train, validation, d_model=CONFIG.d_model, device=CPU)
    trainer.epoch = 0
    published_s, ours_s = [], []
    for turn in range(TURNS):
        trainer.train_songs, trainer.validation_songs = train[turn::TURNS], validation[turn::TURNS]
        text = [
            published.TextSongs(part) for part in (trainer.train_songs, trainer.validation_songs)
        ]
        published_s.append(timed(lambda text=text: published.epoch(plain, optimizer, *text)))  # type: ignore[misc]
        ours_s.append(timed(trainer.run_epoch))
    d, wide = CONFIG.d_model, CONFIG.d_feedforward
    # A second's products: in the linear layers; in the encoder's attention, the decoder's to the
    # video, and the decoder's to itself, of which causality leaves half, relative positions
    # included.
    once = CONFIG.n_layers * SECONDS * (12 * d * d + 4 * d * wide + d * SECONDS * (2 + 2 + 3 / 2))
    # A training step is a forward and twice that backward; Adam reads four numbers of each
    # parameter and writes three.
    forwards = 3 * songs + songs + len(validation)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    moved = songs * 7 * 4 * sum(parameter.numel() for parameter in trainer.model.parameters())
    return published_s, ours_s, forwards * once / products_per_s(dtype) + moved / bytes_per_s()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="auto", help="float32, bfloat16 or auto")
    parser.add_argument("--songs", type=int, default=42, help="of the training epoch; 7 or more")
    parser.add_argument("--epoch-only", action="store_true", help="leave generation out")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    precision = choose_precision(given.precision, CPU)
    print(f"{given.threads} threads, {precision}; a core moves {bytes_per_s() / 1e9:.1f} GB/s")
    for dtype in (torch.float32, torch.bfloat16):
        print(f"  {2 * products_per_s(dtype) / 1e9:.0f} GFLOP/s in {dtype}")
    print(
        "bfloat16 with AMX:",
        "measured where precision is bfloat16" if cpu_has_amx() else "not run, no AMX here",
    )
    print(
        "CUDA:",
        "not measured by this bench" if torch.cuda.is_available() else "not run, no GPU here",
    )
    print(
        f"{'work':<44}{'published s':>12}{'VMT s':>10}{'times':>8}{'must / aim':>20}{'floor s':>10}{'peak GiB':>10}"  # noqa: E501
    )
    amx = precision == "bfloat16" and cpu_has_amx()
    if not given.epoch_only:
        plain, ours, floor = bench_generation(1, precision, None)
        musts = ("20 / 25", "150 / 220") if amx else ("15 / 18", "75 / 100")
        print(
            Line("300 chords for one 300 s video", "one", [plain], [ours], floor, musts[0]),
            flush=True,
        )
        plain, ours, floor = bench_generation(64, precision, plain)
        print(
            Line("the same in a batch of 64, a video", "batch", [plain], [ours], floor, musts[1]),
            flush=True,
        )
    name = f"an epoch of amt on {given.songs} songs, both evaluated"
    print(
        Line(
            name,
            "epoch",
            *bench_epoch(precision, given.songs),
            ("2.5" if amx else "1.3") + " / the floor",
        )
    )


if __name__ == "__main__":
    main()
